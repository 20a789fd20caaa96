"""Fixtures for the tests of the application."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import passes
from pipeline.cli import main
from tests.pipeline.examples import RECORDS


@pytest.fixture
def record_passes(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Record the names of the pipelines that run from the call on."""

    def record() -> list[str]:
        names: list[str] = []
        original = passes.run_pass

        def recording(run: Any, name: str, *args: Any, **options: Any) -> Counter[str]:
            names.append(name)
            return original(run, name, *args, **options)

        monkeypatch.setattr(passes, "run_pass", recording)
        return names

    return record


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """The command sets up logging for its process; tests share theirs."""
    root, ours = logging.getLogger(), logging.getLogger("copydesk")
    handlers, level, our_level = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    ours.setLevel(our_level)


@pytest.fixture
def error_of(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must be refused with exit status 2; return its message."""

    def run(*arguments: str) -> str:
        assert main(arguments) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("copydesk: ")
        return captured.err.removeprefix("copydesk: ").rstrip("\n")

    return run


@pytest.fixture
def stories(write_jsonl: Callable[..., Path]) -> Path:
    """A file of four stories, one of them a copy of another."""
    return write_jsonl("in/stories.jsonl", RECORDS)
