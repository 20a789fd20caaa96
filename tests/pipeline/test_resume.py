import json
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import Interrupted, UsageError
from pipeline.phases import segment
from tests.pipeline.examples import RECORDS
from transforms import blocks
from transforms.settings import ClusterSettings

Run = Callable[..., dict[str, Any]]
Tables = Callable[[Path], dict[str, list[dict[str, Any]]]]
WriteJsonl = Callable[..., Path]
Recorder = Callable[[], list[str]]
CLEAN = "input.clean=true"


def test_the_same_command_again_does_nothing(
    stories: Path,
    tmp_path: Path,
    run_pages: Run,
    record_passes: Recorder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = run_pages([stories], tmp_path / "out", CLEAN, until="segment")
    names = record_passes()
    with caplog.at_level(logging.INFO, "copydesk"):
        assert run_pages([stories], tmp_path / "out", CLEAN, "run.workers=2", until="segment") == first
    assert names == []
    assert f"{tmp_path / 'out'} is complete: nothing to do" in caplog.messages


def test_a_run_until_segment_has_no_cluster_ids_and_is_continued(
    stories: Path, tmp_path: Path, run_pages: Run, tables: Tables, record_passes: Recorder
) -> None:
    whole = tmp_path / "whole"
    run_pages([stories], whole, CLEAN)
    out = tmp_path / "out"
    manifest = run_pages([stories], out, CLEAN, until="segment")
    assert manifest["tables"] == ["stories", "teasers", "pages", "segments", "failures"]
    assert manifest["encoder"] is None
    assert {row["story_cluster"] for row in tables(out)["stories"]} == {None}
    assert {row["linked_from"] for row in tables(out)["stories"]} == {None}
    assert not (out / "report.html").exists()

    names = record_passes()
    run_pages([stories], out, CLEAN)
    assert names == ["embed", "cluster", "tables"]
    assert tables(out) == tables(whole)

    run_pages([stories], out, CLEAN, until="segment")  # asks for less than there is: nothing is taken away
    assert tables(out) == tables(whole)


def test_other_settings_are_refused_and_overwrite_does_again_only_what_they_change(
    stories: Path, tmp_path: Path, run_pages: Run, tables: Tables, record_passes: Recorder
) -> None:
    out, usual = tmp_path / "out", ClusterSettings()
    run_pages([stories], out, CLEAN)
    with pytest.raises(UsageError) as caught:
        run_pages([stories], out, CLEAN, "cluster.story=0.01", "cluster.topic=0.01")
    assert str(caught.value) == (
        f"{out} holds another run: cluster.story was {usual.story} and is 0.01; "
        f"cluster.topic was {usual.topic} and is 0.01. "
        "Choose another directory, or give --overwrite to replace it"
    )
    names = record_passes()
    run_pages([stories], out, CLEAN, "cluster.story=0.01", "cluster.topic=0.01", overwrite=True)
    assert names == ["cluster", "tables"]
    fresh = tmp_path / "fresh"
    run_pages([stories], fresh, CLEAN, "cluster.story=0.01", "cluster.topic=0.01")
    assert tables(out) == tables(fresh)


def test_other_inputs_are_refused(
    stories: Path, tmp_path: Path, run_pages: Run, tables: Tables, write_jsonl: WriteJsonl
) -> None:
    out = tmp_path / "out"
    run_pages([stories.parent], out, CLEAN, until="survey")
    more = write_jsonl("in/more.jsonl", [{"id": "new", "text": "One more."}])
    stories.write_text(json.dumps(RECORDS[0]) + "\n", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        run_pages([more.parent], out, CLEAN, until="segment")
    assert str(caught.value) == (
        f"{out} holds another run: its inputs differ (1 files added, 0 removed, 1 changed). "
        "Choose another directory, or give --overwrite to replace it"
    )
    run_pages([more.parent], out, CLEAN, until="segment", overwrite=True)
    assert {row["id"] for row in tables(out)["pages"]} == {"budget", "new"}


def test_a_shorter_run_takes_back_the_cluster_ids_of_a_longer_one(
    stories: Path, tmp_path: Path, run_pages: Run, tables: Tables
) -> None:
    out = tmp_path / "out"
    run_pages([stories], out, CLEAN)
    manifest = run_pages([stories], out, CLEAN, "embed.max_tokens=128", until="embed", overwrite=True)
    assert manifest["tables"] == ["stories", "teasers", "pages", "segments", "failures"]
    found = tables(out)
    assert len(found["stories"]) == 4
    ids = {row[f"{level}_cluster"] for row in found["stories"] for level in ("duplicate", "story", "topic")}
    assert ids == {None}


def test_a_phase_that_died_is_done_again_from_its_start(
    stories: Path,
    tmp_path: Path,
    run_pages: Run,
    tables: Tables,
    monkeypatch: pytest.MonkeyPatch,
    record_passes: Recorder,
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    run_pages([stories], whole, CLEAN, until="segment")

    with monkeypatch.context() as patched:
        patched.setattr(segment, "count_rows", lambda path: 1 / 0)  # dies when all but done.json is written
        with pytest.raises(ZeroDivisionError):
            run_pages([stories], out, CLEAN, until="segment")
    assert not (out / "stories").exists()
    (out / ".work/segment/stories/part-00007-of-00008.parquet").write_text("half a file")

    names = record_passes()
    run_pages([stories], out, CLEAN, until="segment")
    assert names == ["segment"]
    assert tables(out) == tables(whole)


@pytest.mark.parametrize("moved", [0, 3])
def test_a_run_that_died_while_tables_were_moved_is_completed(
    moved: int,
    stories: Path,
    tmp_path: Path,
    run_pages: Run,
    tables: Tables,
    monkeypatch: pytest.MonkeyPatch,
    record_passes: Recorder,
) -> None:
    out = tmp_path / "out"
    from pipeline import workspace

    rename = workspace.rename_tree
    left = iter(range(moved))

    def dying(source: str, target: str) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        rename(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(workspace, "rename_tree", dying)
        with pytest.raises(KeyboardInterrupt):
            run_pages([stories], out, CLEAN)
    assert not (out / "_SUCCESS").exists()

    names = record_passes()
    run_pages([stories], out, CLEAN)
    assert names == []
    found = tables(out)
    assert {name: len(rows) for name, rows in found.items()} == {
        "stories": 4, "teasers": 0, "pages": 4, "segments": 4, "members": 12, "failures": 0,
        "clusters": len(found["clusters"]),
    }  # fmt: skip
    assert all(row["story_cluster"] for row in found["stories"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_and_the_same_command_continues_it(
    number: signal.Signals,
    stories: Path,
    tmp_path: Path,
    run_pages: Run,
    monkeypatch: pytest.MonkeyPatch,
    record_passes: Recorder,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(blocks, "parse_page", lambda *_, **__: os.kill(os.getpid(), number))
        with pytest.raises(Interrupted):
            run_pages([stories], tmp_path / "out", CLEAN, until="segment")
    assert (tmp_path / "out" / ".work/lock").read_text() == ""
    names = record_passes()
    run_pages([stories], tmp_path / "out", CLEAN, until="segment")
    assert names == ["segment"]
