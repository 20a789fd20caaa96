"""The comparison of all pairs as tasks for many workers: blocks of rows, and the similar pairs of two blocks.

One worker finds the duplicates and writes the rows that are to be compared, block by block. Each task is two
blocks; whoever gets it reads both and returns their similar pairs, as bytes. The pairs of all tasks are those that
one worker would have found, so the groups are the same whoever did what, and in which order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from transforms.core.components import UNIT, Compared, Edges, as_edges, joined_edges, next_cut
from transforms.core.levels import SUBTRACTED, Found, prepared
from transforms.core.neighbours import TILE, Tiles
from transforms.settings import ClusterSettings
from transforms.types import Vector

BLOCK = 8192  # rows of a block: 18 MB


class Blocks(Protocol):
    """Where blocks of rows are kept, for all workers to read."""

    def write(self, number: int, content: bytes) -> None: ...

    def read(self, number: int) -> bytes: ...


class Task(NamedTuple):
    """Two blocks, which may be one and the same, the least similarity of a pair, and the columns of a row."""

    above: int
    beside: int
    cut: float
    columns: int


class Start(NamedTuple):
    """What the one worker has found: ``Found.duplicate`` as bytes, and the tasks."""

    duplicate: bytes
    tasks: list[Task]


def start(vectors: Sequence[Vector], settings: ClusterSettings, blocks: Blocks) -> Start:
    """Find the duplicates, write what is to be compared, and return who is to compare what with what.

    Vectors of one block are no task: whoever groups them has compared them as fast. Nor are those of which not all
    pairs are compared (``cells.py``).
    """
    if len(vectors) <= BLOCK:
        return Start(b"", [])
    ready = prepared(vectors, settings)
    votes = ready.votes
    if len(votes) > settings.all_pairs:  # few pairs are compared, by who groups them
        return Start(ready.duplicate.astype("<i8").tobytes(), [])
    cut = next_cut(votes, np.full(len(votes), float(UNIT)), settings.story, np.inf, SUBTRACTED)
    numbers = range(0, len(votes), BLOCK)
    for number, first in enumerate(numbers):
        blocks.write(number, votes[first : first + BLOCK].tobytes())
    tasks = [
        Task(above, beside, cut, votes.shape[1])
        for above in range(len(numbers))
        for beside in range(above, len(numbers))
    ]
    return Start(ready.duplicate.astype("<i8").tobytes(), tasks)


def similar(task: Task, blocks: Blocks) -> bytes:
    """Return the similar pairs of two blocks."""
    one, other = (
        np.frombuffer(blocks.read(number), dtype=np.int16).reshape(-1, task.columns)
        for number in (task.above, task.beside)
    )
    rows = one if task.above == task.beside else np.concatenate([one, other])
    tiles = Tiles.of(rows, np.full(len(rows), float(UNIT)), task.cut, SUBTRACTED)
    first = len(rows) - len(other)  # of the second block's rows
    found = []
    for top in range(0, len(one), TILE):
        for left in range(top if task.above == task.beside else 0, len(other), TILE):
            found.append(as_edges(tiles.between(one[top : top + TILE], other[left : left + TILE], top, first + left)))
    i, j, product = joined_edges([edges for edges in found if len(edges[0])])
    i += task.above * BLOCK
    j += task.beside * BLOCK - first
    return b"".join((i.astype("<i4").tobytes(), j.astype("<i4").tobytes(), product.astype("<f8").tobytes()))


def collected(duplicate: bytes, cut: float, parts: Iterable[bytes]) -> Found:
    """Return what has been found by all, from the results of all tasks in any order; a ``cut`` of 0 is that of none."""
    compared = Compared(cut, joined_edges(list(_edges(parts)))) if cut else None
    return Found(np.frombuffer(duplicate, dtype="<i8").astype(np.int64), compared)


def _edges(parts: Iterable[bytes]) -> Iterator[Edges]:
    for part in parts:
        n = len(part) // 16
        yield (
            np.frombuffer(part, dtype="<i4", count=n).astype(np.int32),
            np.frombuffer(part, dtype="<i4", count=n, offset=4 * n).astype(np.int32),
            np.frombuffer(part, dtype="<f8", count=n, offset=8 * n).astype(np.float64),
        )
