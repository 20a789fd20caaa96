import logging
import sys
import time
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to

from pipeline import progress
from transforms.metrics import DONE, FAILED, Tick


def line(unit: str, seen: int, total: int | None, seconds: float, failed: int = 0) -> str:
    return progress.State("segment", unit, seen, failed, total, seconds).line()


def test_lines() -> None:
    assert line("inputs", 1200, 4800, 60.0) == "segment: 1,200 of 4,800 inputs (25 %), 20.0/s, 3 min left"
    assert line("inputs", 1200, None, 60.0) == "segment: 1,200 inputs, 20.0/s"
    assert line("texts", 0, 10, 30.0) == "segment: 0 of 10 texts (0 %), 0.0/s"
    assert line("texts", 12, 10, 6.0, 2) == "segment: 12 of 10 texts (120 %), 2.0/s, 2 failed"
    assert line("vectors", 0, None, 61.0) == "segment: at work for 61 s"


def test_what_machines_read_has_the_numbers() -> None:
    assert progress.State("segment", "inputs", 1200, 3, 4800, 60.04).fields() == {
        "event": "progress",
        "phase": "segment",
        "unit": "inputs",
        "seen": 1200,
        "failed": 3,
        "total": 4800,
        "seconds": 60.0,
        "rate": 19.99,
        "seconds_left": 180.1,
    }


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.34, "0.3 s"),
        (12.4, "12 s"),
        (89, "89 s"),
        (90, "2 min"),
        (3569, "59 min"),
        (3600, "1 h 0 min"),
        (4000, "1 h 7 min"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert progress.duration(seconds) == words


def test_elements_pass_a_tick_and_are_counted(tmp_path: Path) -> None:
    with beam.Pipeline(runner="FnApiRunner") as root:
        passed = root | beam.Create(["a", "b", "c"]) | Tick(str(tmp_path))
        root | "Failures" >> beam.Create(["d"]) | "CountFailures" >> Tick(str(tmp_path), FAILED)
        assert_that(passed, equal_to(["a", "b", "c"]))
    assert (progress.counted(tmp_path, DONE), progress.counted(tmp_path, FAILED)) == (3, 1)


def test_a_tick_without_a_directory_is_no_step() -> None:
    with beam.Pipeline(runner="FnApiRunner") as root:
        created = root | beam.Create(["a"])
        assert created | Tick("") is created


def test_a_log_gets_lines_and_the_directory_is_removed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.001)
    with caplog.at_level(logging.INFO, "copydesk"), progress.show("segment", "inputs", 4) as directory:
        (Path(directory) / "done-worker").write_bytes(b"%020d" % 1)
        (Path(directory) / "failed-worker").write_bytes(b"%020d" % 1)
        while not any("2 of 4 inputs (50 %)" in message for message in caplog.messages):
            time.sleep(0.001)
    assert not Path(directory).exists()
    assert any(message.endswith(", 1 failed") for message in caplog.messages)
    assert {"event": "progress", "seen": 2, "failed": 1}.items() <= caplog.records[-1].fields.items()  # type: ignore[attr-defined]


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_READS", 0.001)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress.show("segment", "inputs", 4) as directory:
        (Path(directory) / "done-worker").write_bytes(b"%020d" % 1)
        (Path(directory) / "failed-worker").write_bytes(b"%020d" % 1)
        shown = ""
        while "segment:  50%" not in shown:
            time.sleep(0.15)
            shown += capsys.readouterr().err
    assert "2/4" in shown
    assert "1 failed" in shown
