import fcntl
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import UsageError, report

Run = Callable[..., dict[str, Any]]
Tables = Callable[[Path], dict[str, list[dict[str, Any]]]]
WriteJsonl = Callable[..., Path]
CLEAN = "input.clean=true"


def test_a_directory_of_other_things_is_refused_and_overwrite_leaves_them_alone(
    stories: Path, tmp_path: Path, run_pages: Run
) -> None:
    out = tmp_path / "out"
    (out / "stories").mkdir(parents=True)
    (out / "stories" / "part-00000-of-00009.parquet").write_text("of somebody else")
    for name in "abc":
        (out / f"{name}.txt").write_text("mine")
    with pytest.raises(UsageError) as caught:
        run_pages([stories], out, CLEAN, until="segment")
    assert str(caught.value) == (
        f"{out} is not empty (a.txt, b.txt, c.txt, ...) and was not made by copydesk. "
        "Choose another directory, or give --overwrite to write into it all the same"
    )
    run_pages([stories], out, CLEAN, until="segment", overwrite=True)
    assert (out / "a.txt").read_text() == "mine"
    assert not (out / "stories" / "part-00000-of-00009.parquet").exists()


@pytest.mark.parametrize("file", ["stories/draft.txt", "pages/a/part-00000-of-00001.parquet", "report.html", "members"])
def test_a_file_that_no_run_has_written_is_never_removed(
    file: str, stories: Path, tmp_path: Path, run_pages: Run
) -> None:
    mine = tmp_path / "out" / file
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(UsageError) as caught:
        run_pages([stories], tmp_path / "out", CLEAN, until="segment", overwrite=True)
    assert str(caught.value) == (
        f"{mine} was not made by copydesk and stands where a run would remove it. "
        "Move it away, or choose another directory"
    )
    assert mine.read_text() == "mine"


def test_a_draft_among_the_tables_of_a_run_is_not_removed(
    stories: Path, tmp_path: Path, run_pages: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # with a relative path to the output
    run_pages([stories], Path("out"), CLEAN, until="segment")
    draft = tmp_path / "out" / "stories" / "draft.txt"
    draft.write_text("mine")
    run_pages([stories], Path("out"), CLEAN, until="segment")  # nothing to do, so nothing to refuse
    for overwrite, settings in ((False, ()), (True, ("output.shards=2",))):
        with pytest.raises(UsageError) as caught:
            run_pages([stories], Path("out"), CLEAN, *settings, overwrite=overwrite)
        assert str(caught.value).startswith("out/stories/draft.txt was not made by copydesk")
    assert draft.read_text() == "mine"


def test_a_directory_with_a_work_directory_alone_is_not_ours(stories: Path, tmp_path: Path, run_pages: Run) -> None:
    out = tmp_path / "out"
    notes = out / ".work" / "segment" / "notes.txt"
    notes.parent.mkdir(parents=True)
    notes.write_text("mine")
    with pytest.raises(UsageError) as caught:
        run_pages([stories], out, CLEAN, until="segment")
    assert str(caught.value) == (
        f"{out} is not empty (.work) and was not made by copydesk. "
        "Choose another directory, or give --overwrite to write into it all the same"
    )
    with pytest.raises(UsageError, match=r"notes\.txt was not made by copydesk and stands where"):
        run_pages([stories], out, CLEAN, until="segment", overwrite=True)
    assert notes.read_text() == "mine"


def test_a_run_whose_work_directory_is_gone_is_replaced_on_request_only(
    stories: Path, tmp_path: Path, run_pages: Run, tables: Tables
) -> None:
    out = tmp_path / "out"
    run_pages([stories], out, CLEAN, until="segment")
    whole = tables(out)
    shutil.rmtree(out / ".work")
    with pytest.raises(UsageError) as caught:
        run_pages([stories], out, CLEAN, until="segment")
    assert str(caught.value) == (
        f"{out} holds a run that cannot be continued, because .work/run.json is gone. "
        "Choose another directory, or give --overwrite to replace it"
    )
    run_pages([stories], out, CLEAN, until="segment", overwrite=True)
    assert tables(out) == whole


def test_an_output_that_is_a_file_is_refused(stories: Path, tmp_path: Path, run_pages: Run) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError) as caught:
        run_pages([stories], tmp_path / "out")
    assert str(caught.value) == f"{tmp_path / 'out'} is a file; -o needs a directory"


@pytest.mark.parametrize("content", ["", "{", "[]", "[" * 100_000])
def test_a_record_of_the_run_that_is_damaged_is_made_again(
    content: str, tmp_path: Path, run_pages: Run, write_jsonl: WriteJsonl
) -> None:
    inputs, out = [write_jsonl("in.jsonl", [{"id": "a", "text": "One line of text."}])], tmp_path / "out"
    run_pages(inputs, out, until="segment")
    (out / "manifest.json").write_text(content)
    (out / ".work/segment/done.json").write_text(content)
    with pytest.raises(UsageError, match=r"manifest\.json is damaged\. Give the command of its run again"):
        report.rewrite(str(out))
    assert run_pages(inputs, out, until="segment")["counts"]["pages"] == 1
    (out / ".work/run.json").write_text(content)
    with pytest.raises(UsageError, match=r"run\.json is damaged.*with --overwrite"):
        run_pages(inputs, out, until="segment")
    assert run_pages(inputs, out, until="segment", overwrite=True)["counts"]["pages"] == 1


@pytest.mark.parametrize("made", ["link", "pipe", "directory"])
def test_what_stands_in_the_place_of_the_lock_is_not_written_to(
    made: str, tmp_path: Path, run_pages: Run, write_jsonl: WriteJsonl
) -> None:
    lock, mine = tmp_path / "out/.work/lock", tmp_path / "mine.txt"
    lock.parent.mkdir(parents=True)
    mine.write_text("mine")
    {"link": lambda: lock.symlink_to(mine), "pipe": lambda: os.mkfifo(lock), "directory": lock.mkdir}[made]()
    with pytest.raises(UsageError, match=r"lock is no file, and stands where a run has its lock"):
        run_pages([write_jsonl("in.jsonl", [{"id": "a", "text": "One line."}])], tmp_path / "out")
    assert mine.read_text() == "mine"


def test_two_runs_do_not_share_a_directory(
    stories: Path, tmp_path: Path, run_pages: Run, caplog: pytest.LogCaptureFixture
) -> None:
    lock = tmp_path / "out" / ".work" / "lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("process 4711 on elsewhere")
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(UsageError) as caught:
            run_pages([stories], tmp_path / "out", CLEAN)
    assert str(caught.value) == (
        f"another run is writing to {tmp_path / 'out'} (process 4711 on elsewhere). Wait until it has ended"
    )
    with caplog.at_level(logging.INFO, "copydesk"):
        run_pages([stories], tmp_path / "out", CLEAN, until="survey")
    assert "taking over the lock of process 4711 on elsewhere, which is gone" in caplog.messages
    assert lock.read_text() == ""
