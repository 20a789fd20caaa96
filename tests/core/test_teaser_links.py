import numpy as np

from transforms.core.teaser_links import Link, link_teasers
from transforms.types import Vector


def vector(id, title, row, kind="story"):
    return Vector(id, kind, "f", b"", np.array(row, dtype=np.int8).tobytes(), b"", title, None)


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
