"""The demo through Beam's job service, as a cluster takes it: jobs over gRPC, and stages in processes of their own.

The job service runs Beam's Python engine, so this proves what a cluster asks of a pipeline (it pickles, its options
reach the workers, workers import all they need, counters and files come back), and nothing about Flink or Spark.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="process groups")]


@contextmanager
def service(module: str, *arguments: str, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A Beam service in a process group of its own, ended with all that it has started."""
    path = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])  # it calls bare "python"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env={**environment, "PATH": path},
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd=log.parent,
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def job_endpoint(environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """Beam's job service."""
    port, log = tmp_path / "port", tmp_path / "jobs.log"
    module = "apache_beam.runners.portability.local_job_service_main"
    with service(module, "--port", "0", "--port_file", str(port), environment=environment, log=log) as process:
        wait_for(lambda: port.exists() and port.read_text(), process, log)
        yield f"localhost:{port.read_text()}"


@pytest.fixture
def worker_pool(environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """Beam's pool of workers: a process of its own for each that a job asks for."""
    with socket.socket() as unused:
        unused.bind(("localhost", 0))
        port = unused.getsockname()[1]
    log = tmp_path / "workers.log"
    module = "apache_beam.runners.worker.worker_pool_main"
    with service(module, f"--service_port={port}", environment=environment, log=log) as process:
        wait_for(lambda: "Started worker pool" in log.read_text(), process, log)
        yield f"localhost:{port}"


def wait_for(ready: Callable[[], object], process: subprocess.Popen[bytes], log: Path) -> None:
    while not ready():
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)


@pytest.fixture
def in_pool(job_endpoint: str, worker_pool: str) -> list[str]:
    """Beam's flags for jobs whose workers are processes of the pool."""
    return [
        "--runner=PortableRunner", f"--job_endpoint={job_endpoint}",
        "--environment_type=EXTERNAL", f"--environment_config={worker_pool}",
    ]  # fmt: skip


@pytest.fixture
def run_demo(copydesk: Callable[..., Any], demo_pages: Path, tmp_path: Path) -> Callable[..., Any]:
    """Run the demo with Beam's flags, and others of our own."""

    def run(out: Path, flags: list[str], *own: str, check: bool = True) -> Any:
        command = ("run", demo_pages, "-o", out, "--set", "embed.model=hashing", *own, "--", *flags)
        return copydesk(*command, cwd=tmp_path, check=check)

    return run


@pytest.fixture
def check(demo_run: Path, tables: Callable[[Path], Any]) -> Callable[[Path], None]:
    """The tables and counts are those of the in-process engine."""

    def check(out: Path) -> None:
        expected = tables(demo_run)
        for name, rows in tables(out).items():
            assert rows == expected[name], name
        ours, theirs = (json.loads((run / "manifest.json").read_text(encoding="utf-8")) for run in (out, demo_run))
        assert (ours["engine"], theirs["engine"]) == ("PortableRunner", "FnApiRunner")
        assert ours["counts"] == theirs["counts"]
        for phase in ("survey", "segment", "embed", "cluster"):
            assert ours["phases"][phase]["counts"] == theirs["phases"][phase]["counts"], phase

    return check


def test_the_demo_by_a_job_service_with_worker_processes(
    run_demo: Callable[..., Any], check: Callable[[Path], None], in_pool: list[str], tmp_path: Path
) -> None:
    run_demo(tmp_path / "out", in_pool)
    check(tmp_path / "out")
    started = (tmp_path / "workers.log").read_text(encoding="utf-8").count("Starting worker with command")
    assert started >= 5, "each pipeline has a worker process of its own"


@pytest.mark.soak
def test_the_demo_by_a_job_service_with_workers_in_the_submitting_process(
    run_demo: Callable[..., Any], check: Callable[[Path], None], job_endpoint: str, tmp_path: Path
) -> None:
    flags = ["--runner=PortableRunner", f"--job_endpoint={job_endpoint}", "--environment_type=LOOPBACK"]
    run_demo(tmp_path / "out", flags)
    check(tmp_path / "out")


@pytest.mark.soak
def test_a_run_that_is_handed_over_job_by_job(
    run_demo: Callable[..., Any], check: Callable[[Path], None], in_pool: list[str], tmp_path: Path
) -> None:
    """With --no-wait a command ends while its job is at work; the same command goes on when the job has ended."""
    out = tmp_path / "out"
    handed_over = []
    for _ in range(200):
        done = run_demo(out, in_pool, "--no-wait")
        if (out / "_SUCCESS").exists():
            break
        assert "; give the same command again to go on" in done.stdout
        handed_over.append(done.stdout.split()[1])
        time.sleep(1)
    assert len(set(handed_over)) == 5, "a job for each pipeline, and none of them twice"
    check(out)

    lost = tmp_path / "lost"
    run_demo(lost, in_pool, "--no-wait")
    (job,) = (lost / ".work" / "survey").glob("job-*.json")
    job.write_text('{"job": "none"}')
    failed = run_demo(lost, in_pool, check=False)
    assert failed.returncode == 1 and "the pipeline ended as UNKNOWN" in failed.stderr
    run_demo(lost, in_pool, "--until", "survey")
