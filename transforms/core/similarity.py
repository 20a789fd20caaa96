"""One vector for "the same event": what a text means, which words it uses, and when it was published.

An embedding knows that two texts are about an earthquake; that they are about two of them stands in
names and numbers. So each text gets its embedding and a TF-IDF vector of its words side by side, scaled
by ``sqrt(1 - b)`` and ``sqrt(b)``: the product of two such vectors is a weighted mean of both cosines.
The share ``b = k / (k + HALF_WEIGHT)`` of the words grows with the number ``k`` of words that a text
brings, for a headline has too few to tell by them. One threshold then fits headlines and full texts.

Words are hashed into LEXICAL_DIMENSIONS signed columns (Weinberger et al. 2009, "Feature hashing").
A word of one document only cannot agree with any other and keeps its weight without a column.

Distance in time counts where both dates are known: DAY_PENALTY for each day apart, for up to DAYS
days. The penalty is a product as well, of DAY_COLUMNS columns that add and one that subtracts, so
it is exact in a mean over groups. Dates further apart than DAY_COLUMNS - DAYS days can meet again
on the circle of columns and are then treated as if one of them were unknown.

All values are whole numbers, so products and sums are exact in any order (see ``neighbours.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transforms.core.components import UNIT
from transforms.core.lexical import WORD_WEIGHT
from transforms.core.neighbours import norms

LEXICAL_DIMENSIONS = 640
HALF_WEIGHT = 15  # words at which the lexical part counts as much as the embedding
IDF_STEPS = 64  # inverse document frequencies are whole multiples of 1 / 64

DAY_PENALTY = 0.02  # of similarity, per day between two dates
DAYS = 8  # days after which the penalty grows no further
DAY_COLUMNS = 64
_DAY = round(UNIT * DAY_PENALTY**0.5)
_FAR = round(_DAY * DAYS**0.5)

_ROWS = 4096  # rows that are built at a time

Rows = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Frequencies:
    """In how many of ``documents`` each word occurs; ``hashes`` [w] are ascending."""

    documents: int
    hashes: NDArray[np.uint32]
    counts: NDArray[np.int64]

    def of(self, hashes: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Return the counts of words [m]; 0 for one of no document."""
        if not len(self.hashes):
            return np.zeros(len(hashes), dtype=np.int64)
        place = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        return np.where(self.hashes[place] == hashes, self.counts[place], 0)


def document_frequencies(words: Sequence[bytes]) -> Frequencies:
    """Count the words of documents, each given by its ``lexical.word_weights``."""
    hashes, counts = np.unique(np.frombuffer(b"".join(words), dtype=WORD_WEIGHT)["hash"], return_counts=True)
    return Frequencies(len(words), hashes, counts)


def event_rows(embeddings: NDArray[np.int8], words: Sequence[bytes], frequencies: Frequencies) -> Rows:
    """Return embeddings and words as one vector each, [n, d + LEXICAL_DIMENSIONS], of length UNIT at most.

    Args:
        embeddings: Quantised, [n, d].
        words: The ``lexical.word_weights`` of each text.
        frequencies: In how many texts each word occurs.
    """
    n, d = embeddings.shape
    rows = np.empty((n, d + LEXICAL_DIMENSIONS), dtype=np.int16)
    for start in range(0, n, _ROWS):
        part = slice(start, start + _ROWS)
        lexical, sizes = _lexical(words[part], frequencies)
        share = sizes / (sizes + HALF_WEIGHT)
        scale = UNIT * np.sqrt(1 - share) / norms(embeddings[part])
        rows[part, :d] = np.rint(embeddings[part] * scale[:, None])
        rows[part, d:] = np.rint(lexical * (UNIT * np.sqrt(share))[:, None])
    return rows


def _lexical(words: Sequence[bytes], frequencies: Frequencies) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the TF-IDF vectors of texts, [n, LEXICAL_DIMENSIONS], and their numbers of words, [n]."""
    n = len(words)
    entries = np.frombuffer(b"".join(words), dtype=WORD_WEIGHT)
    sizes = np.array([len(packed) // WORD_WEIGHT.itemsize for packed in words], dtype=np.int64)
    row = np.repeat(np.arange(n), sizes)
    counts = np.maximum(frequencies.of(entries["hash"]), 1)
    idf = np.rint(IDF_STEPS * (1 + np.log((1 + frequencies.documents) / (1 + counts))))
    weights = entries["weight"] * idf
    # Whole numbers far below 2**53: their sums are exact, whatever the order.
    squares = np.bincount(row, weights * weights, minlength=n)
    shared = counts > 1
    column = entries["hash"] % LEXICAL_DIMENSIONS
    sign = np.where(entries["hash"] >> 31, 1.0, -1.0)
    place = row * LEXICAL_DIMENSIONS + column
    sums = np.bincount(place[shared], (weights * sign)[shared], minlength=n * LEXICAL_DIMENSIONS)
    lengths = np.sqrt(np.maximum(squares, 1))
    return sums.reshape(n, LEXICAL_DIMENSIONS) / lengths[:, None], sizes


def day_columns(days: Sequence[int | None]) -> Rows:
    """Return columns [n, DAY_COLUMNS + 1] that lower the similarity of distant dates; the last one subtracts.

    Args:
        days: Number of the day of each text, from any origin; None if it is not known. Its columns are 0.
    """
    columns = np.zeros((len(days), DAY_COLUMNS + 1), dtype=np.int16)
    for row, day in zip(columns, days, strict=True):
        if day is not None:
            row[[(day + later) % DAY_COLUMNS for later in range(DAYS)]] = _DAY
            row[-1] = _FAR
    return columns
