"""Groups from similarities: connected components, stars of duplicates, and average linkage.

Average linkage merges, again and again, the two groups whose members are most similar on average.
Here it needs no matrix of pairs. Each vector is brought to the same length as whole numbers
(``unit_rows``), so the mean similarity of two groups is the product of their sums over the product of
their sizes, and all sums are exact. Columns that speak against a pair have products that are
subtracted. Groups that are each other's nearest merge in the same round ("reciprocal nearest
neighbours"): because a merged group is never nearer to a third than the nearer of its parts was, this
ends in the same groups as merging one pair at a time, and cuts at a higher threshold lie inside cuts
at a lower one. And because a merge at a mean needs one pair at that mean, it is done in each connected
component on its own.

All groups are numbered by their smallest row, and ties go to the smaller number. So callers who sort
rows by id get groups that do not depend on the order of their input.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components as sparse_components

from transforms.core.neighbours import TILE, Array, exact_floats, norms, pair_tiles, with_signs

# Length of a unit vector in whole numbers. Products of two rows are exact in float32; those of two groups
# of sizes a and b are exact in float64 while a * b < 2**31, so always below 92,000 vectors in all.
UNIT = 2048

Labels = NDArray[np.int64]
Edges = tuple[NDArray[np.int64], NDArray[np.int64]]


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


def stars(n: int, edges: Edges, apart: Edges) -> Labels:
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


def _adjacent(n: int, edges: Edges) -> list[list[int]]:
    neighbours: list[list[int]] = [[] for _ in range(n)]
    for a, b in zip(edges[0].tolist(), edges[1].tolist(), strict=True):
        neighbours[a].append(b)
        neighbours[b].append(a)
    return neighbours


def average_linkage(sums: Array, weights: NDArray[np.int64], threshold: float, subtracted: int = 0) -> Labels:
    """Return the groups of average linkage, cut where the mean similarity falls below ``threshold``.

    Args:
        sums: One row of whole numbers per starting group, [n, d]: the sum of its ``unit_rows``.
        weights: Number of rows in each sum, [n].
        threshold: Least mean similarity at which two groups merge; above 0.
        subtracted: Of the last so many columns the products are subtracted, not added.

    Returns:
        For each starting group the smallest starting group that it ends with, [n].
    """
    n = len(sums)
    scale = weights.astype(np.float64) * UNIT
    component = np.arange(n)
    for i, j, _ in pair_tiles(sums, scale, threshold, subtracted=subtracted):
        i, j = component[i], component[j]
        apart = i != j
        if apart.any():
            component = connected_components(n, i[apart], j[apart])[component]
    labels = np.arange(n)
    for members in members_of(component):
        if len(members) > 1:
            merged = _merge_reciprocal(sums[members].astype(np.float64), scale[members], threshold, subtracted)
            labels[members] = members[merged]
    return labels


def members_of(labels: Labels) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of each label, ascending; groups in the order of their labels."""
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order])) + 1
    yield from np.split(order, starts)


def _merge_reciprocal(
    sums: NDArray[np.float64], scale: NDArray[np.float64], threshold: float, subtracted: int
) -> Labels:
    """Merge reciprocal nearest neighbours until none is as similar as ``threshold``; return labels [m].

    ``sums`` [m, d] is changed in place; ``scale`` [m] is each group's size times UNIT.
    """
    m = len(sums)
    scale = scale.copy()
    labels = np.arange(m)
    nearest = np.full(m, -1)
    similarity = np.full(m, -np.inf)
    active = stale = np.arange(m)  # ascending; stale groups do not know their nearest neighbour
    while True:
        nearest[stale], similarity[stale] = _nearest(sums, scale, stale, active, subtracted)
        # Merging never brings a group nearer to others, so what is alone now stays alone.
        active = active[similarity[active] >= threshold]
        if not len(active):
            return labels
        kept = active[(nearest[nearest[active]] == active) & (active < nearest[active])]
        gone = nearest[kept]
        sums[kept] += sums[gone]
        scale[kept] += scale[gone]
        survivor = np.arange(m)
        survivor[gone] = kept
        labels = survivor[labels]
        changed = survivor != np.arange(m)
        changed[kept] = True
        active = active[~np.isin(active, gone)]
        stale = active[changed[active] | changed[nearest[active]]]
        if not len(kept):  # equal similarities may hide a pair behind an old answer: ask all again
            stale = active


def _nearest(
    sums: NDArray[np.float64], scale: NDArray[np.float64], rows: Labels, others: Labels, subtracted: int
) -> tuple[Labels, NDArray[np.float64]]:
    """Return for each of ``rows`` the most similar of ``others`` but itself (the smallest of equals).

    Both are ascending and ``rows`` is part of ``others``. A group without others gets similarity -inf.
    """
    nearest = np.empty(len(rows), dtype=np.int64)
    similarity = np.empty(len(rows))
    values = exact_floats(sums[others])
    place = np.searchsorted(others, rows)
    step = max(1, TILE * TILE // len(others))
    for start in range(0, len(rows), step):
        part = place[start : start + step]
        means = (with_signs(values[part], subtracted) @ values.T).astype(np.float64)
        means /= np.multiply.outer(scale[others[part]], scale[others])
        means[np.arange(len(part)), part] = -np.inf
        best = means.argmax(axis=1)
        nearest[start : start + step] = others[best]
        similarity[start : start + step] = means[np.arange(len(part)), best]
    return nearest, similarity
