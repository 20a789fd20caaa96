"""From a request to a run: what is checked, loaded and chosen before any work."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline import UsageError, inbox
from pipeline.engine import Engine, choose_engine, refuse_to_leave, set_filesystem_options
from pipeline.files import is_local
from pipeline.identity import Run
from pipeline.plan import Amount, amount_of, workers_that_pay
from pipeline.request import Request
from pipeline.rules import load_rules
from pipeline.sources import InputError, InputFile, match_inputs, require_filesystem
from pipeline.state import State
from pipeline.workspace import Workspace, exists
from transforms.core.encoders import EncoderError, resolve_encoder
from transforms.core.layout import load_layout
from transforms.core.role_model import ModelError, load_model
from transforms.core.words import WordsError, load_words
from transforms.settings import SegmentSettings


def prepare(request: Request) -> tuple[Run, Amount]:
    """Check all that can be checked before any work; return the run, and how much it has to read.

    Raises:
        UsageError: It cannot be done as it is asked.
    """
    config, output = request.config, request.output
    rules = load_rules(config.segment)
    engine = choose_engine(request.beam_flags, config.run.workers)
    if request.no_wait:
        refuse_to_leave(engine)
    set_filesystem_options(engine)
    require_filesystem(output)
    workspace = Workspace(output)
    state = None if request.state is None else State(request.state)
    if request.state is not None and _stand_in_each_other(request.state, output):
        raise UsageError(f"--state {request.state} and the output {output} stand in each other. Choose two directories")
    workspace.refuse_foreign(request.overwrite)
    try:
        files = _readable(match_inputs(request.inputs, config.input.only_new), request.inputs, output, "output")
        if request.state is not None:
            files = _readable(files, request.inputs, request.state, "state")
        load_words(config.segment.words)
        models = _segment_models(config.segment)
        encoder = resolve_encoder(config.embed.model) if request.asks_for("embed") else None
    except (InputError, EncoderError, ModelError, WordsError) as error:
        raise UsageError(str(error)) from error
    amount = amount_of(files, config)
    run = Run(request, files, rules, workspace, _with_workers(engine, amount, request), models, encoder, state)
    return run.taking(run.all_inputs), amount


def _with_workers(engine: Engine, amount: Amount, request: Request) -> Engine:
    if not engine.is_local or engine.workers:
        return engine
    return replace(engine, workers=workers_that_pay(amount, request.config, os.cpu_count() or 1))


def _segment_models(settings: SegmentSettings) -> Mapping[str, str]:
    """Return the hash of each model that the settings name for the reading of pages.

    Raises:
        ModelError: One cannot be used.
    """
    if settings.method != "model":
        return {}
    layout = load_layout(settings.model)
    return {"roles": load_model(settings.model).hash} | ({"layout": layout.hash} if layout else {})


def _readable(found: Sequence[InputFile], inputs: Sequence[str], output: str, kind: str) -> list[InputFile]:
    """Return the files that do not stand in a directory that runs write to: a run reads nothing of that.

    Raises:
        UsageError: An input is named there, or nothing else is left to read.
    """
    files = [file for file in found if not _stands_below(file.path, output)]
    inside = [path for path in inputs if _stands_below(path, output) or _stands_below(os.path.realpath(path), output)]
    if inside or (found and not files):
        what = f"the input {inside[0]} stands" if inside else f"all inputs ({len(found)} files) stand"
        raise UsageError(
            f"{what} in the {kind} directory {output}, whose tables a run replaces and where it reads nothing. "
            f"Choose another {kind} directory"
        )
    return files


def _stand_in_each_other(one: str, other: str) -> bool:
    same = os.path.abspath(one) == os.path.abspath(other)
    return same or _stands_below(one, other) or _stands_below(other, one)


def _stands_below(path: str, output: str) -> bool:
    if is_local(path) and is_local(output):
        path, output = os.path.abspath(path), os.path.abspath(output)
    return path.startswith(output.rstrip("/") + "/")


def take_new(run: Run, state: State) -> tuple[Run, bool]:
    """Leave out the files that the state has seen; return the run, and whether its directory may be overwritten.

    A run that has begun goes on with its own files, whatever has come since. If they have changed, or another
    run has taken them, it begins again with all that is new: nothing of it is in the state yet.

    Raises:
        UsageError: It is complete, or another run, and what is new would take the place of its tables.
    """
    run, overwrite = replace(run, named=list(run.request.inputs)), run.request.overwrite
    seen = inbox.seen_files(state.table(inbox.FILES))
    new = inbox.new_files(run.all_inputs, seen)
    earlier = run.workspace.claimed(or_none=overwrite) or {"inputs": {}}
    begun = earlier["inputs"]
    if earlier == run.identity | {"inputs": begun}:
        going_on = run.taking(begun)
        if going_on.has_left or begun.items() <= new.items():
            return going_on, overwrite
        if exists(run.workspace.path("_SUCCESS")):
            raise UsageError(
                f"{run.workspace.root} is complete, but the state {state.root} does not know of it, and its "
                "files have changed or were in another run. Choose another output directory"
            )
        overwrite = True
    elif overwrite and any(inbox.absolute(path) in seen for path in begun):
        raise UsageError(
            f"{run.workspace.root} holds a run whose files are in the state {state.root}, so with "
            "input.only_new there is nothing to do again. Choose another output directory, or give "
            "--set input.only_new=false and the files that are to be done again"
        )
    return run.taking(new), overwrite
