"""What a state has seen of its inputs, and how a run that takes only what is new begins, goes on and begins again."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline import UsageError, config, inbox, runner
from pipeline.request import Request
from pipeline.sinks import read_table, write_rows
from pipeline.state import State
from transforms.types import Page, Source

Stamps = dict[str, list[int | None]]
NEW = ("input.only_new=true", "input.clean=true", "embed.model=hashing")


def page(file: str, id: str, text: str) -> Page:
    return Page(id, "text", text, Source(file))


class Tables:
    """The tables of a state, written one run after the other."""

    def __init__(self, root: Path) -> None:
        self.root, self.runs = root, 0

    def run(
        self,
        files: Stamps,
        pages: Sequence[Page] = (),
        found: Stamps | None = None,
        day: str = "",
        keep_days: int = 0,
        unread: Sequence[str] = (),
    ) -> None:
        read = self.root / f"read{self.runs}"
        write_rows(str(read / "part-0.parquet"), inbox.PAGES, map(inbox.page_row, pages), "parquet")
        before, target = self._directory(self.runs), self._directory(self.runs + 1)
        found = files if found is None else found
        inbox.write_seen(before, target, str(read), files, set(unread), found, day, keep_days)
        self.runs += 1

    def _directory(self, run: int) -> Callable[[str], str]:
        return lambda table: str(self.root / str(run) / table) if run else ""

    @property
    def files(self) -> list[str]:
        return list(inbox.seen_files(self._directory(self.runs)(inbox.FILES)))

    def new(self, found: Stamps) -> list[str]:
        return list(inbox.new_files(found, inbox.seen_files(self._directory(self.runs)(inbox.FILES))))

    def pages(self) -> list[dict[str, Any]]:
        return list(read_table(self._directory(self.runs)(inbox.PAGES)))


@pytest.fixture
def seen(tmp_path: Path) -> Tables:
    return Tables(tmp_path)


def test_a_file_is_new_until_it_has_been_seen_with_its_size_and_time(
    seen: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert seen.new({"a": [1, 10], "b": [1, 10]}) == ["a", "b"]
    monkeypatch.chdir(tmp_path)
    seen.run({"a": [1, 10], "b": [1, 10], "s3://bucket/c": [1, None]})
    assert seen.new({"a": [2, 10], "b": [1, 11], "s3://bucket/c": [1, None]}) == ["a", "b"]
    assert seen.new({str(tmp_path / "a"): [1, 10], "./b": [1, 10]}) == []


def test_a_file_that_could_not_be_read_stays_new_but_its_pages_do_not(seen: Tables) -> None:
    files: Stamps = {"/a": [1, 10], "/b": [1, 10]}
    seen.run(files, [page("/a", "x", "1")], unread=["/a"])
    assert seen.new(files) == ["/a"]
    assert seen.pages() == [inbox.page_row(page("/a", "x", "1"))]


def test_a_page_counts_as_the_last_run_that_had_it_read_it(seen: Tables) -> None:
    seen.run({"/a": [1, 1], "/b": [1, 1]}, [page("/a", "x", "1"), page("/b", "y", "1"), page("/b", "z", "1")])
    seen.run({"/c": [1, 1]}, [page("/c", "x", "2"), page("/c", "x", "2")], found={"/a": [1, 1], "/b": [1, 1]})
    seen.run({"/b": [2, 1]}, [page("/b", "y", "1")])  # z is no longer in it
    rows = [page("/b", "y", "1"), page("/c", "x", "2")]
    assert seen.pages() == [inbox.page_row(row) for row in rows]


def test_files_that_are_gone_are_forgotten_after_some_days_with_their_pages(seen: Tables) -> None:
    seen.run({"/a": [1, 1], "/b": [1, 1]}, [page("/a", "x", "1"), page("/b", "y", "1")], day="2026-11-01", keep_days=2)
    b: Stamps = {"/b": [1, 1]}
    seen.run({}, found=b, day="2026-11-02", keep_days=2)
    seen.run({}, found=b, day="2026-11-04", keep_days=2)
    assert seen.files == ["/a", "/b"]
    seen.run({}, found=b, keep_days=2)  # without a date nothing is forgotten
    seen.run({}, found=b, day="2027-11-02", keep_days=0)
    assert seen.files == ["/a", "/b"]
    seen.run({}, found=b, day="2026-11-05", keep_days=2)
    assert seen.files == ["/b"]
    assert seen.pages() == [inbox.page_row(page("/b", "y", "1"))]


def test_a_file_that_comes_back_in_time_is_not_forgotten(seen: Tables) -> None:
    seen.run({"/a": [1, 1]}, day="2026-11-01", keep_days=2)
    seen.run({}, found={}, day="2026-11-02", keep_days=2)
    seen.run({}, found={"/a": [1, 1]}, day="2026-11-03", keep_days=2)
    seen.run({}, found={}, day="2026-11-05", keep_days=2)
    seen.run({}, found={}, day="2026-11-07", keep_days=2)
    assert seen.files == ["/a"]


# Runs


class Desk:
    """An inbox, and runs over it into one directory each."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "inbox").mkdir()

    def put(self, name: str, text: str) -> None:
        (self.root / "inbox" / name).write_text(text)

    def run(self, out: str, *settings: str, **options: Any) -> dict[str, Any]:
        directory, state = str(self.root / out), str(self.root / "state")
        effective = config.load(None, [*NEW, *settings])
        return runner.run(Request([str(self.root / "inbox")], directory, effective, "cluster", state=state, **options))

    def ids(self, out: str) -> list[str]:
        return sorted(row["id"] for row in read_table(str(self.root / out / "stories")))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def breaks_off(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Let something break off when its tables are in their places and the state is about to become another."""

    def run(something: Callable[[], object]) -> None:
        with monkeypatch.context() as patched, pytest.raises(OSError, match="no room"):
            patched.setattr(State, "commit", lambda *_: (_ for _ in ()).throw(OSError("no room")))
            something()

    return run


def test_what_another_run_has_taken_is_not_taken_again(desk: Desk, breaks_off: Callable[..., None]) -> None:
    """The run of Monday breaks off, that of Tuesday takes its pages over, and then Monday's is given again."""
    desk.put("a.txt", "The ferry struck the breakwater.")
    breaks_off(lambda: desk.run("monday"))
    assert desk.ids("monday") == ["a"] and not (desk.root / "monday" / "_SUCCESS").exists()
    desk.put("b.txt", "Harriers win the cup.")
    assert desk.run("tuesday")["phases"]["survey"]["counts"]["files_seen_before"] == 0
    desk.put("c.txt", "The council passed its budget.")
    desk.run("monday")
    assert (desk.ids("monday"), desk.ids("tuesday")) == (["c"], ["a", "b"])


def test_a_run_that_broke_off_goes_on_with_its_own_files(desk: Desk, breaks_off: Callable[..., None]) -> None:
    desk.put("a.txt", "The ferry struck the breakwater.")
    breaks_off(lambda: desk.run("monday"))
    segmented = (desk.root / "monday" / ".work" / "segment" / "done.json").stat().st_mtime_ns
    desk.put("b.txt", "Harriers win the cup.")
    desk.run("monday")
    assert desk.ids("monday") == ["a"]
    assert (desk.root / "monday" / ".work" / "segment" / "done.json").stat().st_mtime_ns == segmented
    assert desk.run("monday")["counts"]["pages"] == 1  # complete: b is the next run's
    desk.run("tuesday")
    assert desk.ids("tuesday") == ["b"]

    with pytest.raises(UsageError, match=r"whose files are in the state .*only_new=false"):
        desk.run("monday", "segment.min_confidence=0.5", overwrite=True)
    with pytest.raises(UsageError, match=r"segment\.min_confidence was 0\.0 and is 0\.5"):
        desk.run("monday", "segment.min_confidence=0.5")
    shutil.rmtree(desk.root / "state")
    desk.put("a.txt", "Another ferry struck another breakwater.")
    with pytest.raises(UsageError, match="does not know of it, and its files have changed"):
        desk.run("monday")
    assert desk.ids("monday") == ["a"]


def test_a_run_that_broke_off_begins_again_where_a_file_has_changed(
    desk: Desk, breaks_off: Callable[..., None]
) -> None:
    desk.put("a.txt", "The ferry struck the breakwater.")
    breaks_off(lambda: desk.run("monday"))
    desk.put("a.txt", "The ferry struck the breakwater. Sixty were taken off.")
    desk.run("monday")
    (story,) = read_table(str(desk.root / "monday" / "stories"))
    assert story["text"] == "The ferry struck the breakwater. Sixty were taken off."


def test_a_missing_inbox_is_an_error_and_an_empty_one_is_not(desk: Desk) -> None:
    assert desk.run("monday")["counts"]["inputs"] == 0
    assert (desk.root / "monday" / "_SUCCESS").exists()
    os.rmdir(desk.root / "inbox")
    with pytest.raises(UsageError, match="no such file or directory"):
        desk.run("tuesday")
