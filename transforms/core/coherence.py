"""Whether a line tells the same story as the lines around it: cosines read off one matrix of likeness.

Two views give a row of unit length per line: its words, by their rarity, and what its words mean. All features are
sums over the matrix of cosines of the lines, so a page of n lines costs one product of [n, d] by [d, n] and a few
passes over [n, n]; no sum of rows is ever built.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transforms.core.lexicon import Floats, Ints, Lexicon, Words

SIMILARITIES = (
    "prev", "next", "prev3", "next3", "before", "after", "core", "lead", "prev_long", "next_long", "first_long",
    "nearest_before", "nearest_after", "seam",
)  # fmt: skip
_COLUMNS = 2048  # distinct words of a page that have a column of their own
_LEAD = 6  # paragraphs that the story is taken to begin with
_WINDOW = 4  # lines on each side of a seam
_TINY = 1e-6


@dataclass(frozen=True)
class WordRows:
    """The words of each line as a row of unit length, ``matrix`` float32 [lines, columns].

    ``topics`` are the distinct topic words of the page, ascending, and ``idf`` their weights.
    """

    matrix: Floats
    topics: Ints
    idf: Floats

    def likeness(self, text: str, lexicon: Lexicon) -> Floats:
        """Cosine of each line with another text; [lines]."""
        wanted = lexicon.words([" ".join(text.split())]).topic
        wanted = np.unique(wanted[wanted >= 0])
        place = np.minimum(np.searchsorted(self.topics, wanted), max(len(self.topics) - 1, 0))
        here = self.topics[place] == wanted if len(self.topics) else np.zeros(len(wanted), bool)
        column = np.zeros(self.matrix.shape[1], np.float32)
        np.add.at(column, place[here] % _COLUMNS, self.idf[place[here]])
        missing = lexicon.idf[wanted[~here]] * np.log1p(np.float32(len(self.matrix)))
        return self.matrix @ column / (np.sqrt(column @ column + missing @ missing) + _TINY)


def word_rows(words: Words, lines: int, lexicon: Lexicon) -> tuple[WordRows, dict[str, Floats]]:
    """The rows of a page's lines, and shares in [0, 1] of their words' weight that are new or come again, [lines]."""
    known = words.topic >= 0
    keys = np.unique(words.line[known] * len(lexicon.idf) + words.topic[known])
    rows, buckets = np.divmod(keys, len(lexicon.idf))
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
    matrix = np.zeros((lines, min(len(distinct), _COLUMNS) or 1), np.float32)
    if len(distinct) > _COLUMNS:
        np.add.at(matrix, (rows, cols % _COLUMNS), weight)
    else:
        matrix[rows, cols] = weight
    return WordRows(unit(matrix), distinct, idf), shares


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
    n = len(rows)
    like = rows @ rows.T
    own = np.diagonal(like)
    weight = (np.sqrt(chars) * long).astype(np.float32)
    # before[i] is the likeness to the sum of the long lines before i; squares[i] that sum's squared length.
    weighted = like * weight
    before, after = np.tril(weighted, -1).sum(1), np.triu(weighted, 1).sum(1)
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
        to_lead = like[:, lead].sum(1)
        square = to_lead[lead].sum()
        to_lead[lead] -= own[lead]
        squares = np.full(n, square)
        squares[lead] += -2 * to_lead[lead] - own[lead]
        out["lead"] = _cosine(to_lead, squares)
    near = [np.concatenate((np.zeros(min(k, n), np.float32), np.diagonal(like, -k))) for k in range(2 * _WINDOW)]
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
    out |= _to_long(like[:, long], long)
    return out


def _to_long(like: Floats, long: NDArray[np.bool_]) -> dict[str, Floats]:
    """Likeness to single long lines: the one before, the one after, the first, the most alike on each side."""
    n, count = like.shape
    if not count:
        nothing = np.zeros(n, np.float32)
        return dict.fromkeys(("prev_long", "next_long", "first_long", "nearest_before", "nearest_after"), nothing)
    ahead: Ints = np.cumsum(long)  # number, among the long lines, of the first one after i
    behind: Ints = ahead - long  # long lines before i
    index, numbers = np.arange(n), np.arange(count)
    first = like[:, 0].copy()
    first[np.argmax(long)] = 0
    return {
        "prev_long": np.where(behind > 0, like[index, np.maximum(behind - 1, 0)], 0),
        "next_long": np.where(ahead < count, like[index, np.minimum(ahead, count - 1)], 0),
        "first_long": first,
        "nearest_before": np.where(numbers < behind[:, None], like, 0).max(1),
        "nearest_after": np.where(numbers >= ahead[:, None], like, 0).max(1),
    }


def _square(near: list[Floats], start: int, end: int) -> Floats:
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
