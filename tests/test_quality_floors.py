"""Quality only rises: what the packaged model makes of our own labelled pages, against floors.

``benchmarks/floors.json`` holds the best that was measured. A change that lowers a figure by more than a line or two of
the few hundred fails here; one that raises it raises the floor (the failure prints the figures). The pages are in no
training data. What real sites of other people look like is measured by ``make eval``, which fits models and takes too
long for every change.
"""

import json
from pathlib import Path

import pytest

from transforms.core import segment_page
from transforms.types import Page, Source

TESTS = Path(__file__).parent / "data"
FLOORS = json.loads((Path(__file__).parents[1] / "benchmarks" / "floors.json").read_text())
_ROUNDING = 0.004  # of other processors' arithmetic: about two lines of the smaller set


@pytest.mark.parametrize("name", sorted(FLOORS))
def test_our_own_labelled_pages_are_read_as_well_as_before(name):
    lines = right = teasers = exact = 0
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
            lines += 1
            right += role == line["role"]
            if line["teaser"]:
                gold.setdefault(line["teaser"], set()).add(number)
            if story:
                found.setdefault(story, set()).add(number)
        teasers += max(len(gold), len(found))
        exact += sum(group in found.values() for group in gold.values())
    measured = {"accuracy": round(right / lines, 4), "teasers exact": round(exact / teasers, 4)}
    floor = FLOORS[name]
    assert set(measured) == set(floor)
    for key, value in measured.items():
        assert value >= floor[key] - _ROUNDING, f"{name}: {measured}, floors {floor}"
