"""What the role model sees of a page: numbers per block, computed for a whole page at once.

Four views, none of which leans on one site, and only one on one language:

* ``dense``  float32 [blocks, len(NAMES)]: surface (shape of the line), place on the page, coherence
  (rare words shared, and likeness of meaning, with the neighbours and the page's main text), and for HTML the DOM.
* ``words``  hashed words of the line, digits as "0": all of them in a short line, the first and last
  three in a longer one, so that the model learns wording of chrome and not topics.
* ``sense``  float32 [blocks, dimensions]: what the line's words mean (``lexicon.py``; English words).
* ``names``  hashed class and id words of the elements around the block, by distance.

All counting is vectorised over the page's characters and words.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transforms.core.characters import BIT, signature_classes, signature_of
from transforms.core.coherence import SIMILARITIES, WordRows, similarities, unit, word_rows
from transforms.core.dom_features import DOM_NAMES, dom_columns, name_ids
from transforms.core.lexicon import TOPIC_DIMENSIONS, WORD_BUCKETS, Floats, Lexicon, Words, address_words
from transforms.types import Block

Ints = NDArray[np.int32]
Columns = dict[str, NDArray[Any]]

FEATURES_VERSION = "3"  # raise it when a feature changes its meaning
_LONG = 80  # characters from which a block counts as running text
_SHORT_WORDS = 12
_SIDE = 3  # words at each end of a longer line that are read
_DIGIT = re.compile(r"\d")
_MOST_OF_PAGE = 4_000_000  # characters that are read for words at a time
_MOST_CHARS = 20_000  # of a block are read for words: bounds memory where a whole book is one line

# --- feature names --------------------------------------------------------------------------------
_SURFACE = (
    "chars", "words", "word_length", "sentence_ends", "ends_sentence", "ends_colon", "ends_ellipsis",
    "ends_letter", "starts_upper", "starts_lower", "starts_digit", "starts_bullet", "starts_quote",
    "starts_sign", "upper_words", "upper_chars", "digits", "punctuation", "commas", "quotes", "separators",
    "brackets", "signs", "at_signs", "colons", "copyright", "cjk", "rtl", "other_script", "long",
)  # fmt: skip
_PLACE = (
    "from_start", "from_end", "relative", "text_before", "text_after", "gap_before", "gap_after", "repeats",
    "repeats_but_digits",
    "opens_later",
    "opened_by_earlier",
    "repeat_of_earlier", "repeat_before_near", "repeat_after_near",
    "length_prev", "length_next", "long_before_near", "long_after_near",
    "distance_long_before", "distance_long_after",
)  # fmt: skip
_COHERENCE = (*(f"like_{name}" for name in SIMILARITIES), "novel_words", "novel_before_near", "reused_later")
_SENSE = (*(f"sense_{name}" for name in SIMILARITIES), "sense_words")
_META = (
    "like_meta_title", "is_meta_title", "like_description", "in_article_body", "names_author", "has_meta", "in_address",
    "has_address",
)  # fmt: skip
_PAGE = ("page_blocks", "page_long_share", "page_links", "page_html", "page_cjk")

GROUPS: dict[str, tuple[str, ...]] = {
    "surface": _SURFACE,
    "place": _PLACE,
    "coherence": _COHERENCE,
    "sense": _SENSE,
    "meta": _META,
    "dom": DOM_NAMES,
    "page": _PAGE,
}
NAMES: tuple[str, ...] = tuple(name for group in GROUPS.values() for name in group)
_COLUMN = {name: i for i, name in enumerate(NAMES)}
_DENSITIES = {
    "punctuation": "punct", "commas": "comma", "quotes": "quote", "separators": "sep", "brackets": "bracket",
    "signs": "sign", "at_signs": "at", "colons": "colon",
}  # fmt: skip


@dataclass(frozen=True)
class Hints:
    """What a page's head and its address say of its story; a text page has an address at most."""

    title: str = ""
    description: str = ""
    authors: tuple[str, ...] = ()
    body: str = ""
    url: str = ""


@dataclass(frozen=True)
class Features:
    """The model's input for one page of n blocks."""

    dense: Floats  # [n, len(NAMES)]
    words: Ints  # flat bucket numbers
    word_offsets: Ints  # [n + 1]
    names: Ints
    name_offsets: Ints  # [n + 1]
    sense: Floats  # [n, dimensions of the word vectors]
    chars: Floats  # [n] length of each block in code points

    def __len__(self) -> int:
        return len(self.dense)


def page_features(blocks: Sequence[Block], lexicon: Lexicon, hints: Hints | None = None) -> Features:
    """Compute the features of one page; needs at least one block."""
    n = len(blocks)
    texts = [b.text for b in blocks]
    folded = [t.lower() for t in texts]
    chars = np.array([len(t) for t in texts], np.float64)
    html = blocks[0].dom is not None
    linked = np.array([b.dom.link_chars for b in blocks if b.dom], np.float64) if html else np.zeros(n)
    most = min(_MOST_CHARS, max(_LONG, _MOST_OF_PAGE // n))
    words = lexicon.words([t[:most] for t in texts])

    columns = _surface(texts, chars, linked)
    long = columns["long"]
    columns |= _place(blocks, folded, chars, long)
    rows, shares = word_rows(words, n, lexicon)
    columns |= shares
    columns |= {f"like_{k}": v for k, v in rows.similarities(long, chars).items()}
    sense = lexicon.line_vectors(words, n)
    columns |= {f"sense_{k}": v for k, v in similarities(unit(sense[:, :TOPIC_DIMENSIONS]), long, chars).items()}
    columns["sense_words"] = np.any(sense, axis=1, keepdims=True)[:, 0]
    columns |= _meta(folded, rows, hints or Hints(), lexicon)
    if html:
        columns |= dom_columns(blocks, chars, linked, long, rows, lexicon)
    page = {
        "page_blocks": np.log1p(n) / 5,
        "page_long_share": long.mean(),
        "page_links": columns["link_share"].mean() if html else 0.0,
        "page_html": float(html),
        "page_cjk": columns["cjk"].mean(),
    }
    dense = np.zeros((len(NAMES), n), np.float32)
    for name, values in (columns | page).items():
        dense[_COLUMN[name]] = values
    word_bags = _bags(*_word_ids(words, n), n)
    name_lists = [name_ids(b.dom.names, b.dom.path) if b.dom else () for b in blocks]
    name_offsets = np.zeros(n + 1, np.int32)
    np.cumsum([len(x) for x in name_lists], out=name_offsets[1:])
    names = np.fromiter(itertools.chain.from_iterable(name_lists), np.int32)
    return Features(np.ascontiguousarray(dense.T), *word_bags, names, name_offsets, sense, chars.astype(np.float32))


def _surface(texts: Sequence[str], chars: NDArray[np.float64], linked: NDArray[np.float64]) -> Columns:
    n = len(texts)
    codes = np.frombuffer("\n".join(texts).encode("utf-32-le", "replace"), np.uint32)
    signatures = signature_of(codes)
    classes = signature_classes()
    mask = classes[signatures]
    sizes = chars.astype(np.int64)
    starts = np.cumsum(sizes + 1) - sizes - 1
    ends = starts + sizes - 1
    # How often each class of characters occurs in each line, by way of the few combinations of classes that there are.
    line = np.repeat(np.arange(n), sizes + 1)[:-1]
    kinds = len(classes)
    histogram = np.bincount(line * kinds + signatures, minlength=n * kinds).reshape(n, kinds)

    is_of = (classes[:, None] & np.array(list(BIT.values()), np.uint32)) != 0  # [kinds, classes of characters]
    counts = dict(zip(BIT, (histogram.astype(np.float64) @ is_of.astype(np.float64)).T, strict=True))

    def count(name: str) -> NDArray[np.float64]:
        return counts[name]

    def per_line(flag: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.bincount(line[flag], minlength=n).astype(np.float64)

    space = (mask & BIT["space"]) != 0
    word_start = ~space
    word_start[1:] &= space[:-1]
    cjk = count("cjk")
    words = np.maximum(per_line(word_start), 1) + cjk / 2
    upper_words = per_line(word_start & ((mask & BIT["upper"]) != 0)) / words
    letters = np.maximum(count("letter"), 1)
    end_mark = np.flatnonzero(mask & BIT["end"])
    # A full stop inside "3.5" or "U.S" does not end a sentence; one before a space or a quote does.
    after = mask[np.minimum(end_mark + 1, len(mask) - 1)] & (BIT["space"] | BIT["quote"])
    closing_mark = end_mark[(after != 0) | (end_mark == len(mask) - 1) | (codes[end_mark] > 0x2E80)]
    sentence_ends = np.bincount(line[closing_mark], minlength=n)
    last, first = mask[ends], mask[starts]
    before_last = mask[np.maximum(ends - 1, starts)]
    closing = (last & (BIT["quote"] | BIT["bracket"])) != 0
    ends_sentence = ((last & BIT["end"]) != 0) | (closing & ((before_last & BIT["end"]) != 0))
    ellipsis = (codes[ends] == 0x2026) | ((codes[ends] == 0x2E) & (codes[np.maximum(ends - 1, starts)] == 0x2E))
    own = sizes - linked
    # Running text: long, and not mostly links. A CJK character says about as much as two Latin ones.
    wide = count("wide") > 0.5 * letters

    def has(value: NDArray[np.uint32], name: str) -> NDArray[np.bool_]:
        return (value & BIT[name]) != 0

    columns: Columns = {
        "chars": np.log1p(chars) / 3,
        "words": np.log1p(words) / 2,
        "word_length": np.minimum(letters / words, 12) / 6,
        "sentence_ends": np.log1p(sentence_ends),
        "ends_sentence": ends_sentence & ~ellipsis,
        "ends_colon": has(last, "colon"),
        "ends_ellipsis": ellipsis,
        "ends_letter": has(last, "letter"),
        "starts_upper": has(first, "upper"),
        "starts_lower": has(first, "lower"),
        "starts_digit": has(first, "digit"),
        "starts_bullet": has(first, "bullet"),
        "starts_quote": has(first, "quote"),
        "starts_sign": has(first, "punct") & ~has(first, "quote") & ~has(first, "bullet"),
        "upper_words": upper_words,
        "upper_chars": count("upper") / letters,
        "digits": count("digit") / chars * 2,
        "copyright": count("copyright") > 0,
        "long": (own >= _LONG) | ((own >= _LONG // 2) & wide),
    }
    few = np.maximum(words, 2)
    for name, kind in _DENSITIES.items():
        columns[name] = np.minimum(4 * count(kind) / few, 3)
    for name in ("cjk", "rtl", "other_script"):
        columns[name] = count(name) / letters
    return columns


def _place(
    blocks: Sequence[Block], keys: Sequence[str], sizes: NDArray[np.float64], long: NDArray[np.bool_]
) -> Columns:
    n = len(blocks)
    columns: Columns = {}
    index = np.arange(n)
    total = sizes.sum()
    before = np.cumsum(sizes) - sizes
    columns["from_start"] = np.log1p(index) / 4
    columns["from_end"] = np.log1p(n - 1 - index) / 4
    columns["relative"] = index / max(n - 1, 1)
    columns["text_before"] = before / total
    columns["text_after"] = 1 - (before + sizes) / total
    starts, ends = np.array([(b.start, b.end) for b in blocks]).T
    gap = np.minimum(starts[1:] - ends[:-1], 5).astype(np.float64)
    # Whether this layout puts blank lines between lines at all; only a gap that differs says something.
    gap = gap - (np.median(gap) if n > 1 else 0)
    if n > 1:
        columns["gap_before"] = np.concatenate(([0], gap)) / 2
        columns["gap_after"] = np.concatenate((gap, [0])) / 2
    seen: dict[str, int] = {}
    earlier = np.zeros(n)
    for i, key in enumerate(keys):
        earlier[i] = key in seen
        seen[key] = seen.get(key, 0) + 1
    columns["repeats"] = np.log([seen[k] for k in keys])
    lengths = np.array([len(key) for key in keys])
    # Prices, dates, ranks. Only lines of one length can have one form.
    _, length, times_of_length = np.unique(lengths, return_inverse=True, return_counts=True)
    alike = np.flatnonzero(times_of_length[length] > 1)
    forms = _DIGIT.sub("0", "\n".join([keys[i] for i in alike.tolist()])).split("\n")
    times = Counter(forms)
    columns["repeats_but_digits"] = np.zeros(n)
    columns["repeats_but_digits"][alike] = np.log([times[f] for f in forms[: len(alike)]])
    columns["repeat_of_earlier"] = earlier
    # A short line that comes again and again ("Read more", in whatever words) marks the items of a list.
    marker = np.array([seen[k] > 1 and len(k) < 40 for k in keys])
    columns["repeat_before_near"] = 1 / (index - _last(marker)) * (_last(marker) >= 0)
    columns["repeat_after_near"] = 1 / (_next(marker) - index) * (_next(marker) < n)
    # A short line with which one of the next three lines begins: a name above what is told of its bearer.
    opens = np.zeros((2, n))
    name = (lengths >= 4) & (lengths < 60)
    for step in (1, 2, 3):
        longer = lengths[step:] > lengths[:-step] + 10
        for i in np.flatnonzero(name[:-step] & longer).tolist():
            if keys[i + step].startswith(keys[i]):
                opens[0, i] = opens[1, i + step] = 1
    columns["opens_later"] = opens[0]
    columns["opened_by_earlier"] = opens[1]
    logs = np.log1p(sizes) / 3
    columns["length_prev"] = np.concatenate(([0], logs[:-1]))
    columns["length_next"] = np.concatenate((logs[1:], [0]))
    total_long = np.concatenate(([0], np.cumsum(long)))
    columns["long_before_near"] = (total_long[index] - total_long[np.maximum(index - 5, 0)]) / 5
    upto = np.minimum(index + 6, n)
    columns["long_after_near"] = (total_long[upto] - total_long[index + 1]) / 5
    columns["distance_long_before"] = np.log1p(index - _last(long)) / 3
    columns["distance_long_after"] = np.log1p(_next(long) - index) / 3
    return columns


def _last(flag: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each i the largest j < i with flag[j], or -1.

    >>> _last(np.array([True, False, False])).tolist()
    [-1, 0, 0]
    """
    here = np.where(flag, np.arange(len(flag)), -1)
    return np.concatenate(([-1], np.maximum.accumulate(here)[:-1]))


def _next(flag: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each i the smallest j > i with flag[j], or len(flag)."""
    return len(flag) - 1 - _last(flag[::-1])[::-1]


def _meta(folded: Sequence[str], rows: WordRows, hints: Hints, lexicon: Lexicon) -> Columns:
    n = len(folded)
    columns: Columns = {}
    line, topic = rows.line, rows.topic
    address = lexicon.words([address_words(hints.url)]).topic if hints.url else topic[:0]
    address = np.unique(address[address >= 0])
    if len(address) > 1:
        columns["has_address"] = np.ones(n)
        common = np.bincount(line, np.isin(topic, address), n)
        columns["in_address"] = 2 * common / (len(address) + np.bincount(line, minlength=n))
    if not (hints.title or hints.description or hints.authors or hints.body):
        return columns
    title = " ".join(hints.title.lower().split())
    columns["has_meta"] = np.ones(n)
    columns["like_meta_title"] = rows.likeness(hints.title, lexicon)
    columns["is_meta_title"] = np.array([len(t) > 8 and title.startswith(t) for t in folded])
    columns["like_description"] = rows.likeness(hints.description, lexicon)
    if len(hints.body) > 200:
        known = lexicon.words([" ".join(hints.body[:200_000].split())]).topic
        share = np.bincount(line, np.isin(topic, known[known >= 0]), n)
        columns["in_article_body"] = share / np.maximum(np.bincount(line, minlength=n), 1)
    if authors := [a.lower() for a in hints.authors if len(a) > 3]:
        columns["names_author"] = np.array([any(a in t[:200] for a in authors) for t in folded])
    return columns


def _word_ids(words: Words, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The lines and buckets of the words that are read: all of a short line and its pairs, the ends of a longer one."""
    size = np.bincount(words.line, minlength=n)
    start = np.cumsum(size) - size
    at = np.arange(len(words.line)) - start[words.line]
    left = size[words.line] - at - 1  # words after this one
    short = size[words.line] <= _SHORT_WORDS
    pair = short[:-1] & (left[:-1] > 0) if len(at) else short
    pairs = (words.shape[:-1][pair] * 31 + words.shape[1:][pair] * 17 + 7) % WORD_BUCKETS
    opens, closes = (at == 0) | (~short & (at < _SIDE)), ~short & (left < _SIDE)
    lines = (words.line[short], words.line[:-1][pair], words.line[opens], words.line[closes])
    return np.concatenate(lines), np.concatenate(
        (words.shape[short], pairs, words.opening[opens], words.closing[closes])
    )


def _bags(line: NDArray[np.int64], ids: NDArray[np.int64], n: int) -> tuple[Ints, Ints]:
    """Ids sorted by line, and where each line's begin; [len(ids)] and [n + 1]."""
    offsets = np.zeros(n + 1, np.int32)
    np.cumsum(np.bincount(line, minlength=n), out=offsets[1:])
    return ids[np.argsort(line, kind="stable")].astype(np.int32), offsets
