"""Progress of a phase: a bar on a terminal, a line every half minute in a log.

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
from pathlib import Path

from tqdm import tqdm

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
        watch = _watch_bar if sys.stderr.isatty() else _watch_log
        thread = threading.Thread(target=watch, args=(Path(directory), phase, unit, total, over), daemon=True)
        thread.start()
        try:
            yield directory
        finally:
            over.set()
            thread.join()


def done(directory: Path) -> int:
    """Return how many elements the workers have counted so far."""
    return sum(int(file.read_bytes() or 0) for file in directory.iterdir())


def line(phase: str, unit: str, seen: int, total: int | None, seconds: float) -> str:
    """Return one line of progress for a log.

    >>> line("segment", "pages", 1200, 4800, 60.0)
    'segment: 1,200 of 4,800 pages (25 %), 20.0/s, 3 min left'
    >>> line("survey", "records", 1200, None, 60.0)
    'survey: 1,200 records, 20.0/s'
    """
    rate = seen / seconds if seconds > 0 else 0.0
    if not total:
        return f"{phase}: {seen:,} {unit}, {rate:.1f}/s"
    left = f", {duration((total - seen) / rate)} left" if rate > 0 and seen <= total else ""
    return f"{phase}: {seen:,} of {total:,} {unit} ({seen / total:.0%}), {rate:.1f}/s{left}".replace("%)", " %)")


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


def _watch_bar(directory: Path, phase: str, unit: str, total: int | None, over: threading.Event) -> None:
    with tqdm(desc=phase, unit=f" {unit}", total=total or None, leave=False, dynamic_ncols=True) as bar:
        while not over.wait(SECONDS_BETWEEN_READS):
            bar.update(done(directory) - bar.n)


def _watch_log(directory: Path, phase: str, unit: str, total: int | None, over: threading.Event) -> None:
    start = time.monotonic()
    while not over.wait(SECONDS_BETWEEN_LINES):
        log.info(line(phase, unit, done(directory), total, time.monotonic() - start))
