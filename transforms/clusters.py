"""Stage ``cluster``: Vectors -> members and clusters of all levels, on one worker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam

import transforms.coders  # noqa: F401  registers the coders of the nouns
from transforms.core.clustering import cluster
from transforms.core.registry import Registry
from transforms.metrics import count
from transforms.settings import ClusterSettings
from transforms.types import LEVELS, Cluster, Member, Vector

STAGE = "cluster"
OUTPUTS = ("clusters", "files", "known_members", "known_clusters", "forwards")

# A row's id, its clusters at the levels of LEVELS, and the member that it is a duplicate of, with their
# similarity; twice None for one that is a duplicate of no other.
RowClusters = tuple[str, str, str, str, str | None, float | None]


# Goes with the vectors, so that what is known is passed on by a run without any.
NOTHING = Vector("", "", "", b"", b"", b"", "", None)


@dataclass(eq=False)
class ClusterVectors(beam.PTransform):
    """Vectors to ``out`` (Member), ``clusters`` (Cluster), ``files``, and what the next run needs.

    ``files`` has one (file, rows) for each file of stories or teasers, rows sorted by id: what
    is needed to rewrite that file with its cluster ids. ``registry`` reads what earlier runs know; what
    is known after this run comes out of ``known_members`` (Known), ``known_clusters`` (Entry) and ``forwards``
    (Forward). ``keep_days`` is the setting of that name.
    """

    settings: ClusterSettings
    run_date: str
    registry: Callable[[], Registry] | None = None
    keep_days: int = 0

    def expand(self, vectors: beam.PCollection[Vector]) -> beam.pvalue.DoOutputsTuple:
        keyed = vectors | "OneKey" >> beam.Map(_one_key).with_output_types(tuple[int, Vector])
        always = vectors.pipeline | "Always" >> beam.Create([(0, NOTHING)]).with_output_types(tuple[int, Vector])
        return (
            (keyed, always)
            | "Both" >> beam.Flatten()
            | "Gather" >> beam.GroupByKey()
            | "Cluster" >> beam.ParDo(_Cluster(self)).with_outputs(*OUTPUTS, main="out")
        )


def _one_key(vector: Vector) -> tuple[int, Vector]:
    return 0, vector


class _Cluster(beam.DoFn):
    def __init__(self, stage: ClusterVectors) -> None:
        self._stage = (stage.settings, stage.run_date, stage.registry, stage.keep_days)

    def process(self, group: tuple[int, Iterable[Vector]]) -> Iterator[Member | beam.pvalue.TaggedOutput]:
        vectors = [vector for vector in group[1] if vector != NOTHING]
        settings, run_date, registry, keep_days = self._stage
        members, clusters, known = cluster(vectors, settings, run_date, registry() if registry else None, keep_days)
        yield from members
        for item in clusters:
            count(STAGE, f"{item.level}_clusters")
            yield beam.pvalue.TaggedOutput("clusters", item)
        for file_rows in rows_by_file(vectors, members, clusters):
            yield beam.pvalue.TaggedOutput("files", file_rows)
        for tag, records in (
            ("known_members", known.members),
            ("known_clusters", known.clusters),
            ("forwards", known.forwards),
        ):
            yield from (beam.pvalue.TaggedOutput(tag, record) for record in records)


def rows_by_file(
    vectors: Iterable[Vector], members: Iterable[Member], clusters: Iterable[Cluster]
) -> list[tuple[str, list[RowClusters]]]:
    """Return each file's rows with their clusters; files and rows are sorted."""
    member_of = {(member.id, member.level): member for member in members}
    medoid_of = {item.cluster_id: item.medoid_id for item in clusters}
    rows: defaultdict[str, list[RowClusters]] = defaultdict(list)
    for vector in vectors:
        duplicate, story, topic = (member_of[vector.id, level] for level in LEVELS)
        original: tuple[str | None, float | None] = (medoid_of[duplicate.cluster_id], duplicate.similarity)
        if original[0] == vector.id:
            original = (None, None)
        rows[vector.file].append(
            (vector.id, duplicate.cluster_id, story.cluster_id, topic.cluster_id, *original),
        )
    return [(file, sorted(rows[file])) for file in sorted(rows)]
