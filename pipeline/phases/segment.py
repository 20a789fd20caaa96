"""The phase segment: reads the inputs and writes stories, teasers, pages, segments and failures.

With ``segment.profiles`` it takes two passes, because which lines recur on a site is known only when all of its pages
have been seen. Labelled pages lie in files between the two, so that none is parsed twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import apache_beam as beam

from pipeline import RunError, passes
from pipeline.files import remove_tree
from pipeline.identity import Run
from pipeline.inbox import TakeNew
from pipeline.phases.survey import read_conflicts
from pipeline.sinks import WriteTable, count_rows, read_file_rows, table_files
from pipeline.site_files import (
    ProfileFiles,
    WriteBySite,
    labelled_pages,
    labelled_row,
    profile_row,
    site_pages,
    site_rows,
)
from pipeline.sources import ReadPages
from transforms.blocks import FindBlocks
from transforms.core.segment import Labelled, lines_of_site
from transforms.core.site_profile import PageLines, is_remembered
from transforms.core.site_rules import NO_RULES, SiteRules
from transforms.ids import SettleIds
from transforms.metrics import FAILED, Tick, count
from transforms.roles import LabelRoles
from transforms.sites import JudgeLines, LearnSites, SampleSites
from transforms.stories import SplitStories
from transforms.types import PageRecord, PageResult, Segment, Story, Teaser

_SITE_PAGE = tuple[str, PageLines]


def segment(run: Run, survey: Mapping[str, int]) -> dict[str, int]:
    """Do the phase and return its counts, given those of the survey.

    Raises:
        RunError: Inputs were lost.
    """
    inputs = survey["inputs"]
    counters = _two_passes(run, inputs) if run.config.segment.profiles else _one_pass(run, inputs)
    pages = count_rows(run.workspace.table("pages"))
    failures = count_rows(run.workspace.work("segment", "failures"))
    if inputs != pages + failures:
        again = " with --overwrite" if run.named is None else ""
        raise RunError(
            f"the survey counted {inputs} inputs, but segment made {pages} pages and {failures} failures "
            f"of them. If the inputs changed meanwhile, give the command again{again}; else "
            "please report it"
        )
    return {
        "inputs": inputs,
        "pages": pages,
        "failures": failures,
        **{table: counters[f"tables/{table}"] for table in ("stories", "teasers", "segments")},
    }


def _one_pass(run: Run, inputs: int) -> Counter[str]:
    return passes.run_pass(run, "segment", "inputs", inputs, lambda root, ticks: define_segment(root, run, ticks))


def _two_passes(run: Run, inputs: int) -> Counter[str]:
    """Label all pages and learn their sites, then judge their lines; return the counters of the second pass."""
    if not passes.is_handed_over(run, "segment"):  # else that is the second pass
        passes.run_pass(run, "segment: learn", "inputs", inputs, lambda root, ticks: define_learn(root, run, ticks))
    counters = passes.run_pass(run, "segment", "inputs", inputs, lambda root, ticks: define_judge(root, run, ticks))
    for between in ("labelled", "unlabelled"):
        remove_tree(run.workspace.work("segment", between))
    return counters


# One pass


def define_segment(root: beam.Pipeline, run: Run, ticks: str) -> None:
    """Read the inputs and write the tables.

    Args:
        root: A pipeline.
        run: What to read, and where to write.
        ticks: The directory for progress, or empty.
    """
    labelled, failures = _label(root, run, run.rules)
    _write_tables(labelled, failures, run, ticks)


def _label(
    root: beam.Pipeline, run: Run, rules: SiteRules
) -> tuple[beam.PCollection[Labelled], list[beam.PCollection[Any]]]:
    """Inputs to labelled pages, and failures. ``rules`` decide lines; selectors are always those of the run."""
    conflicts = read_conflicts(root, run.workspace)
    read = root | "Read" >> ReadPages(run.files, run.config.input)
    settled = read.out | "TakeNew" >> TakeNew(run.seen or "") | "SettleIds" >> SettleIds(conflicts)
    parsed = settled.out | "FindBlocks" >> FindBlocks(run.config.segment, run.rules)
    labelled = parsed.out | "LabelRoles" >> LabelRoles(run.config.segment, rules)
    return labelled.out, [stage.failures for stage in (read, settled, parsed, labelled)]


def _write_tables(
    labelled: beam.PCollection[Labelled], failures: list[beam.PCollection[Any]], run: Run, ticks: str
) -> None:
    """Labelled pages to the tables."""
    split = labelled | "SplitStories" >> SplitStories(run.config.segment)
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
    output = run.config.output
    for table, records in tables.items():
        directory = run.workspace.work("segment", table)
        records | f"Write {table}" >> WriteTable(table, directory, output.format, output.shards)


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


# The first of two passes


def define_learn(root: beam.Pipeline, run: Run, ticks: str) -> None:
    """Read the inputs and write the labelled pages, the profiles of their sites, and failures.

    In a run with a state, sites are also learnt from the pages that earlier runs have had, and left for the next.

    Args:
        root: A pipeline.
        run: What to read, and where to write.
        ticks: The directory for progress, or empty.
    """
    work = run.workspace.work
    labelled, failures = _label(root, run, NO_RULES)
    pages = labelled | "Progress" >> Tick(ticks)
    (
        pages
        | "LabelledRow" >> beam.Map(labelled_row)
        | "Write labelled" >> WriteTable("labelled", work("segment", "labelled"))
    )
    lines = pages | "LinesOfSite" >> beam.FlatMap(_lines_of_site, run.config.run.date).with_output_types(_SITE_PAGE)
    known = run.state.table("sites") if run.state is not None else ""  # "" before the first run
    earlier = (
        root
        | "KnownFiles" >> beam.Create(table_files(known) if known else [], reshuffle=False).with_output_types(str)
        | "ReadKnown" >> beam.FlatMap(site_pages).with_output_types(_SITE_PAGE)
        | "Forget" >> beam.Filter(_is_remembered, run.config.run.date, run.config.state.keep_days)
    )
    sites = (lines, earlier) | "AllPages" >> beam.Flatten() | "SampleSites" >> SampleSites()
    (
        sites
        | "LearnSites" >> LearnSites()
        | "ProfileRows" >> beam.Map(profile_row)
        | "Write profiles" >> WriteBySite("profiles", work("segment", "profiles"))
    )
    if run.state is not None:
        (
            sites
            | "SiteRows" >> beam.FlatMapTuple(site_rows)
            | "Leave sites" >> WriteBySite("sites", work("segment", "sites"))
        )
    (
        failures
        | "AllFailures" >> beam.Flatten()
        | "ProgressOfFailures" >> Tick(ticks, FAILED)
        | "Write failures" >> WriteTable("failures", work("segment", "unlabelled"))
    )


def _lines_of_site(labelled: Labelled, seen: str) -> Iterator[tuple[str, PageLines]]:
    found = lines_of_site(labelled, seen)
    if found is not None:
        yield found


def _is_remembered(site_page: tuple[str, PageLines], run_date: str, keep_days: int) -> bool:
    return is_remembered(site_page[1], run_date, keep_days)


# The second


def define_judge(root: beam.Pipeline, run: Run, ticks: str) -> None:
    """Read the labelled pages and write the tables that ``define_segment`` writes.

    Args:
        root: A pipeline.
        run: Where the first pass has written, and where to write.
        ticks: The directory for progress, or empty.
    """
    work = run.workspace.work
    pages = (
        root
        | "Files" >> beam.Create(table_files(work("segment", "labelled")), reshuffle=False).with_output_types(str)
        | "Spread" >> beam.Reshuffle()
        | "ReadLabelled" >> beam.FlatMap(labelled_pages)
    )
    profiles = ProfileFiles(work("segment", "profiles"))
    judged = pages | "JudgeLines" >> JudgeLines(profiles, run.rules, run.config.segment.max_seconds)
    earlier = (
        root
        | "FailureFiles" >> beam.Create(table_files(work("segment", "unlabelled")), reshuffle=False)
        | "ReadFailures" >> beam.FlatMap(read_file_rows)
    )
    _write_tables(judged.out, [earlier, judged.failures], run, ticks)
