"""The phases as graphs: each function builds on a root that it is given and runs nothing.

Each phase reads the files of the one before. Page text stays inside fused steps; only ids, hashes,
small fields and vector bytes cross a shuffle.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from pipeline.config import Config
from pipeline.files import BlockFiles
from pipeline.inbox import PAGES, TakeNew, page_row
from pipeline.sinks import CLUSTER_COLUMNS, WriteTable, read_file_rows, read_table, table_files, vector_of, write_rows
from pipeline.site_files import (
    ProfileFiles,
    WriteBySite,
    labelled_pages,
    labelled_row,
    profile_row,
    site_pages,
    site_rows,
)
from pipeline.sources import InputFile, ReadPages, content_hash
from pipeline.state import member_row, read_registry
from pipeline.workspace import Workspace, exists
from transforms.blocks import FindBlocks
from transforms.clusters import ClusterVectors, RowClusters
from transforms.core.ids import Conflict, Sighting
from transforms.core.segment import Labelled, lines_of_site
from transforms.core.site_profile import PageLines, is_remembered
from transforms.core.site_rules import NO_RULES, SiteRules
from transforms.embed import EmbedItem, EmbedTexts, story_item, teaser_item
from transforms.ids import FindConflicts, SettleIds
from transforms.links import LinkTeasers
from transforms.metrics import FAILED, Tick, count
from transforms.roles import LabelRoles
from transforms.sites import JudgeLines, LearnSites, SampleSites
from transforms.stories import SplitStories
from transforms.types import Page, PageRecord, PageResult, Segment, Source, Story, Teaser, Vector

_SITE_PAGE = tuple[str, PageLines]
LEFT = {"members": "known_members", "clusters": "known_clusters", "forwards": "forwards"}  # for the next run: schemas
LEFT_VECTORS = "embeddings"  # and the vectors of texts, as the file of ``core.vector_cache``

ROWS = "rows"  # directory of the phase cluster: what all workers compare


def define_survey(
    root: beam.Pipeline,
    files: Sequence[InputFile],
    config: Config,
    workspace: Workspace,
    ticks: str,
    seen: str | None = None,
) -> None:
    """Read all inputs once, without parsing, and write which ids are used more than once.

    Args:
        root: A pipeline.
        files: The inputs.
        config: The settings.
        workspace: Where to write.
        ticks: The directory for progress, or empty.
        seen: The table of the pages that earlier runs have had, which are left out; "" for the first run. Unless it
            is None, the pages that are read are written for the next.
    """
    pages = root | "Read" >> ReadPages(files, config.input)
    pages.failures | "ProgressOfFailures" >> Tick(ticks, FAILED)
    if seen is not None:
        rows = pages.out | "PageRows" >> beam.Map(page_row)
        rows | "Write seen" >> WriteTable(PAGES, workspace.work("survey", PAGES))
    conflicts = (
        pages.out
        | "TakeNew" >> TakeNew(seen or "")
        | "Progress" >> Tick(ticks)
        | "Sight" >> beam.Map(_sight).with_output_types(tuple[str, Sighting])
        | "FindConflicts" >> FindConflicts()
    )
    (
        conflicts
        | "ToJson" >> beam.Map(_conflict_to_json).with_output_types(str)
        | "WriteConflicts" >> beam.io.WriteToText(workspace.work("survey", "conflicts"), ".jsonl")
    )


def _sight(page: Page) -> tuple[str, Sighting]:
    return page.id, Sighting(content_hash(page), page.source.file, page.source.offset)


def _conflict_to_json(conflict: Conflict) -> str:
    return json.dumps(asdict(conflict))


def _conflict_from_json(line: str) -> Conflict:
    row = json.loads(line)
    return Conflict(Source(**row["source"]), row["id"], Source(**row["kept"]))


def define_segment(
    root: beam.Pipeline,
    files: Sequence[InputFile],
    config: Config,
    rules: SiteRules,
    workspace: Workspace,
    ticks: str,
    seen: str | None = None,
) -> None:
    """Read the inputs and write the tables stories, teasers, pages, segments and failures.

    Args:
        root: A pipeline.
        files: The inputs.
        config: The settings.
        rules: The rules of the user's own.
        workspace: Where the survey's files are, and where to write.
        ticks: The directory for progress, or empty.
        seen: As for the survey.
    """
    labelled, failures = _label(root, files, config, rules, rules, workspace, seen)
    _split(labelled, failures, config, workspace, ticks)


def define_learn(
    root: beam.Pipeline,
    files: Sequence[InputFile],
    config: Config,
    rules: SiteRules,
    workspace: Workspace,
    ticks: str,
    seen: str | None = None,
    known: str | None = None,
) -> None:
    """Read the inputs and write the labelled pages, the profiles of their sites, and failures.

    This is the first of two passes, and ``define_judge`` the second: which lines recur on a site is known only when
    all of its pages have been seen. Labelled pages lie in files between the two, so that none is parsed twice.

    Args:
        root: A pipeline.
        files: The inputs.
        config: The settings.
        rules: The rules of the user's own, for their selectors; they are applied in the second pass.
        workspace: Where the survey's files are, and where to write.
        ticks: The directory for progress, or empty.
        seen: As for the survey.
        known: The table of sites that earlier runs have left, "" for the first run; None for a run without a state.
            Unless it is None, the table after this run is written.
    """
    labelled, failures = _label(root, files, config, rules, NO_RULES, workspace, seen)
    pages = labelled | "Progress" >> Tick(ticks)
    (
        pages
        | "LabelledRow" >> beam.Map(labelled_row)
        | "Write labelled" >> WriteTable("labelled", workspace.work("segment", "labelled"))
    )
    lines = pages | "LinesOfSite" >> beam.FlatMap(_lines_of_site, config.run.date).with_output_types(_SITE_PAGE)
    earlier = (
        root
        | "KnownFiles" >> beam.Create(table_files(known) if known else [], reshuffle=False).with_output_types(str)
        | "ReadKnown" >> beam.FlatMap(site_pages).with_output_types(_SITE_PAGE)
        | "Forget" >> beam.Filter(_is_remembered, config.run.date, config.state.keep_days)
    )
    sites = (lines, earlier) | "AllPages" >> beam.Flatten() | "SampleSites" >> SampleSites()
    (
        sites
        | "LearnSites" >> LearnSites()
        | "ProfileRows" >> beam.Map(profile_row)
        | "Write profiles" >> WriteBySite("profiles", workspace.work("segment", "profiles"))
    )
    if known is not None:
        (
            sites
            | "SiteRows" >> beam.FlatMapTuple(site_rows)
            | "Leave sites" >> WriteBySite("sites", workspace.work("segment", "sites"))
        )
    (
        failures
        | "AllFailures" >> beam.Flatten()
        | "ProgressOfFailures" >> Tick(ticks, FAILED)
        | "Write failures" >> WriteTable("failures", workspace.work("segment", "unlabelled"))
    )


def _lines_of_site(labelled: Labelled, seen: str) -> Iterator[tuple[str, PageLines]]:
    found = lines_of_site(labelled, seen)
    if found is not None:
        yield found


def _is_remembered(site_page: tuple[str, PageLines], run_date: str, keep_days: int) -> bool:
    return is_remembered(site_page[1], run_date, keep_days)


def define_judge(root: beam.Pipeline, config: Config, rules: SiteRules, workspace: Workspace, ticks: str) -> None:
    """Read the labelled pages and write the tables that ``define_segment`` writes.

    Args:
        root: A pipeline.
        config: The settings.
        rules: The rules of the user's own.
        workspace: Where the first pass has written, and where to write.
        ticks: The directory for progress, or empty.
    """
    files = table_files(workspace.work("segment", "labelled"))
    pages = (
        root
        | "Files" >> beam.Create(files, reshuffle=False).with_output_types(str)
        | "Spread" >> beam.Reshuffle()
        | "ReadLabelled" >> beam.FlatMap(labelled_pages)
    )
    profiles = ProfileFiles(workspace.work("segment", "profiles"))
    judged = pages | "JudgeLines" >> JudgeLines(profiles, rules, config.segment.max_seconds)
    earlier = (
        root
        | "FailureFiles" >> beam.Create(table_files(workspace.work("segment", "unlabelled")), reshuffle=False)
        | "ReadFailures" >> beam.FlatMap(read_file_rows)
    )
    _split(judged.out, [earlier, judged.failures], config, workspace, ticks)


def _label(
    root: beam.Pipeline,
    files: Sequence[InputFile],
    config: Config,
    rules: SiteRules,
    applied: SiteRules,
    workspace: Workspace,
    seen: str | None,
) -> tuple[beam.PCollection[Labelled], list[beam.PCollection[Any]]]:
    """Inputs to labelled pages, and failures. Selectors are those of ``rules``; ``applied`` decide lines."""
    conflicts = (
        root
        | "ReadConflicts" >> beam.io.ReadFromText(workspace.work("survey", "conflicts*.jsonl"))
        | "FromJson" >> beam.Map(_conflict_from_json).with_output_types(Conflict)
    )
    read = root | "Read" >> ReadPages(files, config.input)
    settled = read.out | "TakeNew" >> TakeNew(seen or "") | "SettleIds" >> SettleIds(conflicts)
    parsed = settled.out | "FindBlocks" >> FindBlocks(config.segment, rules)
    labelled = parsed.out | "LabelRoles" >> LabelRoles(config.segment, applied)
    return labelled.out, [stage.failures for stage in (read, settled, parsed, labelled)]


def _split(
    labelled: beam.PCollection[Labelled],
    failures: list[beam.PCollection[Any]],
    config: Config,
    workspace: Workspace,
    ticks: str,
) -> None:
    """Labelled pages to the tables."""
    split = labelled | "SplitStories" >> SplitStories(config.segment)
    results = split.out | "Progress" >> Tick(ticks)
    tables: dict[str, beam.PCollection[Any]] = {
        "stories": results | "Stories" >> beam.FlatMap(_stories),
        "teasers": results | "Teasers" >> beam.FlatMap(_teasers),
        "pages": results | "Pages" >> beam.Map(_page_record),
        "segments": results | "Segments" >> beam.FlatMap(_segments),
        "failures": [*failures, split.failures]
        | "AllFailures" >> beam.Flatten()
        | "ProgressOfFailures" >> Tick(ticks, FAILED),
    }
    for table, records in tables.items():
        records | f"Write {table}" >> WriteTable(
            table, workspace.work("segment", table), config.output.format, config.output.shards
        )


def _stories(result: PageResult) -> tuple[Story, ...]:
    stories = () if result.story is None else (result.story,)
    count("tables", "stories", len(stories))
    return stories


def _teasers(result: PageResult) -> tuple[Teaser, ...]:
    count("tables", "teasers", len(result.teasers))
    return result.teasers


def _segments(result: PageResult) -> tuple[Segment, ...]:
    count("tables", "segments", len(result.segments))
    return result.segments


def _page_record(result: PageResult) -> PageRecord:
    return result.page


def define_embed(
    root: beam.Pipeline,
    tables: Sequence[tuple[str, str]],
    config: Config,
    workspace: Workspace,
    ticks: str,
    threads: int,
    cache: str,
) -> None:
    """Read the stories and teasers file by file and write their vectors, and failures.

    Args:
        root: A pipeline.
        tables: The kind, "story" or "teaser", and the path of each file.
        config: The settings.
        workspace: Where to write.
        ticks: The directory for progress, or empty.
        threads: Processor threads of each worker process.
        cache: The directory with the vectors that earlier runs have left, or empty.
    """
    embedded = (
        root
        | "Files" >> beam.Create(tables, reshuffle=False).with_output_types(tuple[str, str])
        | "Spread" >> beam.Reshuffle()
        | "ReadItems" >> beam.FlatMapTuple(_items).with_output_types(EmbedItem)
        | "EmbedTexts" >> EmbedTexts(config.embed, threads, cache)
    )
    (
        embedded.out
        | "Progress" >> Tick(ticks)
        | "Write vectors" >> WriteTable("vectors", workspace.work("embed", "vectors"))
    )
    (
        embedded.failures
        | "ProgressOfFailures" >> Tick(ticks, FAILED)
        | "Write failures" >> WriteTable("failures", workspace.work("embed", "failures"), config.output.format)
    )


def _items(kind: str, file: str) -> Iterator[EmbedItem]:
    as_item = story_item if kind == "story" else teaser_item
    for row in read_file_rows(file):
        yield as_item(row, file)


def define_cluster(root: beam.Pipeline, config: Config, workspace: Workspace, known: str | None = None) -> None:
    """Read the vectors and write the tables members, clusters and links, and the ids of each file's rows.

    Args:
        root: A pipeline.
        config: The settings.
        workspace: Where the vectors are, and where to write.
        known: The directory of the registry that earlier runs have left, "" for the first run; None for a run
            without a state. Unless it is None, the registry after this run and the table forwards are written.
    """
    files = table_files(workspace.work("embed", "vectors"))
    vectors = (
        root
        | "Files" >> beam.Create(files, reshuffle=False).with_output_types(str)
        | "Spread" >> beam.Reshuffle()
        | "ReadVectors" >> beam.FlatMap(_vectors).with_output_types(Vector)
    )
    registry = None if known is None else partial(read_registry, known)
    clustered = vectors | "ClusterVectors" >> ClusterVectors(
        config.cluster, config.run.date, registry, config.state.keep_days, BlockFiles(workspace.work("cluster", ROWS))
    )
    links = vectors | "LinkTeasers" >> LinkTeasers(partial(_known_vectors, known or ""))
    for table, records in (("members", clustered.out), ("clusters", clustered.clusters), ("links", links)):
        records | f"Write {table}" >> WriteTable(
            table, workspace.work("cluster", table), config.output.format, config.output.shards
        )
    if known is not None:
        clustered.forwards | "Write forwards" >> WriteTable(
            "forwards", workspace.work("cluster", "forwards"), config.output.format, config.output.shards
        )
        left = {
            "members": clustered.known_members | "MemberRows" >> beam.Map(member_row),
            "clusters": clustered.known_clusters,
            "forwards": clustered.forwards,
        }
        for table, records in left.items():
            records | f"Leave {table}" >> WriteTable(LEFT[table], workspace.work("cluster", "state", table))
    clustered.files | "WriteIds" >> beam.Map(_write_ids, workspace.work("cluster", "ids"))


def _vectors(file: str) -> Iterator[Vector]:
    for row in read_file_rows(file):
        yield vector_of(row)


def _known_vectors(directory: str) -> list[Vector]:
    return [member.vector for member in read_registry(directory).members]


def _write_ids(ids_of_file: tuple[str, Iterable[RowClusters]], directory: str) -> None:
    """Write the cluster ids of the rows of one file of stories or teasers."""
    file, rows = ids_of_file
    write_rows(_ids_file(directory, file), "ids", map(_ids_row, rows), "jsonl")


def _ids_row(row: RowClusters) -> dict[str, Any]:
    id, *clusters, original, similarity = row
    duplicate_of = {"duplicate_of": original and {"id": original, "similarity": similarity}}
    return {"id": id} | dict(zip(CLUSTER_COLUMNS, clusters, strict=True)) | duplicate_of


def _ids_file(directory: str, file: str) -> str:
    """Return where the ids of a file's rows stand: ``stories/a.parquet`` -> ``ids/stories-a.jsonl``."""
    table, name = file.split("/")[-2:]
    return FileSystems.join(directory, f"{table}-{name.rpartition('.')[0]}.jsonl")


def define_tables(
    root: beam.Pipeline,
    files: Sequence[tuple[str, str]],
    config: Config,
    workspace: Workspace,
    ticks: str,
    clustered: bool,
) -> None:
    """Rewrite the stories and teasers, file by file, with their cluster ids and links.

    Args:
        root: A pipeline.
        files: The table, "stories" or "teasers", and the path of each file.
        config: The settings.
        workspace: Where the ids are, and where to write.
        ticks: The directory for progress, or empty.
        clustered: Whether the run has clusters; else ids and links that are there are taken away.
    """
    (
        root
        | "Files" >> beam.Create(files, reshuffle=False).with_output_types(tuple[str, str])
        | "Spread" >> beam.Reshuffle()
        | "Rewrite" >> beam.Map(_rewrite, workspace, config.output.format, clustered)
        | "Progress" >> Tick(ticks)
    )


def _rewrite(table_file: tuple[str, str], workspace: Workspace, format: str, clustered: bool) -> None:
    table, file = table_file
    ids_file = _ids_file(workspace.work("cluster", "ids"), file)
    ids = {row.pop("id"): row for row in read_file_rows(ids_file)} if clustered and exists(ids_file) else {}
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
