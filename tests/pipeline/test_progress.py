import logging
import sys
import time
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to

from pipeline import progress
from transforms.metrics import Tick


def test_lines() -> None:
    assert progress.line("segment", "pages", 1200, 4800, 60.0) == (
        "segment: 1,200 of 4,800 pages (25 %), 20.0/s, 3 min left"
    )
    assert progress.line("survey", "inputs", 1200, None, 60.0) == "survey: 1,200 inputs, 20.0/s"
    assert progress.line("embed", "texts", 0, 10, 30.0) == "embed: 0 of 10 texts (0 %), 0.0/s"
    assert progress.line("embed", "texts", 12, 10, 6.0) == "embed: 12 of 10 texts (120 %), 2.0/s"


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
        assert_that(passed, equal_to(["a", "b", "c"]))
    assert progress.done(tmp_path) == 3


def test_a_tick_without_a_directory_is_no_step() -> None:
    with beam.Pipeline(runner="FnApiRunner") as root:
        created = root | beam.Create(["a"])
        assert created | Tick("") is created


def test_a_log_gets_lines_and_the_directory_is_removed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.001)
    with caplog.at_level(logging.INFO, "copydesk"), progress.show("segment", "pages", 4) as directory:
        (Path(directory) / "worker").write_bytes(b"%020d" % 2)
        while not any("2 of 4 pages (50 %)" in message for message in caplog.messages):
            time.sleep(0.001)
    assert not Path(directory).exists()


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_READS", 0.001)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress.show("segment", "pages", 4) as directory:
        (Path(directory) / "worker").write_bytes(b"%020d" % 2)
        shown = ""
        while "segment:  50%" not in shown:
            time.sleep(0.15)
            shown += capsys.readouterr().err
    assert "2/4" in shown
