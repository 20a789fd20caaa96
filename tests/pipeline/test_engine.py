import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import UsageError, engine
from pipeline.engine import Engine, choose_engine

Run = Callable[..., dict[str, Any]]
ROOT = Path(__file__).parents[2]


def test_a_process_that_a_signal_cannot_end_ends_all_the_same() -> None:
    program = (
        "import os, signal, threading\n"
        "from pipeline import engine\n"
        "engine.GRACE = 0.1\n"
        "with engine.signals_interrupt():\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "    finally:\n"
        "        threading.Event().wait(60)\n"  # as Beam waits for workers that never connect
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=50)
    assert done.returncode == 1
    assert done.stderr.endswith("copydesk:interrupted; run the same command again to continue\n")


def test_workers_are_of_this_package_whatever_the_working_directory_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "__init__.py").write_text("print('of the user')")
    (tmp_path / "pipeline" / "worker.py").write_text("")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    command = engine._worker_command()
    assert command.endswith(" -P -m pipeline.worker")
    command = command.replace("-m pipeline.worker", "-c 'import pipeline; print(pipeline.__file__)'")
    printed = subprocess.check_output(command, shell=True, cwd=tmp_path, text=True)
    assert printed == f"{ROOT}/pipeline/__init__.py\n"


def test_engines() -> None:
    local = Engine("FnApiRunner", (), 2)
    assert choose_engine([], 2) == local
    assert choose_engine(["--runner=DirectRunner"], 1).name == "FnApiRunner"
    assert choose_engine(["--runner", "directrunner"], 1).is_local
    flink = choose_engine(["--runner=flinkrunner", "--flink_master=host:8081"], 4)
    assert flink == Engine("FlinkRunner", ("--runner=flinkrunner", "--flink_master=host:8081"), 1)
    assert not flink.is_local
    assert choose_engine(["--runner=my.package.MyRunner"], 1).name == "my.package.MyRunner"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--foo=1"], "unknown flag --foo after --"),
        (
            ["--direct_num_worker=2"],
            "unknown flag --direct_num_worker after -- (did you mean '--direct_num_workers'?)",
        ),
        (["pages"], "unexpected argument 'pages' after --"),
        (
            ["--direct_num_workers=many"],
            "Beam does not accept its flags: argument --direct_num_workers: invalid int value: 'many'",
        ),
        (["--runner=FlinkRuner"], "no runner 'FlinkRuner' (did you mean 'FlinkRunner'?)"),
        (
            ["--runner=DaskRunner"],
            "--runner DaskRunner cannot be used: Beam's Dask engine drops what stages emit at the end of a "
            "bundle, so that runs end well with empty tables. Use FnApiRunner, FlinkRunner or SparkRunner",
        ),
    ],
)
def test_flags_that_cannot_be_used(flags: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        choose_engine(flags, 1)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ([], "needs a job service that goes on without this process"),
        (["--runner=FlinkRunner", "--flink_master=host:8081"], "not FlinkRunner"),
        (["--runner=PortableRunner", "--job_endpoint=embed"], "--job_endpoint=HOST:PORT"),
        (["--runner=PortableRunner", "--job_endpoint=host:1", "--environment_type=LOOPBACK"], "LOOPBACK exclude"),
    ],
)
def test_a_job_is_handed_over_only_to_what_goes_on_without_this_process(
    flags: list[str], says: str, stories: Path, tmp_path: Path, run_pages: Run
) -> None:
    with pytest.raises(UsageError, match=says):
        run_pages([stories], tmp_path / "out", beam_flags=flags, no_wait=True)
    assert not (tmp_path / "out").exists()
