"""Runs of the command that are disturbed for real: killed at a moment of a phase, or left without room on the disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq

ROOT = Path(__file__).parents[2]
TABLES = ("stories", "teasers", "pages", "segments", "members", "clusters", "failures")
PHASES = ("survey", "segment", "embed", "cluster", "tables")
LONGEST = 900  # seconds after which we no longer wait for a run

Tables = dict[str, list[str]]


@dataclass
class Run:
    """One command over some inputs, that can be given again and again."""

    inputs: Path
    out: Path
    flags: tuple[str, ...] = ()
    before: tuple[str, ...] = ()  # a command that runs this one

    @property
    def command(self) -> list[str]:
        settings = ("--set", "embed.model=hashing", *self.flags)
        return [*self.before, sys.executable, "-m", "pipeline", "run", str(self.inputs), "-o", str(self.out), *settings]

    def start(self, **options: Any) -> subprocess.Popen[str]:
        """Start it in a process group of its own."""
        options.setdefault("env", environment())
        return subprocess.Popen(
            self.command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **options,
        )

    def finish(self, **options: Any) -> tuple[int, str]:
        """Run it to its end; its exit status and its log."""
        process = self.start(**options)
        try:
            log = process.communicate(timeout=LONGEST)[1]
        finally:
            end_group(process)
        return process.returncode, log


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", **(more or {})}


def end_group(process: subprocess.Popen[str]) -> None:
    """Kill a process and its workers, as far as they are still there."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def write_inputs(folder: Path, count: int) -> Path:
    """``count`` small pages in two files, of which stories repeat and teasers point to each other."""
    folder.mkdir(parents=True)
    for name, numbers in (("a", range(0, count, 2)), ("b", range(1, count, 2))):
        records = ({"url": f"https://boats.example.org/{number}", "html": _page(number)} for number in numbers)
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


def _page(number: int) -> str:
    return f"""<html><head><title>Boat {number} returns</title></head><body><nav><a href="/">Home</a></nav>
    <article><h1>Boat {number} returns after a night in the fog</h1>
    <p>The crew of boat {number} came home on Tuesday with {number % 10 + 2} crates of herring, its owner said.</p>
    <p>Nobody was hurt, and it will go to sea again at noon, when divers have looked at the {number % 10}th plank.</p>
    </article><aside><h2>Read next</h2><a href="/{number + 1}">Boat {number + 1} returns after a night in the fog</a>
    </aside></body></html>"""


def read_tables(out: Path) -> Tables:
    """All rows of all tables, each as JSON, sorted; read as strangers to the product would."""
    return {name: sorted(_rows(out / name)) for name in TABLES if (out / name).exists()}


def _rows(table: Path) -> Iterator[str]:
    for file in table.iterdir():
        assert file.suffix == ".parquet", file
        yield from (json.dumps(row, sort_keys=True) for row in pq.read_table(file).to_pylist())


def phase_of(out: Path) -> str | None:
    """The phase that a run is in, by what it has finished; None where it has not begun or has ended."""
    if not (out / ".work" / "run.json").exists():
        return None
    for phase in PHASES:
        if not (out / ".work" / phase / "done.json").exists():
            return phase
    return None


def kill_in(phase: str, run: Run, random: Random, longest: float) -> str | None:
    """Start a run and kill it, workers and all, at a random moment of a phase; the phase in which it died.

    ``longest`` is how many seconds the phase takes. None where the run was through with the phase before.
    """
    process = run.start()
    try:
        give_up = time.monotonic() + LONGEST
        while phase_of(run.out) != phase:
            if process.poll() is not None or time.monotonic() > give_up:
                return None
            time.sleep(0.002)
        time.sleep(random.uniform(0, longest))
        died_in = phase_of(run.out) if process.poll() is None else None
    finally:
        end_group(process)
    return died_in


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """A file system in memory that is soon full.

    Raises:
        PermissionError: This user may not mount one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "copydesk-test", str(folder)], capture_output=True
    )
    if made.returncode:
        raise PermissionError(made.stderr.decode())
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
