"""All pairs of vectors that are at least so similar, exactly, in memory bounded by one tile.

Vectors hold whole numbers, so a product of two of them is exact in floating point as long as it
stays below the mantissa, whatever order the processor adds in: the same pairs come out on every
machine, for every tile size and any number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

TILE = 2048  # rows of a tile; a tile's similarities take TILE * TILE * 4 or 8 bytes

Array = NDArray[np.generic]
Pairs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


def exact_floats(rows: Array) -> NDArray[np.floating]:
    """Return the whole numbers ``rows`` [n, d] in the smallest float type in which products are exact.

    By Cauchy-Schwarz no partial sum of a product exceeds the larger squared norm: float32 holds whole
    numbers up to 2**24, float64 up to 2**53.
    """
    blocks = (rows[start : start + TILE].astype(np.float64) for start in range(0, len(rows), TILE))
    largest = max((float(np.einsum("ij,ij->i", block, block).max()) for block in blocks), default=0.0)
    return rows.astype(np.float32 if largest <= 2**24 else np.float64)


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


def pair_tiles(
    rows: Array, scale: NDArray[np.float64], threshold: float, tile: int = TILE, subtracted: int = 0
) -> Iterator[Pairs]:
    """Yield, tile by tile, the pairs with ``rows[i] @ rows[j] / (scale[i] * scale[j]) >= threshold``.

    Args:
        rows: Whole numbers, [n, d].
        scale: Positive, [n]: the norms for cosine similarity.
        threshold: Least similarity of a pair; above 0.
        tile: Rows of a tile.
        subtracted: Of the last so many columns the products are subtracted, not added.

    Yields:
        i, j (with i < j) and their similarity, sorted by i and j within a tile.
    """
    values = exact_floats(rows)
    narrow = scale.astype(values.dtype)
    for top in range(0, len(values), tile):
        above = slice(top, top + tile)
        for left in range(top, len(values), tile):
            beside = slice(left, left + tile)
            products = with_signs(values[above], subtracted) @ values[beside].T
            # A cheap bound in the tile's own precision; the exact test follows for the few that pass.
            least = narrow[above] * narrow.dtype.type(threshold * (1 - 1e-5))
            bound = np.multiply.outer(least, narrow[beside])
            row, column = np.nonzero(products >= bound)
            i, j = row + top, column + left
            similarity = products[row, column].astype(np.float64) / (scale[i] * scale[j])
            keep = (i < j) & (similarity >= threshold)
            yield i[keep], j[keep], similarity[keep]
