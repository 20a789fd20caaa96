"""Days with a state between them: ids stay, a killed run leaves nothing behind, a second run is kept out."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Tables = dict[str, list[dict[str, Any]]]
TOO_LONG = 300  # seconds after which we no longer wait for a run

FERRY = "The night ferry to Sallow struck the outer breakwater in thick fog and sixty passengers were taken off."
CUP = "Harriers win the cup at Aldermoor after extra time, before a crowd of nine thousand in the rain."
DAYS = {
    "2026-11-02": [{"id": "ferry", "title": "Night ferry hits outer breakwater", "text": FERRY}],
    "2026-11-03": [{"id": "copy", "title": "Ferry", "text": FERRY.upper()}, {"id": "cup", "title": "C", "text": CUP}],
}


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture
def news(tmp_path: Path) -> Path:
    for day, records in DAYS.items():
        (tmp_path / "inbox" / day).mkdir(parents=True)
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (tmp_path / "inbox" / day / "all.jsonl").write_text(lines)
    return tmp_path


def arguments(day: str) -> list[str]:
    settings = ["embed.model=hashing", "input.clean=true", f"run.date={day}"]
    sets = [part for setting in settings for part in ("--set", setting)]
    return ["run", f"inbox/{day}", "-o", f"out/run_date={day}", "--state", "state", *sets]


def kill_before_the_clusters(news: Path, day: str, environment: dict[str, str]) -> None:
    """Start a run and kill it when it has embedded its texts, or wherever it has got to by then."""
    process = subprocess.Popen([sys.executable, "-m", "pipeline", *arguments(day)], cwd=news, env=environment)
    try:
        embedded = news / "out" / f"run_date={day}" / ".work" / "embed" / "done.json"
        give_up = time.monotonic() + TOO_LONG
        while not embedded.exists():
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < give_up, "the run does not get to its clusters"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait(TOO_LONG) == -signal.SIGKILL
    finally:
        process.kill()
        process.wait()


def test_days_one_after_the_other(
    news: Path, copydesk: Callable[..., Any], tables: Callable[[Path], Tables], environment: dict[str, str]
) -> None:
    monday, tuesday = DAYS
    copydesk(*arguments(monday), cwd=news)
    state = contents(news / "state")

    kill_before_the_clusters(news, tuesday, environment)
    now = contents(news / "state")
    assert {name: now[name] for name in state if name != "lock"} == {n: state[n] for n in state if n != "lock"}

    lock = os.open(news / "state" / "lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    refused = copydesk(*arguments(tuesday), cwd=news, check=False)
    assert refused.returncode == 2
    assert "copydesk: another run is using the state state (" in refused.stderr
    os.close(lock)

    copydesk(*arguments(tuesday), cwd=news)
    before, after = (tables(news / "out" / f"run_date={day}") for day in DAYS)
    clusters = {row["id"]: row for row in after["stories"]}
    assert clusters["copy"]["story_cluster"] == before["stories"][0]["story_cluster"]
    assert clusters["copy"]["duplicate_of"] is None  # of equals the smaller id is the original
    assert after["forwards"] == []
    assert {row["size"] for row in after["clusters"] if row["level"] == "story"} == {1, 2}

    left = contents(news / "state")
    assert copydesk(*arguments(tuesday), cwd=news).stderr.count("is complete: nothing to do") == 1
    assert contents(news / "state") == left

    pointer = news / "state" / "state.json"
    pointer.write_text(json.dumps(json.loads(pointer.read_text()) | {"format": 0}))
    refused = copydesk(*arguments(tuesday), cwd=news, check=False)
    assert refused.returncode == 2
    assert "was written by an older version of Copydesk (format 0" in refused.stderr
    assert "Traceback" not in refused.stderr
