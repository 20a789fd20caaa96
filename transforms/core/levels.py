"""Vectors to clusters: duplicates inside stories inside topics.

1. Exact duplicates (equal ``text_hash``) become one row: that of the smallest id.
2. Duplicates: texts whose word sequences, names and numbers agree (``near_duplicates.py``), in stars, so
   that every member is a confirmed duplicate of its group's centre.
3. Stories: average linkage over the groups of duplicates, cut at ``story``. Each group has one vote,
   its medoid's row: how often a text was copied does not change what it tells. Meaning, words and dates
   count (``similarity.py``).
4. Topics: the same tree, continued from the stories without the dates, and cut at ``topic``.

Every vector is a member of one cluster per level; what resembles nothing is a cluster of its own. The
result depends on the set of vectors only, not on their order: rows are sorted by id, all sums
are sums of whole numbers, and ties go to the smaller id.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from transforms.core import labels
from transforms.core.components import Labels, average_linkage, members_of, stars, unit_rows
from transforms.core.near_duplicates import near_duplicates
from transforms.core.neighbours import norms
from transforms.core.similarity import day_columns, document_frequencies, event_rows
from transforms.settings import ClusterSettings
from transforms.types import LEVELS, Cluster, Member, Vector

SIMILARITY_DIGITS = 4
SECONDS_PER_DAY = 86_400

Rows = NDArray[np.int8] | NDArray[np.int16]


def cluster(vectors: Sequence[Vector], settings: ClusterSettings, run_date: str) -> tuple[list[Member], list[Cluster]]:
    """Return the members and the clusters of all levels.

    Args:
        vectors: Any order; ids are unique and all embeddings have one length.
        settings: Where the cuts lie.
        run_date: Date of members without ``published``; "" for none.

    Returns:
        Both lists by level, in the order of LEVELS, then by the smallest id of the cluster; members then
        by their ids.
    """
    if not vectors:
        return [], []
    vectors = sorted(vectors, key=lambda vector: vector.id)
    embeddings = int8_rows(vectors)
    duplicate = duplicates(vectors, settings)
    medoids = [_medoid(group, unit_rows(embeddings[group]), vectors) for group in members_of(duplicate)]
    words = [vector.words for vector in vectors]
    rows = event_rows(embeddings, words, document_frequencies([words[row] for row in medoids]))
    story, topic = stories_and_topics(vectors, rows, duplicate, medoids, settings)
    measures: list[Rows] = [embeddings, rows, rows]
    frequencies = labels.document_frequencies(vector.terms for vector in vectors)
    members: list[Member] = []
    clusters: list[Cluster] = []
    for level, partition, measure in zip(LEVELS, (duplicate, story, topic), measures, strict=True):
        for group in members_of(partition):
            medoid = _medoid(group, unit_rows(measure[group]), vectors)
            in_group = [vectors[row] for row in group]
            cluster_id = _cluster_id(level, in_group[0].id)
            similarities = _similarities(measure[group], measure[medoid])
            members += [
                Member(vector.id, level, cluster_id, similarity)
                for vector, similarity in zip(in_group, similarities, strict=True)
            ]
            keywords = labels.keywords([vector.terms for vector in in_group], frequencies, len(vectors))
            first_seen, last_seen = _first_and_last(in_group, run_date)
            clusters.append(
                Cluster(
                    cluster_id=cluster_id,
                    level=level,
                    size=len(group),
                    label=labels.label(level, _title(vectors[medoid], in_group, similarities), keywords),
                    keywords=keywords,
                    medoid_id=vectors[medoid].id,
                    first_seen=first_seen,
                    last_seen=last_seen,
                )
            )
    return members, clusters


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


def _medoid(group: NDArray[np.int64], units: NDArray[np.int64], vectors: Sequence[Vector]) -> int:
    """Return the member with the highest mean cosine to the others; of equals a story, then the smallest id.

    ``group`` [m] are its members' rows, ``units`` [m, d] their ``unit_rows``.
    """
    if len(group) == 1:
        return int(group[0])
    centrality = np.einsum("ij,ij->i", units, units.sum(axis=0) - units)
    central = group[centrality == centrality.max()].tolist()
    return min(central, key=lambda row: (vectors[row].kind != "story", row))


def _similarities(rows: Rows, medoid: Rows) -> list[float]:
    """Return the cosine of each row [n, d] to the medoid's row [d], rounded to 4 places."""
    products = rows.astype(np.int64) @ medoid.astype(np.int64)
    cosines = products / (norms(rows) * norms(medoid[None]))
    return [round(cosine, SIMILARITY_DIGITS) for cosine in cosines.tolist()]


def _title(medoid: Vector, members: Sequence[Vector], similarities: Sequence[float]) -> str:
    """Return the medoid's title or, if it has none, that of the most similar member (by id) that has one."""
    if medoid.title.strip():
        return medoid.title
    nearest = sorted(zip(similarities, members, strict=True), key=lambda member: (-member[0], member[1].id))
    return next((member.title for _, member in nearest if member.title.strip()), "")


def _cluster_id(level: str, smallest_id: str) -> str:
    return level[0] + blake2b(smallest_id.encode(), digest_size=8).hexdigest()


def _first_and_last(members: Sequence[Vector], run_date: str) -> tuple[str | None, str | None]:
    """Return the earliest and the latest date of the members, as written; None without any.

    A date that is not ISO 8601 has no place in time and does not count.
    """
    dates = {member.published or run_date for member in members}
    dated = sorted((instant, date) for date in dates if (instant := _instant(date)) is not None)
    return (dated[0][1], dated[-1][1]) if dated else (None, None)


def _first_day(members: Sequence[Vector]) -> int | None:
    """Return the day of the earliest of the members' own dates, in days since 1970; None without any."""
    instants = [_instant(member.published) for member in members if member.published]
    known = [instant for instant in instants if instant is not None]
    return int(min(known) // SECONDS_PER_DAY) if known else None


def _instant(date: str) -> float | None:
    """Return an ISO 8601 date or time in seconds since 1970, as UTC if it names no zone; else None."""
    try:
        instant = datetime.fromisoformat(date)
    except ValueError:
        return None
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
