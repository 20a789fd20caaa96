"""Similar pairs among more rows than can all be compared: only rows that share a cell are.

Cells are the groups of spherical k-means over some of the rows. Each row has a home and PROBES nearest cells, the
home among them; two rows are compared where the home of one is among the cells of the other. What that misses is
measured: some rows are compared with all others, and the share of their similar pairs that was found is reported.

Centres are whole numbers at length UNIT and are compared with rows of that length, so all products are exact and the
cells are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from transforms.core.components import Edges, as_edges, joined_edges, similar_pairs, unit_rows
from transforms.core.neighbours import TILE, Array, Tiles
from transforms.core.similarity import DAY_COLUMNS

CELLS = 512  # at least; the square root of the number of rows if that is more
PROBES = 20
SAMPLED = 64  # rows for each cell of which the centres are made
ROUNDS = 6
AUDITED = 500  # rows that are compared with all others


@dataclass(frozen=True, slots=True)
class Comparison:
    """Finds the similar pairs of rows: of up to ``all_pairs`` rows all of them, of more those with a common cell.

    ``report`` is told, for each set of rows that are too many, how many pairs were compared, how many are similar
    among those of the audited rows, and how many of them were found; each name begins with the ``level``.
    """

    level: str
    all_pairs: int
    report: Callable[[str, int], None]

    def __call__(self, sums: Array, scale: NDArray[np.float64], threshold: float, subtracted: int) -> Edges:
        if len(sums) <= self.all_pairs:
            return similar_pairs(sums, scale, threshold, subtracted)
        edges, compared = pairs_in_cells(sums, scale, threshold, subtracted)
        similar, found = audit(edges, sums, scale, threshold, subtracted)
        for name, number in (("pairs_compared", compared), ("pairs_audited", similar), ("pairs_found", found)):
            self.report(f"{self.level}_{name}", number)
        return edges


def pairs_in_cells(sums: Array, scale: NDArray[np.float64], threshold: float, subtracted: int) -> tuple[Edges, int]:
    """Return the similar pairs of rows that have a cell in common, and how many pairs were compared."""
    # When a text was published does not say what it is about.
    content = sums[:, : -(DAY_COLUMNS + subtracted)] if subtracted else sums
    probes = nearest_cells(content, cell_centres(content))
    home = probes[:, 0]
    tiles = Tiles.of(sums, scale, threshold, subtracted)
    found, compared = [], 0
    for cell in range(int(probes.max()) + 1):
        at_home, others = np.flatnonzero(home == cell), np.flatnonzero((probes == cell).any(axis=1))
        compared += len(at_home) * len(others)
        for start in range(0, len(at_home), TILE):
            for left in range(0, len(others), TILE):
                one, other = at_home[start : start + TILE], others[left : left + TILE]
                tile = replace(tiles, scale=scale[np.concatenate([one, other])])
                i, j, product = tile.between(sums[one], sums[other], 0, len(one))
                i, j = one[i], other[j - len(one)]
                # Where each has the other's home among its cells they meet in both homes, and only one counts.
                once = (i < j) | (probes[i] != home[j, None]).all(axis=1)
                found.append(as_edges((np.minimum(i, j)[once], np.maximum(i, j)[once], product[once])))
    return joined_edges(found), compared


def cell_centres(content: Array) -> NDArray[np.int64]:
    """Return the centres of cells, [k, d], at length UNIT: spherical k-means, from rows at even distances."""
    k = max(CELLS, round(len(content) ** 0.5))
    sample = _nonzero(content[np.linspace(0, len(content) - 1, min(len(content), k * SAMPLED)).astype(np.int64)])
    centres = sample[np.unique(np.linspace(0, len(sample) - 1, k).astype(np.int64))]
    for _ in range(ROUNDS):
        home = nearest_cells(sample, centres)[:, 0]
        joined = np.zeros_like(centres)
        np.add.at(joined, home, sample)
        centres = _nonzero(joined)
    return centres


def _nonzero(rows: Array) -> NDArray[np.int64]:
    return unit_rows(rows[rows.any(axis=1)])


def nearest_cells(content: Array, centres: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the PROBES nearest cells of each row, the nearest one first, of equals that with the smaller number."""
    narrow = centres.astype(np.float32)
    blocks = []
    for start in range(0, len(content), TILE):
        rows = content[start : start + TILE]
        empty = ~rows.any(axis=1)
        units = np.zeros(rows.shape, dtype=np.float32)
        units[~empty] = unit_rows(rows[~empty])
        nearness = units @ narrow.T
        blocks.append(np.argsort(-nearness, axis=1, kind="stable")[:, :PROBES].astype(np.int32))
    return np.concatenate(blocks)


def audit(edges: Edges, sums: Array, scale: NDArray[np.float64], threshold: float, subtracted: int) -> tuple[int, int]:
    """Compare some rows with all; return how many of their pairs are similar, and how many of these are edges."""
    n = len(sums)
    rows = np.unique(np.linspace(0, n - 1, AUDITED).astype(np.int64))
    known = np.sort(edges[0].astype(np.int64) * n + edges[1])
    similar = found = 0
    tiles = Tiles.of(sums, scale, threshold, subtracted)
    for left in range(0, n, TILE):
        others = np.arange(left, min(left + TILE, n))
        tile = replace(tiles, scale=scale[np.concatenate([rows, others])])
        i, j, _ = tile.between(sums[rows], sums[others], 0, len(rows))
        i, j = rows[i], others[j - len(rows)]
        keys = np.unique((np.minimum(i, j) * n + np.maximum(i, j))[i != j])
        similar += len(keys)
        found += int(np.isin(keys, known).sum())
    return similar, found
