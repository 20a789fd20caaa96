"""Runs of teaser lines cut into teasers that are alike."""

import itertools

import numpy as np
import pytest

import transforms.core.teaser_groups as groups
from transforms.core.teaser_groups import teaser_runs, teaser_starts

PARAGRAPH = "A paragraph of some length that says what the other story is about, in a sentence or two."


def starts(template, times, belief=0.3):
    roles = [role for role, _ in template] * times
    texts = [f"{text} {i}" if role == "teaser_title" else text for i in range(times) for role, text in template]
    return teaser_starts(roles, texts, [belief] * len(roles))


@pytest.mark.parametrize(
    "template",
    [
        [("teaser_title", "Headline")],
        [("teaser_text", "News"), ("teaser_title", "Headline"), ("teaser_text", "3 November 2025")],
        [("teaser_text", "Tips"), ("teaser_text", "Oct 22, 2025"), ("teaser_title", "Headline")],
        [("teaser_caption", "Pier"), ("teaser_title", "Headline"), ("teaser_text", PARAGRAPH), ("boilerplate", "More")],
        [("teaser_title", "Headline"), ("teaser_text", PARAGRAPH), ("teaser_text", PARAGRAPH)],
    ],
)  # fmt: skip
def test_the_pattern_that_comes_again_is_a_teaser(template):
    assert starts(template, 4) == [len(template) * i for i in range(4)]


def test_one_template_holds_where_its_first_line_is_missing():
    roles = ["teaser_title", *["teaser_text", "teaser_title"] * 3]
    texts = ["Headline 0", "News", "Headline 1", "News", "Headline 2", "News", "Headline 3"]
    assert teaser_starts(roles, texts, [0.9, 0.5, 0.3, 0.4, 0.3, 0.6, 0.1]) == [0, 1, 3, 5]


def test_a_belief_that_is_sure_outweighs_the_pattern():
    roles, texts = ["teaser_text"] * 4, [PARAGRAPH] * 4
    assert teaser_starts(roles, texts, [0.9, 0.0, 0.0, 0.0]) == [0]
    assert teaser_starts(roles, texts, [0.9, 0.0, 0.99, 0.0]) == [0, 2]


def test_lines_of_the_story_end_a_run_and_three_others_do():
    roles = ["teaser_title", "body", "teaser_title", *["boilerplate"] * 3, "teaser_title", "boilerplate", "teaser_text"]
    assert teaser_runs(roles) == [[0], [2], [6, 7, 8]]


def test_a_run_longer_than_any_teaser_is_still_covered():
    assert teaser_starts(["teaser_text"] * 60, [PARAGRAPH] * 60, [0.0] * 60)[0] == 0


def test_the_dynamic_programme_finds_the_best_of_all_segmentations(monkeypatch):
    """Where only whole patterns count, the best cut of a short run is found by trying them all."""
    monkeypatch.setattr(groups, "_SAME_TITLE", 0.0)
    rng = np.random.default_rng(2)
    for _ in range(40):
        n = 7
        roles = rng.choice(["teaser_title", "teaser_text"], n).tolist()
        texts = [f"{'Headline' if role == 'teaser_title' else 'News'} {i}" for i, role in enumerate(roles)]
        beliefs = rng.uniform(0.05, 0.95, n).tolist()

        def value(cuts, roles=roles, beliefs=beliefs, n=n):
            total, previous = 0.0, None
            for start, end in itertools.pairwise((*cuts, n)):
                odds = np.log(beliefs[start] / (1 - beliefs[start]))
                titles = roles[start:end].count("teaser_title")
                none = groups._NO_TITLE if "teaser_title" in roles else groups._NO_TITLES
                total += groups._BELIEF * odds - groups._EACH
                total -= none if titles == 0 else groups._SECOND_TITLE * (titles - 1)
                total += groups._SAME_LINES * (roles[start:end] == previous)
                previous = roles[start:end]
            return total

        every = [(0, *rest) for k in range(n) for rest in itertools.combinations(range(1, n), k)]
        found = teaser_starts(roles, texts, beliefs)
        assert value(found) == pytest.approx(max(map(value, every)))
