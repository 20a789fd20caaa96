"""Airflow reads the DAG of ``deploy/airflow`` and executes it: two days over an inbox that grows."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TEXT = '{"id": "%s", "title": "Ferry", "text": "The night ferry to Sallow struck the outer breakwater."}\n'


@pytest.mark.soak
@pytest.mark.skipif("AIRFLOW" not in os.environ, reason="needs Airflow in an environment of its own; make soak has it")
def test_airflow_executes_the_dag(
    tmp_path: Path, environment: dict[str, str], tables: Callable[[Path], dict[str, list[dict[str, Any]]]]
) -> None:
    desk, dags = tmp_path / "desk", tmp_path / "dags"
    shutil.copytree(ROOT / "deploy" / "airflow", dags, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("bin", "inbox"):
        (desk / name).mkdir(parents=True)
    python = desk / "bin" / "python"
    # A file of that name comes before the packaged configuration: this one needs no models.
    (tmp_path / "nightly").write_text('[input]\nonly_new = true\nclean = true\n[embed]\nmodel = "hashing"\n')
    python.write_text(f'#!/bin/sh\ncd {tmp_path} && PYTHONPATH={ROOT} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    variables = {
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "COPYDESK_DESK": str(desk),
    }
    bare = {name: value for name, value in environment.items() if name != "PYTHONPATH"}

    def airflow(*arguments: str) -> None:
        command = [os.environ["AIRFLOW"], *arguments]
        done = subprocess.run(command, env=bare | variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    airflow("db", "migrate")
    for id, day in (("a", "2026-11-23"), ("b", "2026-11-24")):
        (desk / "inbox" / f"{id}.jsonl").write_text(TEXT % id)
        airflow("dags", "test", "copydesk", day)
        out = desk / "out" / f"run_date={day}"
        assert (out / "_SUCCESS").exists()
        assert [row["id"] for row in tables(out)["stories"]] == [id]
