"""The phase embed: makes a vector of each story and teaser."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import apache_beam as beam

from pipeline import RunError, leave, passes
from pipeline.identity import Run
from pipeline.sinks import WriteTable, read_file_rows, table_files
from transforms.embed import EmbedItem, EmbedTexts, story_item, teaser_item
from transforms.metrics import FAILED, Tick


def embed(run: Run, segment: Mapping[str, int]) -> dict[str, int]:
    """Do the phase and return its counts, given those of the phase segment.

    Raises:
        RunError: Texts were lost.
    """
    texts = segment["stories"] + segment["teasers"]
    counters = passes.run_pass(run, "embed", "texts", texts, lambda root, ticks: define_embed(root, run, ticks))
    vectors, failures = counters["embed/vectors"], counters["embed/failures"]
    if texts != vectors + failures:
        raise RunError(
            f"segment wrote {texts} stories and teasers, but embed made {vectors} vectors and "
            f"{failures} failures of them; please report it"
        )
    return {
        "texts": texts,
        "vectors": vectors,
        "failures": failures,
        "encoded": counters["embed/encoded"],
    } | ({"from_cache": counters["embed/from_cache"]} if run.state else {})


def define_embed(root: beam.Pipeline, run: Run, ticks: str) -> None:
    """Read the stories and teasers file by file and write their vectors, and failures.

    Args:
        root: A pipeline.
        run: Where the tables are, and where to write.
        ticks: The directory for progress, or empty.
    """
    workspace = run.workspace
    files = [
        (kind, file)
        for kind, table in (("story", "stories"), ("teaser", "teasers"))
        for file in table_files(workspace.table(table))
    ]
    threads = max(1, (os.cpu_count() or 1) // run.engine.workers)  # of each worker process
    cache = "" if run.state is None else run.state.table(leave.VECTORS)
    embedded = (
        root
        | "Files" >> beam.Create(files, reshuffle=False).with_output_types(tuple[str, str])
        | "Spread" >> beam.Reshuffle()
        | "ReadItems" >> beam.FlatMapTuple(_items).with_output_types(EmbedItem)
        | "EmbedTexts" >> EmbedTexts(run.config.embed, threads, cache)
    )
    (
        embedded.out
        | "Progress" >> Tick(ticks)
        | "Write vectors" >> WriteTable("vectors", workspace.work("embed", "vectors"))
    )
    (
        embedded.failures
        | "ProgressOfFailures" >> Tick(ticks, FAILED)
        | "Write failures" >> WriteTable("failures", workspace.work("embed", "failures"), run.config.output.format)
    )


def _items(kind: str, file: str) -> Iterator[EmbedItem]:
    as_item = story_item if kind == "story" else teaser_item
    for row in read_file_rows(file):
        yield as_item(row, file)
