"""What the role model sees of a page: numbers per block, computed for a whole page at once.

Four views, none of which leans on one site, and only one on one language:

* ``dense``  float32 [blocks, len(NAMES)]: surface (shape of the line), place on the page, coherence
  (shared rare words, and likeness of meaning, with the neighbours and the page's main text), and for HTML the DOM.
* ``words``  hashed words of the line, digits as "0": all of them in a short line, the first and last
  three in a longer one, so that the model learns wording of chrome and not topics.
* ``sense``  float32 [blocks, 48]: static word vectors of the line (``word_vectors.py``; English words).
* ``names``  hashed class and id words of the elements around the block, by distance.

All counting is vectorised over the page's characters; the only Python loop per block is tokenising.
"""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from transforms.core.characters import BIT, class_table
from transforms.core.word_vectors import line_vectors
from transforms.types import Block

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

FEATURES_VERSION = "1"  # raise it when a feature changes its meaning
WORD_BUCKETS = 1 << 16
NAME_BUCKETS = 1 << 12
_COHERENCE_DIM = 512
_LONG = 80  # characters from which a block counts as running text
_SHORT_WORDS = 12
_MOST_CHARS = 20_000  # of a block are read for words: bounds memory where a whole book is one line
_WORD = re.compile(r"\w+|[^\w\s]")

# --- feature names --------------------------------------------------------------------------------
_SURFACE = (
    "chars", "words", "word_length", "sentence_ends", "ends_sentence", "ends_colon", "ends_ellipsis",
    "ends_letter", "starts_upper", "starts_lower", "starts_digit", "starts_bullet", "starts_quote",
    "starts_sign", "upper_words", "upper_chars", "digits", "punctuation", "commas", "quotes", "separators",
    "brackets", "signs", "at_signs", "colons", "copyright", "cjk", "rtl", "other_script", "long",
)  # fmt: skip
_PLACE = (
    "from_start", "from_end", "relative", "text_before", "text_after", "gap_before", "gap_after", "repeats",
    "opens_later",
    "opened_by_earlier",
    "repeat_of_earlier", "repeat_before_near", "repeat_after_near",
    "length_prev", "length_next", "long_before_near", "long_after_near",
    "distance_long_before", "distance_long_after",
)  # fmt: skip
_COHERENCE = (
    "like_prev", "like_next", "like_prev3", "like_next3", "like_before", "like_after", "like_core",
    "like_prev_long", "like_next_long", "like_first_long", "novel_words", "novel_before_near", "reused_later",
)  # fmt: skip
_SENSE = (
    "sense_prev", "sense_next", "sense_prev3", "sense_next3", "sense_before", "sense_after", "sense_core",
    "sense_prev_long", "sense_next_long", "sense_first_long", "sense_words",
)  # fmt: skip
_META = ("like_meta_title", "is_meta_title", "like_description", "in_article_body", "names_author", "has_meta")
_TAGS = ("p", "h1", "h2", "h3", "li", "div", "figcaption", "tr", "blockquote", "button", "pre", "dt", "section")
_INSIDE = (
    "article", "main", "nav", "header", "footer", "aside", "figure", "form", "ul", "table", "section", "dl"
)  # fmt: skip
_DOM = (
    "link_share", "has_link", "all_link", "depth", "hidden", "same_path_prev", "same_path_next",
    "same_container_prev", "same_container_next", "parent_text", "grandparent_text", "parent_links",
    "path_count",
)  # fmt: skip
_PAGE = ("page_blocks", "page_long_share", "page_links", "page_html", "page_cjk")

GROUPS: dict[str, tuple[str, ...]] = {
    "surface": _SURFACE,
    "place": _PLACE,
    "coherence": _COHERENCE,
    "sense": _SENSE,
    "meta": _META,
    "dom": _DOM + tuple(f"tag_{t}" for t in _TAGS) + tuple(f"in_{t}" for t in _INSIDE),
    "page": _PAGE,
}
NAMES: tuple[str, ...] = tuple(name for group in GROUPS.values() for name in group)
_COLUMN = {name: i for i, name in enumerate(NAMES)}


@dataclass(frozen=True)
class Hints:
    """What a page's head says of its story; empty for text pages."""

    title: str = ""
    description: str = ""
    authors: tuple[str, ...] = ()
    body: str = ""


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


def page_features(blocks: Sequence[Block], hints: Hints | None = None) -> Features:
    """Compute the features of one page; needs at least one block."""
    dense = np.zeros((len(blocks), len(NAMES)), np.float32)
    tokens = [_WORD.findall(b.text[:_MOST_CHARS].lower()) for b in blocks]
    _surface(blocks, dense)
    _place(blocks, dense)
    _coherence(blocks, tokens, hints or Hints(), dense)
    sense = line_vectors(tokens)
    _sense(blocks, sense, dense)
    if blocks[0].dom is not None:
        _dom(blocks, dense)
    _page(blocks, dense)
    words, word_offsets = _flatten([_word_ids(t) for t in tokens])
    names, name_offsets = _flatten([_name_ids(b.dom.names, b.dom.path) if b.dom else () for b in blocks])
    chars = np.array([len(b.text) for b in blocks], np.float32)
    return Features(dense, words, word_offsets, names, name_offsets, sense, chars)


def _col(dense: Floats, name: str, values: object) -> None:
    dense[:, _COLUMN[name]] = values  # type: ignore[call-overload]


def _surface(blocks: Sequence[Block], dense: Floats) -> None:
    text = "\n".join(b.text for b in blocks)
    codes = np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32)
    table = class_table()
    mask = table[np.minimum(codes, 0xFFFF)]
    mask[codes > 0xFFFF] = BIT["punct"] | BIT["sign"]  # emoji, mostly
    sizes = np.array([len(b.text) for b in blocks])
    starts = np.concatenate(([0], np.cumsum(sizes + 1)[:-1]))
    ends = starts + sizes - 1

    def count(bits: int) -> NDArray[np.float64]:
        total = np.concatenate(([0], np.cumsum((mask & bits) != 0)))
        return (total[starts + sizes] - total[starts]).astype(np.float64)

    chars = sizes.astype(np.float64)
    space = (mask & BIT["space"]) != 0
    word_start = ~space & np.concatenate(([True], space[:-1]))
    total = np.concatenate(([0], np.cumsum(word_start)))
    cjk = count(BIT["cjk"])
    words = np.maximum(total[starts + sizes] - total[starts], 1) + cjk / 2
    total = np.concatenate(([0], np.cumsum(word_start & ((mask & BIT["upper"]) != 0))))
    upper_words = (total[starts + sizes] - total[starts]) / words
    letters = np.maximum(count(BIT["letter"]), 1)
    end_mark = (mask & BIT["end"]) != 0
    # A full stop inside "3.5" or "U.S" does not end a sentence; one before a space or a quote does.
    after = np.concatenate((space[1:], [True])) | np.concatenate(((mask[1:] & BIT["quote"]) != 0, [True]))
    is_wide = codes > 0x2E80
    total = np.concatenate(([0], np.cumsum(end_mark & (after | is_wide))))
    sentence_ends = total[starts + sizes] - total[starts]
    last, first = mask[ends], mask[starts]
    before_last = mask[np.maximum(ends - 1, starts)]
    closing = (last & (BIT["quote"] | BIT["bracket"])) != 0
    ends_sentence = ((last & BIT["end"]) != 0) | (closing & ((before_last & BIT["end"]) != 0))
    ellipsis = (codes[ends] == 0x2026) | ((codes[ends] == 0x2E) & (codes[np.maximum(ends - 1, starts)] == 0x2E))

    def has(value: NDArray[np.uint32], name: str) -> NDArray[np.bool_]:
        return (value & BIT[name]) != 0

    _col(dense, "chars", np.log1p(chars) / 3)
    _col(dense, "words", np.log1p(words) / 2)
    _col(dense, "word_length", np.minimum(letters / words, 12) / 6)
    _col(dense, "sentence_ends", np.log1p(sentence_ends))
    _col(dense, "ends_sentence", ends_sentence & ~ellipsis)
    _col(dense, "ends_colon", has(last, "colon"))
    _col(dense, "ends_ellipsis", ellipsis)
    _col(dense, "ends_letter", has(last, "letter"))
    _col(dense, "starts_upper", has(first, "upper"))
    _col(dense, "starts_lower", has(first, "lower"))
    _col(dense, "starts_digit", has(first, "digit"))
    _col(dense, "starts_bullet", has(first, "bullet"))
    _col(dense, "starts_quote", has(first, "quote"))
    _col(dense, "starts_sign", has(first, "punct") & ~has(first, "quote") & ~has(first, "bullet"))
    _col(dense, "upper_words", upper_words)
    _col(dense, "upper_chars", count(BIT["upper"]) / letters)
    for name, bits in (
        ("punctuation", "punct"),
        ("commas", "comma"),
        ("quotes", "quote"),
        ("separators", "sep"),
        ("brackets", "bracket"),
        ("signs", "sign"),
        ("at_signs", "at"),
        ("colons", "colon"),
    ):
        _col(dense, name, np.minimum(4 * count(BIT[bits]) / np.maximum(words, 2), 3))
    _col(dense, "digits", count(BIT["digit"]) / chars * 2)
    _col(dense, "copyright", count(BIT["copyright"]) > 0)
    for name in ("cjk", "rtl", "other_script"):
        _col(dense, name, count(BIT[name]) / letters)
    _col(dense, "long", np.array([_is_long(b) for b in blocks]))


def _is_long(block: Block) -> bool:
    """Running text: long, and not mostly links. A CJK character says about as much as two Latin ones."""
    linked = block.dom.link_chars if block.dom else 0
    size = len(block.text) - linked
    return size >= _LONG or (size >= _LONG // 2 and ord(block.text[size // 2]) > 0x2E80)


def _place(blocks: Sequence[Block], dense: Floats) -> None:
    n = len(blocks)
    index = np.arange(n)
    sizes = np.array([len(b.text) for b in blocks], np.float64)
    long = dense[:, _COLUMN["long"]] > 0
    total = sizes.sum()
    before = np.cumsum(sizes) - sizes
    _col(dense, "from_start", np.log1p(index) / 4)
    _col(dense, "from_end", np.log1p(n - 1 - index) / 4)
    _col(dense, "relative", index / max(n - 1, 1))
    _col(dense, "text_before", before / total)
    _col(dense, "text_after", 1 - (before + sizes) / total)
    gap = np.array([min(b.start - a.end, 5) for a, b in itertools.pairwise(blocks)], np.float64)
    # Whether this layout puts blank lines between lines at all; only a gap that differs says something.
    gap = gap - (np.median(gap) if n > 1 else 0)
    if n > 1:
        _col(dense, "gap_before", np.concatenate(([0], gap)) / 2)
        _col(dense, "gap_after", np.concatenate((gap, [0])) / 2)
    seen: dict[str, int] = {}
    earlier = np.zeros(n)
    keys = [b.text.lower() for b in blocks]
    for i, key in enumerate(keys):
        earlier[i] = key in seen
        seen[key] = seen.get(key, 0) + 1
    _col(dense, "repeats", np.log([seen[k] for k in keys]))
    _col(dense, "repeat_of_earlier", earlier)
    # A short line that comes again and again ("Read more", in whatever words) marks the items of a list.
    marker = np.array([seen[k] > 1 and len(k) < 40 for k in keys])
    _col(dense, "repeat_before_near", 1 / (index - _last(marker)) * (_last(marker) >= 0))
    _col(dense, "repeat_after_near", 1 / (_next(marker) - index) * (_next(marker) < n))
    # A short line with which one of the next three lines begins: a name above what is told of its bearer.
    opens = np.zeros((2, n))
    for i, key in enumerate(keys):
        if 4 <= len(key) < 60:
            for j in range(i + 1, min(i + 4, n)):
                if len(keys[j]) > len(key) + 10 and keys[j].startswith(key):
                    opens[0, i] = opens[1, j] = 1
    _col(dense, "opens_later", opens[0])
    _col(dense, "opened_by_earlier", opens[1])
    logs = np.log1p(sizes) / 3
    _col(dense, "length_prev", np.concatenate(([0], logs[:-1])))
    _col(dense, "length_next", np.concatenate((logs[1:], [0])))
    total_long = np.concatenate(([0], np.cumsum(long)))
    _col(dense, "long_before_near", (total_long[index] - total_long[np.maximum(index - 5, 0)]) / 5)
    upto = np.minimum(index + 6, n)
    _col(dense, "long_after_near", (total_long[upto] - total_long[index + 1]) / 5)
    _col(dense, "distance_long_before", np.log1p(index - _last(long)) / 3)
    _col(dense, "distance_long_after", np.log1p(_next(long) - index) / 3)


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


def _coherence(blocks: Sequence[Block], tokens: list[list[str]], hints: Hints, dense: Floats) -> None:
    """Cosines of idf-weighted bags of words, hashed to 512 dimensions.

    Rare words that a block shares with its neighbours, with the page's running text or with its title
    say whether it tells the same story; no word list and no language is needed.
    """
    n = len(blocks)
    content = [_content_words(t) for t in tokens]
    rows = np.repeat(np.arange(n), [len(c) for c in content])
    buckets = np.array([_bucket(w, _COHERENCE_DIM) for c in content for w in c], np.int64)
    keys = np.unique(rows * _COHERENCE_DIM + buckets)
    rows, cols = np.divmod(keys, _COHERENCE_DIM)
    df = np.bincount(cols, minlength=_COHERENCE_DIM)
    idf = np.log1p(n / np.maximum(df, 1)).astype(np.float32)

    first_row = np.full(_COHERENCE_DIM, n)
    np.minimum.at(first_row, cols, rows)
    last_row = np.full(_COHERENCE_DIM, -1)
    np.maximum.at(last_row, cols, rows)
    weight = idf[cols]
    mass = np.bincount(rows, weight, n) + 1e-6
    _col(dense, "novel_words", np.bincount(rows, weight * (first_row[cols] == rows), n) / mass)
    _col(dense, "reused_later", np.bincount(rows, weight * (last_row[cols] > rows), n) / mass)
    # Words not seen in the eight blocks before this one: high where another story starts.
    order = np.lexsort((rows, cols))
    previous = np.full(len(rows), -(10**6))
    same = cols[order][1:] == cols[order][:-1]
    previous[order[1:][same]] = rows[order[:-1][same]]
    _col(dense, "novel_before_near", np.bincount(rows, weight * (rows - previous > 8), n) / mass)

    matrix = np.zeros((n, _COHERENCE_DIM), np.float32)
    matrix[rows, cols] = weight
    matrix /= np.sqrt((matrix**2).sum(1, keepdims=True)) + 1e-6
    _compare("like", matrix, blocks, dense)
    _meta(blocks, content, matrix, idf, hints, dense)


def _sense(blocks: Sequence[Block], sense: Floats, dense: Floats) -> None:
    """The same comparisons by what words mean instead of by the words themselves."""
    size = np.sqrt((sense**2).sum(1, keepdims=True))
    matrix = sense / (size + 1e-6)
    _col(dense, "sense_words", size[:, 0] > 0)
    _compare("sense", matrix, blocks, dense)


def _compare(view: str, matrix: Floats, blocks: Sequence[Block], dense: Floats) -> None:
    """Cosines of each line's row, of unit length, with its neighbours' and the running text's around it."""
    n, dim = matrix.shape
    long = dense[:, _COLUMN["long"]] > 0
    sizes = np.sqrt(np.array([len(b.text) for b in blocks], np.float32)) * long
    weighted = matrix * sizes[:, None]
    # Only long blocks add to the running text, so its sums are few: one after each of them.
    zero = np.zeros((3, dim), np.float32)
    sums = np.cumsum(np.concatenate((zero[:1], weighted[long])), axis=0)
    core, upto = sums[-1], np.cumsum(long)
    _col(dense, f"{view}_core", _rowwise(matrix, core - weighted))
    _col(dense, f"{view}_before", _rowwise(matrix, sums[upto - long]))
    _col(dense, f"{view}_after", _rowwise(matrix, core - sums[upto]))
    padded = np.concatenate((zero, matrix, zero))
    _col(dense, f"{view}_prev", (matrix * padded[2 : n + 2]).sum(1))
    _col(dense, f"{view}_next", (matrix * padded[4 : n + 4]).sum(1))
    _col(dense, f"{view}_prev3", _rowwise(matrix, padded[:n] + padded[1 : n + 1] + padded[2 : n + 2]))
    _col(dense, f"{view}_next3", _rowwise(matrix, padded[4 : n + 4] + padded[5 : n + 5] + padded[6 : n + 6]))
    with_end = np.concatenate((matrix, zero[:1]))
    _col(dense, f"{view}_prev_long", (matrix * with_end[_last(long)]).sum(1))
    _col(dense, f"{view}_next_long", (matrix * with_end[_next(long)]).sum(1))
    if long.any():
        first = int(np.argmax(long))
        similarity = matrix @ matrix[first]
        similarity[first] = 0
        _col(dense, f"{view}_first_long", similarity)


def _meta(
    blocks: Sequence[Block],
    content: list[list[str]],
    matrix: Floats,
    idf: Floats,
    hints: Hints,
    dense: Floats,
) -> None:
    if hints == Hints():
        return

    def vector(text: str) -> Floats:
        out = np.zeros(_COHERENCE_DIM, np.float32)
        for word in _content_words(_WORD.findall(text.lower())):
            bucket = _bucket(word, _COHERENCE_DIM)
            out[bucket] = idf[bucket]
        return out / (np.sqrt((out**2).sum()) + 1e-6)

    _col(dense, "has_meta", 1.0)
    title = " ".join(hints.title.lower().split())
    _col(dense, "like_meta_title", matrix @ vector(hints.title))
    _col(dense, "is_meta_title", [len(b.text) > 8 and title.startswith(b.text.lower()) for b in blocks])
    _col(dense, "like_description", matrix @ vector(hints.description))
    if len(hints.body) > 200:
        known = set(_content_words(_WORD.findall(hints.body.lower()[:200_000])))
        _col(dense, "in_article_body", [sum(w in known for w in c) / len(c) if c else 0.0 for c in content])
    authors = [a.lower() for a in hints.authors if len(a) > 3]
    _col(dense, "names_author", [any(a in b.text.lower()[:200] for a in authors) for b in blocks])


def _rowwise(a: Floats, b: Floats) -> Floats:
    """Cosine of each row of a (unit length) with the same row of b."""
    return (a * b).sum(1) / (np.sqrt((b**2).sum(1)) + 1e-6)


def _dom(blocks: Sequence[Block], dense: Floats) -> None:
    doms = [b.dom for b in blocks if b.dom is not None]
    n = len(doms)
    sizes = np.array([len(b.text) for b in blocks], np.float64)
    linked = np.array([d.link_chars for d in doms], np.float64)
    long = dense[:, _COLUMN["long"]] > 0
    share = linked / sizes
    _col(dense, "link_share", share)
    _col(dense, "has_link", linked > 0)
    _col(dense, "all_link", share > 0.9)
    _col(dense, "depth", np.array([len(d.names) for d in doms]) / 6)
    _col(dense, "hidden", [d.hidden for d in doms])
    paths = [(d.path, d.names[1:4]) for d in doms]
    same = np.array([a == b for a, b in itertools.pairwise(paths)], np.float64)
    together = np.array([a.container == b.container for a, b in itertools.pairwise(doms)], np.float64)
    if n > 1:
        _col(dense, "same_path_prev", np.concatenate(([0], same)))
        _col(dense, "same_path_next", np.concatenate((same, [0])))
        _col(dense, "same_container_prev", np.concatenate(([0], together)))
        _col(dense, "same_container_next", np.concatenate((together, [0])))
    text = (sizes - linked) * long
    for name, level in (("parent_text", 1), ("grandparent_text", 2)):
        group = _groups([(d.path[:-level], d.names[level:]) for d in doms])
        held = np.bincount(group, text)
        _col(dense, name, held[group] / max(held.max(), 1))
        if level == 1:
            chars = np.bincount(group, sizes)
            _col(dense, "parent_links", (np.bincount(group, linked) / chars)[group])
    group = _groups(paths)
    _col(dense, "path_count", np.log(np.bincount(group)[group]) / 3)
    tags = [d.tag if d.tag not in ("h4", "h5", "h6") else "h3" for d in doms]
    for tag in _TAGS:
        _col(dense, f"tag_{tag}", [t == tag for t in tags])
    for tag in _INSIDE:
        _col(dense, f"in_{tag}", [tag in d.path for d in doms])


def _groups(keys: Sequence[object]) -> NDArray[np.int64]:
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(k, len(numbers)) for k in keys], np.int64)


def _page(blocks: Sequence[Block], dense: Floats) -> None:
    n = len(blocks)
    _col(dense, "page_blocks", np.log1p(n) / 5)
    _col(dense, "page_long_share", dense[:, _COLUMN["long"]].mean())
    _col(dense, "page_links", dense[:, _COLUMN["link_share"]].mean())
    _col(dense, "page_html", float(blocks[0].dom is not None))
    _col(dense, "page_cjk", dense[:, _COLUMN["cjk"]].mean())


# --- hashed views ---------------------------------------------------------------------------------
@lru_cache(maxsize=200_000)
def _bucket(token: str, buckets: int) -> int:
    return zlib.crc32(token.encode("utf-8", "replace")) % buckets


@lru_cache(maxsize=100_000)
def _shape(token: str) -> str:
    """Digits as "0", so that dates, times and counts are recognised by their form."""
    return "".join("0" if c.isdigit() else c for c in token[:20])


def _content_words(tokens: list[str]) -> list[str]:
    """Words long enough to carry a topic; scripts without spaces give pairs of characters."""
    words: list[str] = []
    for token in tokens:
        if ord(token[0]) > 0x2E80:
            words.extend(token[i : i + 2] for i in range(max(1, len(token) - 1)))
        elif len(token) >= 4:
            words.append(token[:6])  # inflected forms meet without a stemmer
    return words


def _word_ids(tokens: list[str]) -> list[int]:
    if tokens and ord(tokens[0][0]) > 0x2E80:  # pairs of characters where a script has no spaces
        tokens = [t for token in tokens for t in ([token[i : i + 2] for i in range(0, len(token), 2)])]
    shapes = [_shape(t) for t in tokens]
    if len(shapes) > _SHORT_WORDS:
        return [
            _bucket(side + shape, WORD_BUCKETS)
            for side, part in (("<", shapes[:3]), (">", shapes[-3:]))
            for shape in part
        ]
    ids = [_bucket(shape, WORD_BUCKETS) for shape in shapes]
    ids += [_bucket(f"{a} {b}", WORD_BUCKETS) for a, b in itertools.pairwise(shapes)]
    if shapes:
        ids.append(_bucket("<" + shapes[0], WORD_BUCKETS))
    return ids


@lru_cache(maxsize=50_000)
def _name_ids(names: tuple[str, ...], path: tuple[str, ...]) -> tuple[int, ...]:
    """Class and id words of the block's own element, its nearest ancestors, and farther ones."""
    ids = []
    for level, value in enumerate(names[:10]):
        band = "0" if level == 0 else "1" if level < 3 else "2"
        ids += [_bucket(band + word, NAME_BUCKETS) for word in value.split()[:6]]
    ids += [_bucket("t" + tag, NAME_BUCKETS) for tag in path[-3:]]
    return tuple(ids)


def _flatten(lists: Sequence[Sequence[int]]) -> tuple[Ints, Ints]:
    offsets = np.zeros(len(lists) + 1, np.int32)
    np.cumsum([len(x) for x in lists], out=offsets[1:])
    return np.array([i for x in lists for i in x], np.int32), offsets
