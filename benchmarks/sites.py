"""What site profiles gain, by the number of pages of a site: ``make sites DATA=folder``.

Three tables, each page read by the role model that never saw its site:

* real: the HTML articles of domains with at least three of them in ``wcxb`` and ``news``, scored by the gold main
  text; each site is learned from the pages that are scored.
* composed: for most sites there is one page. So the hand-labelled text page of one site lends its frame (what is
  boilerplate, a tenth of it left out at random on each page), and pages of other sites lend their stories and, anew for
  each page, their teasers. Frames recur more faithfully there than on real sites: the gain is what can be had at best.
  The same pages are scored as one site of 100 pages, as ten of 10, as 33 of 3, and alone.
* composed, with a state: one new page of a site of which a state knows so many pages of earlier days.

Numbers are means over pages: word F1 of the story, and the share of lines that are rightly kept or dropped. The last
line is what a page costs more in a run with profiles, in processor time.
"""

from __future__ import annotations

import argparse
import gzip
import json
import pickle
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from pipeline.site_files import labelled_row
from training.data import domain_of, fold_of, read_jsonl, tokens
from transforms.core.role_model import Label
from transforms.core.segment import Labelled, judge_lines, label_blocks, lines_of_site, parse_page, split_page
from transforms.core.site_profile import SiteProfile, profile
from transforms.settings import SegmentSettings
from transforms.types import TEASER_ROLES, Page, Segment, Source

SIZES = (1, 3, 10, 100)
NEW = 20  # pages of each composed site that come after those which a state knows
_MAIN = ("body", "heading")
_OUTSIDE = ("boilerplate", "comment", *TEASER_ROLES)
_LEFT_OUT = 0.1  # of a frame's lines, on each page

Scored = tuple[float, float, float, float]  # F1 before and after, lines right before and after


class Read(NamedTuple):
    """A page as its fold's model reads it, and of the gold the text and which lines are main text, where known."""

    labelled: Labelled
    settings: SegmentSettings
    gold: str
    kept: Sequence[bool] | None


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folds", type=Path, default=Path("build/folds"), help="folder of fold-0.npz .. fold-4.npz")
    parser.add_argument("--frames", type=int, default=8, help="composed sites")
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    args = parser.parse_args(argv)
    real_sites = list(real(args.data, args.folds))
    composed_sites = list(composed(args.data, args.folds, args.frames))
    rows = [*_real_rows(real_sites), *_composed_rows(composed_sites), *_state_rows(composed_sites)]
    ms = {"read": _milliseconds(real_sites, _read_again), "profiles": _milliseconds(real_sites, _through_profile)}
    print(
        "| pages | of a site | scored | story word F1 | with profiles | better / worse | lines right | with profiles |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for row in rows:
        lines = "| |" if row["lines"] is None else f"| {row['lines']:.4f} | {row['lines_profiles']:.4f} |"
        print(
            f"| {row['pages']} | {row['of_site']} | {row['scored']} | {row['f1']:.4f} | {row['f1_profiles']:.4f} "
            f"| {row['better']} / {row['worse']} {lines}"
        )
    print(f"\nA page costs {ms['profiles']:.2f} ms more, beside {ms['read']:.1f} ms to read it (processor time).")
    if args.json:
        args.json.write_text(json.dumps({"rows": rows, "ms": ms}, indent=1) + "\n", encoding="utf-8")
    return 0


def _real_rows(sites: Sequence[Sequence[Read]]) -> Iterator[dict[str, Any]]:
    for name, least, most in (("3", 3, 3), ("4 to 9", 4, 9), ("10 and more", 10, 10**9)):
        scored = [one for pages in sites if least <= len(pages) <= most for one in _scores(pages)]
        if scored:
            yield _row("real, HTML articles", name, scored)


def _composed_rows(sites: Sequence[Sequence[Read]]) -> Iterator[dict[str, Any]]:
    for size in SIZES:
        starts = range(0, max(SIZES) - size + 1, size)
        scored = [one for pages in sites for at in starts for one in _scores(pages[at : at + size])]
        yield _row("composed, text", str(size), scored)


def _state_rows(sites: Sequence[Sequence[Read]]) -> Iterator[dict[str, Any]]:
    for size in SIZES:
        scored = [one for pages in sites for page in pages[-NEW:] for one in _scores([page], pages[:size])]
        yield _row("composed, one new page", f"{size} in the state", scored)


def real(data: Path, folds: Path) -> Iterator[list[Read]]:
    by_site: dict[str, list[tuple[str, dict]]] = defaultdict(list)
    for source in ("wcxb", "news"):
        for gold in read_jsonl(data / source / "gold.jsonl"):
            if gold.get("url") and gold.get("page_type", "article") == "article":
                by_site[domain_of(gold["url"], gold["id"])].append((source, gold))
    for site, golds in sorted(by_site.items(), key=lambda item: (fold_of(item[0]), item[0])):
        if len(golds) < 3:
            continue
        pages = []
        for source, gold in golds:
            html = gzip.decompress((data / source / "html" / f"{gold['id']}.html.gz").read_bytes())
            page = Page(gold["id"], "html", html, Source(""), gold["url"])
            pages.append(_read(page, folds, site, gold["text"], None))
        yield pages


def composed(data: Path, folds: Path, frames: int) -> Iterator[list[Read]]:
    urls = {gold["id"]: gold["url"] for gold in read_jsonl(data / "news/gold.jsonl")}
    by_fold: dict[int, list[dict]] = defaultdict(list)
    for row in read_jsonl(data / "gold/roles.jsonl"):
        key = row["id"].removesuffix("-whole")
        row["domain"] = domain_of(row["url"] or urls.get(key), key.split("_")[0] if row["source"] == "news" else key)
        row["lines"] = _lines(row)
        by_fold[fold_of(row["domain"])].append(row)
    for number in range(frames):
        rows = by_fold[sorted(by_fold)[number % len(by_fold)]]
        rng = Random(f"sites {number}")
        frame = rng.choice([row for row in rows if _outside(row) >= 10])
        others = [row for row in rows if row["domain"] != frame["domain"] and any(r == "body" for r, _ in row["lines"])]
        pages = []
        for page_number in range(max(SIZES) + NEW):
            lines = _page(frame, others[page_number % len(others)], rng.choice(others), rng)
            text = "\n\n".join(line for _, line in lines)
            gold = "\n\n".join(line for role, line in lines if role in _MAIN)
            page = Page(
                f"{number}-{page_number}", "text", text, Source(""), f"https://site{number}.example/{page_number}"
            )
            pages.append(_read(page, folds, frame["domain"], gold, [role in _MAIN for role, _ in lines]))
        yield pages


def _lines(row: dict) -> list[tuple[str, str]]:
    lines = [line.strip() for line in row["text"].splitlines() if line.strip()]
    return [(label["role"], line) for label, line in zip(row["lines"], lines, strict=True)]


def _outside(row: dict) -> int:
    return sum(role == "boilerplate" for role, _ in row["lines"])


def _page(frame: dict, story: dict, teasers: dict, rng: Random) -> list[tuple[str, str]]:
    """The frame's boilerplate around the story of one page, with the teasers of another in the frame's places."""
    own = [line for line in story["lines"] if line[0] not in _OUTSIDE]
    theirs = [line for line in teasers["lines"] if line[0] in TEASER_ROLES]
    lines: list[tuple[str, str]] = []
    told = pointed = False
    for role, line in frame["lines"]:
        if role == "boilerplate":
            if rng.random() >= _LEFT_OUT:
                lines.append((role, line))
        elif role in TEASER_ROLES:
            lines += theirs if not pointed else []
            pointed = True
        elif role != "comment":
            lines += own if not told else []
            told = True
    return lines if told else lines + own


def _read(page: Page, folds: Path, domain: str, gold: str, kept: Sequence[bool] | None) -> Read:
    settings = SegmentSettings(model=str(folds / f"fold-{fold_of(domain)}.npz"))
    return Read(label_blocks(parse_page(page), settings), settings, gold, kept)


def _profile(pages: Sequence[Read]) -> SiteProfile | None:
    lines = [found for page in pages if (found := lines_of_site(page.labelled))]
    return profile("", [page for _, page in lines])


def _scores(pages: Sequence[Read], earlier: Sequence[Read] = ()) -> list[Scored]:
    """Each page of one site, before and after its profile is asked."""
    site = _profile([*earlier, *pages])
    scores = []
    for page in pages:
        after = judge_lines(page.labelled, lambda _: site)
        pair = (page.labelled, after)
        f1, f1_after = (_f1(page.gold, split_page(labelled, page.settings).segments) for labelled in pair)
        scores.append((f1, f1_after, *(_right(page.kept, labelled.labels) for labelled in pair)))
    return scores


def _f1(gold: str, segments: Sequence[Segment]) -> float:
    text = "\n".join(segment.text for segment in segments if segment.role in _MAIN)
    found, wanted = Counter(tokens(text)), Counter(tokens(gold))
    both = (found & wanted).total()
    return 2 * both / (found.total() + wanted.total()) if both else 0.0


def _right(kept: Sequence[bool] | None, labels: Sequence[Label]) -> float:
    if kept is None:
        return 0.0
    return sum((label.role in _MAIN) == wanted for label, wanted in zip(labels, kept, strict=True)) / len(kept)


def _row(pages: str, of_site: str, scores: Sequence[Scored]) -> dict[str, Any]:
    before, after, right, right_after = (sum(score[i] for score in scores) / len(scores) for i in range(4))
    return {
        "pages": pages,
        "of_site": of_site,
        "scored": len(scores),
        "f1": round(before, 4),
        "f1_profiles": round(after, 4),
        "better": sum(score[1] > score[0] for score in scores),
        "worse": sum(score[1] < score[0] for score in scores),
        "lines": round(right, 4) if right else None,
        "lines_profiles": round(right_after, 4) if right else None,
    }


# What it costs


def _milliseconds(sites: Sequence[Sequence[Read]], work: Callable[[Sequence[Read]], None]) -> float:
    """Processor milliseconds per page."""
    start = time.process_time()
    for pages in sites:
        work(pages)
    return round(1000 * (time.process_time() - start) / sum(map(len, sites)), 3)


def _read_again(pages: Sequence[Read]) -> None:
    """What each page costs without profiles; the packaged model is as large as a fold's."""
    for page in pages:
        label_blocks(parse_page(page.labelled.parsed.page), SegmentSettings())


def _through_profile(pages: Sequence[Read]) -> None:
    """What the two passes add to a page: it is written, hashed and read again, its site learned, its lines judged."""
    site = _profile(pages)
    for page in pages:
        stored = labelled_row(page.labelled)
        judge_lines(pickle.loads(stored["labelled"]), lambda _: site)


if __name__ == "__main__":
    raise SystemExit(main())
