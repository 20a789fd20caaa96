from dataclasses import replace
from hashlib import blake2b
from random import Random

import pytest

from tests.core.vectors import LEAD, vector
from transforms.core.clustering import cluster
from transforms.core.encoders import load_encoder, quantise
from transforms.core.lexical import word_weights
from transforms.core.registry import Registry
from transforms.settings import ClusterSettings

SETTINGS = ClusterSettings(duplicate=0.55, overlap=0.25, story=0.6, topic=0.4)


def groups(vectors, level, settings=SETTINGS):
    """The ids of each cluster of a level, as sorted tuples."""
    members = cluster(vectors, settings, "").members
    found = {}
    for member in members:
        if member.level == level:
            found.setdefault(member.cluster_id, []).append(member.id)
    return sorted(tuple(sorted(ids)) for ids in found.values())


def test_nothing_gives_nothing():
    assert cluster([], SETTINGS, "") == ([], [], Registry())


def test_a_singleton_is_a_cluster_of_its_own_at_every_level():
    members, clusters, _ = cluster([vector("a", [0, 5, -127], "Ferry hits pier", "Ferry hits pier")], SETTINGS, "")
    assert [(member.level, member.cluster_id, member.similarity) for member in members] == [
        ("duplicate", "d40f89e395b66422f", 1.0),
        ("story", "s40f89e395b66422f", 1.0),
        ("topic", "t40f89e395b66422f", 1.0),
    ]
    assert [(c.size, c.medoid_id, c.label, c.first_seen, c.last_seen) for c in clusters] == [
        (1, "a", "Ferry hits pier", None, None),
        (1, "a", "Ferry hits pier", None, None),
        (1, "a", "ferry, hits, pier", None, None),
    ]


def test_equal_texts_are_duplicates_whatever_their_vectors():
    assert groups(
        [vector("a", [127, 0], "Ferry hits pier."), vector("b", [0, 127], "FERRY HITS PIER")], "duplicate"
    ) == [("a", "b")]


def test_a_duplicate_shares_most_word_sequences_whatever_its_vector():
    original = vector("a", [127, 0, 0], LEAD)
    corrected = vector("b", [0, 127, 0], LEAD.replace("sixty", "seventy"))
    reworded = vector("c", [127, 0, 9], "Sixty people left the Sallow boat after it ran onto the breakwater by night")
    assert groups([original, corrected, reworded], "duplicate") == [("a", "b"), ("c",)]


def test_duplicates_do_not_chain():
    words = [f"w{chr(97 + i)}" for i in range(26)] + [f"v{chr(97 + i)}" for i in range(26)]
    chain = [vector(f"v{n}", [127, n, 0], " ".join(words[8 * n : 8 * n + 24])) for n in range(4)]
    first, second, third, _ = chain
    assert groups([first, second], "duplicate") == [("v0", "v1")]
    assert groups([second, third], "duplicate") == [("v1", "v2")]
    assert groups([first, third], "duplicate") == [("v0",), ("v2",)]
    assert groups(chain[:3], "duplicate") == [("v0", "v1", "v2")]  # v1 is the centre of both
    assert groups(chain, "duplicate") == [("v0", "v1", "v2"), ("v3",)]


def test_a_copy_without_capitals_does_not_bring_in_other_names():
    other = LEAD.replace("Sallow", "Lindow").replace("The night ferry", "The night boat Arran")
    texts = {"a": LEAD, "b": LEAD.lower().replace("sixty passengers", "sixty of them"), "c": other}
    assert groups([vector(id, [127, 0], text) for id, text in texts.items()], "duplicate") == [("a", "b"), ("c",)]


def test_levels_are_nested_and_cut_at_their_thresholds():
    # Cosines: a-b .8, a-c and b-c at most .5 -> one story of a and b; c joins at the mean of .5 and .4.
    vectors = [vector("a", [100, 0, 0, 0]), vector("b", [80, 60, 0, 0]), vector("c", [50, 0, 87, 0])]
    assert groups(vectors, "story") == [("a", "b"), ("c",)]
    assert groups(vectors, "topic") == [("a", "b", "c")]
    assert groups(vectors, "topic", replace(SETTINGS, topic=0.46)) == [("a", "b"), ("c",)]


def test_copies_of_a_text_have_one_vote():
    # One vote each: the mean of a-c (.5) and b-c (.4) is .45. With the three copies it would be .48.
    copies = [vector(f"a{n}", [100, 0, 0, 0], "the same text") for n in range(4)]
    vectors = [*copies, vector("b", [80, 60, 0, 0]), vector("c", [50, 0, 87, 0])]
    assert groups(vectors, "topic", replace(SETTINGS, topic=0.46)) == [("a0", "a1", "a2", "a3", "b"), ("c",)]


def test_similarity_is_the_cosine_to_the_medoid():
    vectors = [
        vector("a", [96, 28], title="A"),
        vector("b", [100, 0], title="B"),
        vector("c", [96, -28], title="C"),
    ]
    members, clusters, _ = cluster(vectors, SETTINGS, "")
    story = next(item for item in clusters if item.level == "story")
    assert (story.medoid_id, story.label, story.size) == ("b", "B", 3)
    similarity = {m.id: m.similarity for m in members if m.level == "story"}
    assert similarity == {"a": pytest.approx(0.96, abs=2e-4), "b": 1.0, "c": pytest.approx(0.96, abs=2e-4)}


def test_of_equally_central_members_the_story_is_the_medoid():
    pair = [vector("a#t1", [100, 0], kind="teaser"), vector("b", [80, 60])]
    clusters = cluster(pair, SETTINGS, "").clusters
    assert [item.medoid_id for item in clusters if item.level == "story"] == ["b"]


def test_first_and_last_seen_are_those_of_the_members_as_written():
    dated = [
        vector("a", [127, 1], published="2026-11-24T00:30:00+02:00"),  # 22:30 of the day before in UTC
        vector("b", [127, 2], published="2026-11-23T23:00:00Z"),
        vector("c", [127, 3]),
    ]
    clusters = cluster(dated, SETTINGS, "").clusters
    assert [(c.first_seen, c.last_seen) for c in clusters if c.level == "story"] == [
        ("2026-11-24T00:30:00+02:00", "2026-11-23T23:00:00Z")
    ]
    clusters = cluster(dated, SETTINGS, "2026-11-25").clusters
    assert [c.last_seen for c in clusters if c.level == "story"] == ["2026-11-25"]


def test_a_date_that_cannot_be_read_does_not_count():
    clusters = cluster([vector("a", [127, 1], published="last Tuesday")], SETTINGS, "2026-11-25").clusters
    assert {(c.first_seen, c.last_seen) for c in clusters} == {(None, None)}


@pytest.fixture(scope="module")
def many():
    rng = Random(4)
    places = ["Sallow", "Aldermoor", "Northmark", "Shionagi", "Quay", "Lindow"]
    events = [
        "ferry hits breakwater in fog",
        "council votes on budget after long night",
        "harriers win the cup final",
    ]
    texts = [
        f"{rng.choice(events)} at {rng.choice(places)} {rng.choice(['again', 'today', 'say police', 'say'])}"
        for _ in range(120)
    ]
    rows, _ = quantise(load_encoder("hashing").encode(texts))
    return [
        vector(f"p{n}" + ("#t1" if n % 3 else ""), row, text, text, kind="teaser" if n % 3 else "story")
        for n, (text, row) in enumerate(zip(texts, rows, strict=True))
    ]


@pytest.mark.parametrize(
    ("story", "topic", "digest"), [(0.6, 0.4, "86ca1f776faad1f0"), (0.28, 0.12, "1aa109dccf19bc50")]
)
def test_the_same_texts_give_the_same_ids_in_every_version(many, story, topic, digest):
    """Ties among them are many: the texts are few phrases, put together by chance."""
    found = cluster(many, replace(SETTINGS, story=story, topic=topic), "2026-11-24")
    assert blake2b(repr((found.members, found.clusters)).encode(), digest_size=8).hexdigest() == digest


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_of_the_input_does_not_matter(many, seed):
    shuffled = Random(seed).sample(many, len(many))
    assert cluster(shuffled, SETTINGS, "2026-11-24") == cluster(many, SETTINGS, "2026-11-24")


def test_every_vector_is_in_one_cluster_per_level_inside_that_of_the_next(many):
    members, clusters, _ = cluster(many, SETTINGS, "")
    cluster_of = {(member.id, member.level): member.cluster_id for member in members}
    assert len(members) == len(cluster_of) == 3 * len(many)
    for inner, outer in (("duplicate", "story"), ("story", "topic")):
        pairs = {(cluster_of[v.id, inner], cluster_of[v.id, outer]) for v in many}
        assert len(pairs) == len({cluster_of[v.id, inner] for v in many})
    assert 1 < sum(c.level == "topic" for c in clusters) <= sum(c.level == "story" for c in clusters) < len(many)
    assert len({c.cluster_id for c in clusters}) == len(clusters)
    assert all(-1 <= m.similarity <= 1 for m in members)


def test_dates_part_stories_but_not_topics():
    dates = ("2026-11-02", "2026-11-03T09:00:00Z", "2026-11-20")
    reports = [vector(f"v{n}", [100, 9 * n, 0], published=date) for n, date in enumerate(dates)]
    strict = replace(SETTINGS, story=0.9)
    assert groups(reports, "story", strict) == [("v0", "v1"), ("v2",)]
    assert groups(reports, "topic", strict) == [("v0", "v1", "v2")]
    undated = [replace(report, published=date) for report, date in zip(reports, (None, "", "last week"), strict=True)]
    assert groups(undated, "story", strict) == [("v0", "v1", "v2")]


def test_words_part_stories_that_vectors_would_join():
    texts = {
        "a": "A quake struck Sallow on Monday and 12 people were hurt",
        "b": "Monday: quake struck Sallow, 12 people hurt",
        "c": "A quake struck Aldermoor on Friday and 30 people were hurt",
    }
    reports = [replace(vector(id, [100, 0], text), words=word_weights(text)) for id, text in texts.items()]
    assert groups(reports, "story", replace(SETTINGS, story=0.75)) == [("a", "b"), ("c",)]
    assert groups([replace(report, words=b"") for report in reports], "story") == [("a", "b", "c")]


def test_a_story_without_a_title_is_named_by_its_nearest_member():
    vectors = [
        vector("a", [96, 28], title="Far"),
        vector("b", [100, 0], title=" "),
        vector("c", [100, -20], title="Near"),
    ]
    clusters = cluster(vectors, SETTINGS, "").clusters
    assert [(item.medoid_id, item.label) for item in clusters if item.level == "story"] == [("b", "Near")]
