"""All pairs of vectors that are at least so similar, exactly, in memory bounded by one tile.

Vectors hold whole numbers, so a product of two of them is exact in floating point as long as it
stays below the mantissa, whatever order the processor adds in: the same pairs come out on every
machine, for every tile size and any number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TILE = 2048  # rows of a tile; a tile's similarities take TILE * TILE * 4 bytes
PAIRS = 512  # pairs whose products are taken at a time

Array = NDArray[np.signedinteger]
Pairs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


def norms(rows: Array) -> NDArray[np.float64]:
    """Return the length of each row [n]; correctly rounded, because its square is a whole number."""
    squares = np.empty(len(rows))
    for start in range(0, len(rows), TILE):
        block = rows[start : start + TILE].astype(np.float64)
        squares[start : start + TILE] = np.einsum("ij,ij->i", block, block)
    return np.sqrt(squares)


def with_signs(values: NDArray[np.floating], subtracted: int) -> NDArray[np.floating]:
    """Return the rows with their last ``subtracted`` columns negated: the other side of a product."""
    if not subtracted:
        return values
    mirrored = values.copy()
    mirrored[:, -subtracted:] *= -1
    return mirrored


def products(rows: Array, i: NDArray[np.int64], j: NDArray[np.int64], subtracted: int = 0) -> NDArray[np.float64]:
    """Return the products ``rows[i] @ rows[j]`` [m] of whole numbers, exact below 2**53 and else rounded once."""
    found = np.empty(len(i))
    for start in range(0, len(i), PAIRS):
        part = slice(start, start + PAIRS)
        one, other = rows[i[part]].astype(np.float64), rows[j[part]].astype(np.float64)
        if subtracted:
            one[:, -subtracted:] *= -1
        if not _exact(one, other):  # groups of ten thousands
            one, other = one.astype(np.int64), other.astype(np.int64)
        found[part] = np.einsum("ij,ij->i", one, other)
    return found


def _exact(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether no sum on the way to a product can leave the whole numbers that float64 holds (Cauchy-Schwarz)."""
    if one.shape[1] * np.abs(one).max() * np.abs(other).max() < 2**53:
        return True
    squares = np.einsum("ij,ij->i", one, one) * np.einsum("ij,ij->i", other, other)
    return bool(squares.max() < 2.0**104)


def pair_tiles(
    rows: Array, scale: NDArray[np.float64], threshold: float, tile: int | None = None, subtracted: int = 0
) -> Iterator[Pairs]:
    """Yield, tile by tile, the pairs with ``rows[i] @ rows[j] / (scale[i] * scale[j]) >= threshold``.

    Args:
        rows: Whole numbers, [n, d].
        scale: Positive, [n]: the norms for cosine similarity.
        threshold: Least similarity of a pair.
        tile: Rows of a tile; None for TILE.
        subtracted: Of the last so many columns the products are subtracted, not added.

    Yields:
        i, j (with i < j) and their product, sorted by i and j within a tile.
    """
    tile = tile or TILE
    tiles = Tiles.of(rows, scale, threshold, subtracted)
    for top in range(0, len(rows), tile):
        for left in range(top, len(rows), tile):
            yield tiles.between(rows[top : top + tile], rows[left : left + tile], top, left)


@dataclass(frozen=True, slots=True)
class Tiles:
    """How the similar pairs of two blocks of rows are found.

    Products are taken in float32, which is fast, of the rows as they are if all have one scale and all products
    are exact, else of the rows at about length 1. Then they are a cheap bound, less ``slack``, and the exact
    product follows for the few pairs that pass.
    """

    scale: NDArray[np.float64]
    threshold: float
    subtracted: int
    exact: bool
    slack: float

    @classmethod
    def of(cls, rows: Array, scale: NDArray[np.float64], threshold: float, subtracted: int) -> Tiles:
        squares = norms(rows) ** 2
        exact = bool(len(rows)) and bool(squares.max() <= 2**24 and (scale == scale[0]).all())
        # Of a product of d terms in float32 the error is at most d * 2**-24 times both lengths (Higham 2002).
        longest = float((squares / scale**2).max()) if len(rows) else 1.0
        slack = 1e-6 if exact else 2 * (rows.shape[1] + 4) * 2.0**-24 * longest
        return cls(scale, threshold, subtracted, exact, slack)

    def between(self, above: Array, beside: Array, top: int, left: int) -> Pairs:
        """Return i, j (i < j) and the product of the pairs of two blocks that start at rows ``top`` and ``left``."""
        scale = self.scale[top : top + len(above)], self.scale[left : left + len(beside)]
        least = self.threshold - self.slack
        if self.exact:
            one, other = above.astype(np.float32), beside.astype(np.float32)
            least *= float(scale[0][0]) ** 2
        else:
            one, other = (
                (rows / size[:, None]).astype(np.float32) for rows, size in zip((above, beside), scale, strict=True)
            )
        near = with_signs(one, self.subtracted) @ other.T
        # Much faster than np.nonzero, which counts in two dimensions.
        row, column = np.divmod(np.flatnonzero(near >= np.float32(least)), near.shape[1])
        before = row + top < column + left
        row, column = row[before], column[before]
        if self.exact:
            product = near[row, column].astype(np.float64)
        else:
            both = np.concatenate([above, beside])
            product = products(both, row, column + len(above), self.subtracted)
        keep = product / (scale[0][row] * scale[1][column]) >= self.threshold
        return row[keep] + top, column[keep] + left, product[keep]
