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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote

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


def _ranges(codes: Iterable[int]) -> str:
    """Code points as the inside of a character class."""
    runs: list[list[int]] = []
    for code in codes:
        if runs and runs[-1][1] == code - 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return "".join(f"{chr(a)}-{chr(b)}" for a, b in runs)


# Thai and Lao, Tibetan, Burmese, Khmer, Chinese and Japanese, which write without spaces, and Korean with its endings.
_WITHOUT_SPACES = (
    (0x0E00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x9FFF), (0xAA60, 0xAA7F), (0xAC00, 0xD7A3),
    (0xF900, 0xFAFF), (0x20000, 0x323AF),
)  # fmt: skip
_LETTERS = ("L", "M", "N")
_UNSPACED = _ranges(
    code for a, b in _WITHOUT_SPACES for code in range(a, b + 1) if unicodedata.category(chr(code))[0] in _LETTERS
)
# Vowel signs, accents and joiners belong to the word before them, though ``\w`` leaves them out.
_MARKS = _ranges(
    code
    for code in range(0x300, 0xFE30)
    if (unicodedata.category(chr(code))[0] == "M" or code in (0x200C, 0x200D)) and not 0x2E80 <= code <= 0x9FFF
)
_TOKEN = re.compile(rf"\n|[{_UNSPACED}]+|[^\W{_UNSPACED}]+(?:[{_MARKS}]+[^\W{_UNSPACED}]*)*|[^\w\s]")
_PLAIN_TOKEN = re.compile(r"\n|\w+|[^\w\s]")  # the same where a text has none of those characters
_NOT_PLAIN = re.compile(f"[{_UNSPACED}{_MARKS}]")
_IN_PAIRS = re.compile(f"[{_UNSPACED}]")
_QUERY = re.compile("[?#]")
_ADDRESS_WORD = re.compile(r"[^\W_]+")


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
        # Line by line, as most lines are ASCII, which is much cheaper to look at.
        folded = [unicodedata.normalize("NFC", line).lower() for line in lines]
        text = "\n".join(folded)
        if any(not line.isascii() and _NOT_PLAIN.search(line) for line in folded):
            found = _TOKEN.findall(text)
            tokens = [part for token in found for part in (_pairs(token) if _IN_PAIRS.match(token) else (token,))]
        else:
            tokens = _PLAIN_TOKEN.findall(text)
        table = self._known.look_up(tokens)  # type: ignore[attr-defined]
        breaks = table[0] < 0
        return Words(np.cumsum(breaks)[~breaks], *table[:, ~breaks])

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
        self._table = np.empty((5, 1 << 12), np.int64)

    def __missing__(self, token: str) -> int:
        if len(token) > _LONGEST:
            return self[token[:_LONGEST]]
        row = len(self)
        if row == self._table.shape[1]:
            self._table = np.concatenate((self._table, np.empty_like(self._table)), axis=1)
        self._table[:, row] = (-1,) * 5 if token == "\n" else self._describe(token)
        self[token] = row
        return row

    def _describe(self, token: str) -> tuple[int, int, int, int, int]:
        # Digits as "0", so that dates, times and counts are recognised by their form.
        shape = token[:20]
        if not shape.isalpha():
            shape = "".join("0" if c.isdigit() else c for c in shape)
        topic = _stem_bucket(token) if len(token) >= _CARRIES_TOPIC or _IN_PAIRS.match(token) else -1
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
                self._table = np.empty((5, 1 << 12), np.int64)
            rows = np.fromiter(map(self.__getitem__, tokens), np.int64, len(tokens))
            return self._table[:, rows]


def address_words(url: str) -> str:
    """The words of an address's last two parts: where sites put the headline.

    >>> address_words("https://example.org/2024/05/ferry-hits-the-pier.html?x=1")
    '05 ferry hits the pier html'
    """
    host, _, rest = _QUERY.split(url, maxsplit=1)[0].rpartition("://")
    parts = [p for p in (rest.partition("/")[2] if host else rest).split("/") if p][-2:]
    return " ".join(_ADDRESS_WORD.findall(unquote(" ".join(parts))))


def _pairs(run: str) -> list[str]:
    """Overlapping pairs of characters, for scripts without spaces."""
    return [run[i : i + 2] for i in range(len(run) - 1)] or [run]


def _bucket(token: str, buckets: int) -> int:
    return zlib.crc32(token.encode("utf-8", "replace")) % buckets


def _stem_bucket(word: str) -> int:
    """Without accents, as addresses write words."""
    plain = word
    if not word.isascii():
        plain = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    return _bucket((plain or word)[:STEM], IDF_BUCKETS)
