"""Vectors to groups at three levels: duplicates inside stories inside topics.

1. Exact duplicates (equal ``text_hash``) become one row: that of the smallest id.
2. Duplicates: texts whose word sequences, names and numbers agree (``near_duplicates.py``), in stars, so
   that every member is a confirmed duplicate of its group's centre.
3. Stories: average linkage over the groups of duplicates, cut at ``story``. Each group has one vote,
   its medoid's row: how often a text was copied does not change what it tells. Meaning, words and dates
   count (``similarity.py``).
4. Topics: the same tree, continued from the stories without the dates, and cut at ``topic``.

The groups depend on the set of vectors only, not on their order or on the run that brought them: rows are
sorted by id, all sums are sums of whole numbers, and ties go to the smaller id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from transforms.core.cells import Comparison
from transforms.core.components import Compared, Labels, average_linkage, members_of, stars, unit_rows
from transforms.core.near_duplicates import near_duplicates
from transforms.core.neighbours import TILE
from transforms.core.similarity import DAY_COLUMNS, day_columns, document_frequencies, event_rows
from transforms.settings import ClusterSettings
from transforms.types import Vector

SECONDS_PER_DAY = 86_400
DATE_COLUMNS = DAY_COLUMNS + 1
SUBTRACTED = 1  # of them, those that speak against a pair

Rows = NDArray[np.int8] | NDArray[np.int16]


Report = Callable[[str, int], None]  # a name and a number


def no_report(name: str, number: int) -> None:
    """Keep a number to itself."""


@dataclass(frozen=True, slots=True)
class Partition:
    """The groups of all rows.

    ``levels`` has for each level of LEVELS the smallest row of each row's group, [n]; ``measures`` are the rows
    by which similarity is measured at each level, [n, d].
    """

    levels: tuple[Labels, Labels, Labels]
    measures: tuple[Rows, Rows, Rows]


class Found(NamedTuple):
    """What workers have found of the groups before they are made: duplicates, and pairs that are similar."""

    duplicate: Labels
    compared: Compared | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What has to be known before stories are compared.

    ``duplicate`` [n] are the groups of duplicates, ``medoids`` has the row of each group's medoid, ``measures``
    are those of ``Partition``, and ``votes`` has a row for each group: meaning, words and dates, [m, d + DAYS].
    """

    duplicate: Labels
    medoids: NDArray[np.int64]
    measures: tuple[Rows, Rows]
    votes: NDArray[np.int16]


def partition(
    vectors: Sequence[Vector], settings: ClusterSettings, found: Found | None = None, report: Report = no_report
) -> Partition:
    """Return the groups of vectors at all levels.

    Args:
        vectors: One or more, sorted by id; all embeddings have one length.
        settings: Where the cuts lie.
        found: What is known of their groups already.
        report: Told of pairs that were not compared.
    """
    ready = prepared(vectors, settings, found.duplicate if found else None)
    embeddings, rows = ready.measures
    story, topic = stories_and_topics(ready, settings, report, found.compared if found else None)
    return Partition((ready.duplicate, story, topic), (embeddings, rows, rows))


def prepared(vectors: Sequence[Vector], settings: ClusterSettings, duplicate: Labels | None = None) -> Prepared:
    """Return what is compared to find stories; ``duplicate`` are the groups of duplicates, if they are known."""
    embeddings = int8_rows(vectors)
    if duplicate is None:
        duplicate = duplicates(vectors, settings)
    groups = list(members_of(duplicate))
    medoids = np.array([medoid(group, embeddings, vectors) for group in groups])
    words = [vector.words for vector in vectors]
    rows = event_rows(embeddings, words, document_frequencies([words[row] for row in medoids]))
    days = day_columns([_first_day([vectors[row] for row in group]) for group in groups])
    votes = np.empty((len(groups), rows.shape[1] + DATE_COLUMNS), dtype=np.int16)
    np.take(rows, medoids, axis=0, out=votes[:, :-DATE_COLUMNS])
    votes[:, -DATE_COLUMNS:] = days
    return Prepared(duplicate, medoids, (embeddings, rows), votes)


def int8_rows(vectors: Sequence[Vector]) -> NDArray[np.int8]:
    """Return the embeddings as one array [n, d]."""
    joined = b"".join(vector.vector for vector in vectors)
    return np.frombuffer(joined, dtype=np.int8).reshape(len(vectors), -1)


def duplicates(vectors: Sequence[Vector], settings: ClusterSettings) -> Labels:
    """Return the duplicates of each vector (sorted by id), [n], as the smallest row of the group."""
    first_with: dict[bytes, int] = {}
    same_text = np.array([first_with.setdefault(vector.text_hash, row) for row, vector in enumerate(vectors)])
    texts, text_of = np.unique(same_text, return_inverse=True)
    distinct = [vectors[row] for row in texts]
    same, apart = near_duplicates(
        [vector.sketch for vector in distinct],
        [vector.facts for vector in distinct],
        settings.duplicate,
        settings.overlap,
    )
    return texts[stars(len(texts), same, apart)[text_of]]


def stories_and_topics(
    ready: Prepared, settings: ClusterSettings, report: Report = no_report, compared: Compared | None = None
) -> tuple[Labels, Labels]:
    """Return the story and the topic of each vector, [n], as the smallest row of the group.

    Args:
        ready: What is compared.
        settings: Where the cuts lie.
        report: Told of pairs that were not compared.
        compared: The similar pairs of votes, if they have been found already.
    """
    groups, group_of = np.unique(ready.duplicate, return_inverse=True)
    each = np.ones(len(groups), dtype=np.int64)
    story = average_linkage(
        ready.votes, each, settings.story, SUBTRACTED, compared, Comparison("story", settings.all_pairs, report)
    )

    votes = ready.votes[:, :-DATE_COLUMNS]
    stories, story_of = np.unique(story, return_inverse=True)
    sums = np.zeros((len(stories), votes.shape[1]), dtype=np.int32)  # of 2**20 vectors at most: one worker holds fewer
    np.add.at(sums, story_of, votes)
    compare = Comparison("topic", settings.all_pairs, report)
    topic = stories[average_linkage(sums, np.bincount(story_of), settings.topic, compare=compare)[story_of]]
    return groups[story[group_of]], groups[topic[group_of]]


def medoid(group: NDArray[np.int64], measure: Rows, vectors: Sequence[Vector]) -> int:
    """Return the member with the highest mean cosine to the others; of equals a story, then the smallest id.

    ``group`` [m] are its members' rows of ``measure`` [n, d].
    """
    if len(group) == 1:
        return int(group[0])
    total = np.zeros(measure.shape[1], dtype=np.int64)
    for units in _unit_blocks(measure, group):
        total += units.sum(axis=0)
    centrality = np.concatenate([np.einsum("ij,ij->i", units, total - units) for units in _unit_blocks(measure, group)])
    central = group[centrality == centrality.max()].tolist()
    return min(central, key=lambda row: (vectors[row].kind != "story", row))


def _unit_blocks(measure: Rows, group: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(group), TILE):
        yield unit_rows(measure[group[start : start + TILE]])


def _first_day(members: Sequence[Vector]) -> int | None:
    """Return the day of the earliest of the members' own dates, in days since 1970; None without any."""
    instants = [instant_of(member.published) for member in members if member.published]
    known = [instant for instant in instants if instant is not None]
    return int(min(known) // SECONDS_PER_DAY) if known else None


def instant_of(date: str) -> float | None:
    """Return an ISO 8601 date or time in seconds since 1970, as UTC if it names no zone; else None."""
    try:
        instant = datetime.fromisoformat(date)
    except ValueError:
        return None
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
