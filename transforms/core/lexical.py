"""Words of a text: what two texts share word for word, and what each is about. Needs no language's lists.

``text_hash`` is equal for texts that differ only in case, punctuation and spacing;
``shingle_sketch`` estimates how many word sequences two texts share; ``terms`` feed the keywords,
``word_weights`` the lexical part of similarity (``similarity.py``).
Every hash is BLAKE2b, so that all are the same on every machine and in every process.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b

import numpy as np

SKETCH_SIZE = 64  # hashes kept of a text's shingles
SHINGLE_WORDS = 3
TERM_LENGTH = 4  # shorter words say nothing of a topic
WEIGHED_WORDS = 128  # words kept for similarity: those with the highest weights
NAME_WEIGHT = 3  # a name or a number says more of an event than a common word does
WEIGHT_STEPS = 8  # weights are whole multiples of 1 / 8

# One word and its weight, as ``word_weights`` packs them.
WORD_WEIGHT = np.dtype([("hash", "<u4"), ("weight", "u1")])

# Scripts that put no spaces between words: Thai and Lao, Burmese, Khmer, kana, Han.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_UNIT = re.compile(f"[{_UNSPACED}]|[^ {_UNSPACED}]+")
_RUN = re.compile(f"([{_UNSPACED}]+)|([^ {_UNSPACED}]+)")


_ENDS = (".", "!", "?", ":", "\u2026")  # of a sentence in scripts that have capitals
_CLOSING = "\"')]\u2019\u201d\u00bb"  # may follow the end


class _WordCharacters(dict[int, int]):
    """Maps a code point to itself if it is a letter, a mark or a digit, else to a space; fills itself."""

    def __missing__(self, code: int) -> int:
        # Marks (M) belong to letters: without them Hindi or Thai words would fall apart.
        self[code] = code if unicodedata.category(chr(code))[0] in "LMN" else 0x20
        return self[code]


_WORD_CHARACTERS = _WordCharacters()


def normalise(text: str) -> str:
    """Return the words of ``text``, case-folded and NFKC, joined by single spaces; no other characters."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.translate(_WORD_CHARACTERS).split())


def text_hash(text: str) -> bytes:
    """Return 16 bytes that are equal for texts with the same letters and digits in the same order."""
    return blake2b(normalise(text).replace(" ", "").encode(), digest_size=16).digest()


def shingle_sketch(text: str) -> bytes:
    """Return the 64 smallest 64-bit hashes of the text's 3-shingles: sorted little-endian uint64.

    A shingle is three words in a row, or three characters where a script has no spaces. A text of one
    or two words is one shingle; a text without any has an empty sketch.
    """
    units = _UNIT.findall(normalise(text))
    shingles = {" ".join(units[i : i + SHINGLE_WORDS]) for i in range(max(1, len(units) - SHINGLE_WORDS + 1))}
    shingles.discard("")
    hashes = sorted(int.from_bytes(blake2b(shingle.encode(), digest_size=8).digest(), "little") for shingle in shingles)
    return np.array(hashes[:SKETCH_SIZE], dtype="<u8").tobytes()


def sketch_overlap(a: bytes, b: bytes) -> float:
    """Return the estimated Jaccard similarity, in [0, 1], of the shingles behind two sketches.

    The smallest hashes of both together are a fair sample of the union; the estimate is the share of
    them that stands in both sketches. It is exact while the union has at most 64 shingles.
    """
    first = set(np.frombuffer(a, dtype="<u8").tolist())
    second = set(np.frombuffer(b, dtype="<u8").tolist())
    sample = sorted(first | second)[:SKETCH_SIZE]
    if not sample:
        return 0.0
    return sum(h in first and h in second for h in sample) / len(sample)


def terms(text: str, limit: int = 40) -> tuple[tuple[str, int], ...]:
    """Return the ``limit`` most frequent words of at least four characters, with their counts.

    Words of one count stand in the order in which the text brings them, so that its beginning wins.
    A script without spaces counts pairs of neighbouring characters instead.
    """
    counts: Counter[str] = Counter()
    for unspaced, word in _RUN.findall(normalise(text)):
        if unspaced:
            counts.update(unspaced[i : i + 2] for i in range(len(unspaced) - 1))
        elif len(word) >= TERM_LENGTH:
            counts[word] += 1
    return tuple(counts.most_common(limit))


def word_weights(text: str) -> bytes:
    """Return the words of ``text`` that weigh most, as an array of WORD_WEIGHT with at most 128 entries.

    A word's weight is 1 + ln(count), three times that for a name or a number, in steps of 1/8. A name is
    a word with an initial capital somewhere inside a sentence; where a script or a text has no such
    difference, all words count alike. Of equal weights, words that come first are kept. A script without
    spaces counts pairs of neighbouring characters.
    """
    counts: Counter[str] = Counter()
    names: set[str] = set()
    for word, named in _words_and_names(text):
        counts[word] += 1
        if named:
            names.add(word)
    weights = {
        word: round(WEIGHT_STEPS * (1 + math.log(count)) * (NAME_WEIGHT if word in names else 1))
        for word, count in counts.items()
    }
    heaviest = sorted(weights, key=lambda word: -weights[word])[:WEIGHED_WORDS]
    return np.array([(_word_hash(word), min(weights[word], 255)) for word in heaviest], dtype=WORD_WEIGHT).tobytes()


def _words_and_names(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each word as ``normalise`` writes it, and whether it looks like a name or a number here."""
    for line in text.splitlines():
        starts = True  # a capital at the start of a sentence says nothing
        for chunk in unicodedata.normalize("NFKC", line).split():
            for written in chunk.translate(_WORD_CHARACTERS).split():
                initial = written[0]
                named = initial.isdigit() or (initial.isupper() and not starts)
                for unspaced, word in _RUN.findall(normalise(written)):
                    if unspaced:
                        yield from ((unspaced[i : i + 2], False) for i in range(len(unspaced) - 1))
                    else:
                        yield word, named
            starts = chunk.rstrip(_CLOSING)[-1:] in _ENDS


@lru_cache(maxsize=1 << 16)
def _word_hash(word: str) -> int:
    return int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=4).digest(), "little")
