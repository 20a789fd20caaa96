"""What composed pages are made of: stories with their captions, and runs of lines seen on the training pages."""

from __future__ import annotations

import gzip
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from resiliparse.parse.lang import detect_fast

from training.data import ALL, BIT, MAIN, LabelledPage, domain_of, read_jsonl
from transforms.core.dom import parse_html
from transforms.core.encoding import decode


@dataclass(frozen=True)
class StoryText:
    """A story to compose with: ``parts`` are (text, allowed roles) in order."""

    id: str
    domain: str
    language: str
    title: str
    author: str
    dek: str
    parts: tuple[tuple[str, int], ...]
    captions: tuple[str, ...]


Run = list[tuple[str, int]]  # lines with the roles that they may have


@dataclass
class Pools:
    """Runs of lines seen on the training pages, by what they do there."""

    top: list[Run] = field(default_factory=list)
    bottom: list[Run] = field(default_factory=list)
    interruption: list[Run] = field(default_factory=list)
    after_teaser: list[str] = field(default_factory=list)
    before_teaser: list[str] = field(default_factory=list)
    teaser_meta: list[str] = field(default_factory=list)
    teaser_prefix: list[str] = field(default_factory=list)
    bio: list[Run] = field(default_factory=list)
    byline: list[Run] = field(default_factory=list)
    caption: list[Run] = field(default_factory=list)
    comment: list[Run] = field(default_factory=list)
    short: list[str] = field(default_factory=list)  # any short line outside main text, to stand for unknown chrome
    headline: list[str] = field(default_factory=list)  # linked headlines


def load_stories(shared: Path) -> list[StoryText]:
    """The articles of wcxb and the stories of news, with the captions that their own pages show."""
    stories = []
    for row in read_jsonl(shared / "wcxb/gold.jsonl"):
        if row["page_type"] != "article" or not row.get("title"):
            continue
        parts = tuple((p.strip(), MAIN) for p in row["text"].split("\n") if p.strip())
        domain = domain_of(row.get("url"), row["id"])
        captions = _captions(shared / "wcxb/html" / f"{row['id']}.html.gz", row["title"])
        if len(parts) >= 3:
            stories.append(
                StoryText(row["id"], domain, "wcxb", row["title"], row.get("author") or "", "", parts, captions)
            )
    for row in read_jsonl(shared / "news/gold.jsonl"):
        listed: list[tuple[str, int]] = []
        for section in row["sections"]:
            listed += [(h.strip(), BIT["heading"]) for h in section["headline"] or () if h.strip()]
            listed += [(p.strip(), BIT["body"]) for p in section["paragraphs"] or () if p.strip()]
        if len(listed) >= 3 and row["title"]:
            captions = _captions(shared / "news/html" / f"{row['id']}.html.gz", row["title"])
            author, dek = (row["authors"] or [""])[0], (row["summary"] or [""])[0]
            domain = domain_of(row.get("url"), row["id"].split("_")[0])
            stories.append(
                StoryText(row["id"], domain, row["country"], row["title"], author, dek, tuple(listed), captions)
            )
    return stories


def own_stories(pages: Sequence[LabelledPage]) -> list[StoryText]:
    """The stories of our own pages, for languages of which the data has few."""
    stories = []
    for page in pages:
        texts: dict[int, list[str]] = {}
        parts = []
        for block, mask in zip(page.blocks, page.allowed.tolist(), strict=True):
            texts.setdefault(mask, []).append(block.text)
            if not mask & ~MAIN:
                parts.append((block.text, mask))
        title, dek, author = (texts.get(BIT[role], [""])[0] for role in ("title", "dek", "bio"))
        captions = tuple(t for t in texts.get(BIT["caption"], ()) if len(t) >= 10)
        if title and len(parts) >= 3:
            language = detect_fast(" ".join(text for text, _ in parts))[0]
            author = author if len(author) < 40 else ""
            stories.append(StoryText(page.id, page.domain, language, title, author, dek, tuple(parts), captions))
    return stories


def _captions(path: Path, title: str) -> tuple[str, ...]:
    if not path.exists():
        return ()
    root = parse_html(decode(gzip.decompress(path.read_bytes()), None, True)[0])
    if root is None:
        return ()
    found = [" ".join((e.get("alt") or "").split()) for e in root.iter("img")]
    found += [" ".join("".join(e.itertext()).split()) for e in root.iter("figcaption")]
    keep = [c for c in dict.fromkeys(found) if 10 <= len(c) <= 160 and " " in c and c != title]
    return tuple(keep[:6])


def collect_pools(pages: Sequence[LabelledPage]) -> Pools:
    """Cut pages into runs of lines with one role.

    Hand-labelled pages give exact roles. Of other pages only the main text is known; what stands before, between
    and after it joins the pools with the set of roles that it may have. Their author boxes and comments are found
    by the words in their class names, which text pages do not have.
    """
    pools = Pools()
    for page in pages:
        if page.form == "html":
            _harvest_html(page, pools)
        elif page.origin in ("gold", "own") and (page.weight > 0).all():
            _harvest_roles(page, pools)
        elif page.article:
            _harvest_weak(page, pools)
    pools.comment = _without_forms(pools.comment, pages)
    pools.short = list(dict.fromkeys(pools.short))
    pools.headline = list(dict.fromkeys(pools.headline))
    return pools


def _without_forms(threads: list[Run], pages: Sequence[LabelledPage]) -> list[Run]:
    """Threads in which what other sites show too, or what comes again and again ("Reply"), is no comment."""
    lines = {text for run in threads for text, _ in run}
    sites: dict[str, set[str]] = {}
    for page in pages:
        if page.form == "html":
            for block in page.blocks:
                if block.text in lines:
                    sites.setdefault(block.text, set()).add(page.domain)

    def mask(text: str, old: int, times: int) -> int:
        button = times > 1 and len(text) < 30 and not any(c.isdigit() for c in text)
        return BIT["boilerplate"] if button or len(sites.get(text, ())) > 1 else old

    return [
        [(text, mask(text, old, times[text])) for text, old in run]
        for run in threads
        for times in [Counter(text for text, _ in run)]
    ]


def _runs(page: LabelledPage) -> list[tuple[int, Run]]:
    runs: list[tuple[int, Run]] = []
    for block, mask in zip(page.blocks, page.allowed.tolist(), strict=True):
        if runs and runs[-1][0] == mask:
            runs[-1][1].append((block.text, mask))
        else:
            runs.append((mask, [(block.text, mask)]))
    return runs


def _harvest_roles(page: LabelledPage, pools: Pools) -> None:
    runs = _runs(page)
    boiler = BIT["boilerplate"]
    teasers = {BIT["teaser_title"], BIT["teaser_text"], BIT["teaser_caption"]}
    story = {BIT["body"], BIT["heading"]}
    started = False
    for i, (mask, lines) in enumerate(runs):
        before = runs[i - 1][0] if i else 0
        after = runs[i + 1][0] if i + 1 < len(runs) else 0
        started = started or mask in story
        if mask == boiler:
            if not started:
                pools.top.append(lines)
            elif before in story and after in story:
                pools.interruption.append(lines[:4])
            elif not after:
                pools.bottom.append(lines)
            if after in teasers and len(lines[-1][0]) < 60:
                pools.before_teaser.append(lines[-1][0])
            if before in teasers and len(lines[0][0]) < 40:
                pools.after_teaser.append(lines[0][0])
        elif mask == BIT["teaser_text"]:
            pools.teaser_meta += [text for text, _ in lines if len(text) < 40]
        elif mask == BIT["teaser_title"] and before in story and after in story and ":" in lines[0][0][:30]:
            pools.teaser_prefix.append(lines[0][0].split(":")[0] + ": ")
        else:
            for role in ("bio", "byline", "caption", "comment"):
                if mask == BIT[role]:
                    getattr(pools, role).append(lines[:12])


_NOT_TOP = ALL & ~MAIN & ~(BIT["title"] | BIT["dek"] | BIT["bio"] | BIT["comment"])
_NOT_BETWEEN = ALL & ~MAIN & ~(BIT["title"] | BIT["dek"] | BIT["comment"] | BIT["bio"])
_NOT_BOTTOM = ALL & ~MAIN & ~(BIT["title"] | BIT["dek"] | BIT["byline"])


def _harvest_weak(page: LabelledPage, pools: Pools) -> None:
    main = [i for i, (a, w) in enumerate(zip(page.allowed, page.weight, strict=True)) if w > 0 and not a & ~MAIN]
    if len(main) < 4:
        return
    texts = [b.text for b in page.blocks]
    known = [w > 0 and not a & MAIN for a, w in zip(page.allowed, page.weight, strict=True)]
    title = next((i for i, a in enumerate(page.allowed) if a == BIT["title"]), None)
    if title is not None and 0 < title < main[0] and all(known[:title]):
        pools.top.append([(texts[i], _known(page, i, _NOT_TOP)) for i in range(title)][-40:])
    for a, b in itertools.pairwise(main):
        if 1 < b - a <= 4 and all(known[a + 1 : b]) and all(len(t) < 200 for t in texts[a + 1 : b]):
            pools.interruption.append([(texts[i], _known(page, i, _NOT_BETWEEN)) for i in range(a + 1, b)])
    pools.short += [t for t, k in zip(texts, known, strict=True) if k and 4 <= len(t) <= 32 and not t[0].isdigit()]
    after = list(range(main[-1] + 1, len(texts)))
    if len(after) >= 3 and all(known[i] for i in after):
        pools.bottom.append([(texts[i], _known(page, i, _NOT_BOTTOM)) for i in after[:60]])


def _known(page: LabelledPage, block: int, place: int) -> int:
    """What the page says of a block, and what its place rules out."""
    return int(page.allowed[block]) & place or place


def _harvest_html(page: LabelledPage, pools: Pools) -> None:
    linked = BIT["teaser_title"] | BIT["boilerplate"]
    pools.headline += [
        b.text
        for b, mask in zip(page.blocks, page.allowed.tolist(), strict=True)
        if mask in (linked, BIT["teaser_title"]) and 30 <= len(b.text) <= 140
    ]
    for role, wanted in (("bio", {"author", "bio"}), ("comment", {"comment", "comments"})):
        run: Run = []
        runs = [run]
        for block, mask in zip(page.blocks, page.allowed.tolist(), strict=True):
            near = set(" ".join(block.dom.names[:4]).split()) if block.dom else set()
            fits = near & wanted and not mask & MAIN and mask & BIT[role]
            if run and (not fits or len(run) == 12):
                run = []
                runs.append(run)
            if fits:
                run.append((block.text, BIT[role]))
        pool = getattr(pools, role)
        pool += [run for run in runs if 70 <= max((len(text) for text, _ in run), default=0) <= 700]
