"""What schedulers are given in ``deploy/``: each gives the command that it says, and the schedulers accept it.

The line for cron is run by ``tests/e2e/test_downstream.py``, the DAG by ``tests/e2e/test_airflow.py``.
"""

import ast
import re
import shlex
import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.request import Request

ROOT = Path(__file__).parents[1]
SYSTEMD = ROOT / "deploy" / "systemd"
TODAY = date.today().isoformat()

COMMAND = """\
#!/bin/sh
for argument in "$@"; do echo "$argument"; done
"""


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A directory whose ``bin/copydesk`` prints its arguments."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "copydesk").write_text(COMMAND)
    (tmp_path / "bin" / "copydesk").chmod(0o755)
    return tmp_path


def test_the_service_gives_the_command(desk: Path, requests: list[Request]) -> None:
    service = (SYSTEMD / "copydesk.service").read_text()
    (started,) = re.findall(r"^ExecStart=(.+)$", service, re.MULTILINE)
    command = shlex.split(started.replace("$$", "$").replace("%%", "%"))
    printed = subprocess.run(command, cwd=desk, capture_output=True, text=True, check=True).stdout
    assert main(printed.splitlines()) == 1
    (request,) = requests
    assert (*request.inputs, request.output, request.state) == ("inbox", f"out/run_date={TODAY}", "state")
    assert request.config.input.only_new and request.config.run.date == TODAY
    assert "RestartPreventExitStatus=2 3\n" in service


def test_systemd_accepts_the_units() -> None:
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("there is no systemd-analyze here, which comes with systemd")
    units = [str(SYSTEMD / "copydesk.service"), str(SYSTEMD / "copydesk.timer")]
    done = subprocess.run([verify, "verify", *units], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_makefile_gives_the_command(desk: Path) -> None:
    command = ["make", "--no-print-directory", "-n", "-o", "venv", "nightly", "DESK=news", "RUN_DATE=2026-11-24"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    words = shlex.split(printed.replace("\\\n", ""))
    where = ["news/inbox", "-o", "news/out/run_date=2026-11-24", "--state", "news/state"]
    assert words[1:] == ["run", *where, "--config", "nightly", "--set", "run.date=2026-11-24"]


def test_the_dag_can_be_read_and_calls_a_file_that_is_there() -> None:
    dag = ast.parse((ROOT / "deploy" / "airflow" / "copydesk_dag.py").read_text())
    names = [node.value for node in ast.walk(dag) if isinstance(node, ast.Constant) and str(node.value).endswith(".py")]
    assert [(ROOT / "deploy" / "airflow" / name).is_file() for name in names] == [True]
