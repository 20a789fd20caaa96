"""Groups from similarities: connected components, stars of duplicates, and average linkage.

Average linkage merges, again and again, the two groups whose members are most similar on average.
Here it needs no matrix of pairs. Each vector is brought to the same length as whole numbers
(``unit_rows``), so the mean similarity of two groups is the product of their sums over the product of
their sizes, and all sums are exact. Columns that speak against a pair have products that are
subtracted. Groups that are each other's nearest merge in the same round ("reciprocal nearest
neighbours"): because a merged group is never nearer to a third than the nearer of its parts was, this
ends in the same groups as merging one pair at a time, and cuts at a higher threshold lie inside cuts
at a lower one. And because a merge at a mean needs one pair at that mean, only pairs above the cut are
held, and each connected component of them can be done on its own.

All groups are numbered by their smallest row, and ties go to the smaller number. So callers who sort
rows by id get groups that do not depend on the order of their input.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components as sparse_components

from transforms.core.neighbours import TILE, Array, Pairs, norms, pair_tiles, products, with_signs

# Length of a unit vector in whole numbers. Products of two rows are exact in float32; those of two groups
# of sizes a and b are exact in float64 while a * b < 2**31, and in 64-bit integers beyond.
UNIT = 2048
EDGES = 16_000_000  # pairs that are held at a time, about; 16 bytes each
STEP = 1_000_000  # of them, those that a calculation takes at a time
SAMPLE = (512, 32_768)  # rows and others from which the number of similar pairs is estimated

Labels = NDArray[np.int64]
Links = tuple[NDArray[np.int64], NDArray[np.int64]]
Edges = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]  # i, j, product


Compare = Callable[[Array, NDArray[np.float64], float, int], Edges]


class Compared(NamedTuple):
    """The pairs that are at least as similar as ``cut``, in any order."""

    cut: float
    edges: Edges


def unit_rows(vectors: Array) -> NDArray[np.int64]:
    """Return rows of whole numbers [n, d] at length UNIT, rounded; a cosine moves by about 0.0002.

    Rows quantised by their largest value have lengths that differ, so their plain products are not
    cosines: a sum of them would give long rows more say.
    """
    return np.rint(vectors.astype(np.float64) * (UNIT / norms(vectors))[:, None]).astype(np.int64)


def connected_components(n: int, i: NDArray[np.int64], j: NDArray[np.int64]) -> Labels:
    """Return the component of each of ``n`` nodes under edges (i, j), as its smallest node."""
    edges = coo_array((np.ones(len(i), dtype=np.int8), (i, j)), shape=(n, n))
    _, component = sparse_components(edges, directed=False)
    smallest = np.full(n, n, dtype=np.int64)
    np.minimum.at(smallest, component, np.arange(n))
    return smallest[component]


def stars(n: int, edges: Links, apart: Links) -> Labels:
    """Return groups of ``n`` nodes in which every member has an edge to the group's centre.

    The node with most edges (the smallest of equals) becomes a centre and takes its neighbours that are
    still free, those with most edges first, but none that is to stay apart from one it has taken. Then the
    next free node does. Unlike components, stars cannot chain: two members are never further than two edges
    apart. Labels are each group's smallest node.

    Args:
        n: Number of nodes.
        edges: Pairs of nodes that belong together, i and j.
        apart: Pairs of nodes that do not, i and j.
    """
    neighbours, strangers = _adjacent(n, edges), _adjacent(n, apart)
    rank = sorted(range(n), key=lambda node: (-len(neighbours[node]), node))
    place = {node: position for position, node in enumerate(rank)}
    labels = np.full(n, -1, dtype=np.int64)
    for centre in rank:
        if labels[centre] < 0:
            star = [centre]
            kept_out = set(strangers[centre])
            for node in sorted(neighbours[centre], key=place.__getitem__):
                if labels[node] < 0 and node not in kept_out:
                    star.append(node)
                    kept_out.update(strangers[node])
            labels[star] = min(star)
    return labels


def _adjacent(n: int, edges: Links) -> list[list[int]]:
    neighbours: list[list[int]] = [[] for _ in range(n)]
    for a, b in zip(edges[0].tolist(), edges[1].tolist(), strict=True):
        neighbours[a].append(b)
        neighbours[b].append(a)
    return neighbours


def average_linkage(
    sums: Array,
    weights: NDArray[np.int64],
    threshold: float,
    subtracted: int = 0,
    compared: Compared | None = None,
    compare: Compare | None = None,
) -> Labels:
    """Return the groups of average linkage, cut where the mean similarity falls below ``threshold``.

    Where more than EDGES pairs are so similar, a higher cut comes first, whose groups are fewer: cuts at a lower
    threshold go on from those at a higher one.

    Args:
        sums: One row of whole numbers per starting group, [n, d]: the sum of its ``unit_rows``.
        weights: Number of rows in each sum, [n].
        threshold: Least mean similarity at which two groups merge; above 0.
        subtracted: Of the last so many columns the products are subtracted, not added.
        compared: The pairs at the first cut, where they have been found elsewhere.
        compare: Finds similar pairs as ``similar_pairs`` does, None for that.

    Returns:
        For each starting group the smallest starting group that it ends with, [n].
    """
    labels = np.arange(len(sums))
    groups, group_of = labels, labels
    cut = math.inf
    while len(groups) > 1 and cut > threshold:
        scale = weights.astype(np.float64) * UNIT
        if compared is None:
            cut = next_cut(sums, scale, threshold, cut, subtracted)
            compared = Compared(cut, (compare or similar_pairs)(sums, scale, cut, subtracted))
        cut = compared.cut
        merged = linked(sums, scale, compared.edges, cut, subtracted)
        compared = None
        labels = groups[merged][group_of]
        if cut > threshold:
            kept, group_of_kept = np.unique(merged, return_inverse=True)
            sums = _joined(sums, group_of_kept, np.int32)
            weights = _joined(weights, group_of_kept, np.int64).astype(np.int64)
            groups, group_of = groups[kept], group_of_kept[group_of]
    return labels


def _joined(rows: Array, group_of: Labels, dtype: type[np.signedinteger]) -> Array:
    """Return the sum of the rows of each group; sums of 2**20 unit rows at most fit into 32 bits."""
    sums = np.zeros((group_of.max() + 1, *rows.shape[1:]), dtype=dtype)
    np.add.at(sums, group_of, rows)
    return sums


def next_cut(sums: Array, scale: NDArray[np.float64], threshold: float, before: float, subtracted: int) -> float:
    """Return ``threshold`` or, if about more than EDGES pairs are so similar, a cut above that fewer ones reach.

    It is below the cut of ``before``. Whichever it is, the groups are the same in the end.
    """
    n = len(sums)
    if n * (n - 1) // 2 <= EDGES:
        return threshold
    rows, others = (np.unique(np.linspace(0, n - 1, size).astype(np.int64)) for size in SAMPLE)
    one, other = ((sums[part] / scale[part, None]).astype(np.float32) for part in (rows, others))
    similarity = with_signs(one, subtracted) @ other.T
    similarity[rows[:, None] == others] = -1  # with itself
    quantile = float(np.quantile(similarity, 1 - EDGES / (n * (n - 1) / 2)))
    rounded = math.floor(quantile * 100) / 100  # to be the same on every machine
    return max(threshold, min(rounded, before - 0.01))


def similar_pairs(sums: Array, scale: NDArray[np.float64], threshold: float, subtracted: int) -> Edges:
    """Return i, j (i < j) and the product of all pairs that are at least so similar."""
    tiles = pair_tiles(sums, scale, threshold, TILE, subtracted)
    return joined_edges([as_edges(pairs) for pairs in tiles if len(pairs[0])])


def as_edges(pairs: Pairs) -> Edges:
    """Return pairs in the form in which many are held."""
    i, j, product = pairs
    return i.astype(np.int32), j.astype(np.int32), product


def joined_edges(parts: Sequence[Edges]) -> Edges:
    """Return the edges of all parts."""
    if not parts:
        return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int32), np.empty(0)
    i, j, product = (np.concatenate(part) for part in zip(*parts, strict=True))
    return i, j, product


def members_of(labels: Labels) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of each label, ascending; groups in the order of their labels."""
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order])) + 1
    yield from np.split(order, starts)


def linked(sums: Array, scale: NDArray[np.float64], edges: Edges, threshold: float, subtracted: int = 0) -> Labels:
    """Return the groups of average linkage, given all pairs that are as similar as ``threshold``.

    Two groups whose mean is that high have a pair of parts whose mean is, so only groups with an edge between
    them need to be looked at. ``edges`` is overwritten: there is no room for it twice.
    """
    n = len(sums)
    ends = np.zeros(n, dtype=bool)  # the others stay alone
    ends[edges[0]] = ends[edges[1]] = True
    nodes = np.flatnonzero(ends)
    place = np.cumsum(ends, dtype=np.int32) - 1
    rows = np.empty((len(nodes), sums.shape[1]), dtype=np.int32)
    for start in range(0, len(nodes), TILE):
        rows[start : start + TILE] = sums[nodes[start : start + TILE]]
    for end in edges[:2]:
        end[:] = place[end]
    merged = _merge_reciprocal(rows, scale[nodes], edges, threshold, subtracted)
    labels = np.arange(n)
    labels[nodes] = nodes[merged]
    return labels


def _merge_reciprocal(
    sums: NDArray[np.int32], scale: NDArray[np.float64], edges: Edges, threshold: float, subtracted: int
) -> Labels:
    """Merge reciprocal nearest neighbours until none is as similar as ``threshold``; return labels [m].

    ``sums`` [m, d] and the products of ``edges`` are changed in place; ``scale`` [m] is each group's size times UNIT.
    """
    m = len(sums)
    scale = scale.copy()
    labels = np.arange(m)
    i, j, similarity = edges
    _to_means(similarity, scale, i, j)
    nearest = np.full(m, m)
    highest = np.full(m, -np.inf)
    active = np.ones(m, dtype=bool)
    stale = active  # stale groups do not know their nearest neighbour
    while True:
        _find_nearest(nearest, highest, i, j, similarity, stale)
        # Merging never brings a group nearer to others, so what is alone now stays alone.
        active &= highest > -np.inf
        if not active.any():
            return labels
        asking = np.flatnonzero(active)
        kept = asking[(nearest[nearest[asking]] == asking) & (asking < nearest[asking])]
        gone = nearest[kept]
        sums[kept] += sums[gone]
        scale[kept] += scale[gone]
        survivor = np.arange(m)
        survivor[gone] = kept
        labels = survivor[labels]
        changed = np.zeros(m, dtype=bool)
        changed[gone] = changed[kept] = True
        active[gone] = False
        stale = active & (changed | changed[np.minimum(nearest, m - 1)])
        if not len(kept):  # equal similarities may hide a pair behind an old answer: ask all again
            stale = active.copy()
            continue
        moved = changed[i] | changed[j]
        a, b = _joined_pairs(survivor, i[moved], j[moved])
        means = products(sums, a, b, subtracted)
        _to_means(means, scale, a, b)
        near = means >= threshold
        i = np.concatenate([i[~moved], a[near].astype(np.int32)])
        j = np.concatenate([j[~moved], b[near].astype(np.int32)])
        similarity = np.concatenate([similarity[~moved], means[near]])


def _to_means(products: NDArray[np.float64], scale: NDArray[np.float64], i: Array, j: Array) -> None:
    """Divide the products of sums by the scales of both, in place."""
    for start in range(0, len(products), STEP):
        part = slice(start, start + STEP)
        products[part] /= scale[i[part]] * scale[j[part]]


def _joined_pairs(group_of: Labels, i: NDArray[np.int32], j: NDArray[np.int32]) -> Links:
    """Return the pairs of different groups that edges are between, a < b, sorted, each once."""
    m = len(group_of)
    keys = np.empty(len(i), dtype=np.int64)
    for start in range(0, len(i), STEP):
        part = slice(start, start + STEP)
        a, b = group_of[i[part]], group_of[j[part]]
        keys[part] = np.where(a == b, -1, np.minimum(a, b) * m + np.maximum(a, b))
    keys.sort()
    keys = keys[np.searchsorted(keys, 0) :]
    once = np.ones(len(keys), dtype=bool)
    once[1:] = keys[1:] != keys[:-1]
    a, b = np.divmod(keys[once], m)
    return a, b


def _find_nearest(
    nearest: Labels,
    highest: NDArray[np.float64],
    i: NDArray[np.int32],
    j: NDArray[np.int32],
    similarity: NDArray[np.float64],
    stale: NDArray[np.bool_],
) -> None:
    """Set for each stale group the most similar one (the smallest of equals) and its similarity, -inf without any."""
    highest[stale] = -np.inf
    nearest[stale] = len(nearest)
    for source in (i, j):
        asked = stale[source]
        np.maximum.at(highest, source[asked], similarity[asked])
    for source, target in ((i, j), (j, i)):
        best = stale[source] & (similarity == highest[source])
        np.minimum.at(nearest, source[best], target[best])
