import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage

from transforms.core.components import (
    UNIT,
    average_linkage,
    connected_components,
    members_of,
    next_cut,
    stars,
    unit_rows,
)


def edges(*pairs):
    i, j = zip(*pairs, strict=True)
    return np.array(i), np.array(j)


NO_EDGES = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


def quantised(rows):
    return np.rint(rows * 127 / np.abs(rows).max(axis=1, keepdims=True)).astype(np.int8)


def random_vectors(n, dim, spread, seed):
    """Clustered vectors; with a spread of 0, few distinct ones."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(2, n // 12), dim))
    return quantised(centres[rng.integers(len(centres), size=n)] + spread * rng.normal(size=(n, dim)))


def smallest(labels):
    """Each label as the first position that has it."""
    first = {}
    return [first.setdefault(label, position) for position, label in enumerate(labels)]


def scipy_average_linkage(units, threshold):
    similarity = units @ units.T / UNIT**2
    distance = np.maximum(1 - similarity[np.triu_indices(len(units), 1)], 0)
    return smallest(fcluster(linkage(distance, "average"), 1 - threshold, "distance"))


def test_connected_components_are_named_by_their_smallest_node():
    assert connected_components(6, *edges((4, 1), (5, 4), (2, 3))).tolist() == [0, 1, 2, 2, 1, 1]
    assert connected_components(2, np.empty(0, int), np.empty(0, int)).tolist() == [0, 1]


def test_stars_do_not_chain():
    chain = edges((0, 1), (1, 2), (2, 3), (3, 4))
    assert connected_components(5, *chain).tolist() == [0, 0, 0, 0, 0]
    assert stars(5, chain, NO_EDGES).tolist() == [0, 0, 0, 3, 3]


def test_a_star_has_the_best_connected_node_as_its_centre():
    assert stars(5, edges((0, 1), (1, 2), (2, 3), (2, 4)), NO_EDGES).tolist() == [0, 1, 1, 1, 1]


def test_of_two_that_stay_apart_the_better_connected_is_taken():
    around = edges((0, 1), (0, 2), (0, 3), (0, 4), (3, 4))
    assert stars(5, around, edges((1, 3))).tolist() == [0, 1, 0, 0, 0]
    assert stars(5, around, edges((0, 3), (2, 4))).tolist() == [0, 0, 2, 3, 0]


def test_unit_rows_have_one_length():
    rows = unit_rows(np.array([[127, 0], [127, 127], [-3, 4]], dtype=np.int8))
    assert rows.tolist() == [[2048, 0], [1448, 1448], [-1229, 1638]]


@pytest.mark.parametrize("threshold", [0.9, 0.7, 0.5, 0.3, 0.1])
@pytest.mark.parametrize(
    ("n", "dim", "spread"), [(120, 4, 0.0), (200, 8, 0.4), (250, 16, 0.8), (150, 64, 1.5), (90, 3, 5.0)]
)
def test_average_linkage_equals_scipy(n, dim, spread, threshold):
    units = unit_rows(random_vectors(n, dim, spread, seed=n))
    labels = average_linkage(units, np.ones(n, dtype=np.int64), threshold)
    assert labels.tolist() == scipy_average_linkage(units, threshold)


@pytest.mark.parametrize("threshold", [0.6, 0.4, 0.2])
def test_average_linkage_continues_from_the_groups_of_a_higher_cut(threshold):
    units = unit_rows(random_vectors(200, 8, 0.8, seed=3))
    fine = average_linkage(units, np.ones(200, dtype=np.int64), 0.75)
    groups, group_of = np.unique(fine, return_inverse=True)
    sums = np.zeros((len(groups), 8), dtype=np.int64)
    np.add.at(sums, group_of, units)
    coarse = groups[average_linkage(sums, np.bincount(group_of), threshold)[group_of]]
    assert coarse.tolist() == scipy_average_linkage(units, threshold)
    assert len(set(coarse.tolist())) < len(groups)


def test_weights_count_like_repeated_rows():
    units = unit_rows(random_vectors(60, 6, 0.7, seed=8))
    weights = np.random.default_rng(8).integers(1, 5, size=60)
    repeated = np.repeat(np.arange(60), weights)
    labels = average_linkage(units * weights[:, None], weights, 0.5)
    assert smallest(labels[repeated]) == scipy_average_linkage(units[repeated], 0.5)


def test_average_linkage_does_not_depend_on_tile_size(monkeypatch):
    units = unit_rows(random_vectors(300, 16, 0.8, seed=2))
    whole = average_linkage(units, np.ones(300, dtype=np.int64), 0.4)
    monkeypatch.setattr("transforms.core.components.TILE", 5)
    assert np.array_equal(average_linkage(units, np.ones(300, dtype=np.int64), 0.4), whole)


@pytest.mark.parametrize(("n", "dim", "spread"), [(300, 16, 0.8), (200, 8, 0.4), (150, 64, 1.5)])
@pytest.mark.parametrize("edges", [1, 60])
def test_where_many_pairs_are_similar_higher_cuts_come_first(monkeypatch, n, dim, spread, edges):
    units = unit_rows(random_vectors(n, dim, spread, seed=2))
    monkeypatch.setattr("transforms.core.components.EDGES", edges)
    cuts = []
    monkeypatch.setattr(
        "transforms.core.components.next_cut",
        lambda *args: cuts.append(next_cut(*args)) or cuts[-1],
    )
    labels = average_linkage(units, np.ones(n, dtype=np.int64), 0.3)
    assert labels.tolist() == scipy_average_linkage(units, 0.3)
    assert cuts == sorted(set(cuts), reverse=True)
    assert cuts[-1] == 0.3
    assert len(cuts) > 1


def test_pairs_that_are_all_alike_are_held_although_they_are_many(monkeypatch):
    monkeypatch.setattr("transforms.core.components.EDGES", 10)
    units = unit_rows(np.full((30, 4), 5))
    assert average_linkage(units, np.ones(30, dtype=np.int64), 0.5).tolist() == [0] * 30


def test_members_of():
    assert [group.tolist() for group in members_of(np.array([0, 1, 0, 3, 1]))] == [[0, 2], [1, 4], [3]]
