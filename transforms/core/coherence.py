"""Whether a line tells the same story as the lines around it: cosines read off one matrix of likeness.

Two views give a row of unit length per line: its words, by their rarity, and what its words mean. All features are
sums over cosines of two kinds: of each line with the few lines before it, and with each long line of the page. No sum
of rows is ever built, and no cosine of two short lines that stand apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from transforms.core.lexicon import Floats, Ints, Lexicon, Words

SIMILARITIES = (
    "prev", "next", "prev3", "next3", "before", "after", "core", "lead", "prev_long", "next_long", "first_long",
    "nearest_before", "nearest_after", "seam",
)  # fmt: skip
_COLUMNS = 2048  # distinct words of a page that have a column of their own
_LEAD = 6  # paragraphs that the story is taken to begin with
_WINDOW = 4  # lines on each side of a seam
_NEAR = 2 * _WINDOW
_TINY = 1e-6


@dataclass(frozen=True)
class WordRows:
    """The words of each line as a row of unit length, ``matrix`` float32 [lines, columns], sparse.

    ``topics`` are the distinct topic words of the page, ascending, and ``idf`` their weights. ``line`` and ``topic``
    name each topic word of each line once.
    """

    matrix: csr_array
    topics: Ints
    idf: Floats
    line: Ints
    topic: Ints

    def likeness(self, text: str, lexicon: Lexicon) -> Floats:
        """Cosine of each line with another text; [lines]."""
        wanted = lexicon.words([" ".join(text.split())]).topic
        wanted = np.unique(wanted[wanted >= 0])
        place = np.minimum(np.searchsorted(self.topics, wanted), max(len(self.topics) - 1, 0))
        here = self.topics[place] == wanted if len(self.topics) else np.zeros(len(wanted), bool)
        column = np.zeros(self.matrix.shape[1], np.float32)
        np.add.at(column, place[here] % _COLUMNS, self.idf[place[here]])
        missing = lexicon.idf[wanted[~here]] * np.log1p(np.float32(self.matrix.shape[0]))
        return self.matrix @ column / (np.sqrt(column @ column + missing @ missing) + _TINY)

    def similarities(self, long: NDArray[np.bool_], chars: NDArray[np.float64]) -> dict[str, Floats]:
        """As the function of that name."""
        return _similarities(self._near(), self.matrix @ self.matrix[long].toarray().T, long, chars)

    def _near(self) -> Floats:
        """Likeness of line i and line i - k at [k, i]: of words that come again within a few lines."""
        lines, _ = self.matrix.shape
        sizes = np.diff(self.matrix.indptr)
        line, column, weight = np.repeat(np.arange(lines), sizes), self.matrix.indices, self.matrix.data
        near = np.bincount(line, weight * weight, lines * _NEAR)
        order = np.argsort(column, kind="stable")  # the lines of a word side by side, ascending
        line, column, weight = line[order], column[order], weight[order]
        for step in range(1, _NEAR):
            gap = line[step:] - line[:-step]
            again = np.flatnonzero((column[step:] == column[:-step]) & (gap < _NEAR))
            at = gap[again] * lines + line[step:][again]
            near += np.bincount(at, weight[step:][again] * weight[:-step][again], lines * _NEAR)
        return near.reshape(_NEAR, lines).astype(np.float32)


def word_rows(words: Words, lines: int, lexicon: Lexicon) -> tuple[WordRows, dict[str, Floats]]:
    """The rows of a page's lines, and shares in [0, 1] of their words' weight that are new or come again, [lines]."""
    known = words.topic >= 0
    keys = np.unique(words.line[known] * len(lexicon.idf) + words.topic[known])
    line, buckets = np.divmod(keys, len(lexicon.idf))
    rows = line
    distinct, cols, df = np.unique(buckets, return_inverse=True, return_counts=True)
    # Rare in stories, and rare on this page: the one knows the common words of known languages, the other those of any.
    idf = lexicon.idf[distinct] * np.log1p(lines / df).astype(np.float32)
    weight = idf[cols]
    first, last = np.full(len(distinct), lines), np.full(len(distinct), -1)
    np.minimum.at(first, cols, rows)
    np.maximum.at(last, cols, rows)
    order = np.lexsort((rows, cols))
    previous = np.full(len(rows), -lines - 9)
    same = cols[order][1:] == cols[order][:-1]
    previous[order[1:][same]] = rows[order[:-1][same]]
    mass = np.bincount(rows, weight, lines) + _TINY

    def share(flag: NDArray[np.bool_]) -> Floats:
        return (np.bincount(rows, weight * flag, lines) / mass).astype(np.float32)

    shares = {
        "novel_words": share(first[cols] == rows),
        "reused_later": share(last[cols] > rows),
        "novel_before_near": share(rows - previous > 8),  # high where another story starts
    }
    if len(distinct) > _COLUMNS:
        places, entry = np.unique(rows * _COLUMNS + cols % _COLUMNS, return_inverse=True)
        rows, cols = np.divmod(places, _COLUMNS)
        weight = np.bincount(entry, weight, len(places)).astype(np.float32)
    length = np.sqrt(np.bincount(rows, weight * weight, lines)) + _TINY
    starts = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=lines))))
    entries = ((weight / length[rows]).astype(np.float32), cols, starts)
    matrix = csr_array(entries, shape=(lines, min(len(distinct), _COLUMNS) or 1))
    return WordRows(matrix, distinct, idf, line, buckets), shares


def unit(matrix: Floats) -> Floats:
    """Rows at length one; a row of zeros stays."""
    return matrix / (np.sqrt(np.einsum("ij,ij->i", matrix, matrix))[:, None] + _TINY)


def similarities(rows: Floats, long: NDArray[np.bool_], chars: NDArray[np.float64]) -> dict[str, Floats]:
    """Cosines of each line with the lines around it.

    Args:
        rows: one row of unit length, or of zeros, per line; [n, d].
        long: which lines are running text; only these stand for the text before, after and on all the page. [n]
        chars: lengths of the lines. [n]

    Returns:
        An array [n] for each of SIMILARITIES.
    """
    near = np.zeros((_NEAR, len(rows)), np.float32)
    for k in range(min(_NEAR, len(rows))):
        near[k, k:] = np.einsum("ij,ij->i", rows[k:], rows[: len(rows) - k])
    return _similarities(near, rows @ rows[long].T, long, chars)


def _similarities(
    near: Floats, to_long: Floats, long: NDArray[np.bool_], chars: NDArray[np.float64]
) -> dict[str, Floats]:
    """The same, of lines i and i - k at ``near[k, i]``, and of line i and the j-th long one at ``to_long[i, j]``."""
    n, count = to_long.shape
    own = near[0]
    weight = (np.sqrt(chars) * long).astype(np.float32)
    ahead: Ints = np.cumsum(long)  # number, among the long lines, of the first one after i
    behind: Ints = ahead - long  # long lines before i
    is_before, is_after = np.arange(count) < behind[:, None], np.arange(count) >= ahead[:, None]
    # before[i] is the likeness to the sum of the long lines before i; squares[i] that sum's squared length.
    weighted = to_long * weight[long]
    before, after = (weighted * is_before).sum(1), (weighted * is_after).sum(1)
    mine = own * weight
    total = before + mine + after
    square_before = _sums_before(weight * (2 * before + mine))
    square_after = _sums_before((weight * (2 * after + mine))[::-1])[::-1]
    square_all = weight @ total
    out = {
        "before": _cosine(before, square_before),
        "after": _cosine(after, square_after),
        "core": _cosine(total - mine, square_all - 2 * weight * total + weight * mine),
    }
    lead = np.flatnonzero(long)[:_LEAD]
    out["lead"] = np.zeros(n, np.float32)
    if len(lead):
        to_lead = to_long[:, :_LEAD].sum(1)
        square = to_lead[lead].sum()
        to_lead[lead] -= own[lead]
        squares = np.full(n, square)
        squares[lead] += -2 * to_lead[lead] - own[lead]
        out["lead"] = _cosine(to_lead, squares)
    out["prev"], out["next"] = near[1], _moved(near[1], 1)
    out["prev3"] = _cosine(near[1] + near[2] + near[3], _square(near, -3, 0))
    out["next3"] = _cosine(_moved(near[1], 1) + _moved(near[2], 2) + _moved(near[3], 3), _square(near, 1, 4))
    # The lines just before i with line i and those after it (as TextTiling, Hearst 1997): low where something begins.
    across = np.zeros(n, np.float32)
    for a in range(1, _WINDOW + 1):
        for b in range(_WINDOW):
            across += _moved(near[a + b], b)
    both = _square(near, -_WINDOW, 0) * _square(near, 0, _WINDOW)
    out["seam"] = _cosine(across, both)
    # Likeness to single long lines: the one before, the one after, the first, the most alike on each side.
    if not count:
        nothing = np.zeros(n, np.float32)
        names = ("prev_long", "next_long", "first_long", "nearest_before", "nearest_after")
        return out | dict.fromkeys(names, nothing)
    index = np.arange(n)
    out["prev_long"] = np.where(behind > 0, to_long[index, np.maximum(behind - 1, 0)], 0)
    out["next_long"] = np.where(ahead < count, to_long[index, np.minimum(ahead, count - 1)], 0)
    out["first_long"] = to_long[:, 0].copy()
    out["first_long"][np.argmax(long)] = 0
    out["nearest_before"] = (to_long * is_before).max(1)
    out["nearest_after"] = (to_long * is_after).max(1)
    return out


def _square(near: Floats, start: int, end: int) -> Floats:
    """Squared length of the sum of the rows i + start to i + end - 1; ``near[k][i]`` is the likeness of i and i - k."""
    total = np.zeros(len(near[0]), np.float32)
    for k in range(start, end):
        for j in range(start, k + 1):
            total += (1 if j == k else 2) * _moved(near[k - j], k)
    return total


def _sums_before(growth: Floats) -> NDArray[np.float64]:
    return np.cumsum(growth, dtype=np.float64) - growth


def _cosine(products: NDArray[Any], squares: NDArray[Any]) -> Floats:
    return (products / np.sqrt(np.maximum(squares, _TINY))).astype(np.float32)


def _moved(values: Floats, k: int) -> Floats:
    """values[i + k] at i; zero beyond the page."""
    n = len(values)
    out = np.zeros(n, np.float32)
    if k >= 0:
        out[: max(n - k, 0)] = values[k:]
    else:
        out[-k:] = values[:k]
    return out
