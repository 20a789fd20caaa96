import numpy as np
import pytest

from transforms.core.lexical import shingle_sketch
from transforms.core.teaser_links import Link, link_teasers, title_agreement
from transforms.types import Vector


def vector(id, title, row, kind="story", text=""):
    sketch = shingle_sketch(f"{title} {text}")
    return Vector(id, kind, "f", b"", np.array(row, dtype=np.int8).tobytes(), sketch, title, None)


STORIES = [
    vector("ferry", "Night ferry hits breakwater off Sallow", [100, 0, 0]),
    vector("inquiry", "Ferry inquiry hears of thruster failure", [80, 60, 0]),
    vector("cup", "Harriers win the cup at Aldermoor", [0, 0, 100]),
]


def links(*teasers):
    return link_teasers([*STORIES, *teasers])


def test_a_teaser_with_the_title_of_a_near_story_points_to_it():
    teaser = vector("home#t2", "NIGHT FERRY hits breakwater off Sallow", [60, 80, 0], "teaser")
    assert links(teaser) == [Link("home#t2", "ferry", 0.6)]


def test_a_shortened_title_is_enough():
    assert links(vector("home#t1", "Night ferry hits breakwater", [60, 80, 0], "teaser")) == [
        Link("home#t1", "ferry", 0.6)
    ]


def test_the_title_alone_is_not_enough():
    assert links(vector("home#t1", "Night ferry hits breakwater off Sallow", [0, 100, 0], "teaser")) == []


def test_the_vector_alone_is_not_enough():
    assert links(vector("home#t1", "Sixty taken off stricken boat", [100, 0, 0], "teaser")) == []


def test_one_common_word_is_no_title():
    assert links(vector("home#t1", "Ferry", [100, 0, 0], "teaser")) == []
    assert links(vector("home#t1", "", [100, 0, 0], "teaser")) == []


def test_a_teaser_never_points_to_its_own_page():
    title = "Night ferry hits breakwater off Sallow"
    assert links(vector("ferry#t1", title, [100, 0, 0], "teaser")) == []
    again = vector("ferry-copy", title, [90, 10, 0])
    (link,) = links(again, vector("ferry#t1", title, [100, 0, 0], "teaser"))
    assert link.story_id == "ferry-copy"


def test_of_two_stories_with_the_title_the_nearer_one_is_meant():
    title = "Night ferry hits breakwater off Sallow"
    other = vector("a-copy", title, [60, 80, 0])
    first = vector("home#t1", title, [60, 79, 0], "teaser")
    second = vector("home#t2", title, [99, 9, 0], "teaser")
    assert [link.story_id for link in links(other, first, second)] == ["a-copy", "ferry"]


def test_without_stories_or_teasers_there_are_no_links():
    assert link_teasers(STORIES) == []
    assert link_teasers([vector("home#t1", "Night ferry", [1, 0, 0], "teaser")]) == []


@pytest.mark.parametrize(
    ("teaser", "expected"),
    [
        ("night ferry hits breakwater off sallow", (1.0, True)),
        ("video night ferry hits breakwater off sallow", (6 / 7, True)),
        ("night ferry hits breakwater off sallow the daily heron", (2 / 3, True)),
        ("night ferry hits breakw", (2 / 3, False)),
        ("live night ferry hits", (0.5, False)),
        ("night ferry", (0.0, False)),
        ("ferry hits breakwater off sallow", (0.0, False)),
        ("night ferry hits the breakwater off sallow", (0.0, False)),
        ("our reporter on board writes night ferry hits breakwater off sallow", (0.0, False)),
        ("", (0.0, False)),
    ],
)
def test_a_title_may_be_cut_at_its_end_or_stand_between_other_words(teaser, expected):
    assert title_agreement(teaser.split(), ["night", "ferry", "hits", "breakwater", "off", "sallow"]) == expected


def test_a_title_of_one_word_says_nothing():
    assert title_agreement(["ferry"], ["ferry"]) == (0.0, False)


def test_another_report_of_the_same_event_is_not_the_story():
    assert links(vector("home#t1", "Ferry hits breakwater off Sallow", [100, 0, 0], "teaser")) == []
    assert links(vector("home#t2", "Night ferry strikes breakwater off Sallow", [100, 0, 0], "teaser")) == []


def test_a_summary_that_repeats_the_story_is_enough():
    text = (
        "Sixty passengers were taken off in thick fog when the boat ran onto the outer breakwater by night, "
        "and the pilots watched from the quay"
    )
    story = vector("p", "Night ferry hits breakwater off Sallow", [100, 0, 0], text=text)
    teaser = vector("home#t1", "Sixty taken off Sallow boat", [60, 80, 0], "teaser", text)
    assert link_teasers([story, teaser]) == [Link("home#t1", "p", 0.6)]
    other = vector("home#t1", "Sixty taken off Sallow boat", [60, 80, 0], "teaser", "The fog was thick on Monday")
    assert link_teasers([story, other]) == []


def test_a_kicker_that_is_in_no_title_does_not_hide_the_story():
    assert links(vector("home#t1", "Watch: Harriers win the cup at Aldermoor", [0, 60, 80], "teaser")) == [
        Link("home#t1", "cup", 0.8)
    ]


def test_links_reach_into_earlier_runs_both_ways():
    title = "Night ferry hits breakwater off Sallow"
    today = vector("home#t1", title, [60, 80, 0], "teaser")
    yesterday = vector("front#t1", title, [60, 80, 0], "teaser")
    assert link_teasers([today], STORIES) == [Link("home#t1", "ferry", 0.6)]
    assert link_teasers(STORIES, [yesterday]) == [Link("front#t1", "ferry", 0.6)]
    assert link_teasers([today], [yesterday, *STORIES]) == [Link("home#t1", "ferry", 0.6)]  # said before


def test_what_stands_on_a_page_of_the_run_is_no_longer_what_it_was():
    title = "Night ferry hits breakwater off Sallow"
    home = vector("home", "Front page", [0, 100, 0])
    assert link_teasers([home, *STORIES], [vector("home#t1", title, [60, 80, 0], "teaser")]) == []
    changed = vector("ferry", "Council passes budget", [0, 100, 0])
    assert link_teasers([changed, vector("home#t1", title, [60, 80, 0], "teaser")], STORIES[:1]) == []
