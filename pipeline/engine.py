"""What carries a run out: Beam's engines, their flags and worker processes, and signals."""

from __future__ import annotations

import argparse
import functools
import logging
import os
import shlex
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import apache_beam as beam
import grpc
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options import pipeline_options
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, PortableOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.portability.portable_runner import PipelineResult, PortableRunner
from apache_beam.runners.runner import PipelineState
from apache_beam.transforms.environments import SubprocessSDKEnvironment

from pipeline import HandedOver, Interrupted, RunError, UsageError
from pipeline.config import suggestion
from pipeline.files import remove_tree, write_json_atomically
from pipeline.workspace import read_json

log = logging.getLogger("copydesk")

# Beam's in-process Python engine. Named, because "DirectRunner" tries to download another engine first.
LOCAL_ENGINE = "FnApiRunner"
DIRECT_NAMES = ("directrunner", "switchingdirectrunner", "fnapirunner")
GRACE = 10.0  # seconds from a signal, or the death of a worker, to the end of the process
_INTERRUPTED = "interrupted; run the same command again to continue"
_WORKER_DIED = (
    "a worker process died, killed by a signal or for want of memory. Nothing is lost: run the same command again "
    "to continue, with fewer of run.workers if memory ran out"
)


@dataclass(frozen=True, slots=True)
class Engine:
    """What runs the pipelines: the name of a Beam runner, flags for it, and local worker processes."""

    name: str
    flags: tuple[str, ...] = ()
    workers: int = 1

    @property
    def is_local(self) -> bool:
        """Whether all of it happens on this machine."""
        return self.name == LOCAL_ENGINE


def choose_engine(beam_flags: Sequence[str], workers: int) -> Engine:
    """Return the engine that the flags name; Beam's in-process one if they name none.

    Raises:
        UsageError: A flag is unknown to Beam or has a value that it does not accept, or the runner
            cannot be used.
    """
    options, unknown = _beam_parser().parse_known_args(list(beam_flags))
    for token in unknown:
        flag = token.partition("=")[0]
        near = suggestion(flag, beam_flag_arity())
        raise UsageError(
            f"unknown flag {flag} after --{near}" if flag.startswith("-") else f"unexpected argument {token!r} after --"
        )
    name = (options.runner or LOCAL_ENGINE).rpartition(".")[2]
    if name.lower() == "daskrunner":
        raise UsageError(
            "--runner DaskRunner cannot be used: Beam's Dask engine drops what stages emit at the end of a "
            "bundle, so that runs end well with empty tables. Use FnApiRunner, FlinkRunner or SparkRunner"
        )
    if name.lower() in DIRECT_NAMES:
        return Engine(LOCAL_ENGINE, tuple(beam_flags), workers)
    known = {runner.lower(): runner for runner in pipeline_options.StandardOptions.KNOWN_RUNNER_NAMES}
    if name == options.runner and name.lower() not in known:
        raise UsageError(f"no runner {name!r}{suggestion(name, known.values())}")
    return Engine(known.get(name.lower(), options.runner), tuple(beam_flags))


def set_filesystem_options(engine: Engine) -> None:
    """Let this process reach files as the pipelines will, for example with ``--s3_endpoint_url``."""
    FileSystems.set_options(PipelineOptions(list(engine.flags)))


@functools.cache
def beam_flag_arity() -> dict[str, int]:
    """Return the flags that Beam knows, and how many values each takes: 0 or 1."""
    actions = _beam_parser()._actions
    return {
        flag: int(action.nargs != 0) for action in actions for flag in action.option_strings if flag.startswith("--")
    }


@functools.cache
def _beam_parser() -> argparse.ArgumentParser:
    parser = _BeamParser(allow_abbrev=False, add_help=False)
    for options in _subclasses(PipelineOptions):
        if "_add_argparse_args" in vars(options):
            options._add_argparse_args(parser)
    return parser


class _BeamParser(pipeline_options._BeamArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"Beam does not accept its flags: {message}")


def _subclasses(cls: Any) -> Iterator[Any]:
    for subclass in cls.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def run_pipeline(
    engine: Engine, define: Callable[[beam.Pipeline], None], parallel: bool = True, job_file: str | None = None
) -> Counter[str]:
    """Build a pipeline, run it to its end and return its counters as ``stage/name``.

    Args:
        engine: Where to run it.
        define: Builds the graph on a root.
        parallel: Whether more than one local worker process is of use.
        job_file: Where the id of the job stands or is to be written, if nobody is to wait for it; None to wait.

    Raises:
        RunError: It did not end well, and the engine has no more to say.
        HandedOver: It is at work.
    """
    options = PipelineOptions(list(engine.flags))
    runner: Any = engine.name
    if engine.is_local and engine.workers > 1 and parallel:
        runner = FnApiRunner(SubprocessSDKEnvironment.from_command_string(_worker_command()))
        options.view_as(DirectOptions).direct_num_workers = engine.workers
    job = None if job_file is None else read_json(job_file)
    if job is None:
        pipeline = beam.Pipeline(runner=runner, options=options)
        define(pipeline)
        # A local engine is through when this returns.
        with _death_of_a_worker_is_an_error() if engine.is_local else nullcontext():
            result: Any = pipeline.run()
        if job_file is not None:
            write_json_atomically(job_file, {"job": result._job_id})
    else:
        result = _job(options, job["job"])
    state = result.wait_until_finish() if job_file is None else _state_of(result)
    if job_file is not None and not PipelineState.is_terminal(state) and state != PipelineState.UNKNOWN:
        raise HandedOver(f"job {result._job_id} on {options.view_as(PortableOptions).job_endpoint} is {state.lower()}")
    if job_file is not None:
        remove_tree(job_file)  # it has ended: whoever needs this pipeline again runs it again
    if state not in (PipelineState.DONE, None):
        raise RunError(f"the pipeline ended as {state}; the log of {engine.name} says why")
    counters: Counter[str] = Counter()
    for counter in result.metrics().query(MetricsFilter())["counters"]:
        counters[f"{counter.key.metric.namespace}/{counter.key.metric.name}"] += counter.committed or 0
    return counters


@contextmanager
def _death_of_a_worker_is_an_error() -> Iterator[None]:
    """Raise RunError where a worker process has died, by a signal or for want of memory.

    Beam sees it in threads of its own, whose tracebacks say nothing to a user. It waits without end for a worker
    that died before it connected; so a process that has not ended within ``GRACE`` ends without asking Beam.
    """
    died = threading.Event()
    end = threading.Timer(GRACE, _end_at_once, (_WORKER_DIED,))
    end.daemon = True
    before = threading.excepthook

    def note(raised: threading.ExceptHookArgs) -> None:
        log.debug("in a thread of the engine: %r", raised.exc_value)
        if "Worker subprocess exited" in str(raised.exc_value) and not died.is_set():
            died.set()
            end.start()

    threading.excepthook = note
    try:
        yield
    except Exception as error:
        # The error of a stage has its traceback in its text, and may bring down workers as well.
        if "Traceback" not in str(error) and (died.is_set() or "Channel closed" in str(error)):
            died.set()
            raise RunError(_WORKER_DIED) from error
        raise
    finally:
        end.cancel()
        if not died.is_set():  # else the engine's threads go on to complain
            threading.excepthook = before


def refuse_to_leave(engine: Engine) -> None:
    """Refuse to hand jobs over to an engine that does not outlive this process, or that we cannot ask later.

    Raises:
        UsageError: It is such an engine; the text says what it would have to be.
    """
    options = PipelineOptions(list(engine.flags)).view_as(PortableOptions)
    if engine.name != "PortableRunner" or options.job_endpoint in (None, "embed"):
        raise UsageError(
            "--no-wait needs a job service that goes on without this process: --runner=PortableRunner and "
            f"--job_endpoint=HOST:PORT among Beam's flags, not {engine.name}"
        )
    if options.environment_type == "LOOPBACK":
        raise UsageError("--no-wait and --environment_type=LOOPBACK exclude each other: the worker is this process")


def _job(options: PipelineOptions, id: str) -> Any:
    """Return the job that was handed over before, as its service knows it."""
    service = PortableRunner().create_job_service(options).job_service
    return PipelineResult(service, id, iter(()), iter(()))


def _state_of(result: Any) -> str:
    try:
        return str(result.state)
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.UNAVAILABLE:
            raise RunError("the job service does not answer; give the command again when it does") from error
        return PipelineState.UNKNOWN  # it has forgotten the job


def _worker_command() -> str:
    """Return the shell command of a worker process: of this very package, whatever the working directory holds."""
    package = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    return "exec " + shlex.join(["env", f"PYTHONPATH={path}", sys.executable, "-P", "-m", "pipeline.worker"])


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Raise Interrupted where a signal asks the process to end, so that its lock is released.

    Stages run in this thread, and Beam makes a RuntimeError of whatever is raised in one; so what
    comes out after a signal is Interrupted, whatever it was. Beam waits without end for workers that
    have not connected yet; so a process that has not ended within ``GRACE`` ends without asking Beam.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals go to the main thread, which is somebody else's
        return
    received: list[int] = []
    end = threading.Timer(GRACE, _end_at_once)
    end.daemon = True

    def interrupt(number: int, _: object) -> NoReturn:
        if not received:
            end.start()
        received.append(number)
        raise Interrupted

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except BaseException as error:
        if received:
            raise Interrupted from error
        raise
    finally:
        end.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_at_once(why: str = _INTERRUPTED) -> NoReturn:
    log.error(why)
    os._exit(1)  # the kernel frees the lock
