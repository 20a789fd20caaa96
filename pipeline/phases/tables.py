"""The end of a run's phases: completes the tables, and moves them to their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import apache_beam as beam

from pipeline import TABLES, passes
from pipeline.files import remove_tree
from pipeline.identity import Run
from pipeline.phases.cluster import ids_file
from pipeline.sinks import CLUSTER_COLUMNS, read_file_rows, read_table, table_files, write_rows
from pipeline.workspace import Workspace, exists
from transforms.embed import TEASERS
from transforms.metrics import Tick


def publish(run: Run) -> list[str]:
    """Complete the tables, move them to their places and return their names."""
    workspace, work = run.workspace, run.workspace.work
    clustered = run.request.asks_for("cluster")
    # Tables that have been in their places before may have the cluster ids of an older run.
    rewritten = [table for table in ("stories", "teasers") if clustered or not exists(work("segment", table))]
    if run.finished("tables") is None:
        if not passes.is_handed_over(run, "tables"):
            workspace.begin("tables")
            _merge_failures(run)
        _set_cluster_ids(run, rewritten)
        workspace.finish("tables", {"fingerprint": run.fingerprints["tables"]})
    tables = {
        "stories": work("tables" if "stories" in rewritten else "segment", "stories"),
        "teasers": work("tables" if "teasers" in rewritten else "segment", "teasers"),
        "pages": work("segment", "pages"),
        "segments": work("segment", "segments"),
        "failures": work("tables", "failures"),
    }
    if clustered:
        tables |= {"members": work("cluster", "members"), "clusters": work("cluster", "clusters")}
        if run.state is not None:
            tables["forwards"] = work("cluster", "forwards")
    workspace.publish(tables)
    for table in ("stories", "teasers") if clustered else ():
        remove_tree(work("segment", table))  # their published form has all that these have
    return [table for table in TABLES if table in tables]


# Failures


def _merge_failures(run: Run) -> None:
    """Write the failures of all phases as one table."""
    work, format = run.workspace.work, run.config.output.format
    directories = [work(phase, "failures") for phase in ("segment", "embed") if run.request.asks_for(phase)]
    sources = _sources_of_teasers(run.workspace, directories)
    rows = (
        row | {"source": sources[_page_id(row)]} if _is_of_teaser(row) else row
        for directory in directories
        for row in read_table(directory)
    )
    write_rows(work("tables", "failures", f"part-00000-of-00001.{format}"), "failures", rows, format)


def _sources_of_teasers(workspace: Workspace, directories: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return where the pages stand whose teasers have failed: a row of teasers does not say it."""
    failed = {_page_id(row) for directory in directories for row in read_table(directory) if _is_of_teaser(row)}
    pages = read_table(workspace.table("pages")) if failed else ()
    return {page["id"]: page["source"] for page in pages if page["id"] in failed}


def _is_of_teaser(failure: Mapping[str, Any]) -> bool:
    return failure["source"]["file"] == TEASERS.file


def _page_id(failure: Mapping[str, Any]) -> str:
    """Return the id of the page of a failed teaser."""
    return str(failure["id"]).rpartition("#t")[0]


# Cluster ids


def _set_cluster_ids(run: Run, tables: Sequence[str]) -> None:
    """Rewrite tables with their cluster ids or, in a run without clusters, with none."""
    files = [(table, file) for table in tables for file in table_files(run.workspace.table(table))]
    if files:
        passes.run_pass(
            run,
            "tables",
            "files",
            len(files),
            lambda root, ticks: define_tables(root, run, files, ticks),
            parallel=False,
        )


def define_tables(root: beam.Pipeline, run: Run, files: Sequence[tuple[str, str]], ticks: str) -> None:
    """Rewrite the stories and teasers, file by file, with their cluster ids and links.

    In a run without clusters, ids and links that are there are taken away.

    Args:
        root: A pipeline.
        run: Where the ids are, and where to write.
        files: The table, "stories" or "teasers", and the path of each file.
        ticks: The directory for progress, or empty.
    """
    clustered = run.request.asks_for("cluster")
    (
        root
        | "Files" >> beam.Create(files, reshuffle=False).with_output_types(tuple[str, str])
        | "Spread" >> beam.Reshuffle()
        | "Rewrite" >> beam.Map(_rewrite, run.workspace, run.config.output.format, clustered)
        | "Progress" >> Tick(ticks)
    )


def _rewrite(table_file: tuple[str, str], workspace: Workspace, format: str, clustered: bool) -> None:
    table, file = table_file
    with_ids = ids_file(workspace, file)
    ids = {row.pop("id"): row for row in read_file_rows(with_ids)} if clustered and exists(with_ids) else {}
    links = _links(table, workspace, ids)
    no_ids = dict.fromkeys((*CLUSTER_COLUMNS, "duplicate_of", "links_to" if table == "teasers" else "linked_from"))
    rows = (
        row | no_ids | ids.get(row["id"], {}) | links.get(row["id"], {})  # an older run's ids are replaced
        for row in read_file_rows(file)
    )
    target = workspace.work("tables", table, file.rpartition("/")[2])
    write_rows(target, table, rows, format)


def _links(table: str, workspace: Workspace, ids: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what the links add to the rows with ``ids``: teasers where they lead, stories where they come from."""
    links = read_table(workspace.work("cluster", "links")) if ids else iter(())
    if table == "teasers":
        return {
            link["teaser_id"]: {"links_to": {"id": link["story_id"], "similarity": link["similarity"]}}
            for link in links
            if link["teaser_id"] in ids
        }
    linked_from: dict[str, list[str]] = {id: [] for id in ids}
    for link in links:
        if link["story_id"] in linked_from:
            linked_from[link["story_id"]].append(link["teaser_id"])
    return {id: {"linked_from": sorted(teasers)} for id, teasers in linked_from.items()}
