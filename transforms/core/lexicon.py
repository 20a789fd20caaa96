"""What words weigh and mean, and the words of a page looked up: one dictionary access per word.

A ``Lexicon`` is part of a role model's artefact, fitted by ``training/lexicon.py`` on the same pages:

* ``idf`` says how rare a word is in stories. Words are hashed by their first six characters, so that inflected forms
  meet without a stemmer, and no language needs a list; a word never seen is as rare as can be.
* ``vectors`` say what a word means: one short vector for each whole word of an English vocabulary, in directions
  that tell stories apart, then in directions that tell the roles of short lines apart. A line in another language
  mostly has a vector of zeros, and the role model is fitted with the vectors left out at random, so that it works
  without them.
"""

from __future__ import annotations

import re
import threading
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

WORD_BUCKETS = 1 << 16  # of words, word pairs, first and last words
IDF_BUCKETS = 1 << 15
TOPIC_DIMENSIONS = 48  # of a word's vector say what it is about; the others, in which lines it stands
STEM = 6  # characters of a word that count for its rarity
_CARRIES_TOPIC = 4  # characters from which a word says something of a topic
_LONGEST = 64  # characters of a word that are looked at: no word is longer, and what is remembered stays small
_REMEMBERED = 400_000  # words that a process remembers; then it starts anew
_UNSPACED = (
    "\u0e00-\u0eff\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff"  # scripts without spaces, and Korean with its endings
)
_TOKEN = re.compile(rf"\n|[{_UNSPACED}]+|[^\W{_UNSPACED}]+|[^\w\s]")
_FIRST_UNSPACED = "\u0e00"


class Words(NamedTuple):
    """The words of some lines, one after the other; all arrays are [words]."""

    line: Ints  # number of the line
    shape: Ints  # bucket of the word, digits as "0"
    opening: Ints  # bucket of the word at a line's start
    closing: Ints  # bucket of the word at a line's end
    topic: Ints  # bucket of the word's rarity, -1 for a word that says nothing of a topic
    vector: Ints  # row of its vector, -1 without


@dataclass(frozen=True)
class Lexicon:
    """Weights and vectors of words.

    Attributes:
        idf: float32 [IDF_BUCKETS], about 0 (in every story) to 1 (never seen).
        rows: row of each word's vector.
        vectors: float32 [words, dimensions].
    """

    idf: Floats
    rows: dict[str, int]
    vectors: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "_known", _Known(self.rows))

    def words(self, lines: Sequence[str]) -> Words:
        """Look up the words of lines of text, none of which may hold a line break."""
        tokens = _TOKEN.findall("\n".join(lines).lower())
        if any(token[0] >= _FIRST_UNSPACED for token in tokens):
            tokens = [part for token in tokens for part in (_pairs(token) if token[0] >= _FIRST_UNSPACED else (token,))]
        table = self._known.look_up(tokens)  # type: ignore[attr-defined]
        line = np.cumsum(table[:, 0] < 0)
        inside = table[:, 0] >= 0
        return Words(line[inside], *table[inside].T)

    def line_vectors(self, words: Words, lines: int) -> Floats:
        """Sum of the vectors of each line's known words, over the square root of their number; [lines, dimensions]."""
        known = words.vector >= 0
        line, vector = words.line[known], words.vector[known]
        out = np.zeros((lines, self.vectors.shape[1]), np.float32)
        if len(line):
            starts = np.flatnonzero(np.diff(line, prepend=-1))
            sizes = np.diff(starts, append=len(line))
            out[line[starts]] = np.add.reduceat(self.vectors[vector], starts, axis=0) / np.sqrt(sizes)[:, None]
        return out


class _Known(dict[str, int]):
    """Rows of the words seen so far; a new word is hashed once. Shared by the threads of a process."""

    def __init__(self, vectors: dict[str, int]) -> None:
        super().__init__()
        self._vectors = vectors
        self._lock = threading.Lock()
        self._table = np.empty((1 << 12, 5), np.int64)

    def __missing__(self, token: str) -> int:
        row = len(self)
        if row == len(self._table):
            self._table = np.concatenate((self._table, np.empty_like(self._table)))
        self._table[row] = (-1,) * 5 if token == "\n" else self._describe(token)
        self[token] = row
        return row

    def _describe(self, token: str) -> tuple[int, int, int, int, int]:
        # Digits as "0", so that dates, times and counts are recognised by their form.
        shape = "".join("0" if c.isdigit() else c for c in token[:20])
        topic = _stem_bucket(token) if len(token) >= _CARRIES_TOPIC or token[0] >= _FIRST_UNSPACED else -1
        return (
            _bucket(shape, WORD_BUCKETS),
            _bucket("<" + shape, WORD_BUCKETS),
            _bucket(">" + shape, WORD_BUCKETS),
            topic,
            self._vectors.get(token, -1),
        )

    def look_up(self, tokens: Sequence[str]) -> Ints:
        with self._lock:
            if len(self) > _REMEMBERED:
                self.clear()
                self._table = np.empty((1 << 12, 5), np.int64)
            rows = [self[token[:_LONGEST]] for token in tokens]
            return self._table[rows]


def _pairs(run: str) -> list[str]:
    """Overlapping pairs of characters, for scripts without spaces."""
    return [run[i : i + 2] for i in range(len(run) - 1)] or [run]


def _bucket(token: str, buckets: int) -> int:
    return zlib.crc32(token.encode("utf-8", "replace")) % buckets


def _stem_bucket(word: str) -> int:
    """Without accents, as addresses write words."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    return _bucket((plain or word)[:STEM], IDF_BUCKETS)
