"""Progress of a phase: a bar on a terminal, a line every half minute in a log, with rate, time left and failures.

Beam's in-process engine tells nothing before it has ended, so workers count in small files (see
``transforms/metrics.py``) and a thread of the main process adds them up.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pipeline import logs
from transforms.metrics import DONE, FAILED

log = logging.getLogger("copydesk")

SECONDS_BETWEEN_READS = 0.5
SECONDS_BETWEEN_LINES = 30.0


@contextmanager
def show(phase: str, unit: str, total: int | None) -> Iterator[str]:
    """Show how far a phase is while the body runs.

    Args:
        phase: The name to show.
        unit: What is counted, in the plural.
        total: How many there will be, or None if that is not known; then no time left is shown.

    Yields:
        The directory in which workers count.
    """
    with tempfile.TemporaryDirectory(prefix="copydesk-progress-") as directory:
        over = threading.Event()
        watch = _Watch(Path(directory), phase, unit, total)
        show_it = watch.as_bar if sys.stderr.isatty() and not logs.are_for_machines() else watch.as_log
        thread = threading.Thread(target=show_it, args=(over,), daemon=True)
        thread.start()
        try:
            yield directory
        finally:
            over.set()
            thread.join()


def counted(directory: Path, what: str) -> int:
    """Return how many elements the workers have counted so far as ``what``."""
    return sum(int(file.read_bytes() or 0) for file in directory.glob(f"{what}-*"))


@dataclass(frozen=True, slots=True)
class State:
    """How far a phase is after some seconds: what was seen, of how many if that is known, and what of it failed."""

    phase: str
    unit: str
    seen: int
    failed: int
    total: int | None
    seconds: float

    @property
    def rate(self) -> float:
        """What is seen in a second."""
        return self.seen / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> float | None:
        """Seconds that are left at this rate, or None if that cannot be told."""
        known = self.total and self.rate > 0 and self.seen <= self.total
        return (self.total - self.seen) / self.rate if known and self.total else None

    def line(self) -> str:
        """Return it for a log.

        >>> State("segment", "inputs", 1200, 3, 4800, 60.0).line()
        'segment: 1,200 of 4,800 inputs (25 %), 20.0/s, 3 min left, 3 failed'
        >>> State("survey", "inputs", 1200, 0, None, 60.0).line()
        'survey: 1,200 inputs, 20.0/s'
        >>> State("cluster", "vectors", 0, 0, None, 60.0).line()
        'cluster: at work for 60 s'
        """
        if not self.seen and not self.total:
            return f"{self.phase}: at work for {duration(self.seconds)}"
        what = f"{self.seen:,} {self.unit}"
        if self.total:
            what = f"{self.seen:,} of {self.total:,} {self.unit} ({100 * self.seen / self.total:.0f} %)"
        parts = [f"{self.phase}: {what}", f"{self.rate:.1f}/s"]
        if self.left is not None:
            parts.append(f"{duration(self.left)} left")
        if self.failed:
            parts.append(f"{self.failed:,} failed")
        return ", ".join(parts)

    def fields(self) -> dict[str, Any]:
        """Return it for a log that machines read."""
        numbers = {"seconds": round(self.seconds, 1), "rate": round(self.rate, 2)}
        left = None if self.left is None else round(self.left, 1)
        return {"event": "progress", **asdict(self), **numbers, "seconds_left": left}


def duration(seconds: float) -> str:
    """Return a length of time for people.

    >>> [duration(s) for s in (0.34, 12, 180, 4000)]
    ['0.3 s', '12 s', '3 min', '1 h 7 min']
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


class _Watch:
    """Reads what the workers count, and since when."""

    def __init__(self, directory: Path, phase: str, unit: str, total: int | None) -> None:
        self._directory = directory
        self._phase, self._unit, self._total = phase, unit, total
        self._start = time.monotonic()

    def state(self) -> State:
        failed = counted(self._directory, FAILED)
        seen = counted(self._directory, DONE) + failed
        return State(self._phase, self._unit, seen, failed, self._total, time.monotonic() - self._start)

    def as_bar(self, over: threading.Event) -> None:
        with tqdm(
            desc=self._phase, unit=f" {self._unit}", total=self._total or None, leave=False, dynamic_ncols=True
        ) as bar:
            while not over.wait(SECONDS_BETWEEN_READS):
                state = self.state()
                if state.failed:
                    bar.set_postfix_str(f"{state.failed:,} failed", refresh=False)
                bar.update(state.seen - bar.n)

    def as_log(self, over: threading.Event) -> None:
        while not over.wait(SECONDS_BETWEEN_LINES):
            state = self.state()
            log.info(state.line(), extra=logs.fields(**state.fields()))
