"""The attacks of `make soak`: each yields what was tried, what came of it, and whether the product held."""

from __future__ import annotations

import itertools
import json
import logging
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

from tests.hostile.check import segment
from tests.hostile.faults import PHASES, Run, kill_in, read_tables, small_disk, write_inputs
from tests.hostile.files import FORMATS, broken_files, check_file, file_name
from tests.hostile.limits import limited
from tests.hostile.mutants import DEMO, mutants, pages
from tests.hostile.tree_construction import inputs
from tests.soak import limits, patterns

RUN_PAGES = 120  # of a run that is disturbed
DISKS = (16, 32, 64, 96, 128, 192)  # kilobytes
SEED = 20_261
SECONDS = 60.0  # of processor time for one broken page, of which most take milliseconds
LINEAR = 1.4  # power of the size from which time grows too fast

Line = tuple[str, str, bool]


def undisturbed(folder: Path) -> Run:
    run = Run(write_inputs(folder / "in", RUN_PAGES), folder / "undisturbed")
    status, log = run.finish()
    if status:
        sys.exit(log)
    return run


def kills(count: int, minutes: float, folder: Path) -> Iterator[Line]:
    """Kill runs at random moments of every phase in turn; each must continue to the same tables."""
    end = time.monotonic() + 60 * minutes
    first = undisturbed(folder)
    expected = read_tables(first.out)
    seconds = json.loads((first.out / "manifest.json").read_text())["phases"]
    died: Counter[str] = Counter()
    wrong = 0
    random = Random(SEED)
    for number in itertools.takewhile(lambda _: time.monotonic() < end, range(count)):
        phase = PHASES[number % len(PHASES)]
        workers = 2 if number % 5 == 4 else 1
        run = Run(first.inputs, folder / f"killed-{number}", ("--set", f"run.workers={workers}"))
        longest = seconds.get(phase, {"seconds": 0.3})["seconds"]
        died_in = kill_in(phase, run, random, longest)
        died[died_in or "through before it could be killed"] += 1
        status, log = run.finish()
        right = status == 0 and read_tables(run.out) == expected
        wrong += not right
        if not right:
            print(f"kill {number} in {died_in}: {log}", file=sys.stderr)
        print(f"kill {number}: {died_in}", file=sys.stderr, flush=True)
    shown = ", ".join(f"{phase} {n}" for phase, n in sorted(died.items()))
    tried = died.total()
    yield (
        f"{_of(tried, count, minutes)} runs, killed with SIGKILL in: {shown}",
        f"{tried - wrong} went on to the same tables",
        tried > 0 and not wrong,
    )


def disk(folder: Path) -> Iterator[Line]:
    """Let the disk run full at several moments; the same command must continue once there is room."""
    first = undisturbed(folder)
    expected = read_tables(first.out)
    full = right = 0
    try:
        for size in DISKS:
            with small_disk(folder / f"disk-{size}", size) as place:
                run = Run(first.inputs, place / "out")
                status, log = run.finish()
                full += status == 1 and "No space left on device" in log
                subprocess.run(["mount", "-o", "remount,size=256m", str(place)], check=True)
                status, _ = run.finish()
                right += status == 0 and read_tables(run.out) == expected
    except PermissionError:
        yield "disk full", "not tried: this user may not mount a file system", False
        return
    yield (
        f"{len(DISKS)} runs on disks of {DISKS[0]} to {DISKS[-1]} KB",
        f"{full} said that there is no room, {right} went on to the same tables with more of it",
        right == len(DISKS),
    )


Broken = tuple[str, bytes, str]  # its name, its content, its kind


def broken_pages(count: int, minutes: float, data: Path | None) -> Iterator[Line]:
    """Mutants of all pages at hand; where there are too few minutes for them, the line says so."""
    originals = pages(DEMO) + (pages(data / "wcxb") + pages(data / "news") if data is not None else [])
    end = time.monotonic() + 60 * minutes
    made = itertools.takewhile(lambda _: time.monotonic() < end, mutants(originals, count, SEED))
    outcomes = _segmented((name, content, "text" if n % 4 == 3 else "html") for n, (name, content) in enumerate(made))
    tried = _of(outcomes.total(), count, minutes)
    yield f"{tried} mutants of {len(originals)} pages", _shown(outcomes), _held(outcomes)


def tree_construction(folder: Path | None) -> Iterator[Line]:
    found = [(name, content, "html") for name, content in inputs(folder)] if folder else []
    if not found:
        yield "html5lib-tests, tree construction", "not tried: no inputs", False
        return
    outcomes = _segmented(found)
    yield f"html5lib-tests, tree construction: {len(found)} inputs", _shown(outcomes), _held(outcomes)


def _segmented(jobs: Iterable[Broken]) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    with multiprocessing.get_context("spawn").Pool() as pool:
        for number, (outcome, why) in enumerate(pool.imap_unordered(_try, jobs, chunksize=16), start=1):
            outcomes[outcome] += 1
            if why:
                print(why, file=sys.stderr, flush=True)
            if number % 1000 == 0:
                print(f"{number} pages", file=sys.stderr, flush=True)
    return outcomes


def _try(page: Broken) -> tuple[str, str]:
    logging.disable(logging.CRITICAL)  # a library complains of what it cannot read
    name, content, kind = page
    try:
        with limited(SECONDS):
            return "refused by name" if segment(content, kind) is None else "segmented", ""
    except Exception as error:
        return "broke", f"{name}: {type(error).__name__}: {error}"


def broken_readers(count: int) -> Iterator[Line]:
    """Files of every format, broken before or after compression."""
    each = -(-count // len(FORMATS))
    outcomes: Counter[str] = Counter()
    with multiprocessing.get_context("spawn").Pool() as pool:
        for some in pool.imap_unordered(_read, [(*format, each) for format in FORMATS]):
            outcomes.update(some)
    yield f"{each * len(FORMATS)} broken files in {len(FORMATS)} formats", _shown(outcomes), _held(outcomes)


def _read(job: tuple[str, str, int]) -> Counter[str]:
    kind, compression, count = job
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file_name(kind, compression)
        for name, content in broken_files(kind, compression, count, SEED):
            path.write_bytes(content)
            try:
                with limited(SECONDS):
                    check_file(path, kind, compression)
                outcomes["read, or refused by name"] += 1
            except Exception as error:
                outcomes["broke"] += 1
                print(f"{path.name} {name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    return outcomes


def _of(tried: int, count: int, minutes: float) -> str:
    return f"{tried}" if tried == count else f"{tried} of {count} (all that fitted into {minutes:.0f} minutes)"


def _shown(outcomes: Counter[str]) -> str:
    return ", ".join(f"{n} {outcome}" for outcome, n in sorted(outcomes.items()))


def _held(outcomes: Counter[str]) -> bool:
    return bool(outcomes) and not outcomes["broke"]


def large_pages() -> Iterator[Line]:
    for name, outcome, seconds, peak in limits.rows():
        held = peak < limits.MOST_MEGABYTES and seconds < limits.MOST_SECONDS
        yield name, f"{outcome}; {seconds:.1f} s, {peak} MB", held


def growing() -> Iterator[Line]:
    rows = [(name, times, patterns.growth(times)) for name, times in patterns.rows()]
    name, times, power = max(rows, key=lambda row: row[2] if row[1][-1] > 0.02 else 0)
    yield (
        f"{len(rows)} regular expressions, on hostile text of 1,000 to 100,000 characters",
        f"the steepest, `{name}`, grows with the power {power:.2f} of the size, to {1000 * times[-1]:.0f} ms",
        power < LINEAR or times[-1] < 0.02,
    )
