"""The phase survey: reads all inputs once, without parsing, counts them and finds ids that are used twice."""

from __future__ import annotations

import json
from dataclasses import asdict

import apache_beam as beam

from pipeline import passes
from pipeline.identity import Run
from pipeline.inbox import PAGES, TakeNew, page_row
from pipeline.sinks import WriteTable
from pipeline.sources import ReadPages, content_hash
from pipeline.workspace import Workspace
from transforms.core.ids import Conflict, Sighting
from transforms.ids import FindConflicts
from transforms.metrics import FAILED, Tick
from transforms.types import Page, Source


def survey(run: Run) -> dict[str, int]:
    """Do the phase and return its counts."""
    counters = passes.run_pass(run, "survey", "inputs", None, lambda root, ticks: define_survey(root, run, ticks))
    seen_before = {}
    if run.named is not None:
        files = len(run.all_inputs) - len(run.files)
        seen_before = {"files_seen_before": files, "pages_seen_before": counters["read/seen_before"]}
    return {
        "files": len(run.files),
        "bytes": sum(file.size for file in run.files),
        "inputs": counters["read/pages"] + counters["read/failures"] - counters["read/seen_before"],
        "ids_renamed": counters["ids/renamed"],
        "ids_repeated": counters["ids/repeated"],
    } | seen_before


def define_survey(root: beam.Pipeline, run: Run, ticks: str) -> None:
    """Read the inputs and write which ids are used more than once.

    Where only what is new is taken, the pages that earlier runs have had are left out, and those that are read are
    written for the next.

    Args:
        root: A pipeline.
        run: What to read, and where to write.
        ticks: The directory for progress, or empty.
    """
    pages = root | "Read" >> ReadPages(run.files, run.config.input)
    pages.failures | "ProgressOfFailures" >> Tick(ticks, FAILED)
    if run.seen is not None:
        rows = pages.out | "PageRows" >> beam.Map(page_row)
        rows | "Write seen" >> WriteTable(PAGES, run.workspace.work("survey", PAGES))
    conflicts = (
        pages.out
        | "TakeNew" >> TakeNew(run.seen or "")
        | "Progress" >> Tick(ticks)
        | "Sight" >> beam.Map(sight).with_output_types(tuple[str, Sighting])
        | "FindConflicts" >> FindConflicts()
    )
    (
        conflicts
        | "ToJson" >> beam.Map(_conflict_to_json).with_output_types(str)
        | "WriteConflicts" >> beam.io.WriteToText(run.workspace.work("survey", "conflicts"), ".jsonl")
    )


def sight(page: Page) -> tuple[str, Sighting]:
    """Return a page's id, and what tells it from others with the same id."""
    return page.id, Sighting(content_hash(page), page.source.file, page.source.offset)


def _conflict_to_json(conflict: Conflict) -> str:
    return json.dumps(asdict(conflict))


def read_conflicts(root: beam.Pipeline, workspace: Workspace) -> beam.PCollection[Conflict]:
    """Read what the survey has written."""
    lines = root | "ReadConflicts" >> beam.io.ReadFromText(workspace.work("survey", "conflicts*.jsonl"))
    return lines | "FromJson" >> beam.Map(_conflict_from_json).with_output_types(Conflict)


def _conflict_from_json(line: str) -> Conflict:
    row = json.loads(line)
    return Conflict(Source(**row["source"]), row["id"], Source(**row["kept"]))
