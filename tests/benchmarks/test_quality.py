"""What the quality tables add to the data's own scorer."""

import pytest

from benchmarks.intervals import interval
from benchmarks.passages import left_in


def test_an_interval_holds_the_mean_and_narrows_with_pages():
    low, high = interval([0.0, 1.0] * 50)
    assert low < 0.5 < high
    nearer, farther = interval([0.0, 1.0] * 500)
    assert farther - nearer < high - low


def test_a_line_of_another_story_counts_where_it_stands_in_the_story_and_not_in_the_reference():
    gold = [
        {"id": "a", "text": "The ferry is late. Rail fares will rise again in May."},
        {"id": "b", "text": "The ferry is late."},
        {"id": "c", "text": "The ferry is late."},
    ]
    lines = ("rail fares will rise again in may", "bakers report a record year for rye")
    rail, rye = (line.split() for line in lines)
    stories = [
        {"id": "a", "text": "The ferry is late.\n\nRail fares will rise again in May."},
        {"id": "b", "text": "The ferry is late.\n\nBakers report a record year for rye, again."},
    ]
    score = left_in({"a": [rail, rye], "b": [rail, rye], "c": []}, gold, stories)
    assert score["pages"] == 2 and score["lines"] == 3
    assert score["lines_left_in"] == pytest.approx(1 / 3)
    assert score["pages_with_any"] == pytest.approx(1 / 2)
