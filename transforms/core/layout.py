"""A second look at the story of an HTML page: what stands where its paragraphs do not stand is none of its text.

The role model reads line after line and says little of where on the page each stands. One story's paragraphs are set
alike, in the same elements with the same class names; standfirsts, captions, pointers and the site's own notes are
mostly set apart. So the text that was found says where the story stands, and each of its blocks is asked how
much of that text shares its place. Two logistic regressions weigh the answers, one for paragraphs and one for headings,
which have a place of their own (``training/layout.py`` fits them); no name of a class or an element is among
them, and no word.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transforms.core.dom_features import grouped
from transforms.core.metadata import Metadata
from transforms.core.role_model import Label, ModelError
from transforms.types import TEASER_ROLES, Block

Floats = NDArray[np.float64]

LAYOUT_FORMAT = 1
STORY_ROLES = ("body", "heading")
_OF_A_TEASER = ("teaser_text", "teaser_caption")  # seldom the first line of one
_PLACES = ("element", "set_like", "parent", "parent_set_like", "names", "container", "tag")
_OF_NEIGHBOURS = ("parent_share", "element_share", "container_share", "main")
LAYOUT_NAMES = (
    "main", "length", "short", "linked", "within", "sure",
    "says_description", "in_description", "holds_description", "repeated", "is_title",
    *(f"{place}_{what}" for place in _PLACES for what in ("share", "others", "most", "count", "main")),
    *(f"{side}_{name}" for side in ("previous", "next") for name in _OF_NEIGHBOURS),
)  # fmt: skip
_CLIP = 4.0  # standard deviations beyond which a number says no more
_BELONGS = 0.5  # probability of being the story's own from which a block stays
_SURE = 1e-6
_SHORT = 40  # characters below which a line is short
_TELLING = 15  # characters from which it says something that a line stands in another text
_REPEATED = 25
_OPENING = 60  # characters of a description that a paragraph must hold to be the one it was taken from
_WORD = re.compile(r"\w+")
_PACKAGED = Path(__file__).parents[1] / "models" / "layout.json"


@dataclass(frozen=True)
class Layout:
    """Weights for LAYOUT_NAMES: ``mean``, ``std`` and ``weights`` are [2, k], ``bias`` [2], of body and heading."""

    mean: Floats
    std: Floats
    weights: Floats
    bias: Floats
    hash: str = ""

    def belongs(self, columns: Floats, heading: NDArray[np.bool_]) -> Floats:
        """The probability that each block [n, k] is the story's own text, [n]."""
        row = heading.astype(int)
        x = standardised(columns, self.mean[row], self.std[row])
        return np.asarray(1 / (1 + np.exp(-(np.einsum("ij,ij->i", x, self.weights[row]) + self.bias[row]))))


def standardised(columns: Floats, mean: Floats, std: Floats) -> Floats:
    """Columns in standard deviations from their mean, cut where they say no more."""
    return np.clip((columns - mean) / std, -_CLIP, _CLIP)


def without_what_stands_apart(
    blocks: Sequence[Block], labels: Sequence[Label], metadata: Metadata, layout: Layout
) -> list[Label]:
    """Take from the story the blocks that stand apart from it; each gets the likeliest of the other roles.

    Args:
        blocks: the blocks of an HTML page; each has a Dom.
        labels: one for each. What a rule has settled (``Label.instead`` is its role) stays.
        metadata: what the page's head says.
        layout: the weights.
    """
    labels = list(labels)
    story = story_blocks(labels)
    if not story:
        return labels
    heading = np.array([labels[i].role == "heading" for i in story])
    belongs = layout.belongs(layout_columns(blocks, labels, metadata), heading)
    if not (belongs[~heading] >= _BELONGS).any():  # nothing would be left
        return labels
    for i, probability in zip(story, belongs.tolist(), strict=True):
        label = labels[i]
        if probability < _BELONGS and label.instead != label.role:
            role = label.instead
            if role in _OF_A_TEASER and (i == 0 or labels[i - 1].role not in TEASER_ROLES):
                role = "boilerplate"  # there is no teaser that it could belong to
            reason = f"stands apart from the story's paragraphs; {label.reason}"
            labels[i] = replace(label, role=role, confidence=1 - probability, reason=reason)
    return labels


def story_blocks(labels: Sequence[Label]) -> list[int]:
    """Places of the blocks that are the story's text."""
    return [i for i, label in enumerate(labels) if label.role in STORY_ROLES]


def layout_columns(blocks: Sequence[Block], labels: Sequence[Label], metadata: Metadata) -> Floats:
    """What LAYOUT_NAMES name, for each block of the story, [n, k]."""
    story = np.array(story_blocks(labels), np.int64)
    main = np.array([label.main for label in labels])
    chars = np.array([len(block.text) for block in blocks], float)
    doms = [block.dom for block in blocks if block.dom is not None]
    body = np.where([label.role == "body" for label in labels], main * chars, 0)
    whole = max(body.sum(), 1)
    # Most blocks of a page stand in a few places: what depends on the place alone is worked out once for each.
    at_place, distinct = grouped([(d.path, d.names, d.tag, d.container) for d in doms])
    places: dict[str, Sequence[Hashable]] = {
        "element": [(path, names) for path, names, _, _ in distinct],
        "set_like": [(path, names[:4], tag) for path, names, tag, _ in distinct],
        "parent": [(path[:-1], names[1:]) for path, names, _, _ in distinct],
        "parent_set_like": [(path[:-1], names[1:5]) for path, names, _, _ in distinct],
        "names": [names[:1] for _, names, _, _ in distinct],
        "container": [container for _, _, _, container in distinct],
        "tag": [tag for _, _, tag, _ in distinct],
    }
    of_place = {place: grouped(keys)[0][at_place] for place, keys in places.items()}
    columns: dict[str, NDArray[np.generic]] = {
        "main": (np.log(main + _SURE) - np.log(1 - main + _SURE))[story],
        "length": np.log(chars[story]),
        "short": chars[story] < _SHORT,
        "linked": np.array([doms[i].link_chars for i in story]) / chars[story],
        "within": _within(of_place["parent"], body, story),
        "sure": np.full(len(story), (main * chars)[story].sum() / chars[story].sum()),
        **_said_elsewhere([blocks[i].text for i in story], metadata),
    }
    for place, key in of_place.items():
        at = key[story]
        held = np.bincount(key, body)
        columns[f"{place}_share"] = held[at] / whole
        columns[f"{place}_others"] = (held[at] - body[story]) / whole
        columns[f"{place}_most"] = held[at] == held.max()
        columns[f"{place}_count"] = np.log(np.bincount(key)[at])
        columns[f"{place}_main"] = np.bincount(key, main * chars)[at] / np.bincount(key, chars)[at]
    for name in _OF_NEIGHBOURS:
        columns[f"previous_{name}"] = np.concatenate(([0], columns[name][:-1]))
        columns[f"next_{name}"] = np.concatenate((columns[name][1:], [0]))
    return np.stack([np.asarray(columns[name], float) for name in LAYOUT_NAMES], axis=1)


def _within(parent: NDArray[np.int64], body: Floats, story: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a block stands between the first and the last one of the parent that holds most of the story."""
    main = story[parent[story] == np.bincount(parent, body).argmax()]
    return (story >= main[0]) & (story <= main[-1]) if len(main) else np.ones(len(story), bool)


def _said_elsewhere(texts: Sequence[str], metadata: Metadata) -> dict[str, NDArray[np.generic]]:
    """What the page's head, or another block of the story, says as well."""
    said = _folded(metadata.description or "")
    words = set(said.split())
    titles = {_folded(title) for title in (metadata.title or "", *metadata.headings)} - {""}
    folded = [_folded(text) for text in texts]
    own = [set(text.split()) for text in folded]
    whole = " | ".join(folded)
    return {
        "says_description": np.array([2 * len(x & words) / max(1, len(x) + len(words)) for x in own]),
        "in_description": np.array([len(text) > _TELLING and text in said for text in folded]),
        "holds_description": np.array([len(said) > _TELLING and said[:_OPENING] in text for text in folded]),
        "repeated": np.array([len(x) >= _REPEATED and whole.find(x, whole.find(x) + 1) >= 0 for x in folded]),
        "is_title": np.array([text in titles for text in folded]),
    }


def _folded(text: str) -> str:
    return " ".join(_WORD.findall(text.lower()))


def layout_hash() -> str:
    """What an artefact was fitted for, so that it is never used with anything else."""
    return hashlib.sha256(",".join(LAYOUT_NAMES).encode()).hexdigest()[:16]


@lru_cache(maxsize=8)
def load_layout(model: str = "") -> Layout | None:
    """Load the weights that go with a role model, once per process; the packaged ones for an empty path.

    Weights of another role model stand beside it: ``NAME.layout.json`` for ``NAME.npz``. Without that file
    there is no second look.

    Raises:
        ModelError: the file was fitted for other columns, or is none.
    """
    path = Path(model).with_suffix(".layout.json") if model else _PACKAGED
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        if model:
            return None
        raise
    try:
        card = json.loads(data)
        if card["format"] != LAYOUT_FORMAT or card["columns"] != layout_hash():
            raise ModelError(f"layout {path}: made for another version's columns; rebuild it with `make layout`")
        mean, std, weights, bias = (np.array(card[name], float) for name in ("mean", "std", "weights", "bias"))
        if not mean.shape == std.shape == weights.shape == (len(bias), len(LAYOUT_NAMES)) or len(bias) != 2:
            raise ValueError("its arrays have other sizes")
        return Layout(mean, std, weights, bias, hashlib.sha256(data).hexdigest())
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"layout {path}: not an artefact of `make layout` ({error})") from error
