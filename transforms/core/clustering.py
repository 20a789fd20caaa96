"""Vectors to members and clusters of all levels, with the ids that they keep from run to run.

``levels.py`` says what belongs together among all that is known, whichever run brought it; ``registry.py``
says what it is called. Here each cluster gets its medoid, its label, its keywords and its dates.

Every vector is a member of one cluster per level; what resembles nothing is a cluster of its own. The
result depends on the set of vectors and on what is known, not on any order. A run whose vectors are all
known changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from transforms.core import labels
from transforms.core.components import members_of
from transforms.core.ids import page_of
from transforms.core.levels import Found, Report, Rows, instant_of, medoid, no_report, partition
from transforms.core.lexical import unpacked_terms
from transforms.core.near_duplicates import near_by_words
from transforms.core.neighbours import TILE, norms
from transforms.core.registry import MERGE, Entry, Known, Registry, followed, forget, name, without
from transforms.settings import ClusterSettings
from transforms.types import LEVELS, Cluster, Member, Vector

SIMILARITY_DIGITS = 4


class Clustering(NamedTuple):
    """What a run says of its vectors, and what is known after it.

    ``members`` and ``clusters`` stand by level, in the order of LEVELS, then by the smallest id of the cluster
    that is known; members then by their ids.
    """

    members: list[Member]
    clusters: list[Cluster]
    registry: Registry


def cluster(
    vectors: Sequence[Vector],
    settings: ClusterSettings,
    run_date: str,
    known: Registry | None = None,
    keep_days: int = 0,
    found: Found | None = None,
    report: Report = no_report,
) -> Clustering:
    """Group the vectors of a run together with all that is known.

    A known member of a page that the run has again is replaced. What the page no longer has is forgotten. A
    member whose text has changed stands for its former self only if the texts are near duplicates: a corrected
    story does, the next story in a list of teasers does not.

    Args:
        vectors: Any order; ids are unique and all embeddings, those of known members too, have one length.
        settings: Where the cuts lie.
        run_date: Date of members without ``published``; "" for none.
        known: What is known of earlier runs; None for a run that is to stand for itself.
        keep_days: Days after which a story that is not seen again is forgotten (``registry.forget``); 0 for never.
        found: What has been found already of the groups of ``all_known`` of the same arguments.
        report: Told, where texts are too many to compare all pairs, what that missed (``cells.py``).

    Returns:
        The members that are in the run, the clusters that have one, and the new registry.
    """
    rows, registry = all_known(vectors, run_date, known, keep_days)
    if not vectors:
        return Clustering([], [], registry)
    in_run = {vector.id for vector in vectors}
    former = {member.vector.id: member for member in registry.members}
    # By itself a run has nothing but the page's id to name a cluster alike tomorrow, when the text was corrected.
    founders = [vector.id if known is None else f"{vector.id}\n{vector.text_hash.hex()}" for vector in rows]
    same = [_goes_on(former.get(vector.id), vector, settings) for vector in rows]
    dates = [member.date if member else vector.published or run_date for vector, member in zip(rows, same, strict=True)]

    parted = partition(rows, settings, found, report)
    named = [
        name(
            level, founders, of_row.tolist(), [member.clusters[place] if member else None for member in same], registry
        )
        for place, (level, of_row) in enumerate(zip(LEVELS, parted.levels, strict=True))
    ]
    living = {cluster_id for one in named for cluster_id in one.ids.values()}
    forwards = followed(registry.forwards, (forward for one in named for forward in one.forwards), living)
    merged: dict[str, list[str]] = {}
    for forward in forwards:
        if forward.reason == MERGE:
            merged.setdefault(forward.to_id, []).append(forward.from_id)

    frequencies = labels.document_frequencies(unpacked_terms(vector.terms) for vector in rows)
    born = 1 + max((entry.born for entry in registry.clusters), default=0)
    members: list[Member] = []
    clusters: list[Cluster] = []
    entries: list[Entry] = []
    for level, of_row, measure, one in zip(LEVELS, parted.levels, parted.measures, named, strict=True):
        at_level: list[Entry] = []
        for group in members_of(of_row):
            label = int(group[0])
            entry = _entry(level, one.ids[label], one.parts.get(label, ()), (dates[row] for row in group), born)
            at_level.append(entry)
            in_group = [rows[row] for row in group]
            if not any(vector.id in in_run for vector in in_group):
                continue
            central = medoid(group, measure, rows)
            similarities = _similarities(measure, group, central)
            members += [
                Member(vector.id, level, entry.cluster_id, similarity)
                for vector, similarity in zip(in_group, similarities, strict=True)
                if vector.id in in_run
            ]
            keywords = labels.keywords((unpacked_terms(vector.terms) for vector in in_group), frequencies, len(rows))
            clusters.append(
                Cluster(
                    cluster_id=entry.cluster_id,
                    level=level,
                    size=len(group),
                    label=labels.label(level, _title(rows[central], in_group, similarities), keywords),
                    keywords=keywords,
                    medoid_id=rows[central].id,
                    first_seen=entry.first_seen,
                    last_seen=entry.last_seen,
                    forwarded_from=tuple(merged.get(entry.cluster_id, ())),
                )
            )
        entries += sorted(at_level, key=lambda entry: entry.cluster_id)
    now = []
    for row, (vector, member, date) in enumerate(zip(rows, same, dates, strict=True)):
        duplicate, story, topic = (one.ids[int(of_row[row])] for one, of_row in zip(named, parted.levels, strict=True))
        now.append(Known(vector, (duplicate, story, topic), date, member.seen if member else run_date))
    return Clustering(members, clusters, Registry(tuple(now), tuple(entries), forwards))


def all_known(
    vectors: Sequence[Vector], run_date: str, known: Registry | None = None, keep_days: int = 0
) -> tuple[list[Vector], Registry]:
    """Return the vectors that are grouped, of the run and of earlier ones, sorted by id, and the registry before."""
    registry = forget(_seen_again(known or Registry(), vectors, run_date), run_date, keep_days)
    everything = {member.vector.id: member.vector for member in registry.members}
    everything |= {vector.id: replace(vector, file="") for vector in vectors}
    return [everything[id] for id in sorted(everything)], registry


def _entry(level: str, cluster_id: str, parts: Sequence[Entry], dates: Iterable[str], born: int) -> Entry:
    """Return what is known of a cluster: ``parts`` are the known ones that go on in it, ``dates`` its members'."""
    first_seen, last_seen = _first_and_last(dates)
    # Of a topic, stories may have been forgotten that were seen before all that are known.
    first_seen, _ = _first_and_last([first_seen, *(part.first_seen for part in parts)])
    return Entry(cluster_id, level, parts[0].born if parts else born, first_seen, last_seen)


def _goes_on(former: Known | None, vector: Vector, settings: ClusterSettings) -> Known | None:
    """Return the known member that a vector goes on from: it has the same text, or much the same."""
    if former is None or former.vector.text_hash == vector.text_hash:
        return former
    near = near_by_words(former.vector.sketch, vector.sketch, settings.duplicate, settings.overlap)
    return former if near else None


def _seen_again(registry: Registry, vectors: Sequence[Vector], run_date: str) -> Registry:
    """Return the registry in which members of the run are seen on its date, without those that their page lost."""
    ids = {vector.id for vector in vectors}
    pages = {page_of(id) for id in ids}
    members = tuple(
        replace(member, seen=max(member.seen, run_date)) if member.vector.id in ids else member
        for member in registry.members
    )
    known = {member.vector.id for member in members}
    return without(replace(registry, members=members), {id for id in known - ids if page_of(id) in pages})


def _similarities(measure: Rows, group: NDArray[np.int64], medoid: int) -> list[float]:
    """Return the cosine of each of the group's rows to the medoid's row, rounded to 4 places."""
    centre = measure[medoid].astype(np.int64)
    length = norms(measure[medoid][None])
    found: list[float] = []
    for start in range(0, len(group), TILE):
        part = measure[group[start : start + TILE]]
        found += ((part.astype(np.int64) @ centre) / (norms(part) * length)).tolist()
    return [round(cosine, SIMILARITY_DIGITS) for cosine in found]


def _title(medoid: Vector, members: Sequence[Vector], similarities: Sequence[float]) -> str:
    """Return the medoid's title or, if it has none, that of the most similar member (by id) that has one."""
    if medoid.title.strip():
        return medoid.title
    nearest = sorted(zip(similarities, members, strict=True), key=lambda member: (-member[0], member[1].id))
    return next((member.title for _, member in nearest if member.title.strip()), "")


def _first_and_last(dates: Iterable[str | None]) -> tuple[str | None, str | None]:
    """Return the earliest and the latest of the dates, as written; None without any.

    A date that is not ISO 8601 has no place in time and does not count.
    """
    dated = sorted((instant, date) for date in dates if date and (instant := instant_of(date)) is not None)
    return (dated[0][1], dated[-1][1]) if dated else (None, None)
