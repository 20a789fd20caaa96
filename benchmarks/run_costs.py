"""What whole runs cost, in processes of their own: time, processor time, peak memory. For ``speed.py``."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_BODY_END = re.compile(rb"</body|\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one command; time is that of its worker processes as well."""

    seconds: float
    processor: float  # seconds
    peak: int  # bytes of its first process
    output: str


def run(command: Sequence[str], cores: Sequence[int] = (0,)) -> Cost:
    """Run a command on some cores only, with one thread per process for matrix products.

    Raises:
        RuntimeError: It failed; the text is what it said.
    """
    variables = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile() as out:
        began = time.monotonic()
        process = subprocess.Popen(
            ["taskset", "-c", ",".join(map(str, cores)), *command],
            env={**os.environ, **variables},
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        watch = _Peak(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode("utf-8", "replace")
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} exits with {process.returncode}: {text[-2000:]}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, watch.end(), text)


class _Peak:
    """The most memory of a process. ``wait4`` does not tell: it counts what this process had, as its parent."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.2):
            try:
                found = re.search(r"VmHWM:\s+(\d+) kB", self._status.read_text())
            except OSError:
                return
            self._most = max(self._most, int(found[1]) * 1024 if found else 0)

    def end(self) -> int:
        self._over.set()
        self._thread.join()
        return self._most


def copydesk(folder: Path, *flags: str, cores: Sequence[int] = (0,), keep: Path | None = None) -> tuple[Cost, dict]:
    """Run Copydesk over a folder into a new directory; the cost and the manifest."""
    with tempfile.TemporaryDirectory(prefix="copydesk-bench-") as scratch:
        out = keep or Path(scratch, "out")
        cost = run([sys.executable, "-m", "pipeline", "run", str(folder), "-o", str(out), *flags], cores)
        return cost, json.loads((out / "manifest.json").read_text())


@contextmanager
def folder_of(pages: Sequence[bytes], suffix: str, copies: int = 0) -> Iterator[Path]:
    """Files of pages, or of so many pages changed a little, a thousand to a directory; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="copydesk-bench-pages-"))
    try:
        for number in range(copies or len(pages)):
            page = pages[number % len(pages)]
            if copies:
                page = changed(page, number, suffix)
            directory = folder / f"{number // 1000:03}"
            directory.mkdir(exist_ok=True)
            (directory / f"{number:06}{suffix}").write_bytes(page)
        yield folder
    finally:
        shutil.rmtree(folder)


def changed(page: bytes, number: int, suffix: str) -> bytes:
    """A page with a sentence of its own at its end; bare text has other digits as well."""
    digits = bytes.maketrans(b"123456789", bytes(b"123456789"[(i + number) % 9] for i in range(9)))
    sentence = f"This is page number {number} of the {number * 7919 % 104729} that were made for measuring.".encode()
    if suffix == ".txt":
        return page.translate(digits) + b"\n\n" + sentence + b"\n"
    end = _BODY_END.search(page)
    place = end.start() if end else len(page)
    return page[:place] + b"<p>" + sentence + b"</p>" + page[place:]


def trafilatura(python: Path, pages: Sequence[bytes]) -> float:
    """Processor seconds of trafilatura in a bare loop over pages that are in memory already, on the first core."""
    with folder_of([gzip.compress(page, 1) for page in pages], ".html.gz") as folder:
        folders = [str(path) for path in sorted(folder.iterdir())]
        cost = run([str(python), str(ROOT / "benchmarks/peer_loop.py"), *folders])
    return float(cost.output.strip().splitlines()[-1])
