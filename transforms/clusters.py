"""Stage ``cluster``: Vectors -> members and clusters of all levels.

One worker has all vectors and makes the groups. What takes long, comparing all pairs, is spread over workers where
there are ``blocks`` for them to read (``core/spread.py``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import apache_beam as beam

import transforms.coders  # noqa: F401  registers the coders of the nouns
from transforms.core import spread
from transforms.core.clustering import all_known, cluster
from transforms.core.registry import Registry
from transforms.core.spread import Blocks
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
    (Forward). ``keep_days`` is the setting of that name. With ``blocks``, all workers take part in the comparison
    of more vectors than one block holds.
    """

    settings: ClusterSettings
    run_date: str
    registry: Callable[[], Registry] | None = None
    keep_days: int = 0
    blocks: Blocks | None = None

    def expand(self, vectors: beam.PCollection[Vector]) -> beam.pvalue.DoOutputsTuple:
        keyed = vectors | "OneKey" >> beam.Map(_one_key).with_output_types(tuple[int, Vector])
        always = vectors.pipeline | "Always" >> beam.Create([(0, NOTHING)]).with_output_types(tuple[int, Vector])
        gathered = (keyed, always) | "Both" >> beam.Flatten() | "Gather" >> beam.GroupByKey()
        found: tuple[beam.pvalue.AsIter, ...] = ()
        if self.blocks is not None:
            started = gathered | "Start" >> beam.ParDo(_Start(self, self.blocks)).with_outputs("duplicates", main="out")
            pairs = (
                started.out
                | "Tasks" >> beam.Map(tuple).with_output_types(tuple[int, int, float, int])
                | "Spread" >> beam.Reshuffle()
                | "Compare" >> beam.Map(_similar, self.blocks).with_output_types(bytes)
            )
            found = (beam.pvalue.AsIter(started.duplicates), beam.pvalue.AsIter(pairs))
        return gathered | "Cluster" >> beam.ParDo(_Cluster(self), *found).with_outputs(*OUTPUTS, main="out")


def _one_key(vector: Vector) -> tuple[int, Vector]:
    return 0, vector


def _similar(task: tuple[int, int, float, int], blocks: Blocks) -> bytes:
    return spread.similar(spread.Task(*task), blocks)


def _of_run(group: tuple[int, Iterable[Vector]]) -> list[Vector]:
    return [vector for vector in group[1] if vector != NOTHING]


class _Start(beam.DoFn):
    """Finds duplicates and yields the tasks; ``duplicates`` gets them and the tasks' cut, if there are any tasks."""

    def __init__(self, stage: ClusterVectors, blocks: Blocks) -> None:
        self._stage = (stage.settings, stage.run_date, stage.registry, stage.keep_days)
        self._blocks = blocks

    def process(self, group: tuple[int, Iterable[Vector]]) -> Iterator[spread.Task | beam.pvalue.TaggedOutput]:
        settings, run_date, registry, keep_days = self._stage
        rows, _ = all_known(_of_run(group), run_date, registry() if registry else None, keep_days)
        duplicate, tasks = spread.start(rows, settings, self._blocks)
        if duplicate:
            yield beam.pvalue.TaggedOutput("duplicates", (duplicate, tasks[0].cut if tasks else 0.0))
        yield from tasks


class _Cluster(beam.DoFn):
    def __init__(self, stage: ClusterVectors) -> None:
        self._stage = (stage.settings, stage.run_date, stage.registry, stage.keep_days)

    def process(
        self,
        group: tuple[int, Iterable[Vector]],
        duplicates: Iterable[tuple[bytes, float]] = (),
        pairs: Iterable[bytes] = (),
    ) -> Iterator[Member | beam.pvalue.TaggedOutput]:
        vectors = _of_run(group)
        settings, run_date, registry, keep_days = self._stage
        found = next((spread.collected(*one, pairs) for one in duplicates), None)
        before = registry() if registry else None
        members, clusters, known = cluster(vectors, settings, run_date, before, keep_days, found, partial(count, STAGE))
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
