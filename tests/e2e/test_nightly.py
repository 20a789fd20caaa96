"""Days over an inbox that grows: each page in the tables of one day, ids that stay, a state that does not grow."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from pipeline import UsageError, config, inbox, runner
from pipeline.request import Request
from pipeline.sinks import read_table
from pipeline.state import State, read_registry
from pipeline.workspace import WORK_PHASES

TOO_LONG = 300  # seconds after which we no longer wait for a run
FIRST = date(2026, 11, 1)
SUBJECTS = (
    "The night ferry to Sallow struck the outer breakwater in thick fog and sixty passengers were taken off.",
    "Councillors approved a budget of 148 million pounds by three votes and kept all six libraries open.",
    "Harriers win the cup at Aldermoor after extra time, before a crowd of nine thousand in the rain.",
    "Rub the butter into the flour, lay rhubarb below it and bake the crumble until it is golden.",
)


def invented(day: int) -> str:
    """Return a text whose words no other day has."""
    digits = (blake2b(bytes([day, n]), digest_size=4).hexdigest() for n in range(20))
    return " ".join(word.translate(str.maketrans("0123456789", "ghijklmnop")) for word in digits)


class Days:
    """An inbox over some days, and what must have come out of it."""

    def __init__(self, root: Path, days: int, keep_days: int, crash: Callable[["Days", str], None]) -> None:
        self.root, self.days, self.keep_days, self.crash = root, days, keep_days, crash
        self.inbox = root / "inbox"
        self.inbox.mkdir()
        self.expected: Counter[tuple[str, str]] = Counter()  # (id, text) of all that ever came, each once
        self.settings = [f"state.keep_days={keep_days}", "input.clean=true", "embed.model=hashing", "output.shards=1"]

    # What comes

    def put(self, name: str, id: str, text: str) -> None:
        """Append a record to a file of the inbox, which it has if need be."""
        with open(self.inbox / name, "a", encoding="utf-8") as file:
            file.write(json.dumps({"id": id, "title": " ".join(text.split()[:2]), "text": text}) + "\n")
        self.expected[id, text] += 1

    def write(self, name: str, text: str, days_old: int = 0) -> None:
        """Write a page of its own, as it was on a day before."""
        (self.inbox / name).write_text(text)
        then = time.time_ns() - days_old * 86_400 * 10**9
        os.utime(self.inbox / name, ns=(then, then))
        self.expected[name.removesuffix(".txt"), text] += 1

    def text(self, day: int, n: int) -> str:
        """Return the text of a story: in turn about one of the subjects."""
        return f"{SUBJECTS[(day + n) % len(SUBJECTS)]} {n}th report, {day}."

    def come(self, day: int) -> None:
        """Let a day's pages come: a file of its own, a line more in a file that grows, and what is special today."""
        for n in range(3):
            self.put(f"day{day:02}.jsonl", f"day{day:02}-{n}", self.text(day, n))
        self.put("wire.jsonl", f"wire-{day:02}", self.text(day, 3))
        self.put("wire.jsonl", f"only-{day:02}", invented(day))
        if day % 5 == 1:
            self.write(f"page{day:02}.txt", self.text(day, 4))
        if day % 5 == 3:
            self.write(f"page{day - 2:02}.txt", self.text(day, 5) + ", corrected")
            self.write(f"late{day:02}.txt", self.text(day, 6), days_old=10)
        for old in self.inbox.glob(f"day{day - 2 * self.keep_days:02}.jsonl"):
            old.unlink()  # whoever keeps the inbox clears it

    # Runs

    def arguments(self, day: int) -> list[str]:
        today = (FIRST + timedelta(day)).isoformat()
        sets = [part for one in [*self.settings, f"run.date={today}"] for part in ("--set", one)]
        out = ["-o", f"out/run_date={today}", "--until", "cluster"]
        return ["run", "inbox", *out, "--state", "state", "--config", "nightly", *sets]

    def run(self, day: int) -> dict[str, Any]:
        today = (FIRST + timedelta(day)).isoformat()
        settings = config.load("nightly", [*self.settings, f"run.date={today}"])
        return runner.run(Request(["inbox"], f"out/run_date={today}", settings, "cluster", state="state"))

    def pass_(self) -> None:
        """Let all days pass."""
        for day in range(self.days):
            self.come(day)
            if day % 5 == 2:
                continue  # the machine was off
            if day % 5 == 3:
                self.crash(self, f"{day:02}")
            self.run(day)
            if day % 5 == 0:
                self.put("late.jsonl", f"late-{day:02}", self.text(day, 7))
                self.run(day)  # is complete: what has come since is the next run's
        self.run(self.days)


def crash_in_this_process(days: Days, day: str) -> None:
    """Let a run break off when the whole of the next generation stands beside the current one."""
    with pytest.MonkeyPatch.context() as patched, pytest.raises(OSError, match="no room"):
        patched.setattr(State, "_point", lambda *_: (_ for _ in ()).throw(OSError("no room")))
        days.run(int(day))


def kill(days: Days, day: str) -> None:
    """Start a run and kill it when it has done a phase: another one each time."""
    command = [sys.executable, "-m", "pipeline", *days.arguments(int(day))]
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])})
    out = days.root / "out" / f"run_date={(FIRST + timedelta(int(day))).isoformat()}"
    phase = WORK_PHASES[int(day) // 5 % len(WORK_PHASES)]
    give_up = time.monotonic() + TOO_LONG
    try:
        while not (out / ".work" / phase / "done.json").exists():
            assert process.poll() is None and time.monotonic() < give_up, "the run could not be killed"
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait(TOO_LONG) in (-signal.SIGKILL, 0)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("days", "keep_days", "crash"),
    [(5, 2, crash_in_this_process), pytest.param(30, 7, kill, marks=pytest.mark.soak)],
    ids=["five days", "thirty days"],
)
def test_days(
    days: int,
    keep_days: int,
    crash: Callable[[Days, str], None],
    tmp_path: Path,
    tables: Callable[[Path], dict[str, list[dict[str, Any]]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    it = Days(tmp_path, days, keep_days, crash)
    it.pass_()
    outs = sorted((tmp_path / "out").iterdir())
    assert all((out / "_SUCCESS").exists() for out in outs)
    days_of = {out: tables(out) for out in outs}

    # Each page as it was is in the tables of one day, and of no other.
    came = Counter((row["id"], row["text"]) for of_day in days_of.values() for row in of_day["stories"])
    assert came == it.expected
    assert not any(of_day["failures"] for of_day in days_of.values())

    # An id stays with its story, or leads to where it is now; it never means another.
    state = current(tmp_path / "state")
    registry = read_registry(state.directory)
    forwards = {(forward.from_id, forward.to_id) for forward in registry.forwards}
    last = {row["id"]: row["story_cluster"] for out in outs for row in days_of[out]["stories"]}
    moved = {
        (last[one.vector.id], one.clusters[1]) for one in registry.members if one.clusters[1] != last[one.vector.id]
    }
    assert registry.members and moved <= forwards
    meant: dict[str, set[str]] = defaultdict(set)
    days_with: dict[str, set[Path]] = defaultdict(set)
    for out, of_day in days_of.items():
        for row in of_day["stories"]:
            meant[row["story_cluster"]].add(row["text"].partition(" ")[0])
            days_with[row["story_cluster"]].add(out)
    assert all(len(subjects) == 1 for subjects in meant.values())
    going_on = {subject for id, subjects in meant.items() if len(days_with[id]) > 2 for subject in subjects}
    assert going_on == {subject.partition(" ")[0] for subject in SUBJECTS}

    # The state holds what it must: the stories of the last days, and what stands in the inbox.
    oldest = (FIRST + timedelta(days - keep_days)).isoformat()
    newest: dict[str, str] = {}
    for member in registry.members:
        story = member.clusters[1]
        newest[story] = max(member.seen, newest.get(story, ""))
    assert min(newest.values()) >= oldest
    assert len([id for id in last if id.startswith("only-")]) == days
    files = inbox.seen_files(state.table(inbox.FILES))
    here = {str(path) for path in it.inbox.iterdir()}
    assert {path for path, row in files.items() if not row["gone"]} == here
    assert all(row["gone"] >= oldest for row in files.values() if row["gone"])
    pages = Counter(row["file"] for row in read_table(state.table(inbox.PAGES)))
    assert set(pages) == set(files)
    assert all(n == (1 if file.endswith(".txt") else len(lines(file))) for file, n in pages.items() if file in here)
    assert len(list((tmp_path / "state").iterdir())) == 3  # the pointer, the lock, one generation

    # And once more: nothing is new, nothing is done.
    with pytest.raises(UsageError, match="holds another run"):
        runner.run(Request(["inbox"], str(outs[0]), config.load("nightly", it.settings), "cluster", state="state"))


def lines(file: str) -> list[str]:
    return Path(file).read_text(encoding="utf-8").splitlines()


def current(root: Path) -> State:
    """Return the state as it is."""
    state = State(str(root))
    with state.lock(json.loads((root / "state.json").read_text())["made_with"]):
        return state
