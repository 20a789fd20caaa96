from itertools import permutations

from transforms.core.ids import Conflict, Sighting, settle
from transforms.types import Source

A, B = bytes([0xAA] * 16), bytes([0xBB] * 16)


def test_one_record_is_no_conflict() -> None:
    assert list(settle("p", [Sighting(A, "x", 0)])) == []


def test_an_id_like_that_of_a_teaser_or_segment_is_kept_by_no_record() -> None:
    assert list(settle("p#t1", [Sighting(A, "x", 0)])) == [Conflict(Source("x", 0), "p#t1~aaaaaaaa", Source("x", 0))]
    sightings = [Sighting(B, "x", 9), Sighting(A, "x", 0), Sighting(A, "x", 5)]
    assert [conflict.id for conflict in settle("p#s0", sightings)] == ["p#s0~aaaaaaaa", None, "p#s0~bbbbbbbb"]
    assert list(settle("p#t1b", [Sighting(A, "x", 0)])) == []


def test_the_smallest_hash_keeps_the_id_and_repeats_point_to_the_first() -> None:
    sightings = [Sighting(B, "a", 5), Sighting(A, "b", 1), Sighting(A, "a", 9), Sighting(B, "a", 7)]
    expected = [
        Conflict(Source("b", 1), None, Source("a", 9)),
        Conflict(Source("a", 5), "p~bbbbbbbb", Source("a", 5)),
        Conflict(Source("a", 7), None, Source("a", 5)),
    ]
    for order in permutations(sightings):
        assert list(settle("p", order)) == expected
