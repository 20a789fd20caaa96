"""Static word vectors: what a line is about, one look-up per word, no network of its own.

``transforms/models/words.npz`` holds them, distilled from the packaged MiniLM by ``training/word_vectors.py``. The
words are those of its English vocabulary; a line in another language mostly has a vector of zeros, and the role
model is fitted with the vectors left out at random, so that it works without them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_PACKAGED = Path(__file__).parents[1] / "models" / "words.npz"


@dataclass(frozen=True)
class WordVectors:
    """``rows`` gives a lower-cased word's row in ``table``, float32 [words, dimensions]."""

    rows: dict[str, int]
    table: NDArray[np.float32]
    hash: str


@lru_cache(maxsize=1)
def word_vectors() -> WordVectors:
    """The packaged vectors, loaded once per process."""
    with np.load(_PACKAGED, allow_pickle=False) as arrays:
        words = bytes(arrays["words"]).decode().split("\n")
        table = arrays["vectors"].astype(np.float32) * arrays["scale"][:, None]
    rows = {word: row for row, word in enumerate(words)}
    return WordVectors(rows, table, hashlib.sha256(_PACKAGED.read_bytes()).hexdigest())


def line_vectors(lines: Sequence[Sequence[str]]) -> NDArray[np.float32]:
    """Sum of the vectors of each line's known words, over the square root of their number.

    Args:
        lines: the lower-cased words of each line.

    Returns:
        float32 [len(lines), dimensions]; zeros for a line without a known word.
    """
    vectors = word_vectors()
    known = [[row for word in line if (row := vectors.rows.get(word)) is not None] for line in lines]
    sizes = np.array([len(rows) for rows in known])
    out = np.zeros((len(lines), vectors.table.shape[1]), np.float32)
    filled = sizes > 0
    if filled.any():
        flat = np.array([row for rows in known for row in rows])
        starts = (np.cumsum(sizes) - sizes)[filled]
        out[filled] = np.add.reduceat(vectors.table[flat], starts, axis=0) / np.sqrt(sizes[filled])[:, None]
    return out
