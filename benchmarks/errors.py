"""What the role model still gets wrong: which role is given for which, and which words of stories are lost or added.

    python -m benchmarks.errors --data ../shared --folds build/folds [--only 0 1] [--rows 20]

Every page is read by the model that never saw its site, as in ``make eval``. Two tables are printed. The first counts
the lines of ``gold/roles.jsonl`` by the role that is right and the role that was given. The second is of the main
stories of ``wcxb`` articles and ``news``, as HTML and as text: the words of blocks that belong to the story and are not
kept, and of those that are kept and do not belong to it, by the same two roles. Each is a share of a page's words that
belong or are kept, and a mean over pages. A page whose lines nobody has labelled knows only of "body or heading" and of
"not main".
"""

from __future__ import annotations

import argparse
import gzip
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from training.data import BIT, FOLDS, MAIN, LabelledPage, fold_of, load_pages, read_jsonl, tokens
from transforms.core.segment import label_blocks, parse_page, split_page
from transforms.settings import SegmentSettings
from transforms.types import Page, Segment, Source

_FORMS = {"html": "HTML", "main": "text"}
_NAMES = {bit: role for role, bit in BIT.items()} | {MAIN: "body or heading"}
_KEPT = ("body", "heading")


@dataclass
class Counts:
    """Lines or shares of words by (right role, given role), and the pages on which each pair occurs."""

    amounts: Counter[tuple[str, str]] = field(default_factory=Counter)
    pages: defaultdict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, page: str, right: str, given: str, amount: float = 1) -> None:
        self.amounts[right, given] += amount
        self.pages[right, given].add(page)


def confused(counts: Counts, page: str, right: Sequence[str], given: Sequence[str]) -> None:
    """Count the lines of one page whose role is another than the right one."""
    for a, b in zip(right, given, strict=True):
        if a != b:
            counts.add(page, a, b)


def moved(lost: Counts, added: Counts, page: LabelledPage, given: Sequence[str], *, story: bool) -> None:
    """Count the words that a page's story lacks or has too many, as shares of all that belong to it or are kept.

    Args:
        given: the role of each block.
        story: whether the page got a story at all; if not, all its words are lost.
    """
    blocks = [
        (len(tokens(block.text)), mask, role, story and role in _KEPT)
        for block, mask, weight, role in zip(page.blocks, page.allowed.tolist(), page.weight, given, strict=True)
        if weight > 0  # something is known of it
    ]
    whole = sum(words for words, mask, _, kept in blocks if kept or not mask & ~MAIN)
    for words, mask, role, kept in blocks:
        if words and not kept and not mask & ~MAIN:
            lost.add(page.id, _name(mask), role if story else "no story", words / whole)
        elif words and kept and not mask & MAIN:
            added.add(page.id, _name(mask), role, words / whole)


def _name(mask: int) -> str:
    return _NAMES.get(mask, "not main")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with gold/, wcxb/ and news/")
    parser.add_argument("--folds", type=Path, required=True, help="folder of fold-0.npz .. fold-4.npz")
    parser.add_argument(
        "--only", type=int, nargs="+", default=range(FOLDS), metavar="N", help="folds to read; default all"
    )
    parser.add_argument("--rows", type=int, default=20, help="rows of each table; default 20")
    args = parser.parse_args(argv)
    if not (args.data / "gold/roles.jsonl").exists():
        print(f"errors: no gold/roles.jsonl under {args.data}; name the data with --data folder", file=sys.stderr)
        return 2
    if missing := [n for n in args.only if not (args.folds / f"fold-{n}.npz").exists()]:
        print(f"errors: no fold-{missing[0]}.npz in {args.folds}; `make eval` fits them", file=sys.stderr)
        return 2
    settings = {n: SegmentSettings(model=str(args.folds / f"fold-{n}.npz")) for n in args.only}
    pages = [p for p in load_pages(args.data) if fold_of(p.domain) in settings and p.origin != "own"]
    print(_role_table(args.data, {p.id: p.domain for p in pages}, settings, args.rows))
    for source in ("wcxb", "news"):
        for form in _FORMS:
            chosen = [p for p in pages if p.form == form and p.article and (p.id.isdigit() == (source == "wcxb"))]
            print(_story_table(args.data, source, form, chosen, settings, args.rows))
    return 0


def _role_table(data: Path, domains: dict[str, str], settings: dict[int, SegmentSettings], rows: int) -> str:
    counts, lines, pages, touched = Counts(), 0, 0, set()
    for row in read_jsonl(data / "gold/roles.jsonl"):
        domain = domains.get(row["id"].removesuffix("-whole"))
        if domain is None:
            continue
        labelled = label_blocks(
            parse_page(Page(row["id"], "text", row["text"], Source("gold"))), settings[fold_of(domain)]
        )
        right = [line["role"] for line in row["lines"]]
        given = [label.role for label in labelled.labels]
        confused(counts, row["id"], right, given)
        lines, pages = lines + len(right), pages + 1
        if right != given:
            touched.add(row["id"])
    wrong = sum(counts.amounts.values())
    head = [
        f"Roles: {wrong:,.0f} of {lines:,} lines wrong, on {len(touched)} of {pages} pages",
        "",
        "| right | given | lines | pages |",
        "| --- | --- | ---: | ---: |",
    ]
    return "\n".join([*head, *(f"| {a} | {b} | {n:.0f} | {p} |" for a, b, n, p in _largest(counts, rows)), ""])


def _story_table(
    data: Path, source: str, form: str, pages: list[LabelledPage], settings: dict[int, SegmentSettings], rows: int
) -> str:
    lost, added = Counts(), Counts()
    for page, content in _contents(data, source, form, pages):
        labelled = label_blocks(parse_page(content), settings[fold_of(page.domain)])
        result = split_page(labelled, settings[fold_of(page.domain)])
        given = [_role_at(result.segments, block.start) for block in labelled.parsed.blocks]
        moved(lost, added, page, given, story=result.story is not None)
    out = [f"Stories, {source}, {_FORMS[form]}: {len(pages)} pages", ""]
    out += ["| words | right | given | share | pages |", "| --- | --- | --- | ---: | ---: |"]
    for name, counts in (("lost", lost), ("added", added)):
        for a, b, n, p in _largest(counts, rows // 2):
            out.append(f"| {name} | {a} | {b} | {n / max(len(pages), 1):.2%} | {p} |")
    return "\n".join([*out, ""])


def _role_at(segments: Iterable[Segment], position: int) -> str:
    return next(s.role for s in segments if s.start <= position < s.end)


def _contents(data: Path, source: str, form: str, pages: list[LabelledPage]) -> Iterator[tuple[LabelledPage, Page]]:
    """The pages' own bytes and texts, as a run would read them."""
    texts = {row["id"]: row["text"] for row in read_jsonl(data / source / "text.jsonl")} if form == "main" else {}
    for page in pages:
        url = page.hints.url or None
        if form == "main":
            yield page, Page(page.id, "text", texts[page.id], Source(source), url=url)
        else:
            packed = (data / source / "html" / f"{page.id}.html.gz").read_bytes()
            yield page, Page(page.id, "html", gzip.decompress(packed), Source(source), url=url)


def _largest(counts: Counts, rows: int) -> list[tuple[str, str, float, int]]:
    ordered = sorted(counts.amounts.items(), key=lambda item: (-item[1], item[0]))
    return [(a, b, n, len(counts.pages[a, b])) for (a, b), n in ordered[:rows]]


if __name__ == "__main__":
    sys.exit(main())
