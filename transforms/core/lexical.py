"""Words of a text: what two texts share word for word, and what each is about. Needs no language's lists.

``text_hash`` is equal for texts that differ only in case, punctuation and spacing;
``shingle_sketch`` and ``fact_sketch`` tell near duplicates (``near_duplicates.py``), ``terms`` feed the
keywords, ``word_weights`` the lexical part of similarity (``similarity.py``).
Every hash is BLAKE2b, so that all are the same on every machine and in every process.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import blake2b

import numpy as np

SKETCH_SIZE = 128  # hashes kept of a text's shingles
SHINGLE_WORDS = 3
TERM_LENGTH = 4  # shorter words say nothing of a topic
WEIGHED_WORDS = 128  # words kept for similarity: those with the highest weights
NAME_WEIGHT = 3  # a name or a number says more of an event than a common word does
WEIGHT_STEPS = 8  # weights are whole multiples of 1 / 8

FACTS = 128  # entries kept of names and numbers
FACT_KINDS = 2  # an entry's ``fact`` modulo this is its kind:
NUMBER, NAME = 0, 1
NAME_WORDS = 4  # more capitals in a row are a headline or a heading, not a name

# A place in a text and what stands there, as ``fact_sketch`` packs them.
FACT = np.dtype([("place", "<u4"), ("fact", "<u2")])

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
    """Return the 128 smallest 32-bit hashes of the text's 3-shingles: sorted little-endian uint32.

    A shingle is three words in a row, or three characters where a script has no spaces. A text of one
    or two words is one shingle; a text without any has an empty sketch.
    """
    units = _UNIT.findall(normalise(text))
    shingles = {" ".join(units[i : i + SHINGLE_WORDS]) for i in range(max(1, len(units) - SHINGLE_WORDS + 1))}
    shingles.discard("")
    return np.array(sorted({_hash(shingle) for shingle in shingles})[:SKETCH_SIZE], dtype="<u4").tobytes()


def fact_sketch(text: str) -> bytes:
    """Return names and numbers of ``text`` in their places: an array of FACT with at most 128 entries.

    A fact is a run of numbers ("1,000", "3:2"), or a name of up to four words. Its place are two words
    before it and one behind it and, once more, one before and two behind, with ``#`` for any number: what
    stays when a template is filled anew. A name has one entry for each of its words. Entries are sorted by
    place; those with the smallest hashes are kept.
    """
    found = list(_words_and_names(text))
    inside = Counter(word for word, named in found if named is not None)
    capital = Counter(word for word, named in found if named and len(word) > 1)
    runs: list[tuple[int | None, list[str]]] = []  # kind of a fact, None for other words; its words
    for word, _ in found:
        kind = NUMBER if _is_number(word) else NAME if 2 * capital[word] > inside[word] else None
        if runs and kind is not None and runs[-1][0] == kind:
            runs[-1][1].append(word)
        else:
            runs.append((kind, [word]))
    # Places know nothing of names: the same text without capitals has the same ones.
    around = ["", "", *(word for kind, run in runs for word in (["#"] if kind == NUMBER else run)), "", ""]
    entries: set[tuple[int, int]] = set()
    end = 2
    for kind, run in runs:
        start, end = end, end + (1 if kind == NUMBER else len(run))
        if kind is None or (kind == NAME and len(run) > NAME_WORDS):
            continue
        facts = ["".join(run)] if kind == NUMBER else run
        one, two, three, four = *around[start - 2 : start], *around[end : end + 2]
        for place in ((one, two, "_", three), (two, "_", three, four)):
            if sum(word not in ("", "#", "_") for word in place) >= 2:
                key = _hash(" ".join(place))
                entries |= {(key, _hash(fact) % (1 << 15) * FACT_KINDS + kind) for fact in facts}
    return np.array(sorted(entries)[:FACTS], dtype=FACT).tobytes()


def _is_number(word: str) -> bool:
    return any(character.isdigit() for character in word)


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


def packed_terms(found: Iterable[tuple[str, int]]) -> str:
    """Return ``terms`` as one string, "ferry 3 harbour 2": as tuples they take ten times the memory."""
    return " ".join(f"{word} {count}" for word, count in found)


def unpacked_terms(packed: str) -> list[tuple[str, int]]:
    """Return what ``packed_terms`` was given; no word of ``terms`` has a space."""
    fields = packed.split(" ") if packed else []
    return list(zip(fields[::2], map(int, fields[1::2]), strict=True))


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
        if named or word[0].isdigit():
            names.add(word)
    weights = {
        word: round(WEIGHT_STEPS * (1 + math.log(count)) * (NAME_WEIGHT if word in names else 1))
        for word, count in counts.items()
    }
    heaviest = sorted(weights, key=lambda word: -weights[word])[:WEIGHED_WORDS]
    return np.array([(_hash(word), min(weights[word], 255)) for word in heaviest], dtype=WORD_WEIGHT).tobytes()


def _words_and_names(text: str) -> Iterator[tuple[str, bool | None]]:
    """Yield each word as ``normalise`` writes it, and whether it has a capital here.

    Where a sentence starts, a capital says nothing, and None stands for it.
    """
    for line in text.splitlines():
        starts = True
        for chunk in unicodedata.normalize("NFKC", line).split():
            for written in chunk.translate(_WORD_CHARACTERS).split():
                named = None if starts else written[0].isupper()
                for unspaced, word in _RUN.findall(normalise(written)):
                    if unspaced:
                        yield from ((unspaced[i : i + 2], None) for i in range(len(unspaced) - 1))
                    else:
                        yield word, named
            starts = chunk.rstrip(_CLOSING)[-1:] in _ENDS


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).digest(), "little")
