"""What the tree says of the blocks of an HTML page: elements, links, class names."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from transforms.core.coherence import WordRows
from transforms.core.lexicon import Lexicon, address_words
from transforms.types import Block, Dom

T = TypeVar("T")

NAME_BUCKETS = 1 << 12
_TAGS = ("p", "h1", "h2", "h3", "li", "div", "figcaption", "tr", "blockquote", "button", "pre", "dt", "section")
_INSIDE = (
    "article", "main", "nav", "header", "footer", "aside", "figure", "form", "ul", "table", "section", "dl"
)  # fmt: skip
_PLACES = (*(f"tag_{t}" for t in _TAGS), *(f"in_{t}" for t in _INSIDE))
DOM_NAMES = (
    "link_share", "has_link", "all_link", "link_names_it", "depth", "hidden", "same_path_prev", "same_path_next",
    "same_container_prev", "same_container_next", "parent_text", "grandparent_text", "parent_links", "path_count",
    *_PLACES,
)  # fmt: skip
_MOST = 400  # characters of an address that are read
_address_words = lru_cache(maxsize=20_000)(address_words)  # menus are the same on page after page
_LINK = 0.5  # share of a block's characters from which its link's address is read


def dom_columns(
    blocks: Sequence[Block],
    chars: NDArray[np.float64],
    linked: NDArray[np.float64],
    long: NDArray[np.bool_],
    rows: WordRows,
    lexicon: Lexicon,
) -> dict[str, NDArray[Any]]:
    """Columns for DOM_NAMES, each [n]; every block has a Dom."""
    doms = [b.dom for b in blocks if b.dom is not None]
    share = linked / chars
    # Most blocks of a page stand in a few places: what depends on the place alone is worked out once for each.
    place, places = grouped([(d.tag, d.path, d.names) for d in doms])
    group = _groups([(path, names[1:4]) for _, path, names in places])[place]
    parent = _groups([(path[:-1], names[1:]) for _, path, names in places])[place]
    grandparent = _groups([(path[:-2], names[2:]) for _, path, names in places])[place]
    columns: dict[str, NDArray[Any]] = {
        "link_share": share,
        "has_link": linked > 0,
        "all_link": share > 0.9,
        "link_names_it": _link_names_it(doms, share, rows, lexicon),
        "depth": np.array([len(names) for _, _, names in places])[place] / 6,
        "hidden": np.array([d.hidden for d in doms]),
    }
    columns["path_count"] = np.log(np.bincount(group)[group]) / 3
    container = np.array([d.container for d in doms])
    for name, key in (("same_path", group), ("same_container", container)):
        same = key[1:] == key[:-1]
        columns[f"{name}_prev"] = np.concatenate(([False], same))
        columns[f"{name}_next"] = np.concatenate((same, [False]))
    text = (chars - linked) * long
    for name, key in (("parent_text", parent), ("grandparent_text", grandparent)):
        held = np.bincount(key, text)
        columns[name] = held[key] / max(held.max(), 1)
    columns["parent_links"] = (np.bincount(parent, linked) / np.bincount(parent, chars))[parent]
    inside = np.array([_places(tag, path) for tag, path, _ in places], np.float32)
    columns |= zip(_PLACES, inside[place].T, strict=True)
    return columns


def _link_names_it(
    doms: Sequence[Dom], share: NDArray[np.float64], rows: WordRows, lexicon: Lexicon
) -> NDArray[np.float64]:
    """How much a linked line says the words of its link's address (Dice): a headline's often does, a menu's seldom."""
    n = len(doms)
    linking = np.flatnonzero(share >= _LINK).tolist()
    linking = [i for i in linking if doms[i].links]
    if not linking:
        return np.zeros(n)
    address = lexicon.words([_address_words(doms[i].links[0][:_MOST]) for i in linking])
    size = len(lexicon.idf)
    here = rows.line * size + rows.topic
    there = address.topic >= 0
    there = np.unique(np.array(linking)[address.line[there]] * size + address.topic[there])
    common = np.bincount(here[np.isin(here, there, assume_unique=True)] // size, minlength=n)
    both = np.bincount(here // size, minlength=n) + np.bincount(there // size, minlength=n)
    return np.where(common > 1, 2 * common / np.maximum(both, 1), 0)  # one word may be a section's name


@lru_cache(maxsize=5_000)
def _places(tag: str, path: tuple[str, ...]) -> tuple[bool, ...]:
    tag = "h3" if tag in ("h4", "h5", "h6") else tag
    return (*(tag == t for t in _TAGS), *(t in path for t in _INSIDE))


def grouped(keys: Sequence[T]) -> tuple[NDArray[np.int64], list[T]]:
    """The number of each key among the distinct ones, and those in order of appearance."""
    numbers: dict[T, int] = {}
    number = np.array([numbers.setdefault(k, len(numbers)) for k in keys], np.int64)
    return number, list(numbers)


def _groups(keys: Sequence[object]) -> NDArray[np.int64]:
    return grouped(keys)[0]


@lru_cache(maxsize=50_000)
def name_ids(names: tuple[str, ...], path: tuple[str, ...]) -> tuple[int, ...]:
    """Class and id words of the block's own element, its nearest ancestors, and farther ones, as buckets."""
    ids: list[int] = []
    for level, value in enumerate(names[:10]):
        ids += _level_ids("0" if level == 0 else "1" if level < 3 else "2", value)
    ids += [_bucket("t" + tag) for tag in path[-3:]]
    return tuple(ids)


@lru_cache(maxsize=50_000)
def _level_ids(band: str, value: str) -> tuple[int, ...]:
    """Of one element: the places of a page share most of the elements around them."""
    return tuple(_bucket(band + word) for word in value.split()[:6])


@lru_cache(maxsize=50_000)
def _bucket(name: str) -> int:
    return zlib.crc32(name.encode("utf-8", "replace")) % NAME_BUCKETS
