"""`make soak`: every attack at its full count, as one table in Markdown. Ends with status 1 where one has won.

`python -m tests.soak --help` shows how to choose attacks and counts.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.hostile.check import segment
from tests.hostile.faults import PHASES, Run, kill_in, read_tables, small_disk, write_inputs
from tests.hostile.mutants import DEMO, mutants, pages
from tests.soak import limits, patterns

PAGES = 400  # of a run that is disturbed
DISKS = (16, 48, 96, 192, 384, 768)  # kilobytes
SEED = 20_261
LINEAR = 1.4  # power of the size from which time grows too fast

Line = tuple[str, str, bool]  # what was done, what came of it, whether the product won


def undisturbed(folder: Path) -> Run:
    run = Run(write_inputs(folder / "in", PAGES), folder / "undisturbed")
    status, log = run.finish()
    if status:
        sys.exit(log)
    return run


def kills(count: int, folder: Path) -> Iterator[Line]:
    """Kill runs at random moments of every phase in turn; each must continue to the same tables."""
    first = undisturbed(folder)
    expected = read_tables(first.out)
    seconds = json.loads((first.out / "manifest.json").read_text())["phases"]
    died: Counter[str] = Counter()
    wrong = 0
    random = Random(SEED)
    for number in range(count):
        phase = PHASES[number % len(PHASES)]
        run = Run(first.inputs, folder / f"killed-{number}", ("--set", f"run.workers={1 + number % 2}"))
        died_in = kill_in(phase, run, random, seconds.get(phase, {"seconds": 0.3})["seconds"])
        died[died_in or "not killed: through before"] += 1
        status, log = run.finish()
        wrong += status != 0 or read_tables(run.out) != expected
        if status:
            print(log, file=sys.stderr)
    shown = ", ".join(f"{phase} {n}" for phase, n in sorted(died.items()))
    yield (
        f"{count} runs killed (kill -9) at random moments: {shown}",
        f"{count - wrong} continued to the same tables",
        not wrong,
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
                os.system(f"mount -o remount,size=256m {place}")
                status, _ = run.finish()
                right += status == 0 and read_tables(run.out) == expected
    except PermissionError:
        yield "disk full", "not tried: this user may not mount a file system", True
        return
    yield (
        f"{len(DISKS)} runs on a disk that is soon full",
        f"{full} named it, {right} continued to the same tables",
        right == len(DISKS),
    )


def _try(mutant: tuple[str, bytes, str]) -> tuple[str, str]:
    name, content, kind = mutant
    try:
        return "refused" if segment(content, kind) is None else "segmented", ""
    except Exception as error:
        return "broke", f"{name}: {type(error).__name__}: {error}"


def broken_pages(count: int, data: Path | None) -> Iterator[Line]:
    originals = pages(DEMO) + (pages(data / "wcxb") + pages(data / "news") if data is not None else [])
    jobs = (
        (name, content, "text" if n % 4 == 3 else "html")
        for n, (name, content) in enumerate(mutants(originals, count, SEED))
    )
    outcomes: Counter[str] = Counter()
    with multiprocessing.get_context("spawn").Pool() as pool:
        for outcome, why in pool.imap_unordered(_try, jobs, chunksize=16):
            outcomes[outcome] += 1
            if why:
                print(why, file=sys.stderr)
    shown = ", ".join(f"{n} {outcome}" for outcome, n in sorted(outcomes.items()))
    yield f"{count} mutants of {len(originals)} pages", shown, not outcomes["broke"]


def large_pages() -> Iterator[Line]:
    for name, outcome, seconds, peak in limits.rows():
        yield name, f"{outcome}; {seconds:.1f} s, {peak} MB", True


def growing() -> Iterator[Line]:
    rows = [(name, times, patterns.growth(times)) for name, times in patterns.rows()]
    name, times, power = max(rows, key=lambda row: row[2] if row[1][-1] > 0.02 else 0)
    yield (
        f"{len(rows)} regular expressions on hostile text of 1,000 to 100,000 characters",
        f"the steepest, {name}, grows with the power {power:.2f}: {1000 * times[-1]:.0f} ms at last",
        power < LINEAR or times[-1] < 0.02,
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--mutants", type=int, default=20_000)
    parser.add_argument("--data", type=Path, help="folder with wcxb/ and news/, for more pages to break")
    attacks = ("kills", "disk", "mutants", "limits", "patterns")
    parser.add_argument("--only", nargs="+", choices=attacks, default=attacks)
    options = parser.parse_args()
    lines: list[Line] = []
    with tempfile.TemporaryDirectory() as folder:
        data = options.data if options.data is not None and options.data.is_dir() else None
        makers = {
            "kills": lambda: kills(options.kills, Path(folder) / "kills"),
            "disk": lambda: disk(Path(folder) / "disk"),
            "mutants": lambda: broken_pages(options.mutants, data),
            "limits": large_pages,
            "patterns": growing,
        }
        for attack in options.only:
            for line in makers[attack]():
                lines.append(line)
                print("|", " | ".join(line[:2]), "|", "" if line[2] else "LOST", flush=True)
    table = "".join(f"| {what} | {outcome} |\n" for what, outcome, _ in lines)
    head = f"`make soak` on {os.cpu_count()} cores, Python {platform.python_version()}:\n\n"
    head += "| attack | outcome |\n| --- | --- |\n"
    if options.out:
        options.out.write_text(f"# Under attack\n\n{head}{table}", encoding="utf-8")
    return 0 if all(won for *_, won in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
