"""What a run will do, how long it will take and what memory it needs, before it is begun: ``copydesk run --dry-run``.

The estimates rest on the figures below, which were measured on one core of a machine of 2020 (AMD Zen 3) and are all
that is assumed. They tell minutes from hours, no more.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pipeline.config import Config
from pipeline.engine import Engine
from pipeline.formats import InputFile, read_file
from pipeline.progress import duration
from transforms.types import Page

# Processor seconds, rounded up; `make bench` measures most of them anew
READ = 0.0005  # of one input in the survey
SEGMENT = {"html": 0.020, "text": 0.007, "clean": 0.002}  # of one page, its reading, writing and Beam's part included
TEXTS = 3.5  # stories and teasers of a page (of 1,497 pages of WCXB)
ENCODE = {"minilm": 0.045, "lite": 0.0006, "hashing": 0.0015}  # of one of them; other models count as "minilm"
WORDS = 0.002  # of one of them: its words, names and shingles
PAIR = 1 / 42e6  # of comparing two of them
REPORT = 2.0
START = {"one": 1.0, "more": 3.5}  # of a phase's pipeline, in this process and with worker processes

# Bytes
SIGHTING = 200  # of an input in the shuffle of the survey: id, hash and place
VECTOR = 2900  # of a story or teaser in the shuffle of the clusters
SHUFFLED = 5  # what the engine needs in memory for a byte that it shuffles: 4.0 to 4.8 were measured
PROCESS = {
    "survey": 250e6,
    "segment": 350e6,
    "embed": 800e6,
    "cluster": 350e6,
}  # of one process of a phase, before data
PACKED = 4  # decompressed bytes of one byte of a compressed file

_SAMPLED_FILES, _SAMPLED_RECORDS = 3, 20  # that are read of each format to learn how large a record is
_ONE_EACH = ("html", "text")  # formats of files that are one input each
_PAYS = 60.0  # seconds of a phase on one core from which worker processes pay for their start


@dataclass(frozen=True, slots=True)
class Amount:
    """How much there is to read."""

    files: int
    bytes: int
    inputs: dict[str, float]  # by kind of page, "html" or "text"
    is_exact: bool  # whether the inputs were counted, not estimated from a sample

    @property
    def total(self) -> int:
        return round(sum(self.inputs.values()))


@dataclass(frozen=True, slots=True)
class Step:
    """One phase."""

    phase: str
    workers: int
    seconds: float
    memory: float  # bytes of all its processes together
    is_finished: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A run before it is begun. ``shuffle`` is its largest one: the phase and its bytes in memory."""

    amount: Amount
    engine: Engine
    steps: tuple[Step, ...]
    shuffle: tuple[str, float]
    limit: float

    @property
    def refusal(self) -> str | None:
        """Why this machine cannot do it, and what to do; None if it can."""
        return too_large(*self.shuffle, self.limit) if self.engine.is_local else None

    def lines(self) -> Iterable[str]:
        """Yield it for people."""
        about = "" if self.amount.is_exact else "about "
        kinds = ", ".join(f"{about}{round(n):,} {kind}" for kind, n in sorted(self.amount.inputs.items()) if n)
        yield f"inputs   {self.amount.files:,} files, {_size(self.amount.bytes)}: {kinds or 'none'}"
        yield f"engine   {self.engine.name}"
        for step in self.steps:
            if step.is_finished:
                yield f"{step.phase:<8} finished before"
            else:
                workers = f"{step.workers} worker{'s' * (step.workers > 1)}"
                yield f"{step.phase:<8} about {duration(step.seconds)}, {_size(step.memory)} of memory, {workers}"
        left = [step for step in self.steps if not step.is_finished]
        yield f"together about {duration(sum(step.seconds for step in left))}"
        if left and self.engine.is_local:
            most = max(step.memory for step in left)
            yield f"memory   about {_size(most)} at most; the largest shuffle, of {self.shuffle[0]}, needs " + (
                f"{_size(self.shuffle[1])} of {_size(self.limit)}"
            )


def amount_of(files: Sequence[InputFile], config: Config) -> Amount:
    """Count the inputs or, in files of records, estimate them from the first records of a few files."""
    inputs: defaultdict[str, float] = defaultdict(float)
    by_format: defaultdict[str, list[InputFile]] = defaultdict(list)
    for file in files:
        by_format[file.kind].append(file)
    for format, same in by_format.items():
        if format in _ONE_EACH:
            inputs["clean" if config.input.clean else format] += len(same)
            continue
        sizes: defaultdict[str, list[int]] = defaultdict(list)
        for file in same[:_SAMPLED_FILES]:
            for outcome in islice(read_file(file, config.input), _SAMPLED_RECORDS):
                if isinstance(outcome, Page):
                    sizes[outcome.kind].append(len(outcome.content))
        sampled = sum(map(len, sizes.values()))
        plain = sum(file.size * (PACKED if file.compression or format == "parquet" else 1) for file in same)
        for kind, lengths in sizes.items():
            inputs[kind] += max(len(lengths), plain / sum(map(sum, sizes.values())) * len(lengths)) if sampled else 0
    is_exact = set(by_format) <= set(_ONE_EACH)
    return Amount(len(files), sum(file.size for file in files), dict(inputs), is_exact)


def make(
    amount: Amount, config: Config, engine: Engine, phases: Sequence[str], finished: Callable[[str], bool]
) -> Plan:
    """Return the plan of a run.

    Args:
        amount: What it reads.
        config: The settings.
        engine: What carries it out.
        phases: Those that are asked for, in their order.
        finished: Whether a phase has been done before.
    """
    texts = amount.total * (1.0 if config.input.clean else TEXTS)
    encode = ENCODE.get(config.embed.model, ENCODE["minilm"])
    work = {
        "survey": amount.total * READ,
        "segment": sum(n * SEGMENT[kind] for kind, n in amount.inputs.items()),
        "embed": texts * (encode + WORDS),
        "cluster": texts * WORDS + 3 * texts**2 / 2 * PAIR,
        "report": REPORT,
    }
    shuffles = {"survey": amount.total * SIGHTING * SHUFFLED, "cluster": texts * VECTOR * SHUFFLED}
    steps = []
    for phase in phases:
        most = engine.workers if phase in ("survey", "segment", "embed") else 1
        workers = max(1, min(most, amount.files)) if engine.is_local else 1
        seconds = work[phase] / workers + START["one" if workers == 1 else "more"] * (phase != "report")
        memory = PROCESS.get(phase, 0.0) * workers + shuffles.get(phase, 0.0)
        steps.append(Step(phase, workers, seconds, memory, finished(phase)))
    asked = {phase: size for phase, size in shuffles.items() if phase in phases and not finished(phase)}
    largest = max(asked, key=lambda phase: asked[phase], default="survey")
    return Plan(amount, engine, tuple(steps), (largest, asked.get(largest, 0.0)), memory_limit(config))


def workers_that_pay(amount: Amount, config: Config, cores: int) -> int:
    """Return how many worker processes a run should have: all cores if there is enough to divide among them."""
    plan = make(amount, config, Engine("one"), ("segment",), lambda _: False)
    return cores if amount.files >= cores and plan.steps[0].seconds > _PAYS else 1


def too_large(phase: str, needed: float, limit: float) -> str | None:
    """Return why a shuffle does not fit into ``limit`` bytes, and what to do; None if it does."""
    if needed <= limit:
        return None
    parts = -(-needed // limit)
    advice = (
        "stop with --until embed, or run one day or one site at a time, with --state"
        if phase == "cluster"
        else f"divide the inputs into {parts + 1:.0f} runs or more"
    )
    return (
        f"the {phase} phase moves all its records through memory at once: about {_size(needed)}, and there are "
        f"{_size(limit)}. Either {advice}, or use an engine that does not keep all in memory "
        "(-- --runner=FlinkRunner), or, if you know better, set run.memory_gb"
    )


def vectors_in_memory(texts: int) -> float:
    """Return the bytes that the shuffle of so many stories and teasers needs."""
    return float(texts) * VECTOR * SHUFFLED


def memory_limit(config: Config) -> float:
    """Return the bytes that a run may use: as set, else the machine's, or its control group's if that has less."""
    if config.run.memory_gb:
        return config.run.memory_gb * 1e9
    limits = [float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        path = Path("/sys/fs/cgroup", name)
        text = path.read_text().strip() if path.is_file() else ""
        limits += [float(text)] if text.isdigit() else []
    return min(limits)


def _size(n: float) -> str:
    """Return a number of bytes for people.

    >>> [_size(n) for n in (0, 950, 12_345_678, 2.5e9)]
    ['0 B', '950 B', '12.3 MB', '2.5 GB']
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n >= factor:
            return f"{n / factor:,.1f} {unit}"
    return f"{n:.0f} B"
