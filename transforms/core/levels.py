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

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from transforms.core.components import Labels, average_linkage, members_of, stars, unit_rows
from transforms.core.near_duplicates import near_duplicates
from transforms.core.similarity import day_columns, document_frequencies, event_rows
from transforms.settings import ClusterSettings
from transforms.types import Vector

SECONDS_PER_DAY = 86_400

Rows = NDArray[np.int8] | NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Partition:
    """The groups of all rows.

    ``levels`` has for each level of LEVELS the smallest row of each row's group, [n]; ``measures`` are the rows
    by which similarity is measured at each level, [n, d].
    """

    levels: tuple[Labels, Labels, Labels]
    measures: tuple[Rows, Rows, Rows]


def partition(vectors: Sequence[Vector], settings: ClusterSettings) -> Partition:
    """Return the groups of vectors at all levels.

    Args:
        vectors: One or more, sorted by id; all embeddings have one length.
        settings: Where the cuts lie.
    """
    embeddings = int8_rows(vectors)
    duplicate = duplicates(vectors, settings)
    medoids = [medoid(group, unit_rows(embeddings[group]), vectors) for group in members_of(duplicate)]
    words = [vector.words for vector in vectors]
    rows = event_rows(embeddings, words, document_frequencies([words[row] for row in medoids]))
    story, topic = stories_and_topics(vectors, rows, duplicate, medoids, settings)
    return Partition((duplicate, story, topic), (embeddings, rows, rows))


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
    vectors: Sequence[Vector],
    rows: NDArray[np.int16],
    duplicate: Labels,
    medoids: Sequence[int],
    settings: ClusterSettings,
) -> tuple[Labels, Labels]:
    """Return the story and the topic of each vector, [n], as the smallest row of the group.

    Args:
        vectors: Sorted by id.
        rows: Their ``event_rows``, [n, d].
        duplicate: Their ``duplicates``, [n].
        medoids: The medoid of each group of duplicates, in the order of the groups.
        settings: Where the cuts lie.
    """
    groups, group_of = np.unique(duplicate, return_inverse=True)
    votes = rows[medoids]
    days = [_first_day([vectors[row] for row in group]) for group in members_of(duplicate)]
    dated = np.hstack([votes, day_columns(days)])
    story = average_linkage(dated, np.ones(len(groups), dtype=np.int64), settings.story, subtracted=1)

    stories, story_of = np.unique(story, return_inverse=True)
    sums = np.zeros((len(stories), votes.shape[1]), dtype=np.int32)  # of 2**20 vectors at most: one worker holds fewer
    np.add.at(sums, story_of, votes)
    topic = stories[average_linkage(sums, np.bincount(story_of), settings.topic)[story_of]]
    return groups[story[group_of]], groups[topic[group_of]]


def medoid(group: NDArray[np.int64], units: NDArray[np.int64], vectors: Sequence[Vector]) -> int:
    """Return the member with the highest mean cosine to the others; of equals a story, then the smallest id.

    ``group`` [m] are its members' rows, ``units`` [m, d] their ``unit_rows``.
    """
    if len(group) == 1:
        return int(group[0])
    centrality = np.einsum("ij,ij->i", units, units.sum(axis=0) - units)
    central = group[centrality == centrality.max()].tolist()
    return min(central, key=lambda row: (vectors[row].kind != "story", row))


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
