"""The phase cluster: groups the vectors, and links teasers to the stories that they point to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from pipeline import RunError, leave, passes
from pipeline.files import BlockFiles, remove_tree
from pipeline.identity import Run
from pipeline.plan import memory_limit, too_large, vectors_in_memory
from pipeline.sinks import (
    CLUSTER_COLUMNS,
    WriteTable,
    count_rows,
    read_file_rows,
    read_table,
    table_files,
    vector_of,
    write_rows,
)
from pipeline.state import member_row, read_registry
from pipeline.workspace import Workspace
from transforms.clusters import ClusterVectors, RowClusters
from transforms.links import LinkTeasers
from transforms.types import LEVELS, Vector

_ROWS = "rows"  # directory: what all workers compare
_COMPARED = [f"{level}_pairs_{what}" for level in LEVELS[1:] for what in ("compared", "audited", "found")]


def cluster(run: Run, embed: Mapping[str, int]) -> dict[str, int]:
    """Do the phase and return its counts, given those of the phase embed.

    Raises:
        RunError: The vectors do not fit into memory.
    """
    work = run.workspace.work
    needed = vectors_in_memory(embed["vectors"])  # known now, no longer estimated
    if run.engine.is_local and (reason := too_large("cluster", needed, memory_limit(run.config))):
        raise RunError(reason)
    counters = passes.run_pass(
        run, "cluster", "vectors", None, lambda root, _: define_cluster(root, run), parallel=False
    )
    remove_tree(work("cluster", _ROWS))
    counts: Counter[str] = Counter()
    for level in LEVELS:
        counts[f"{level}_clusters"] = counts[f"{level}_groups"] = 0
    for row in read_table(work("cluster", "clusters")):
        counts[f"{row['level']}_clusters"] += 1
        counts[f"{row['level']}_groups"] += row["size"] > 1
    counts["links"] = count_rows(work("cluster", "links"))
    for name in _COMPARED:  # where not all pairs were
        if f"cluster/{name}" in counters:
            counts[name] = counters[f"cluster/{name}"]
    if run.state is not None:
        leave.write_vectors(run, run.state)
        counts["forwards"] = count_rows(work("cluster", "forwards"))
        counts["known_members"] = count_rows(leave.waiting(run, "members"), "known_members")
    return counts


def define_cluster(root: beam.Pipeline, run: Run) -> None:
    """Read the vectors and write the tables members, clusters and links, and the ids of each file's rows.

    In a run with a state, clusters go on from the registry that earlier runs have left; the registry after this run
    and the table forwards are written, too.

    Args:
        root: A pipeline.
        run: Where the vectors are, and where to write.
    """
    work, config = run.workspace.work, run.config
    vectors = (
        root
        | "Files" >> beam.Create(table_files(work("embed", "vectors")), reshuffle=False).with_output_types(str)
        | "Spread" >> beam.Reshuffle()
        | "ReadVectors" >> beam.FlatMap(read_vectors).with_output_types(Vector)
    )
    known = "" if run.state is None else run.state.directory
    registry = None if run.state is None else partial(read_registry, known)
    clustered = vectors | "ClusterVectors" >> ClusterVectors(
        config.cluster, config.run.date, registry, config.state.keep_days, BlockFiles(work("cluster", _ROWS))
    )
    tables = {
        "members": clustered.out,
        "clusters": clustered.clusters,
        "links": vectors | "LinkTeasers" >> LinkTeasers(partial(_known_vectors, known)),
    }
    if run.state is not None:
        tables["forwards"] = clustered.forwards
        registered = {
            "members": clustered.known_members | "MemberRows" >> beam.Map(member_row),
            "clusters": clustered.known_clusters,
            "forwards": clustered.forwards,
        }
        for table, schema in leave.REGISTRY.items():
            registered[table] | f"Leave {table}" >> WriteTable(schema, leave.waiting(run, table))
    for table, records in tables.items():
        records | f"Write {table}" >> WriteTable(
            table, work("cluster", table), config.output.format, config.output.shards
        )
    clustered.files | "WriteIds" >> beam.Map(_write_ids, run.workspace)


def read_vectors(file: str) -> Iterator[Vector]:
    """Yield the vectors in a file."""
    for row in read_file_rows(file):
        yield vector_of(row)


def _known_vectors(directory: str) -> list[Vector]:
    return [member.vector for member in read_registry(directory).members]


# The ids of each file's rows, with which the tables are completed


def _write_ids(ids_of_file: tuple[str, Iterable[RowClusters]], workspace: Workspace) -> None:
    """Write the cluster ids of the rows of one file of stories or teasers."""
    file, rows = ids_of_file
    write_rows(ids_file(workspace, file), "ids", map(_ids_row, rows), "jsonl")


def _ids_row(row: RowClusters) -> dict[str, Any]:
    id, *clusters, original, similarity = row
    duplicate_of = {"duplicate_of": original and {"id": original, "similarity": similarity}}
    return {"id": id} | dict(zip(CLUSTER_COLUMNS, clusters, strict=True)) | duplicate_of


def ids_file(workspace: Workspace, file: str) -> str:
    """Return where the ids of a file's rows stand: ``stories/a.parquet`` -> ``ids/stories-a.jsonl``."""
    table, name = file.split("/")[-2:]
    return FileSystems.join(workspace.work("cluster", "ids"), f"{table}-{name.rpartition('.')[0]}.jsonl")
