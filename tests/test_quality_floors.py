"""Quality only rises: what the packaged model makes of our own labelled pages, against floors.

``benchmarks/floors.json`` holds the best that was measured: lines with the right role, and teasers whose lines are
exactly those of the reference. A change that loses more than a line or a teaser fails here, and so does one that gains
more: it raises the floor. The pages are in no training data. What real sites of other people look like is measured by
``make eval``, which fits models and takes too long for every change.
"""

import json
from pathlib import Path

import pytest

from transforms.core import segment_page
from transforms.types import Page, Source

TESTS = Path(__file__).parent / "data"
FLOORS = json.loads((Path(__file__).parents[1] / "benchmarks" / "floors.json").read_text())
_ROUNDING = {"lines right": 2, "teasers exact": 1}  # what another processor's arithmetic may turn


@pytest.mark.parametrize("name", sorted(FLOORS))
def test_our_own_labelled_pages_are_read_as_well_as_before(name):
    right = exact = 0
    for row in map(json.loads, (TESTS / name).read_text(encoding="utf-8").splitlines()):
        result = segment_page(Page(row["id"], "text", row["text"], Source(name)))
        spans = [(s.start, s.end, s.role, s.story) for s in result.segments]
        gold: dict[int, set[int]] = {}
        found: dict[int, set[int]] = {}
        position = 0
        for number, line in enumerate(row["lines"]):
            position = row["text"].index(line["text"], position)
            _, _, role, story = next(span for span in spans if span[0] <= position < span[1])
            position += len(line["text"])
            right += role == line["role"]
            if line["teaser"]:
                gold.setdefault(line["teaser"], set()).add(number)
            if story:
                found.setdefault(story, set()).add(number)
        exact += sum(group in found.values() for group in gold.values())
    measured = {"lines right": right, "teasers exact": exact}
    for key, value in measured.items():
        assert abs(value - FLOORS[name][key]) <= _ROUNDING[key], f"{name}: {measured}, floors {FLOORS[name]}"
