"""Which texts are the same text: but for bylines, cuts, dropped words, other boilerplate, corrections.

Two texts are near duplicates if most word sequences of the shorter one stand in the longer one
(containment), the longer one is not many times as long (Jaccard similarity), and names and numbers in
the same places agree. The last condition tells a copy from another filling of the same template: a
result, a forecast or a report with other figures shares nearly all its words.

Containment is estimated from the smallest hashes of both texts' shingles (Broder 1997, "On the
resemblance and containment of documents"): below the smaller of the two largest hashes that were kept
both samples are complete, so what they share there is a fair sample of what the texts share.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms.core.lexical import FACT, FACT_KINDS, FACTS, SKETCH_SIZE

# Share of the common places of numbers, and of names, in which two texts may differ. A correction differs in
# one place, another filling in most; names that are common words ("Monday") make fillings more alike.
MAX_CONFLICTS = (0.5, 0.08)
SHORT = 20  # shingles below which a text says too little to be told from a part of another
SHORT_JACCARD = 0.5
NEIGHBOURS = 24  # texts with a common shingle that are compared with each other, by row
ROWS = 8192  # texts whose pairs are counted at a time
ANCHORS = 4  # the first texts with a common shingle, which are compared with all others

_ALL = 1 << 32  # above every hash

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Overlap:
    """Estimated shares of common shingles: of the smaller text's, and of all that either has; in [0, 1].

    ``sample`` is the number of the smaller text's shingles that the estimate rests on.
    """

    containment: float
    jaccard: float
    sample: int


def overlap(a: bytes, b: bytes) -> Overlap:
    """Return how far the shingles behind two sketches (``lexical.shingle_sketch``) agree.

    It is exact while both texts have fewer than 128 shingles.
    """
    first, second = (np.frombuffer(sketch, dtype="<u4").tolist() for sketch in (a, b))
    limit = min((s[-1] + 1 if len(s) == SKETCH_SIZE else _ALL) for s in (first, second))
    one = {h for h in first if h < limit}
    two = {h for h in second if h < limit}
    shared, smaller = len(one & two), min(len(one), len(two))
    if not smaller:
        return Overlap(0.0, 0.0, 0)
    return Overlap(shared / smaller, shared / (len(one) + len(two) - shared), smaller)


def conflicts(a: bytes, b: bytes) -> list[tuple[int, int]]:
    """Return for numbers and for names (``lexical.fact_sketch``) in how many common places two texts differ.

    Returns:
        For each kind, the places that differ and all common ones.
    """
    first, second = _facts(a), _facts(b)
    found = [[0, 0] for _ in range(FACT_KINDS)]
    for place in first.keys() & second.keys():
        one, two = first[place], second[place]
        kind = next(iter(one)) % FACT_KINDS
        found[kind][0] += not (one <= two or two <= one)  # a part of a name is no other name
        found[kind][1] += 1
    return [(differ, common) for differ, common in found]


def _facts(packed: bytes) -> dict[int, set[int]]:
    entries = np.frombuffer(packed, dtype=FACT)
    facts: dict[int, set[int]] = {}
    for place, fact in zip(entries["place"].tolist(), entries["fact"].tolist(), strict=True):
        facts.setdefault(place, set()).add(fact)
    if len(entries) == FACTS:
        del facts[entries["place"][-1]]  # of the last place some facts may be missing
    return facts


def agree(a: bytes, b: bytes) -> bool:
    """Return whether the names and the numbers of two texts agree, where their places are the same."""
    return all(differ <= most * common for most, (differ, common) in zip(MAX_CONFLICTS, conflicts(a, b), strict=True))


def near_duplicates(
    sketches: Sequence[bytes], facts: Sequence[bytes], containment: float, jaccard: float
) -> tuple[Pairs, Pairs]:
    """Return the pairs that are near duplicates, and those that would be, but for names or numbers.

    Args:
        sketches: The ``lexical.shingle_sketch`` of each text.
        facts: The ``lexical.fact_sketch`` of each text.
        containment: Least share of the shorter text's shingles that the longer one has.
        jaccard: Least share of all their shingles that both have; SHORT_JACCARD for short texts.

    Returns:
        Twice i and j (i < j), sorted by i, then j.
    """
    i, j = candidates(sketches, jaccard)
    near = np.array(
        [near_by_words(sketches[a], sketches[b], containment, jaccard) for a, b in zip(i, j, strict=True)], dtype=bool
    )
    i, j = i[near], j[near]
    same = np.array([agree(facts[a], facts[b]) for a, b in zip(i, j, strict=True)], dtype=bool)
    return (i[same], j[same]), (i[~same], j[~same])


def near_by_words(a: bytes, b: bytes, containment: float, jaccard: float) -> bool:
    """Return whether the shingles behind two sketches agree as far as ``near_duplicates`` asks."""
    found = overlap(a, b)
    least = max(jaccard, SHORT_JACCARD) if found.sample < SHORT else jaccard
    return found.containment >= containment and found.jaccard >= least


def candidates(sketches: Sequence[bytes], jaccard: float) -> Pairs:
    """Return pairs of texts (i < j, sorted) that have so many common shingles that they may be near duplicates.

    Texts with a common shingle in their sketches meet: each with the NEIGHBOURS next ones by row, and
    with the first ANCHORS ones. So a phrase of half of all texts costs no square of them, and of many
    copies of one text each still meets the first ones, which become the centres of their group.
    """
    n = len(sketches)
    sizes = np.array([len(sketch) // 4 for sketch in sketches], dtype=np.int64)
    rows, ends = _shared(np.frombuffer(b"".join(sketches), dtype="<u4"), sizes)
    starts = np.zeros(len(rows), dtype=np.int64)  # of the run of an entry's hash
    starts[1:] = np.where(ends[1:] == ends[:-1], 0, np.arange(1, len(rows)))
    starts = np.maximum.accumulate(starts)
    by_row = np.argsort(rows, kind="stable")
    bounds = np.searchsorted(rows[by_row], np.arange(0, n + ROWS, ROWS))
    found = [(np.empty(0, dtype=np.int64),) * 2]
    for start, end in itertools.pairwise(bounds.tolist()):
        i, j, shared = _meetings(rows, starts, ends, by_row[start:end], n)
        # The longer sketch is a part of the union, so this many are needed; half, for not all were counted.
        enough = shared >= 0.5 * jaccard * np.maximum(sizes[i], sizes[j])
        found.append((i[enough], j[enough]))
    i, j = (np.concatenate(part) for part in zip(*found, strict=True))
    return i, j


def _shared(hashes: NDArray[np.uint32], sizes: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the texts of each hash that two or more have, ascending within a hash, and where its run ends."""
    order = np.argsort(hashes, kind="stable")  # so texts stay ascending
    ordered = hashes[order]
    borders = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1], [True]])[: len(ordered) + 1])
    runs = np.diff(borders)
    several = np.repeat(runs > 1, runs)
    rows = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)[order[several]]
    runs = runs[runs > 1]
    return rows, np.repeat(np.cumsum(runs), runs)


def _meetings(
    rows: NDArray[np.int32],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    places: NDArray[np.int64],
    n: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs whose first text stands at one of ``places``, sorted, and how many hashes each shares."""
    keys: list[NDArray[np.int64]] = []
    for step in range(1, NEIGHBOURS + 1):
        here = places[places + step < ends[places]]
        keys.append(rows[here].astype(np.int64) * n + rows[here + step])
    # An anchor meets all that stand further behind it than its neighbours do.
    anchors = places[places - starts[places] < ANCHORS]
    behind = anchors + NEIGHBOURS + 1
    lengths = np.maximum(ends[anchors] - behind, 0)
    offsets = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    keys.append(np.repeat(rows[anchors].astype(np.int64) * n, lengths) + rows[np.repeat(behind, lengths) + offsets])
    pairs, shared = np.unique(np.concatenate(keys), return_counts=True)
    i, j = np.divmod(pairs, max(1, n))
    return i, j, shared
