"""The command as a user drives it: in a process of its own, from any directory, over files on disk."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
TABLES = ("stories", "teasers", "pages", "segments", "members", "clusters", "forwards", "failures")

Command = Callable[..., subprocess.CompletedProcess[str]]
Tables = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """The environment of the command: this checkout, and no network for what might ask for it."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}


@pytest.fixture(scope="session")
def demo_pages() -> Path:
    return ROOT / "tests" / "data" / "demo"


@pytest.fixture(scope="session")
def copydesk(environment: dict[str, str]) -> Command:
    """Run ``copydesk`` with arguments to its end; unless ``check`` is false it must exit with 0."""

    def run(
        *arguments: object, cwd: Path | None = None, check: bool = True, stdin: bytes = b""
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pipeline", *map(str, arguments)]
        done = subprocess.run(command, cwd=cwd or ROOT, env=environment, input=stdin, capture_output=True)
        # Decoded here, because the text mode of subprocess changes line ends, and offsets with them.
        out, err = done.stdout.decode(), done.stderr.decode()
        assert done.returncode == 0 or not check, f"{command} exits with {done.returncode}: {err}"
        return subprocess.CompletedProcess(command, done.returncode, out, err)

    return run


@pytest.fixture(scope="session")
def tables() -> Callable[[Path], Tables]:
    """Read the tables of a run with pyarrow and json, as strangers to the product would; rows are sorted."""

    def read(out: Path) -> Tables:
        return {name: sorted(_rows(out / name), key=_as_json) for name in TABLES if (out / name).exists()}

    return read


def _rows(table: Path) -> list[dict[str, Any]]:
    lines = (line for file in table.glob("*.jsonl") for line in file.read_text(encoding="utf-8").splitlines())
    parquet = pq.read_table(table).to_pylist() if any(table.glob("*.parquet")) else []
    return [json.loads(line) for line in lines] + parquet


def _as_json(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True)


@pytest.fixture(scope="session")
def demo_run(copydesk: Command, demo_pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a whole run over the demo pages, made once for each worker that asks; not to be changed."""
    out = tmp_path_factory.mktemp("demo") / "out"
    copydesk("run", demo_pages, "-o", out, "--set", "embed.model=hashing", cwd=out.parent)
    return out
