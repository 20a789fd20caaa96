"""Fixtures for all tests: small inputs, and runs of the command in this process.

Pipelines run on Beam's in-process engine by name and with the hashing encoder: no network, no model.

Tests marked ``shared`` need development data that are not in the repository: the folder that COPYDESK_DATA
names, by default ``shared`` beside the checkout. Without it they are skipped and counted; in CI they fail.
"""

import importlib.util
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline import RunError, config, runner
from pipeline.request import Request
from pipeline.sinks import read_table

# Settings under which a run needs neither a role model nor an embedding model.
FAST = ("segment.method=readability", "embed.model=hashing")

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run_pages() -> Run:
    """Run the phases over inputs, with the settings of FAST and others; returns the manifest."""

    def run(inputs: Sequence[Path], output: Path, *settings: str, **options: Any) -> dict[str, Any]:
        effective = config.load(None, [*FAST, *settings])
        return runner.run(Request([str(path) for path in inputs], str(output), effective, **options))

    return run


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Record what commands ask of the runner, which does nothing but fail."""
    recorded: list[Request] = []

    def run(request: Request) -> None:
        recorded.append(request)
        raise RunError("enough")

    monkeypatch.setattr(runner, "run", run)
    return recorded


@pytest.fixture
def write_jsonl(tmp_path: Path) -> Callable[[str, Sequence[Mapping[str, Any]]], Path]:
    """Write records as a JSONL file below ``tmp_path``."""

    def write(name: str, records: Sequence[Mapping[str, Any]]) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        return path

    return write


@pytest.fixture
def tables() -> Callable[[Path], dict[str, list[dict[str, Any]]]]:
    """Read all tables of a run, each sorted by its rows."""

    def read(output: Path) -> dict[str, list[dict[str, Any]]]:
        names = ("stories", "teasers", "pages", "segments", "members", "clusters", "forwards", "failures")
        return {
            name: sorted(read_table(str(output / name)), key=lambda row: json.dumps(row, sort_keys=True))
            for name in names
            if (output / name).exists()
        }

    return read


@pytest.fixture
def development_data(request: pytest.FixtureRequest) -> Path:
    """The folder of labelled pages; without it the test is skipped, or fails where CI is set."""
    assert request.node.get_closest_marker("shared"), "a test that needs the development data is marked `shared`"
    folder = Path(__file__).parents[1] / os.environ.get("COPYDESK_DATA", "../shared")
    if not folder.is_dir():
        missing = f"no development data in {folder}; COPYDESK_DATA names another folder"
        if os.environ.get("CI") == "true":
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)
    return folder.resolve()


@pytest.fixture
def library() -> Callable[[str], None]:
    """Ask for a package that only tests use; without it the test is skipped, or fails where CI is set."""

    def need(name: str) -> None:
        if importlib.util.find_spec(name) is None:
            missing = f"{name} is not installed here; make venv installs it"
            if os.environ.get("CI") == "true":
                pytest.fail(missing, pytrace=False)
            pytest.skip(missing)

    return need


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were skipped because there are no development data."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if "shared" in report.keywords]
    if skipped:
        terminalreporter.section("development data")
        terminalreporter.line(f"{len(skipped)} tests skipped: they need the folder that COPYDESK_DATA names")
