"""Runs that something happens to end with the tables of an undisturbed one, or with a clear error and nothing lost.

`make soak` does the same more often and at more moments.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from random import Random

import pytest

from tests.hostile.faults import (
    Run,
    end_group,
    environment,
    kill_in,
    phase_of,
    read_tables,
    small_disk,
    write_inputs,
)

PAGES = 60


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_inputs(tmp_path_factory.mktemp("faults") / "in", PAGES)


@pytest.fixture(scope="module")
def undisturbed(inputs: Path) -> Path:
    run = Run(inputs, inputs.parent / "undisturbed")
    status, log = run.finish()
    assert status == 0, log
    return run.out


def assert_continues(run: Run, undisturbed: Path) -> None:
    status, log = run.finish()
    assert status == 0, log
    assert read_tables(run.out) == read_tables(undisturbed)
    assert [path for path in run.out.rglob("*") if "tmp" in path.name or "temp" in path.name] == []


@pytest.mark.parametrize("phase", ["survey", "embed", "cluster"])
def test_a_run_killed_in_any_phase_continues(phase: str, inputs: Path, undisturbed: Path, tmp_path: Path) -> None:
    run = Run(inputs, tmp_path / "out")
    seconds = json.loads((undisturbed / "manifest.json").read_text())["phases"][phase]["seconds"]
    assert kill_in(phase, run, Random(phase), seconds / 4) is not None
    assert not (run.out / "_SUCCESS").exists()
    assert_continues(run, undisturbed)


def test_a_full_disk_ends_a_run_with_its_name_and_room_continues_it(
    inputs: Path, undisturbed: Path, tmp_path: Path
) -> None:
    try:
        with small_disk(tmp_path / "disk", kilobytes=48) as disk:
            run = Run(inputs, disk / "out")
            status, log = run.finish()
            assert status == 1, log
            assert "No space left on device" in log.splitlines()[-1] + log.splitlines()[-2], log
            assert not (run.out / "_SUCCESS").exists()
            subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
            assert_continues(run, undisturbed)
    except PermissionError:
        pytest.skip("needs the right to mount a file system")


def test_sigterm_ends_a_run_within_seconds_and_it_continues(inputs: Path, undisturbed: Path, tmp_path: Path) -> None:
    run = Run(inputs, tmp_path / "out", ("--set", "run.workers=2"))
    process = run.start()
    try:
        while phase_of(run.out) not in ("segment", "embed"):
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        log = process.communicate(timeout=300)[1]
    finally:
        end_group(process)
    assert process.returncode == 1
    assert "interrupted; run the same command again to continue" in log
    assert not (run.out / "_SUCCESS").exists()
    assert_continues(Run(run.inputs, run.out), undisturbed)  # with one worker, which is faster


def test_the_death_of_a_worker_ends_a_run_with_its_name_and_it_continues(
    inputs: Path, undisturbed: Path, tmp_path: Path
) -> None:
    run = Run(inputs, tmp_path / "out", ("--set", "run.workers=2"))
    process = run.start()
    try:
        while len(found := workers_of(process.pid)) < 2:
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(found[0], signal.SIGKILL)
        log = process.communicate(timeout=600)[1]
    finally:
        end_group(process)
    assert process.returncode == 1
    assert "a worker process died, killed by a signal or for want of memory. Nothing is lost: run the same" in log
    assert "Traceback" not in log
    assert_continues(Run(run.inputs, run.out), undisturbed)


def workers_of(leader: int) -> list[int]:
    """The worker processes in the process group of a run."""
    listed = subprocess.run(["ps", "-eo", "pid=,pgid=,args="], capture_output=True, text=True, check=True).stdout
    rows = (line.split(maxsplit=2) for line in listed.splitlines())
    return [int(pid) for pid, group, command in rows if int(group) == leader and "-m pipeline.worker" in command]


def test_a_second_run_in_the_same_directory_is_refused_and_harms_nothing(
    inputs: Path, undisturbed: Path, tmp_path: Path
) -> None:
    run = Run(inputs, tmp_path / "out")
    first = run.start()
    try:
        while phase_of(run.out) is None:
            assert first.poll() is None
            time.sleep(0.005)
        status, log = run.finish()
        assert status == 2
        assert f"copydesk: another run is writing to {run.out} (process {first.pid} on " in log
        log = first.communicate(timeout=600)[1]
    finally:
        end_group(first)
    assert first.returncode == 0, log
    assert read_tables(run.out) == read_tables(undisturbed)


def test_the_clock_the_locale_and_the_time_zone_change_nothing(inputs: Path, undisturbed: Path, tmp_path: Path) -> None:
    run = Run(inputs, tmp_path / "out")
    odd = {
        "TZ": "Pacific/Kiritimati",
        "LC_ALL": "C",
        "LANG": "tr_TR.ISO-8859-9",
        "PYTHONUTF8": "0",
        "PYTHONHASHSEED": "7",
    }
    status, log = run.finish(env=environment(odd))
    assert status == 0, log
    assert read_tables(run.out) == read_tables(undisturbed)


def test_a_directory_without_the_right_to_write_is_an_error_that_names_it(inputs: Path, tmp_path: Path) -> None:
    run = Run(inputs, tmp_path / "theirs" / "out", before=as_ordinary_user())
    run.out.parent.mkdir(mode=0o555)
    status, log = run.finish()
    assert status == 1, log
    assert f"copydesk: PermissionError: [Errno 13] Permission denied: '{run.out}" in log
    assert "Traceback" not in log


def as_ordinary_user() -> tuple[str, ...]:
    """What runs a command without the privileges of root, who writes anywhere."""
    if os.geteuid():
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("root writes anywhere, and there is no setpriv to run as anybody else")
    return ("setpriv", "--bounding-set=-all", "--inh-caps=-all")


def test_a_role_model_that_is_not_what_it_was_is_another_run(inputs: Path, tmp_path: Path) -> None:
    model = tmp_path / "roles.npz"
    packaged = Path(__file__).parents[2] / "transforms" / "models" / "roles.npz"
    content = bytearray(packaged.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    model.write_bytes(content)
    status, log = Run(inputs, tmp_path / "out", ("--set", f"segment.model={model}")).finish()
    assert status == 2
    assert f"copydesk: role model {model}: " in log
    assert not (tmp_path / "out" / "_SUCCESS").exists()
