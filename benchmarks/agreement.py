"""How far our own labels agree with the data's, on pages that have both.

    python -m benchmarks.agreement --data ../shared

``gold/roles.jsonl`` labels the main content of a page, ``training/labels.jsonl`` its whole text. Lines that stand once
in both are compared.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from training.data import OWN_LABELS, read_jsonl, tokens, unpacked


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    args = parser.parse_args(argv)
    gold = {row["id"]: row["lines"] for row in read_jsonl(args.data / "gold/roles.jsonl")}
    texts = {
        source: {row["id"]: row["text"] for row in read_jsonl(args.data / source / "text_whole.jsonl")}
        for source in ("wcxb", "news")
    }
    pages = same = 0
    confused: Counter[tuple[str, str]] = Counter()
    for own in read_jsonl(OWN_LABELS):
        if own["id"] not in gold:
            continue
        pages += 1
        theirs, ours = (
            _once(lines) for lines in (gold[own["id"]], unpacked(own, texts[own["source"]][own["id"]])["lines"])
        )
        for line in theirs.keys() & ours.keys():
            same += theirs[line] == ours[line]
            confused[theirs[line], ours[line]] += theirs[line] != ours[line]
    lines = same + sum(confused.values())
    print(f"{pages} pages have both; {same} of {lines} lines have one role ({same / lines:.1%})")
    for (one, other), count in confused.most_common(10):
        print(f"{count:5} {one} -> {other}")
    return 0


def _once(lines: Sequence[dict]) -> dict[tuple[str, ...], str]:
    """Roles of the lines whose words no other line has."""
    words = [tuple(tokens(line["text"])) for line in lines]
    times = Counter(words)
    return {key: line["role"] for key, line in zip(words, lines, strict=True) if key and times[key] == 1}


if __name__ == "__main__":
    sys.exit(main())
