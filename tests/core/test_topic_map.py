import numpy as np
from numpy.typing import NDArray

from transforms.core.topic_map import topic_map


def topics(*sizes: int, seed: int = 5) -> list[NDArray[np.int8]]:
    """Members of topics around directions of their own; the first two directions are nearly the same."""
    random = np.random.default_rng(seed)
    directions = random.normal(size=(len(sizes), 24))
    if len(sizes) > 1:
        directions[1] = directions[0] + 0.2 * directions[1]
    return [
        np.clip(40 * (direction + 0.3 * random.normal(size=(n, 24))), -127, 127).astype(np.int8)
        for n, direction in zip(sizes, directions, strict=True)
    ]


def test_discs_do_not_overlap_by_much_and_all_is_in_the_first_quadrant() -> None:
    places, centres, radii = topic_map(topics(60, 40, 25, 25, 9, 9, 4, 1, 1, 1))
    distance = np.linalg.norm(centres[:, None] - centres[None], axis=2) + np.diag(np.full(len(radii), np.inf))
    assert (distance > 0.9 * (radii[:, None] + radii[None])).all()
    assert np.concatenate(places).min() > -1e-9
    for place, centre, radius in zip(places, centres, radii, strict=True):
        assert (np.linalg.norm(place - centre, axis=1) <= radius).all()


def test_topics_that_are_alike_lie_closer() -> None:
    _, centres, radii = topic_map(topics(9, 9, 9, 9, 9, 9))
    gaps = np.linalg.norm(centres - centres[0], axis=1) - radii - radii[0]
    assert gaps[1] < np.median(gaps[2:])


def test_members_keep_a_distance_and_the_most_typical_is_in_the_middle() -> None:
    (rows,) = topics(30)
    (place,), (centre,), _ = topic_map([rows])
    distance = np.linalg.norm(place[:, None] - place[None], axis=2) + np.diag(np.full(30, np.inf))
    assert distance.min() > 0.7
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert np.linalg.norm(place - centre, axis=1).argmin() == (unit @ unit.mean(0)).argmax()


def test_the_same_vectors_give_the_same_map() -> None:
    first, second = topic_map(topics(20, 10, 5)), topic_map(topics(20, 10, 5))
    assert all(np.array_equal(a, b) for a, b in zip(first[0], second[0], strict=True))
    assert np.array_equal(first[1], second[1])


def test_small_and_odd_maps() -> None:
    assert topic_map([])[0] == []
    places, centres, radii = topic_map([np.zeros((1, 8), np.int8), np.zeros((1, 8), np.int8)])
    assert np.linalg.norm(centres[0] - centres[1]) > 1.5  # equal vectors still stand apart
    assert radii.tolist() == [1.0, 1.0]
    assert [len(place) for place in places] == [1, 1]
