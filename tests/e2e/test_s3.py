"""Inputs, output and exports on an object store: a server with S3's interface, on this machine."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

PAGES = ("archive/ferry-passengers.txt", "archive/match-report.txt", "quay-post/ferry-inquiry-thruster.html")


class Store:
    """A bucket ``desk`` at an address of its own."""

    def __init__(self, url: str, client: Any) -> None:
        self.url = url
        self._client = client

    def put(self, key: str, content: bytes) -> None:
        self._client.put_object(Bucket="desk", Key=key, Body=content)

    def get(self, key: str) -> bytes:
        return self._client.get_object(Bucket="desk", Key=key)["Body"].read()

    def keys(self, prefix: str) -> list[str]:
        return [item["Key"] for item in self._client.list_objects_v2(Bucket="desk", Prefix=prefix).get("Contents", ())]


@pytest.fixture
def store(library: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    for name in ("boto3", "moto", "flask"):
        library(name)
    import boto3
    from moto.server import ThreadedMotoServer

    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        client = boto3.client("s3", endpoint_url=f"http://{host}:{port}")
        client.create_bucket(Bucket="desk")
        yield Store(f"http://{host}:{port}", client)
    finally:
        server.stop()


@pytest.fixture
def environment(environment: dict[str, str], store: Store) -> dict[str, str]:
    return environment | {name: os.environ[name] for name in os.environ if name.startswith("AWS_")}


@pytest.fixture
def run_copydesk(environment: dict[str, str], tmp_path: Path) -> Callable[..., str]:
    """Run ``copydesk`` where the store can be reached, and return what it logs."""

    def run(*arguments: str, **more: str) -> str:
        command = [sys.executable, "-m", "pipeline", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment | more, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stderr

    return run


def test_a_run_reads_from_and_writes_to_an_object_store(
    store: Store,
    run_copydesk: Callable[..., str],
    demo_pages: Path,
    tables: Callable[[Path], Any],
    tmp_path: Path,
) -> None:
    for page in PAGES:
        store.put(f"in/{page}", (demo_pages / page).read_bytes())
        (tmp_path / "in" / page).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / page).write_bytes((demo_pages / page).read_bytes())

    fast = ("--set", "embed.model=hashing")
    run_copydesk("run", "in", "-o", "local", *fast)
    command = ("run", "s3://desk/in", "-o", "s3://desk/out", *fast, f"--s3_endpoint_url={store.url}")
    run_copydesk(*command)
    assert "s3://desk/out is complete: nothing to do" in run_copydesk(*command)

    for key in store.keys("out/"):
        path = tmp_path / "remote" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(store.get(key))
    expected = json.loads(json.dumps(tables(tmp_path / "local")).replace('"in/', '"s3://desk/in/'))
    assert tables(tmp_path / "remote" / "out") == expected
    assert not [key for key in store.keys("out/") if ".tmp" in key or "beam-temp" in key]
    assert store.get("out/_SUCCESS") == b""
    assert b"What became of 3 inputs" in store.get("out/report.html")

    run_copydesk("export", "s3://desk/out", "--to", "markdown", "-o", "s3://desk/stories", AWS_ENDPOINT_URL=store.url)
    assert store.keys("stories/") == ["stories/" + page.partition(".")[0] + ".md" for page in PAGES[:2]] + [
        "stories/export.json",
        "stories/quay-post/ferry-inquiry-thruster.md",
    ]
    assert not store.keys(".stories")


@pytest.mark.soak
def test_a_state_on_this_machine_is_left_by_a_run_whose_output_is_elsewhere(
    store: Store, run_copydesk: Callable[..., str], tmp_path: Path
) -> None:
    line = {"text": "The night ferry to Sallow struck the outer breakwater in thick fog on Saturday night."}
    for day in ("monday", "tuesday"):
        (tmp_path / f"{day}.jsonl").write_text(json.dumps(line | {"id": day}))
        settings = ("--set", "embed.model=hashing", "--set", "input.clean=true", f"--s3_endpoint_url={store.url}")
        command = ("run", f"{day}.jsonl", "-o", f"s3://desk/{day}", "--state", "state", "--format", "jsonl", *settings)
        run_copydesk(*command)
    (key,) = store.keys("tuesday/stories/")
    (row,) = [json.loads(line) for line in store.get(key).splitlines()]
    assert row["duplicate_of"] == {"id": "monday", "similarity": 1.0}


def test_a_store_whose_package_is_missing_is_refused_before_any_work(
    demo_pages: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from pipeline import UsageError, config, export, runner, sources
    from pipeline.request import Request

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(sources, "import_module", missing)
    for call in (
        lambda: runner.run(Request([str(demo_pages)], "s3://desk/out", config.load())),
        lambda: export.export("s3://desk/out", "dolma", str(tmp_path / "x")),
    ):
        with pytest.raises(
            UsageError, match=r"s3:// needs a package that is missing: pip install 'apache-beam\[aws\]'"
        ):
            call()
    with pytest.raises(UsageError, match="unknown filesystem ftp://"):
        runner.run(Request([str(demo_pages)], "ftp://desk/out", config.load()))
