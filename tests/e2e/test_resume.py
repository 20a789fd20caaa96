"""A run that is stopped in the middle of ``segment`` and started again ends like one that was left in peace."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.faults import write_inputs

PAGES = 400
TOO_LONG = 300  # seconds after which we no longer wait for a run
PUBLIC = {
    "stories", "teasers", "pages", "segments", "members", "clusters", "failures", "manifest.json", "report.html",
    "_SUCCESS",
}  # fmt: skip
INTERRUPTED = "copydesk: interrupted; run the same command again to continue"

Tables = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_inputs(tmp_path_factory.mktemp("boats") / "in", PAGES)


def arguments(inputs: Path, out: Path) -> list[str]:
    return ["run", str(inputs), "-o", str(out), "--set", "embed.model=hashing"]


@pytest.fixture(scope="module")
def undisturbed(
    inputs: Path,
    copydesk: Callable[..., Any],
    tables: Callable[[Path], Tables],
    tmp_path_factory: pytest.TempPathFactory,
) -> Tables:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    copydesk(*arguments(inputs, out))
    return tables(out)


def pages_done(out: Path, scratch: Path) -> int:
    """How many pages have left the phase ``segment``, by the files that its progress is read from."""
    if not (out / ".work" / "survey" / "done.json").exists():
        return 0
    return sum(int(file.read_bytes() or 0) for file in scratch.glob("copydesk-progress-*/*"))


def stop_in_segment(
    number: signal.Signals, command: list[str], out: Path, environment: dict[str, str]
) -> tuple[int, str]:
    """Start a run, send it a signal as soon as it has segmented some pages; return its exit status and its log."""
    scratch = out.parent / "scratch"
    scratch.mkdir()
    log = out.parent / "log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", *command], stderr=stderr, env={**environment, "TMPDIR": str(scratch)}
        )
        try:
            give_up = time.monotonic() + TOO_LONG
            while not pages_done(out, scratch):
                assert process.poll() is None, f"the run ended before it could be stopped: {log.read_text()}"
                assert time.monotonic() < give_up, "the run does not get to segment"
                time.sleep(0.01)
            process.send_signal(number)
            status = process.wait(TOO_LONG)
        finally:
            process.kill()
            process.wait()
    return status, log.read_text()


@pytest.mark.parametrize(
    ("number", "expected"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 1)], ids=["SIGKILL", "SIGINT"]
)
def test_a_stopped_run_continues_to_the_same_tables(
    number: signal.Signals,
    expected: int,
    inputs: Path,
    undisturbed: Tables,
    copydesk: Callable[..., Any],
    tables: Callable[[Path], Tables],
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    status, log = stop_in_segment(number, arguments(inputs, out), out, environment)
    assert status == expected, log
    assert os.listdir(out) == [".work"], "a reader must not find half a run"
    assert (out / ".work" / "segment").exists()
    assert not (out / ".work" / "segment" / "done.json").exists()
    if number == signal.SIGINT:
        assert log.splitlines()[-1] == INTERRUPTED
        assert "Traceback" not in log

    again = copydesk(*arguments(inputs, out))
    assert "copydesk: survey: finished before\n" in again.stderr
    assert f"copydesk: segment: {PAGES} inputs, {PAGES} pages, 0 failures, " in again.stderr
    found = tables(out)
    assert len(found["pages"]) == PAGES
    for table, rows in undisturbed.items():
        assert found[table] == rows, table
    assert set(os.listdir(out)) == PUBLIC | {".work"}
    assert [path for path in out.rglob("*") if "tmp" in path.name or "temp" in path.name] == []
    assert (out / ".work" / "lock").read_bytes() == b""
