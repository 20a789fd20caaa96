"""What site profiles gain, by the number of pages of a site: ``python -m benchmarks.sites --data ../shared``.

Two kinds of sites, each page read by the role model that never saw its site:

* real: the HTML pages of domains with at least three pages in ``wcxb`` and ``news``, scored by the gold main text;
* composed: for most sites there is one page. So the hand-labelled text page of one site lends its frame (what is
  boilerplate, a tenth of it left out at random on each page), and pages of other sites lend their stories and, anew for
  each page, their teasers. Frames recur more faithfully there than on real sites: the gain is what can be had at best.

A site of n pages is learned from its n pages, and all of them are scored before and after. Numbers are means over
pages: word F1 of the story, and the share of lines that are rightly kept or dropped.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from training.data import domain_of, fold_of, read_jsonl, tokens
from transforms.core.role_model import Label
from transforms.core.segment import label_blocks, parse_page
from transforms.core.site_profile import page_lines, profile, relabel
from transforms.settings import SegmentSettings
from transforms.types import TEASER_ROLES, Block, Page, Source

SIZES = (1, 3, 10, 100)
_MAIN = ("body", "heading")
_OUTSIDE = ("boilerplate", "comment", *TEASER_ROLES)
_LEFT_OUT = 0.1  # of a frame's lines, on each page

Scored = tuple[float, float, float, float]  # F1 before and after, lines right before and after
# Id, blocks, labels, and of the gold the text and which lines are main text.
Read = tuple[str, Sequence[Block], Sequence[Label], str, Sequence[bool] | None]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folds", type=Path, default=Path("build/folds"), help="folder of fold-0.npz .. fold-4.npz")
    parser.add_argument("--frames", type=int, default=8, help="composed sites")
    parser.add_argument("--only", choices=("real", "composed"))
    parser.add_argument("--json", type=Path, help="write the numbers here as well")
    args = parser.parse_args(argv)
    rows: list[dict[str, Any]] = []
    if args.only != "composed":
        rows += real(args.data, args.folds)
    if args.only != "real":
        rows += composed(args.data, args.folds, args.frames)
    print(
        "| sites | pages each | scored | story word F1 | with profiles | better / worse | lines right | with profiles |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        print(
            f"| {row['sites']} | {row['size']} | {row['pages']} | {row['f1']:.4f} | {row['f1_profiles']:.4f} "
            f"| {row['better']} / {row['worse']} | {row['lines']} | {row['lines_profiles']} |"
        )
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


def real(data: Path, folds: Path) -> Iterator[dict[str, Any]]:
    by_site: dict[str, list[tuple[str, dict]]] = defaultdict(list)
    for source in ("wcxb", "news"):
        for gold in read_jsonl(data / source / "gold.jsonl"):
            if gold.get("url") and gold.get("page_type", "article") == "article":
                by_site[domain_of(gold["url"], gold["id"])].append((source, gold))
    scored: dict[str, list[Scored]] = defaultdict(list)
    for site, golds in sorted(by_site.items(), key=lambda item: (fold_of(item[0]), item[0])):
        if len(golds) < 3:
            continue
        pages = []
        for source, gold in golds:
            html = gzip.decompress((data / source / "html" / f"{gold['id']}.html.gz").read_bytes())
            page = Page(gold["id"], "html", html, Source(""), gold["url"])
            pages.append(_read(page, gold["text"], None, folds, site))
        group = "3" if len(pages) == 3 else "4-9" if len(pages) < 10 else "10 and more"
        scored[group] += _scores(pages)
    for group in ("3", "4-9", "10 and more"):
        if scored[group]:
            yield _row("real, HTML articles", group, scored[group])


def composed(data: Path, folds: Path, frames: int) -> Iterator[dict[str, Any]]:
    urls = {gold["id"]: gold["url"] for gold in read_jsonl(data / "news/gold.jsonl")}
    by_fold: dict[int, list[dict]] = defaultdict(list)
    for row in read_jsonl(data / "gold/roles.jsonl"):
        key = row["id"].removesuffix("-whole")
        row["domain"] = domain_of(row["url"] or urls.get(key), key.split("_")[0] if row["source"] == "news" else key)
        row["lines"] = _lines(row)
        by_fold[fold_of(row["domain"])].append(row)
    scored: dict[int, list[Scored]] = defaultdict(list)
    for number in range(frames):
        rows = by_fold[sorted(by_fold)[number % len(by_fold)]]
        rng = Random(f"sites {number}")
        frame = rng.choice([row for row in rows if _outside(row) >= 10])
        others = [row for row in rows if row["domain"] != frame["domain"] and any(r == "body" for r, _ in row["lines"])]
        pages = []
        for page_number in range(max(SIZES)):
            lines = _page(frame, others[page_number % len(others)], rng.choice(others), rng)
            text = "\n\n".join(line for _, line in lines)
            gold = "\n\n".join(line for role, line in lines if role in _MAIN)
            page = Page(f"{number}-{page_number}", "text", text, Source(""))
            pages.append(_read(page, gold, [role in _MAIN for role, _ in lines], folds, frame["domain"]))
        for size in SIZES:
            scored[size] += _scores(pages[:size])
    for size in SIZES:
        yield _row("composed, text", str(size), scored[size])


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


def _read(page: Page, gold: str, kept: Sequence[bool] | None, folds: Path, domain: str) -> Read:
    settings = SegmentSettings(model=str(folds / f"fold-{fold_of(domain)}.npz"))
    labelled = label_blocks(parse_page(page), settings)
    return page.id, labelled.parsed.blocks, labelled.labels, gold, kept


def _scores(pages: Sequence[Read]) -> list[Scored]:
    """Each page of one site, before and after its profile is asked."""
    site = profile("", [page_lines(id, blocks, labels) for id, blocks, labels, _, _ in pages])
    scores = []
    for id, blocks, labels, gold, kept in pages:
        after = relabel(site, id, blocks, labels)
        scores.append((_f1(gold, blocks, labels), _f1(gold, blocks, after), _right(kept, labels), _right(kept, after)))
    return scores


def _f1(gold: str, blocks: Sequence[Block], labels: Sequence[Label]) -> float:
    text = "\n".join(block.text for block, label in zip(blocks, labels, strict=True) if label.role in _MAIN)
    found, wanted = Counter(tokens(text)), Counter(tokens(gold))
    both = (found & wanted).total()
    return 2 * both / (found.total() + wanted.total()) if both else 0.0


def _right(kept: Sequence[bool] | None, labels: Sequence[Label]) -> float:
    if kept is None:
        return 0.0
    return sum((label.role in _MAIN) == wanted for label, wanted in zip(labels, kept, strict=True)) / len(kept)


def _row(sites: str, size: str, scores: Sequence[Scored]) -> dict[str, Any]:
    before, after, right, right_after = (sum(score[i] for score in scores) / len(scores) for i in range(4))
    lines = (f"{right:.4f}", f"{right_after:.4f}") if right else ("", "")
    return {
        "sites": sites,
        "size": size,
        "pages": len(scores),
        "f1": round(before, 4),
        "f1_profiles": round(after, 4),
        "better": sum(score[1] > score[0] for score in scores),
        "worse": sum(score[1] < score[0] for score in scores),
        "lines": lines[0],
        "lines_profiles": lines[1],
    }


if __name__ == "__main__":
    raise SystemExit(main())
