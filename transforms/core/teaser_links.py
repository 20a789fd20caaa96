"""Which full story of the run a teaser points to.

Two kinds of evidence are needed: the titles must agree in their telling words, and the texts must be
about the same thing. Either alone also fits another report of the same event.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np

from transforms.core.lexical import terms
from transforms.types import Vector

MIN_COSINE = 0.4  # a headline alone is this near to its story, with few exceptions
MIN_CONTAINED = 0.9  # share of the teaser's title that the story's title has; teasers shorten titles
MIN_DICE = 0.7  # agreement of both titles, so that a word or two do not pass for a whole title


@dataclass(frozen=True, slots=True)
class Link:
    """A teaser, the story it points to and the cosine of their vectors."""

    teaser_id: str
    story_id: str
    similarity: float


def link_teasers(vectors: Sequence[Vector]) -> list[Link]:
    """Return a link for each teaser whose story is among ``vectors``, sorted by teaser id.

    Words of titles count by their rarity among the stories' titles; only stories whose title has the
    teaser's rarest word are looked at. A teaser is never linked to the story of its own page. Of several
    stories that fit, the one with the highest sum of cosine and title agreement wins, then the smaller id.
    """
    stories = sorted((vector for vector in vectors if vector.kind == "story"), key=lambda story: story.id)
    titles = [_title_words(story) for story in stories]
    rarity = _Rarity(titles)
    with_word: defaultdict[str, list[int]] = defaultdict(list)
    for index, words in enumerate(titles):
        for word in words:
            with_word[word].append(index)

    links: list[Link] = []
    teasers = sorted((vector for vector in vectors if vector.kind == "teaser"), key=lambda teaser: teaser.id)
    for teaser in teasers:
        words = _title_words(teaser)
        if not words:
            continue
        page_id = teaser.id.rpartition("#t")[0]
        rarest = max(words, key=lambda word: (rarity[word], word))
        best: tuple[float, Link] | None = None
        for index in with_word.get(rarest, ()):
            story = stories[index]
            common = rarity.total(words & titles[index])
            dice = 2 * common / (rarity.total(words) + rarity.total(titles[index]))
            if story.id == page_id or common < MIN_CONTAINED * rarity.total(words) or dice < MIN_DICE:
                continue
            cosine = _cosine(teaser.vector, story.vector)
            if cosine >= MIN_COSINE and (best is None or cosine + dice > best[0]):
                best = cosine + dice, Link(teaser.id, story.id, round(cosine, 4))
        if best is not None:
            links.append(best[1])
    return links


class _Rarity(dict[str, float]):
    """Weight of each title word; a word in no story's title is as rare as can be."""

    def __init__(self, titles: Sequence[Set[str]]) -> None:
        counts = Counter(word for words in titles for word in words)
        super().__init__({word: math.log((1 + len(titles)) / n) for word, n in counts.items()})
        self._unseen = math.log(1 + len(titles))

    def __missing__(self, word: str) -> float:
        return self._unseen

    def total(self, words: Set[str]) -> float:
        return math.fsum(self[word] for word in words)  # exact: sets have no order


def _title_words(vector: Vector) -> frozenset[str]:
    return frozenset(word for word, _ in terms(vector.title))


def _cosine(a: bytes, b: bytes) -> float:
    """Return the cosine of two int8 vectors."""
    left = np.frombuffer(a, dtype=np.int8).astype(np.int64)
    right = np.frombuffer(b, dtype=np.int8).astype(np.int64)
    return float(left @ right) / math.sqrt(float(left @ left) * float(right @ right))
