"""Stage ``cluster``: Vectors -> members and clusters of all levels, on one worker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam

import transforms.coders  # noqa: F401  registers the coders of the nouns
from transforms.core.levels import cluster
from transforms.metrics import count
from transforms.settings import ClusterSettings
from transforms.types import LEVELS, Member, Vector

STAGE = "cluster"

# A row's id and its clusters at the levels of LEVELS.
RowClusters = tuple[str, str, str, str]


@dataclass(eq=False)
class ClusterVectors(beam.PTransform):
    """Vectors to ``out`` (Member), ``clusters`` (Cluster) and ``files``.

    ``files`` has one (file, rows) for each file of stories or teasers, rows sorted by id: what
    is needed to rewrite that file with its cluster ids.
    """

    settings: ClusterSettings
    run_date: str

    def expand(self, vectors: beam.PCollection[Vector]) -> beam.pvalue.DoOutputsTuple:
        return (
            vectors
            | "OneKey" >> beam.Map(_one_key).with_output_types(tuple[int, Vector])
            | "Gather" >> beam.GroupByKey()
            | "Cluster"
            >> beam.ParDo(_Cluster(self.settings, self.run_date)).with_outputs("clusters", "files", main="out")
        )


def _one_key(vector: Vector) -> tuple[int, Vector]:
    return 0, vector


class _Cluster(beam.DoFn):
    def __init__(self, settings: ClusterSettings, run_date: str) -> None:
        self._settings = settings
        self._run_date = run_date

    def process(self, group: tuple[int, Iterable[Vector]]) -> Iterator[Member | beam.pvalue.TaggedOutput]:
        vectors = list(group[1])
        members, clusters = cluster(vectors, self._settings, self._run_date)
        yield from members
        for item in clusters:
            count(STAGE, f"{item.level}_clusters")
            yield beam.pvalue.TaggedOutput("clusters", item)
        for file_rows in rows_by_file(vectors, members):
            yield beam.pvalue.TaggedOutput("files", file_rows)


def rows_by_file(vectors: Iterable[Vector], members: Iterable[Member]) -> list[tuple[str, list[RowClusters]]]:
    """Return each file's rows with their clusters; files and rows are sorted."""
    cluster_of = {(member.id, member.level): member.cluster_id for member in members}
    rows: defaultdict[str, list[RowClusters]] = defaultdict(list)
    for vector in vectors:
        duplicate, story, topic = (cluster_of[vector.id, level] for level in LEVELS)
        rows[vector.file].append((vector.id, duplicate, story, topic))
    return [(file, sorted(rows[file])) for file in sorted(rows)]
