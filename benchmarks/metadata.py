"""Metadata beside trafilatura's, on the same files in the same run: exact matches and time per page.

    python -m benchmarks.metadata --data ../shared --peers .venv-peers/bin/python [--folds build/folds]

Copydesk's values are what a run writes: title, authors and published of the page's row in ``stories/``, and for a
page without a story the title of its row in ``pages/``. trafilatura's are those of ``extract_metadata`` with its
default settings. Both get the page's bytes and its address.

The same normalisation for both and for the reference, and no other: white space is folded; titles are compared
case-sensitive, once as they are and once with typography folded (curly and straight quotes, kinds of dashes, the
ellipsis); dates to the day; authors as sets of names, where a reference that is one string is divided at commas,
semicolons, "&" and the word "and", and so is each name that an extractor gives. A page counts for a field only
where the reference has it.

A last row says on how many pages the reference title stands at all: as a first-level heading, as the shown headline,
or as a title in the head with or without the site's affixes, typography folded. No extractor that copies can have
more.

The time is the processor's for parsing the page and reading its head, for both; Copydesk's roles, which bylines and
the shown headline come from, are needed for the text in any case and are not in it.

With ``--folds`` each page is labelled by the role model that was fitted without its site; otherwise by the packaged
one, which has seen these pages.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from training.data import domain_of, fold_of, read_jsonl
from transforms.core.dom import parse_html
from transforms.core.encoding import decode
from transforms.core.metadata import Metadata, read_metadata
from transforms.core.segment import segment_page
from transforms.settings import SegmentSettings
from transforms.types import Page, Source

_TYPOGRAPHY = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-", "‑": "-", "…": "...", "\u00ad": ""}
)
_BETWEEN_NAMES = re.compile(r"\s*[;,&]\s*(?:and\s+)?|\s+and\s+")
_FOLDED = "title, typography folded"
_FIELDS = ("title", _FOLDED, "authors", "published")


def folded(text: str | None) -> str:
    return " ".join((text or "").split())


def people(names: list[str] | tuple[str, ...]) -> frozenset[str]:
    return frozenset(p for name in names for part in _BETWEEN_NAMES.split(name) if (p := folded(part)))


def values(title: str | None, authors: list[str] | tuple[str, ...], published: str | None) -> dict[str, object]:
    """The comparable values of one page, empty where there is none."""
    plain = folded(title)
    return {
        "title": plain,
        _FOLDED: folded(plain.translate(_TYPOGRAPHY)),
        "authors": people(authors),
        "published": (published or "")[:10],
    }


def reference(row: dict) -> dict[str, object]:
    authors = row["authors"] or () if "authors" in row else [row["author"]] if row["author"] else ()
    return values(row["title"], authors, row["published"] if "published" in row else row["publish_date"])


def copydesk(row: dict, html: bytes, folds: Path | None) -> tuple[dict[str, object], set[object], float]:
    """What a run gives for one page, all titles that stand on it, and the seconds for parsing and reading its head."""
    start = time.process_time()
    root = parse_html(decode(html, None, True)[0])
    head = Metadata() if root is None else read_metadata(root, row["url"])
    seconds = time.process_time() - start
    stand = {*head.titles, *head.headings}
    if root is not None:
        stand |= {e.text for e in root.iter("title")} | {e.get("content") for e in root.iter("meta")}
    model = ""
    if folds is not None:
        fallback = row["id"].split("_")[0] if "country" in row else row["id"]
        model = str(folds / f"fold-{fold_of(domain_of(row['url'], fallback))}.npz")
    page = Page(row["id"], "html", html, Source(row["id"]), url=row["url"])
    result = segment_page(page, SegmentSettings(model=model))
    stand |= {result.page.title, *(s.text for s in result.segments if s.role == "title")}
    folded_titles = {values(t, (), None)[_FOLDED] for t in stand if t}
    if result.story is None:
        return values(result.page.title, (), None), folded_titles, seconds
    return values(result.story.title, result.story.authors, result.story.published), folded_titles, seconds


def measure(data: Path, peers: Path, folds: Path | None, name: str) -> list[tuple[str, str, int, float, float]]:
    """Rows of the table of one data set, and its seconds under the field "ms"."""
    gold = read_jsonl(data / name / "gold.jsonl")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "peer.jsonl"
        program = Path(__file__).with_name("metadata_peer.py")
        subprocess.run(
            [str(peers), str(program), str(data / name / "gold.jsonl"), str(data / name / "html"), str(out)], check=True
        )
        theirs = {row["id"]: row for row in read_jsonl(out)}
    hits: Counter[tuple[str, str, str]] = Counter()
    seconds = 0.0
    for row in tqdm(gold, name, disable=not sys.stderr.isatty()):
        html = gzip.decompress((data / name / "html" / f"{row['id']}.html.gz").read_bytes())
        ours, stand, spent = copydesk(row, html, folds)
        seconds += spent
        peer = theirs[row["id"]]
        peers_values = values(peer["title"], peer["authors"], peer["published"])
        truth = reference(row)
        groups = ["all"] if row.get("page_type", "article") != "article" else ["all", "articles"]
        for group in groups:
            hits[group, "stands", "pages"] += 1
            hits[group, "stands", "ours"] += truth[_FOLDED] in stand
        for field in _FIELDS:
            for group in groups if truth[field] else ():
                hits[group, field, "pages"] += 1
                hits[group, field, "ours"] += ours[field] == truth[field]
                hits[group, field, "theirs"] += peers_values[field] == truth[field]
    rows = []
    for group in ("articles", "all"):
        for field in _FIELDS:
            count = hits[group, field, "pages"]
            if group == "articles" or count > hits["articles", field, "pages"]:
                ours, theirs_share = hits[group, field, "ours"] / count, hits[group, field, "theirs"] / count
                rows.append((f"{name}, {group}", field, count, ours, theirs_share))
    stands = hits["articles", "stands", "ours"] / hits["articles", "stands", "pages"]
    rows.append((f"{name}, articles", "title stands on the page", hits["articles", "stands", "pages"], stands, stands))
    peer_seconds = sum(row["seconds"] for row in theirs.values())
    rows.append((f"{name}, all", "ms per page", len(gold), 1000 * seconds / len(gold), 1000 * peer_seconds / len(gold)))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with news/ and wcxb/")
    parser.add_argument("--peers", type=Path, default=Path(".venv-peers/bin/python"), help="Python of the peers")
    parser.add_argument("--folds", type=Path, help="folder of role models fitted by site folds")
    parser.add_argument("--json", type=Path, help="also write the rows here")
    arguments = parser.parse_args()
    rows = [r for name in ("news", "wcxb") for r in measure(arguments.data, arguments.peers, arguments.folds, name)]
    print("| pages of | field | pages | copydesk | trafilatura |\n| --- | --- | ---: | ---: | ---: |")
    for pages_of, field, count, ours, theirs in rows:
        digits = 1 if field == "ms per page" else 3
        print(f"| {pages_of} | {field} | {count:,} | {ours:.{digits}f} | {theirs:.{digits}f} |")
    if arguments.json:
        names = ("pages_of", "field", "pages", "copydesk", "trafilatura")
        arguments.json.write_text(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
