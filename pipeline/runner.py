"""A run from its request to its manifest: one phase after the other, each only if it is not finished yet."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from pipeline import PHASES, UsageError, logs, progress, report
from pipeline.engine import signals_interrupt
from pipeline.identity import Run
from pipeline.leave import leave, waiting
from pipeline.manifest import manifest_of
from pipeline.passes import is_handed_over
from pipeline.phases.cluster import cluster
from pipeline.phases.embed import embed
from pipeline.phases.segment import segment
from pipeline.phases.survey import survey
from pipeline.phases.tables import publish
from pipeline.plan import Amount, Plan
from pipeline.plan import make as make_plan
from pipeline.prepare import prepare, take_new
from pipeline.request import Request
from pipeline.workspace import exists, read_json

log = logging.getLogger("copydesk")

Counts = Mapping[str, int]

# Each phase takes the run and the counts of the phase before, and returns its own.
STEPS: dict[str, Callable[[Run, Counts], Counts]] = {
    "survey": lambda run, _: survey(run),
    "segment": segment,
    "embed": embed,
    "cluster": cluster,
}
_UNITS = {"survey": "inputs", "segment": "inputs", "embed": "texts"}  # whose rate a phase's last line gives


def run(request: Request) -> dict[str, Any]:
    """Run the phases that are asked for and not finished yet, and return the manifest.

    Raises:
        UsageError: The command cannot be run as it is.
        RunError: Records were lost.
        HandedOver: A job is at work; the same call goes on when it has ended.
    """
    one, amount = prepare(request)
    # How much of it is new is not known yet where a run takes only that; the clusters are looked at once more.
    if (reason := _plan_of(one, amount).refusal) and not request.config.input.only_new:
        raise UsageError(reason)
    with signals_interrupt(), one.workspace.lock(), ExitStack() as locks:
        overwrite = request.overwrite
        if (state := one.state) is not None:
            locks.enter_context(state.lock(one.made_with))
            one = one.taking(one.all_inputs)  # now that it is known what the state holds
            if request.config.input.only_new:
                one, overwrite = take_new(one, state)
        return _carry_out(one, overwrite)


def plan(request: Request) -> Plan:
    """Return what ``run`` would do; nothing is written.

    Raises:
        UsageError: The command cannot be run as it is.
    """
    return _plan_of(*prepare(request))


def _plan_of(run: Run, amount: Amount) -> Plan:
    def finished(phase: str) -> bool:
        return phase in run.fingerprints and run.finished(phase) is not None

    asked = [phase for phase in PHASES if run.request.asks_for(phase)]
    return make_plan(amount, run.config, run.engine, asked, finished)


def _carry_out(run: Run, overwrite: bool) -> dict[str, Any]:
    """Do what is not done yet and return the manifest."""
    asked = run.request.asks_for
    run.workspace.claim(run.identity, overwrite)
    if (manifest := _manifest_if_complete(run)) is not None:
        log.info("%s is complete: nothing to do", run.workspace.root)
        return manifest
    run.workspace.refuse_others_files()  # now, and not after hours of work
    records: dict[str, dict[str, Any]] = {}
    counts: Counts = {}
    for phase in STEPS:
        if asked(phase):
            records[phase] = _record_of(phase, run, counts)
            counts = records[phase]["counts"]
    tables = publish(run) if asked("segment") else []
    if run.state is not None and run.leaves:
        leave(run, run.state)
    manifest = manifest_of(run, records, tables)
    if asked("report"):
        start = time.monotonic()
        manifest["least_certain"] = report.write(run.workspace, manifest)
        manifest["phases"]["report"] = {"seconds": _seconds_since(start), "counts": {}}
    run.workspace.succeed(manifest)
    return manifest


def _manifest_if_complete(run: Run) -> dict[str, Any] | None:
    """Return the manifest if all that is asked for has been done before."""
    manifest = read_json(run.workspace.path("manifest.json"), or_none=True)
    if manifest is None or not exists(run.workspace.path("_SUCCESS")) or not _asked_before(run.request, manifest):
        return None
    done = (run.finished(phase) for phase in PHASES[:-1] if run.request.asks_for(phase))
    return manifest if all(done) and (not run.leaves or run.has_left) else None


def _asked_before(request: Request, manifest: Mapping[str, Any]) -> bool:
    return PHASES.index(manifest["until"]) >= PHASES.index(request.until)


def _record_of(phase: str, run: Run, before: Counts) -> dict[str, Any]:
    """Do one phase, unless it is finished with the same inputs and settings, and return its record."""
    record = run.finished(phase)
    if phase == "cluster" and run.leaves and not run.has_left and not exists(waiting(run)):
        record = None  # a state that has lost this run gets it again
    if record is not None:
        log.info("%s: finished before", phase, extra=logs.fields(event="finished_before", phase=phase))
        return record
    if not any(is_handed_over(run, name) for name in (phase, f"{phase}: learn")):
        run.workspace.begin(phase)
    start = time.monotonic()
    counts = STEPS[phase](run, before)
    seconds = _seconds_since(start)
    record = {"fingerprint": run.fingerprints[phase], "seconds": seconds, "counts": counts}
    run.workspace.finish(phase, record)
    log.info(
        "%s: %s in %s%s",
        phase,
        report.listed(counts),
        progress.duration(seconds),
        _rate(phase, counts, seconds),
        extra=logs.fields(event="phase", phase=phase, seconds=seconds, counts=counts),
    )
    return record


def _rate(phase: str, counts: Counts, seconds: float) -> str:
    unit = _UNITS.get(phase, "")
    return f" ({counts[unit] / seconds:,.1f} {unit}/s)" if counts.get(unit) and seconds else ""


def _seconds_since(start: float) -> float:
    return round(time.monotonic() - start, 3)
