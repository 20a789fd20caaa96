"""Pages of our own writing that show, each in its purest form, one of the ways in which pages are still read wrongly.

``docs/evaluation.md`` counts the causes. A page that is read wrongly is an expected failure, and says so in
``tests/data/hard.jsonl`` (``"fails": true``). When a change mends one, the test fails until the page is marked as
read rightly; from then on it must stay so.
"""

import json
from collections import Counter
from pathlib import Path

import pytest

from transforms.core import segment_page
from transforms.types import Page, Source

HARD = Path(__file__).parent / "data" / "hard.jsonl"
PAGES = [json.loads(line) for line in HARD.read_text(encoding="utf-8").splitlines()]
EVALUATION = Path(__file__).parents[1] / "docs" / "evaluation.md"


def as_parameter(page):
    expected = [pytest.mark.xfail(strict=True, raises=AssertionError, reason=page["cause"])] if page["fails"] else []
    return pytest.param(page, id=page["id"], marks=expected)


@pytest.mark.parametrize("page", [as_parameter(page) for page in PAGES])
def test_every_line_of_a_hard_page_has_the_right_role(page):
    segments = segment_page(Page(page["id"], "text", page["text"], Source(HARD.name))).segments
    wrong, position = [], 0
    for line in page["lines"]:
        position = page["text"].index(line["text"], position)
        role = next(s.role for s in segments if s.start <= position < s.end)
        position += len(line["text"])
        if role != line["role"]:
            wrong.append(f"{role}, not {line['role']}: {line['text']}")
    assert not wrong


def test_each_cause_that_the_documentation_names_has_two_pages_or_more():
    causes = Counter(page["cause"] for page in PAGES)
    assert min(causes.values()) >= 2
    text = EVALUATION.read_text(encoding="utf-8")
    rows = text.split("## Where it is still wrong")[1].split("\n## ")[0].splitlines()
    named = [row.split("|")[1].strip() for row in rows if row.startswith("| ")]
    assert set(named) - {"cause", "---"} == set(causes)
