"""Which full story, of the run or of an earlier one, a teaser points to.

Words in common do not tell: another report of the same event has them too. What tells is a copy. A teaser
repeats the headline of its story, perhaps shortened at the end, behind a kicker ("Live: ...") or with
something after it; or its summary repeats sentences of the story. The vectors must agree besides, for
headlines such as "What we know so far" recur.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from transforms.core.ids import page_of
from transforms.core.lexical import normalise
from transforms.core.near_duplicates import overlap
from transforms.types import Vector

MIN_COSINE = 0.4  # of a teaser and its story where the evidence is a short or a shortened headline
MIN_COSINE_COPY = 0.15  # where it is a whole headline of LONG_TITLE words, or sentences of the story
LONG_TITLE = 5
KICKER = 3  # words that may stand before the headline
SUFFIX = 4  # words that may stand behind it
MIN_KEPT = 0.5  # share of its words that a shortened headline keeps
MIN_WORDS = 3  # and how many at least
MIN_CONTAINED = 0.8  # share of a teaser's word sequences that the story has, where its sentences are the evidence
MIN_SAMPLE = 6  # word sequences that this share is estimated from
LOOKED_UP = 3  # of a teaser's title, the rarest words by which stories are looked up


@dataclass(frozen=True, slots=True)
class Link:
    """A teaser, the story it points to and the cosine of their vectors."""

    teaser_id: str
    story_id: str
    similarity: float


def link_teasers(vectors: Sequence[Vector], known: Sequence[Vector] = ()) -> list[Link]:
    """Return the links between teasers and stories, of which one at least is in the run, sorted by teaser id.

    Args:
        vectors: Stories and teasers of the run.
        known: Those of earlier runs; what stands on a page that the run has again is left out.

    Only stories whose title has one of the teaser's rarest title words are looked at. A teaser is never
    linked to the story of its own page. Of several stories that fit, the one with the highest sum of
    cosine and agreement wins, then the smaller id.
    """
    pages = {page_of(vector.id) for vector in vectors}
    earlier = [vector for vector in known if page_of(vector.id) not in pages]
    in_run = {vector.id for vector in vectors}
    both = sorted([*vectors, *earlier], key=lambda vector: vector.id)
    stories = [vector for vector in both if vector.kind == "story"]
    titles = [normalise(story.title).split() for story in stories]
    with_word: defaultdict[str, list[int]] = defaultdict(list)
    for index, title in enumerate(titles):
        for word in dict.fromkeys(title):
            with_word[word].append(index)
    frequencies = Counter({word: len(indices) for word, indices in with_word.items()})

    links: list[Link] = []
    for teaser in both:
        if teaser.kind != "teaser":
            continue
        words = normalise(teaser.title).split()
        rarest = sorted({word for word in words if word in frequencies}, key=lambda word: (frequencies[word], word))
        looked_at = sorted({index for word in rarest[:LOOKED_UP] for index in with_word[word]})
        if teaser.id not in in_run and not any(stories[index].id in in_run for index in looked_at):
            continue
        page_id = page_of(teaser.id)
        best: tuple[float, Link] | None = None
        for index in looked_at:
            story = stories[index]
            if story.id == page_id:
                continue
            agreement, least = _evidence(words, titles[index], teaser, story)
            if agreement <= 0:
                continue
            cosine = _cosine(teaser.vector, story.vector)
            if cosine >= least and (best is None or cosine + agreement > best[0]):
                best = cosine + agreement, Link(teaser.id, story.id, round(cosine, 4))
        if best is not None and (teaser.id in in_run or best[1].story_id in in_run):
            links.append(best[1])
    return links


def _evidence(words: list[str], title: list[str], teaser: Vector, story: Vector) -> tuple[float, float]:
    """Return how far a teaser copies a story, in [0, 1], and the cosine that is needed besides."""
    agreement, whole = title_agreement(words, title)
    if whole and len(title) >= LONG_TITLE:
        return agreement, MIN_COSINE_COPY
    common = overlap(teaser.sketch, story.sketch)
    if common.sample >= MIN_SAMPLE and common.containment >= MIN_CONTAINED:
        return max(agreement, common.containment), MIN_COSINE_COPY
    return agreement, MIN_COSINE


def title_agreement(teaser: list[str], title: list[str]) -> tuple[float, bool]:
    """Return how far a teaser's title is that of a story, in [0, 1], and whether it has all of its words.

    Args:
        teaser: Words of the teaser's title, normalised.
        title: Words of the story's title, normalised.

    >>> title_agreement("live ferry hits outer breakwater".split(), "ferry hits outer breakwater off sallow".split())
    (0.6666666666666666, False)
    """
    if min(len(teaser), len(title)) < 2:
        return 0.0, False
    longer = max(len(teaser), len(title))
    for kicker in range(min(KICKER, len(teaser) - 1) + 1):
        rest = teaser[kicker:]
        if rest[: len(title)] == title and len(rest) - len(title) <= SUFFIX:
            return len(title) / longer, True
        # Cut off at the end, perhaps in the middle of a word.
        kept = len(rest)
        if (
            max(MIN_WORDS, MIN_KEPT * len(title)) <= kept < len(title)
            and rest[:-1] == title[: kept - 1]
            and title[kept - 1].startswith(rest[-1])
        ):
            return kept / longer, False
    return 0.0, False


def _cosine(a: bytes, b: bytes) -> float:
    """Return the cosine of two int8 vectors."""
    left = np.frombuffer(a, dtype=np.int8).astype(np.int64)
    right = np.frombuffer(b, dtype=np.int8).astype(np.int64)
    return float(left @ right) / math.sqrt(float(left @ left) * float(right @ right))
