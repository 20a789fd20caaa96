"""Fixtures for the tests of the application."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from pipeline import passes


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
