import numpy as np
import pytest

from tests.core.test_components import random_vectors
from transforms.core import cells
from transforms.core.components import UNIT, average_linkage, similar_pairs, unit_rows


def found(comparison, units, threshold=0.3):
    scale = np.full(len(units), float(UNIT))
    return [part.tolist() for part in comparison(units, scale, threshold, 0)]


@pytest.fixture
def told():
    return {}


def comparison(told, all_pairs):
    return cells.Comparison("story", all_pairs, lambda name, number: told.update({name: told.get(name, 0) + number}))


def test_up_to_a_number_of_rows_all_pairs_are_compared(told):
    units = unit_rows(random_vectors(80, 8, 0.6, seed=1))
    everything = similar_pairs(units, np.full(80, float(UNIT)), 0.3, 0)
    assert found(comparison(told, 80), units) == [part.tolist() for part in everything]
    assert told == {}


def test_where_every_cell_is_near_all_pairs_are_found(told, monkeypatch):
    monkeypatch.setattr(cells, "CELLS", 8)
    units = unit_rows(random_vectors(60, 8, 0.6, seed=1))
    exact = found(comparison(told, 60), units)
    in_cells = found(comparison(told, 0), units)
    assert sorted(zip(*in_cells, strict=True)) == sorted(zip(*exact, strict=True))
    assert told["story_pairs_audited"] == told["story_pairs_found"] == len(exact[0]) > 100


def test_what_cells_miss_is_told(told, monkeypatch):
    monkeypatch.setattr(cells, "CELLS", 40)
    monkeypatch.setattr(cells, "PROBES", 2)
    units = unit_rows(random_vectors(600, 12, 0.5, seed=3))
    exact = set(zip(*found(comparison(told, 600), units, 0.8)[:2], strict=True))
    in_cells = found(comparison(told, 599), units, 0.8)
    pairs = set(zip(*in_cells[:2], strict=True))
    assert pairs < exact
    assert len(pairs) == len(in_cells[0])  # each once
    sampled = set(np.unique(np.linspace(0, 599, cells.AUDITED).astype(np.int64)).tolist())
    audited = {pair for pair in exact if sampled & set(pair)}
    assert told["story_pairs_audited"] == len(audited)
    assert told["story_pairs_found"] == len(audited & pairs)
    assert told["story_pairs_compared"] < 600 * 600 / 2 / 4
    assert len(pairs) > 0.7 * len(exact)


def test_groups_of_pairs_from_cells_are_nearly_those_of_all(told, monkeypatch):
    monkeypatch.setattr(cells, "CELLS", 20)
    monkeypatch.setattr(cells, "PROBES", 4)
    units = unit_rows(random_vectors(400, 16, 0.4, seed=3))
    ones = np.ones(400, dtype=np.int64)
    exact = average_linkage(units, ones, 0.6)
    labels = average_linkage(units, ones, 0.6, compare=comparison(told, 100))
    assert (labels == exact).mean() > 0.95
    assert 10 < len(set(exact.tolist())) < 200
    assert told["story_pairs_found"] > 0
