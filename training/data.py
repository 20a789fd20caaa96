"""Turn the development data into labelled pages.

Four kinds of label meet here, and each says only what it knows:

* ``gold/roles.jsonl`` and ``training/labels.jsonl``: one role per line, given by reading. Also carried over to the
  HTML of the same page and to the other text form, line by line. The second file is our own and holds no text: the
  runs of roles of the pages' lines, in order, and a checksum of the lines that they stand for.
* ``training/pages.jsonl``: pages of our own writing, one role per line.
* ``news``: typed gold (title, authors, dek, headings, paragraphs).
* ``wcxb``: the main text only, so a block is known to be "body or heading" or "neither".

A label is therefore a *set* of allowed roles per block, a bit mask over ``ROLES``; the training loss is the
probability of the set. Blocks of which nothing is known carry weight 0.
"""

from __future__ import annotations

import gzip
import itertools
import json
import re
import unicodedata
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tldextract
from numpy.typing import NDArray

from transforms.core.dom import html_blocks, parse_html
from transforms.core.encoding import decode
from transforms.core.features import Hints
from transforms.core.lines import text_blocks
from transforms.core.metadata import read_metadata
from transforms.types import ROLES, Block

FOLDS = 5
OWN_LABELS = Path(__file__).parent / "labels.jsonl"
OWN_PAGES = Path(__file__).parent / "pages.jsonl"
BIT = {role: 1 << i for i, role in enumerate(ROLES)}
ALL = (1 << len(ROLES)) - 1
MAIN = BIT["body"] | BIT["heading"]
TEASER = BIT["teaser_title"] | BIT["teaser_text"] | BIT["teaser_caption"]
_TOKEN = re.compile(r"\w+")
_DOMAIN = tldextract.TLDExtract(suffix_list_urls=())  # the list in the package, never the network


@dataclass(frozen=True)
class LabelledPage:
    """One page in one form, with what is known of each block."""

    id: str
    domain: str
    form: str  # "html" | "main" | "whole"
    origin: str  # "gold" | "news" | "wcxb" | "own"
    blocks: list[Block]
    hints: Hints
    allowed: NDArray[np.int32]  # [n] bit mask of roles
    weight: NDArray[np.float32]  # [n]
    teaser: NDArray[np.int32]  # [n] number of the teaser, 0 where none, -1 where unknown
    article: bool = True


def fold_of(domain: str) -> int:
    """The fold of a site: one split for every table, by registered domain."""
    return zlib.crc32(domain.encode()) % FOLDS


def domain_of(url: str | None, fallback: str) -> str:
    return (_DOMAIN(url).top_domain_under_public_suffix if url else "") or fallback


def read_jsonl(path: Path) -> list[dict]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def load_pages(shared: Path) -> list[LabelledPage]:
    """Every page of the development data in every form it has, and our own, labelled; the seed page is not there."""
    roles: dict[str, list[dict]] = {}
    for row in read_jsonl(shared / "gold/roles.jsonl"):
        roles.setdefault(row["id"].removesuffix("-whole"), []).append(row)
    pages = load_own_pages()
    for source in ("wcxb", "news"):
        gold = {row["id"]: row for row in read_jsonl(shared / source / "gold.jsonl")}
        html = {f.name.removesuffix(".html.gz"): f for f in sorted((shared / source / "html").glob("*.html.gz"))}
        texts = {
            form: {r["id"]: r["text"] for r in read_jsonl(shared / source / name)}
            for form, name in (("main", "text.jsonl"), ("whole", "text_whole.jsonl"))
        }
        for own in read_jsonl(OWN_LABELS):
            if own["source"] == source and own["id"] in texts["whole"]:
                roles.setdefault(own["id"], []).append(unpacked(own, texts["whole"][own["id"]]))
        for key, row in sorted(gold.items()):
            domain = domain_of(row.get("url"), key.split("_")[0] if source == "news" else key)
            labelled = {r["form"]: r for r in roles.get(key, ())}
            weak = _typed_labels(row) if source == "news" else _weak_labels(row)
            seen_as: dict[tuple[str, ...], int] = {}
            for form in ("html", "main", "whole"):
                if form == "html":
                    if key not in html:
                        continue
                    blocks, hints = read_html(html[key], row.get("url"))
                elif key in texts[form]:
                    blocks, hints = text_blocks(texts[form][key]), Hints(url=row.get("url") or "")
                else:
                    continue
                if not blocks:
                    continue
                page = weak(key, domain, form, blocks, hints)
                if form == "html":
                    seen_as = _dom_roles(page)
                page = _numbered(_narrowed(page, seen_as))
                if labelled:
                    page = _carry_roles(page, labelled)
                article = row.get("page_type", "article") == "article"
                if article or zlib.crc32(key.encode()) % 3 == 0:  # a third of the other pages is enough
                    pages.append(replace(page, article=article))
    return pages


def load_own_pages() -> list[LabelledPage]:
    """The pages that were written for training, in many languages, each from an invented site of its own."""
    pages = []
    for row in read_jsonl(OWN_PAGES):
        text = "\n".join("" if line is None else line[2] for line in row["lines"])
        roles = [(role, teaser) for role, teaser, _ in filter(None, row["lines"])]
        pages.append(
            LabelledPage(
                row["id"],
                f"{row['id']}.example",
                "main",
                "own",
                text_blocks(text),
                Hints(),
                np.array([BIT[role] for role, _ in roles], np.int32),
                np.ones(len(roles), np.float32),
                np.array([teaser or 0 for _, teaser in roles], np.int32),
            )
        )
    return pages


def unpacked(own: dict, text: str) -> dict:
    """A row as in ``gold/roles.jsonl`` from one of our own and the page's text.

    Raises:
        ValueError: the labels were given to other lines than the text has.
    """
    lines = [block.text for block in text_blocks(text)]
    if zlib.crc32("\n".join(lines).encode()) != own["checksum"]:
        raise ValueError(f"{OWN_LABELS.name}: the labels of {own['id']} are of another text than the data's")
    roles = [(role, teaser) for role, count, teaser in own["runs"] for _ in range(count)]
    return {
        "id": own["id"],
        "form": "whole",
        "lines": [
            {"text": line, "role": role, "teaser": teaser, "hard": False}
            for line, (role, teaser) in zip(lines, roles, strict=True)
        ],
    }


def read_html(path: Path, url: str | None) -> tuple[list[Block], Hints]:
    text, _ = decode(gzip.decompress(path.read_bytes()), None, True)
    root = parse_html(text)
    if root is None:
        return [], Hints()
    meta = read_metadata(root, url)
    hints = Hints(meta.title or "", meta.description or "", meta.authors, meta.body, url or meta.url or "")
    return html_blocks(root)[1], hints


def tokens(text: str | None) -> list[str]:
    return _TOKEN.findall((text or "").lower())


class Aligned:
    """Where the words of a gold text stand, to ask whether a block is part of it."""

    def __init__(self, text: str) -> None:
        self.words = tokens(text)
        self.at: dict[tuple[str, ...], list[int]] = {}
        for size in (1, 2, 3):
            for i in range(len(self.words) - size + 1):
                self.at.setdefault(tuple(self.words[i : i + size]), []).append(i)

    def find(self, words: list[str], near: tuple[int, int] | None = None) -> int | None:
        """Position of the exact word sequence, inside the range `near` if given."""
        for start in self.at.get(tuple(words[:3]), ()):
            if near and not near[0] <= start <= near[1]:
                continue
            if self.words[start : start + len(words)] == words:
                return start
        return None

    def labels(self, blocks: list[Block]) -> NDArray[np.int8]:
        """1 in the gold text, 0 not in it, -1 unclear. Long blocks by 3-grams, short ones by their place."""
        words = [tokens(b.text) for b in blocks]
        out = np.full(len(blocks), -1, np.int8)
        position: list[int | None] = [None] * len(blocks)
        seen: set[tuple[str, ...]] = set()
        for i, w in enumerate(words):
            if len(w) < 6:
                continue
            grams = [tuple(w[j : j + 3]) for j in range(len(w) - 2)]
            share = sum(g in self.at for g in grams) / len(grams)
            key = tuple(w)
            if share >= 0.7 and key not in seen:
                out[i] = 1
                seen.add(key)
                position[i] = next((self.at[g][0] for g in grams if len(self.at.get(g, ())) == 1), None)
            elif share <= 0.25:
                out[i] = 0
        anchors = [(i, p) for i, p in enumerate(position) if p is not None]
        for i, w in enumerate(words):
            if len(w) >= 6:
                continue
            if not w:
                continue
            if self.find(w) is None:
                out[i] = 0
                continue
            before = max((p for j, p in anchors if j < i), default=0)
            after = min((p for j, p in anchors if j > i), default=len(self.words))
            around = [j for j, _ in anchors if abs(j - i) <= 4]
            if self.find(w, (before, max(after, before) + 3)) is not None and around:
                out[i] = 1
            else:
                out[i] = -1 if len(w) > 2 else 0
        return out


def _weak_labels(row: dict):
    aligned, title = Aligned(row["text"]), tokens(row.get("title"))

    def label(key: str, domain: str, form: str, blocks: list[Block], hints: Hints) -> LabelledPage:
        main = aligned.labels(blocks)
        allowed = np.where(main == 1, MAIN, np.where(main == 0, ALL & ~MAIN, ALL)).astype(np.int32)
        weight = np.where(main == -1, 0.0, 0.5).astype(np.float32)
        _mark_title(blocks, title, allowed, weight, strict=False)
        return _page(key, domain, form, "wcxb", blocks, hints, allowed, weight)

    return label


def _typed_labels(row: dict):
    aligned, title = Aligned(row["text"]), tokens(row.get("title"))
    headings = {tuple(tokens(h)) for s in row["sections"] for h in s["headline"] or ()}
    deks = {tuple(tokens(s)) for s in row["summary"] or ()}
    authors = [a.lower() for a in row["authors"] or ()]

    def label(key: str, domain: str, form: str, blocks: list[Block], hints: Hints) -> LabelledPage:
        main = aligned.labels(blocks)
        allowed = np.where(main == 1, MAIN, np.where(main == 0, ALL & ~MAIN, ALL)).astype(np.int32)
        weight = np.where(main == -1, 0.0, 0.7).astype(np.float32)
        first_dek, times = True, Counter(tuple(tokens(b.text)) for b in blocks)
        for i, block in enumerate(blocks):
            words = tuple(tokens(block.text))
            if words in headings and (main[i] == 1 or (main[i] == -1 and times[words] == 1)):
                allowed[i], weight[i] = BIT["heading"], 1.0
            elif main[i] == 1 and len(words) > 12:
                allowed[i] = BIT["body"]
            if words and words in deks and main[i] != 1:
                allowed[i] = BIT["dek"] if first_dek else ALL & ~MAIN
                weight[i], first_dek = 1.0, False
            elif main[i] == 0 and len(block.text) < 80 and any(a in block.text.lower() for a in authors):
                allowed[i] = BIT["byline"] | BIT["bio"] | BIT["caption"] | BIT["boilerplate"] | BIT["teaser_text"]
        _mark_title(blocks, title, allowed, weight, strict=True)
        return _page(key, domain, form, "news", blocks, hints, allowed, weight)

    return label


def _mark_title(
    blocks: list[Block], title: list[str], allowed: NDArray[np.int32], weight: NDArray[np.float32], *, strict: bool
) -> None:
    """The first block (first h1 in HTML) that reads as the title is it; later copies are not."""
    same = [i for i, b in enumerate(blocks) if len(title) > 2 and tokens(b.text) == title]
    h1 = [i for i in same if blocks[i].dom is not None and blocks[i].dom.tag == "h1"]
    chosen = (h1 or same or [None])[0]
    for i in same:
        allowed[i] = BIT["title"] if i == chosen else ALL & ~MAIN & (ALL if not strict else ~BIT["title"])
        weight[i] = max(weight[i], 0.5)


def _dom_roles(page: LabelledPage) -> dict[tuple[str, ...], int]:
    """What the DOM says of blocks outside the main text, by their words: carried to the page's text forms."""
    said: dict[tuple[str, ...], int] = {}
    headlines = _linked_headlines(page)
    summaries = _summaries_between(page, headlines)
    for i, (block, mask) in enumerate(zip(page.blocks, page.allowed.tolist(), strict=True)):
        words = tuple(tokens(block.text))
        if block.dom is None or mask & MAIN or not words:
            continue
        role = BIT["teaser_text"] if i in summaries else _dom_role(block)
        if role:
            said[words] = said.get(words, 0) | role
    # A line that is a headline in one place and a menu entry in another is a headline where no place is known.
    return said | {tuple(tokens(page.blocks[i].text)): BIT["teaser_title"] for i in headlines}


_HEADLINE_WORDS = 5
_SLUG_SPLIT = re.compile(r"[^a-z0-9]+")


def _linked_headlines(page: LabelledPage) -> set[int]:
    """Blocks that are another page's headline: linked, outside menus, and the link's address says the same words.

    Of the lines so found that people have labelled, 85 in 100 are teasers' titles (5 are the story's own).
    """
    found = set()
    for i, block in enumerate(page.blocks):
        dom = block.dom
        if dom is None or not dom.links or dom.link_chars < 0.8 * len(block.text):
            continue
        words = set(_SLUG_SPLIT.split(_plain(block.text)))
        if len(tokens(block.text)) < _HEADLINE_WORDS or {"nav", "header", "footer"} & set(dom.path):
            continue
        for part in dom.links[0].split("?")[0].rstrip("/").split("/")[-3:]:
            slug = [w for w in _SLUG_SPLIT.split(_plain(part)) if len(w) > 2]
            common = sum(w in words for w in slug)
            if common >= 4 and common >= 0.6 * len(slug):
                found.add(i)
    return found


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()


def _summaries_between(page: LabelledPage, headlines: set[int]) -> set[int]:
    """Running text between two headlines of a list is the summary of the first."""
    found: set[int] = set()
    for a, b in itertools.pairwise(sorted(headlines)):
        between = range(a + 1, b)
        if 1 <= len(between) <= 5 and not any(page.allowed[i] & MAIN for i in between):
            found |= {i for i in between if len(page.blocks[i].text) >= 60}
    return found


def _numbered(page: LabelledPage) -> LabelledPage:
    """Each headline found begins a teaser, the same one where it is shown twice."""
    numbers: dict[tuple[str, ...], int] = {}
    teaser = page.teaser.copy()
    for i in np.flatnonzero(page.allowed == BIT["teaser_title"]):
        teaser[i] = numbers.setdefault(tuple(tokens(page.blocks[i].text)), len(numbers) + 1)
    return replace(page, teaser=teaser)


def _dom_role(block: Block) -> int:
    """Roles that the markup leaves possible for a block that is not main text; 0 where it says nothing."""
    dom = block.dom
    assert dom is not None
    names = set(" ".join(dom.names[:8]).split())
    near = set(" ".join(dom.names[:3]).split())
    if "figcaption" in dom.path:
        return BIT["caption"] | BIT["teaser_caption"]
    if names & {"comment", "comments"}:
        return BIT["comment"] | BIT["boilerplate"]
    if "author" in near and "bio" in near and len(block.text) > 70:
        return BIT["bio"]
    if "nav" in dom.path or ("footer" in dom.path and "article" not in dom.path):
        return BIT["boilerplate"]
    if dom.link_chars > 0.9 * len(block.text) and len(tokens(block.text)) >= 5 and dom.tag in ("h2", "h3", "h4", "li"):
        return BIT["teaser_title"] | BIT["boilerplate"]
    return 0


def _narrowed(page: LabelledPage, said: dict[tuple[str, ...], int]) -> LabelledPage:
    allowed = page.allowed.copy()
    for i, block in enumerate(page.blocks):
        role = said.get(tuple(tokens(block.text)), 0)
        if role and page.weight[i] > 0 and allowed[i] & role and not allowed[i] & MAIN:
            allowed[i] &= role
    return replace(page, allowed=allowed)


def _page(key, domain, form, origin, blocks, hints, allowed, weight) -> LabelledPage:
    teaser = np.full(len(blocks), -1, np.int32)
    return LabelledPage(key, domain, form, origin, blocks, hints, allowed, weight, teaser)


def _carry_roles(page: LabelledPage, labelled: dict[str, dict]) -> LabelledPage:
    """Replace what is known of a page by the roles that people gave to its lines."""
    own = labelled.get(page.form)
    if own is not None and len(own["lines"]) == len(page.blocks):
        lines = own["lines"]
        return replace(
            page,
            origin="gold",
            allowed=np.array([BIT[x["role"]] for x in lines], np.int32),
            weight=np.array([0.5 if x["hard"] else 1.0 for x in lines], np.float32),
            teaser=np.array([x["teaser"] or 0 for x in lines], np.int32),
        )
    allowed, weight, teaser = page.allowed.copy(), page.weight.copy(), page.teaser.copy()
    teaser[teaser > 0] += 1_000  # numbers of our own, apart from those given to lines
    words = [tuple(tokens(block.text)) for block in page.blocks]
    met = np.zeros(len(words), bool)
    for form in ("whole", "main"):  # another form of the page: a line shown twice meets its own copy
        lines = labelled.get(form, {"lines": []})["lines"]
        places: dict[tuple[str, ...], list[int]] = {}
        for number, line in enumerate(lines):
            places.setdefault(tuple(tokens(line["text"])), []).append(number)
        pointer = 0
        for i, key in enumerate(words):
            found = places.get(key)
            if met[i] or not key or not found:
                continue
            number = min(found, key=lambda j: (j < pointer, abs(j - pointer)))
            agree = len({lines[j]["role"] for j in found}) == 1
            pointer, met[i] = number + 1, True
            line = lines[number]
            allowed[i] = BIT[line["role"]]
            weight[i] = 0.9 if agree and not line["hard"] else 0.4
            teaser[i] = line["teaser"] or 0 if agree else -1
    return replace(page, origin="gold", allowed=allowed, weight=weight, teaser=teaser)
