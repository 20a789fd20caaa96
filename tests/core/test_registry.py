from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.vectors import LEAD
from tests.core.vectors import vector as vector_of
from transforms.core.clustering import cluster
from transforms.core.registry import Registry, followed
from transforms.settings import ClusterSettings
from transforms.types import LEVELS, Forward

CUTS = ClusterSettings(duplicate=0.55, overlap=0.25, story=0.6, topic=0.4)


def vector(id, row, text="", published=None):
    """A Vector whose id says what it is."""
    return vector_of(id, row, text, id, published, "teaser" if "#t" in id else "story")


def at(degrees):
    """A row in the plane: the cosine of two rows is that of the angle between them."""
    return np.rint(127 * np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), 0]))


def run(registry, *vectors, date="", keep_days=0):
    return cluster(vectors, CUTS, date, registry, keep_days).registry


def ids(registry, level="story"):
    return {member.vector.id: member.clusters[LEVELS.index(level)] for member in registry.members}


def found(registry, level="story"):
    """The forwards of a level."""
    return [(f.from_id, f.to_id, f.reason) for f in registry.forwards if f.level == level]


def test_new_stories_join_known_ones_or_found_clusters():
    one = run(Registry(), vector("b", at(0)), vector("c", at(90)))
    two = run(one, vector("a", at(10)), vector("d", at(200)))
    assert ids(two)["a"] == ids(two)["b"] == ids(one)["b"]  # although a would have founded it, had it come first
    assert ids(two)["c"] == ids(one)["c"]
    assert ids(two)["d"] not in ids(one).values()
    assert two.forwards == ()


def test_clusters_that_become_one_keep_the_id_of_the_oldest():
    one = run(Registry(), vector("z", at(0)))
    two = run(one, vector("a", at(60)), vector("b", at(62)))
    assert len(set(ids(two).values())) == 2
    three = run(two, vector("m", at(30)))
    assert set(ids(three).values()) == {ids(one)["z"]}
    assert found(three) == [(ids(two)["a"], ids(one)["z"], "merge")]
    result = cluster([vector("m", at(30))], CUTS, "", two)
    assert [c.forwarded_from for c in result.clusters if c.level == "story"] == [(ids(two)["a"],)]
    assert [c.size for c in result.clusters if c.level == "story"] == [4]


def test_of_equally_old_clusters_the_larger_keeps_its_id():
    one = run(Registry(), vector("a", at(60)), vector("y", at(0)), vector("z", at(2)))
    assert ids(one)["y"] == ids(one)["z"] != ids(one)["a"]
    two = run(one, vector("m", at(30)))
    assert found(two) == [(ids(one)["a"], ids(one)["z"], "merge")]


def test_a_cluster_that_falls_apart_goes_on_with_most_of_its_members():
    one = run(Registry(), vector("a", at(0)), vector("b", at(5)), vector("c", at(50)))
    assert len(set(ids(one).values())) == 1
    two = run(one, vector("d", at(75)), vector("e", at(70)))
    assert ids(two)["a"] == ids(two)["b"] == ids(one)["a"]
    assert ids(two)["c"] == ids(two)["d"] != ids(one)["c"]
    assert found(two) == [(ids(one)["c"], ids(two)["c"], "split")]


def test_forwards_lead_to_living_clusters():
    earlier = (Forward("story", "s1", "s2", "merge"), Forward("story", "s5", "s3", "split"))
    now = (Forward("story", "s2", "s3", "merge"), Forward("story", "s3", "s4", "split"))
    assert followed(earlier, now, {"s3", "s4"}) == (
        Forward("story", "s1", "s3", "merge"),
        Forward("story", "s2", "s3", "merge"),
        Forward("story", "s3", "s4", "split"),
        Forward("story", "s5", "s3", "split"),
    )
    assert followed(earlier, now, {"s4"}) == (Forward("story", "s3", "s4", "split"),)
    assert followed((Forward("story", "s1", "s2", "split"),), (Forward("story", "s2", "s1", "merge"),), {"s1"}) == (
        Forward("story", "s2", "s1", "merge"),
    )


def test_a_corrected_text_stays_and_another_one_on_the_same_page_does_not():
    one = run(Registry(), vector("a", at(0), LEAD))
    corrected = run(one, vector("a", at(9), LEAD.replace("sixty", "seventy")))
    assert ids(corrected) == ids(one)
    assert len(corrected.members) == 1
    other = run(one, vector("a", at(9), "Harriers win the cup at Aldermoor after extra time in front of a full house"))
    assert ids(other)["a"] != ids(one)["a"]
    assert other.forwards == ()


def test_what_a_page_no_longer_has_is_forgotten():
    one = run(Registry(), vector("p", at(0)), vector("p#t1", at(90)), vector("p#t2", at(180)), vector("q#t2", at(270)))
    two = run(one, vector("p", at(0)), vector("p#t1", at(90)))
    assert list(ids(two)) == ["p", "p#t1", "q#t2"]
    assert {entry.cluster_id for entry in two.clusters if entry.level == "story"} == set(ids(two).values())


def test_an_id_is_not_given_again():
    one = run(Registry(), vector("a", at(0)), vector("b", at(3)))
    two = run(one, vector("a", at(180), "Quite another text about a bridge that is to be closed for weeks"))
    assert ids(two)["b"] == ids(one)["b"]
    assert ids(two)["a"] not in ids(one).values()


def test_stories_are_forgotten_as_a_whole_by_the_date_of_the_run():
    first = run(Registry(), vector("a", at(0)), vector("c", at(90)), date="2026-10-01")
    second = run(first, vector("b", at(5)), vector("d", at(180), published="1999-01-01"), date="2026-10-20")
    assert list(ids(run(second, date="2026-11-10", keep_days=30))) == ["a", "b", "d"]  # c has not been seen since
    assert list(ids(run(second, date="2026-11-10"))) == ["a", "b", "c", "d"]
    assert list(ids(run(second, keep_days=30))) == ["a", "b", "c", "d"]  # the clock is never asked
    again = run(second, vector("c", at(90)), date="2026-11-10", keep_days=30)
    assert ids(again)["c"] == ids(first)["c"]
    undated = run(Registry(), vector("x", at(0)))
    assert list(ids(run(undated, date="2026-11-10", keep_days=1))) == ["x"]


def test_dates_are_those_of_all_that_was_ever_in_the_cluster():
    first = run(Registry(), vector("a", at(0)), date="2026-10-01")
    result = cluster([vector("b", at(5), published="2026-10-02T08:00:00Z")], CUTS, "2026-10-03", first)
    story = next(item for item in result.clusters if item.level == "story")
    assert (story.first_seen, story.last_seen) == ("2026-10-01", "2026-10-02T08:00:00Z")
    again = cluster([vector("a", at(0))], CUTS, "2026-10-09", result.registry)
    story = next(item for item in again.clusters if item.level == "story")
    assert (story.first_seen, story.last_seen) == ("2026-10-01", "2026-10-02T08:00:00Z")


def test_only_what_is_in_the_run_is_said():
    one = run(Registry(), vector("a", at(0)), vector("z", at(180)))
    result = cluster([vector("b", at(5))], CUTS, "", one)
    assert {member.id for member in result.members} == {"b"}
    assert [(c.level, c.size) for c in result.clusters] == [("duplicate", 1), ("story", 2), ("topic", 2)]


TEXTS = st.one_of(
    st.just(""),
    st.sampled_from([LEAD, LEAD.replace("sixty", "ninety"), LEAD[:60], "Harriers win the cup at Aldermoor"]),
)
VECTORS = st.builds(
    lambda number, degrees, text: vector(f"p{number}", at(degrees), text),
    st.integers(0, 14),
    st.integers(0, 35).map(lambda step: 10 * step),
    TEXTS,
)
DAYS = st.lists(st.lists(VECTORS, max_size=6, unique_by=lambda item: item.id), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(DAYS)
def test_every_id_is_kept_or_forwarded_and_none_is_used_twice(days):
    registry = Registry()
    founders: dict[str, tuple[str, bytes]] = {}
    ended: set[str] = set()
    for vectors in days:
        before, texts = registry, {vector.id: vector.text_hash for vector in vectors}
        registry = cluster(vectors, CUTS, "", registry).registry
        for level in LEVELS:
            old, new = ids(before, level), ids(registry, level)
            leads = {(from_id, to_id) for from_id, to_id, _ in found(registry, level)}
            for member in before.members:
                id = member.vector.id
                if texts.get(id, member.vector.text_hash) == member.vector.text_hash:
                    assert new[id] == old[id] or (old[id], new[id]) in leads
        living = {cluster_id for member in registry.members for cluster_id in member.clusters}
        assert {entry.cluster_id for entry in registry.clusters} == living
        for level in LEVELS:
            first: dict[str, tuple[str, bytes]] = {}
            for member in registry.members:  # by id
                first.setdefault(member.clusters[LEVELS.index(level)], (member.vector.id, member.vector.text_hash))
            for cluster_id, founder in first.items():
                if cluster_id in ended:  # the very same text on the very same page, and nothing else
                    assert founders[cluster_id] == founder
            founders |= {cluster_id: founder for cluster_id, founder in first.items() if cluster_id not in founders}
        ended = founders.keys() - living
        for inner, outer in (("duplicate", "story"), ("story", "topic")):
            assert len(set(zip(ids(registry, inner).values(), ids(registry, outer).values(), strict=True))) == len(
                set(ids(registry, inner).values())
            )
        merged = {forward.from_id for forward in registry.forwards if forward.reason == "merge"}
        assert not merged & living
        assert {forward.to_id for forward in registry.forwards} <= living


@settings(max_examples=40, deadline=None)
@given(DAYS, st.randoms(use_true_random=False))
def test_the_same_again_changes_nothing_and_the_order_does_not_matter(days, random):
    registry = Registry()
    for vectors in days:
        result = cluster(vectors, CUTS, "2026-11-24", registry)
        registry = result.registry
    shuffled = random.sample(days[-1], len(days[-1]))
    again = cluster(shuffled, CUTS, "2026-11-24", registry)
    assert again.registry == registry
    assert again.members == result.members
    if registry.forwards == ():
        assert again.clusters == result.clusters


@settings(max_examples=40, deadline=None)
@given(st.lists(VECTORS, min_size=1, max_size=12, unique_by=lambda item: item.id), st.integers(0, 12))
def test_the_groups_are_those_of_one_run_over_all(vectors, cut):
    both = run(run(Registry(), *vectors[:cut]), *vectors[cut:])
    at_once = run(Registry(), *vectors)
    for level in LEVELS:
        one, two = ids(both, level), ids(at_once, level)
        assert (
            len(set(zip(one.values(), two.values(), strict=True))) == len(set(one.values())) == len(set(two.values()))
        )
    assert [member.vector for member in both.members] == [member.vector for member in at_once.members]


@pytest.mark.parametrize("field", ["title", "published"])
def test_what_a_record_says_of_itself_is_renewed(field):
    one = run(Registry(), vector("a", at(0)))
    two = run(one, replace(vector("a", at(0)), **{field: "2026-11-24"}))
    assert getattr(two.members[0].vector, field) == "2026-11-24"
    assert ids(two) == ids(one)
