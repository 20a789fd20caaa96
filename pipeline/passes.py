"""One pass over a phase's files: a pipeline with its progress, run to its end or handed over to a job service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import apache_beam as beam

from pipeline import progress
from pipeline.engine import run_pipeline
from pipeline.identity import Run
from pipeline.workspace import exists


def run_pass(
    run: Run,
    name: str,
    unit: str,
    total: int | None,
    define: Callable[[beam.Pipeline, str], None],
    parallel: bool = True,
) -> Counter[str]:
    """Run one pipeline to its end, show its progress and return its counters.

    Args:
        run: The run.
        name: The phase or, where it has more than one pass, ``phase: pass``.
        unit: What its progress counts, in the plural.
        total: How many there are; None if that is not known.
        define: Builds the graph on a root; is given the directory for progress, or an empty name.
        parallel: Whether more than one local worker process is of use.

    Raises:
        HandedOver: A job is at work.
    """
    with progress.show(name, unit, total) as directory:
        ticks = directory if run.engine.is_local else ""
        job_file = _job_file(run, name) if run.request.no_wait or is_handed_over(run, name) else None
        return run_pipeline(run.engine, lambda root: define(root, ticks), parallel, job_file)


def is_handed_over(run: Run, name: str) -> bool:
    """Whether a pass has been handed over to a job service, and nobody has seen its end."""
    return exists(_job_file(run, name))


def _job_file(run: Run, name: str) -> str:
    """Return where the id of a pass's job stands while it is at work."""
    phase, _, part = name.partition(": ")
    return run.workspace.work(phase, f"job{part and '-'}{part}-{run.fingerprints[phase]}.json")
