import fcntl
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import TABLES, Interrupted, RunError, UsageError, engine, logs, passes, report
from pipeline.engine import Engine, choose_engine
from pipeline.phases import segment
from pipeline.sinks import row
from pipeline.sources import match_inputs, read_file
from transforms import blocks
from transforms.core import segment_page
from transforms.metrics import count
from transforms.settings import ClusterSettings, InputSettings, SegmentSettings
from transforms.types import Failure, Page, PageResult, Teaser

Run = Callable[..., dict[str, Any]]
Tables = Callable[[Path], dict[str, list[dict[str, Any]]]]
WriteJsonl = Callable[..., Path]
Recorder = Callable[[], list[str]]

BUDGET = "The council voted nine to six for the budget on Tuesday evening, after four hours of debate."
FERRY = "The ferry hit the breakwater at dawn in thick fog, and nobody aboard was hurt, the harbour master said."
PIE = "Rub the butter into the flour, add the plums and bake the crumble for forty minutes until it is golden."

RECORDS = [
    {"id": "budget", "title": "Budget passed", "text": BUDGET, "date": "2026-10-01", "desk": "city"},
    {"id": "budget-copy", "title": "Budget passed", "text": BUDGET},
    {"id": "ferry", "title": "Ferry hits breakwater", "text": FERRY, "url": "https://news.example.org/ferry"},
    {"id": "pie", "title": "Plum crumble", "text": PIE},
]
CLEAN = "input.clean=true"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def stories(write_jsonl: WriteJsonl) -> Path:
    return write_jsonl("in/stories.jsonl", RECORDS)


def test_a_run_ends_with_all_tables_a_manifest_and_a_report(
    stories: Path, tmp_path: Path, run_pages: Run, tables: Tables
) -> None:
    (stories.parent / "broken.jsonl").write_text('{"id": "x"}\nnot json\n', encoding="utf-8")
    out = tmp_path / "out"
    manifest = run_pages([stories.parent], out, CLEAN)

    assert manifest["counts"]["inputs"] == 6
    assert manifest["counts"]["pages"] == 4
    assert manifest["counts"]["failures"] == 2
    assert manifest["failures"] == {"read: bad_record": 2}
    assert manifest["failure_share"] == round(2 / 6, 4)
    assert manifest["engine"] == "FnApiRunner"
    assert manifest["encoder"] == "hashing (for tests only)"
    assert list(manifest["phases"]) == ["survey", "segment", "embed", "cluster", "report"]
    assert manifest["versions"].keys() >= {"copydesk", "python", "apache-beam", "numpy", "lxml", "torch"}
    assert json.loads((out / "manifest.json").read_text()) == manifest
    assert (out / "_SUCCESS").read_bytes() == b""
    assert "<title>Copydesk" in (out / "report.html").read_text(encoding="utf-8")

    found = tables(out)
    assert found.keys() == set(TABLES) - {"forwards"}
    by_id = {story["id"]: story for story in found["stories"]}
    assert by_id.keys() == {"budget", "budget-copy", "ferry", "pie"}
    assert by_id["budget"]["text"] == BUDGET
    assert by_id["budget"]["metadata"] == [{"key": "desk", "value": '"city"'}]
    assert by_id["budget"]["duplicate_cluster"] == by_id["budget-copy"]["duplicate_cluster"]
    assert by_id["budget-copy"]["duplicate_of"] == {"id": "budget", "similarity": 1.0}
    assert by_id["budget"]["duplicate_of"] is None
    assert {tuple(story["linked_from"]) for story in found["stories"]} == {()}
    assert by_id["pie"]["story_cluster"] not in (None, by_id["budget"]["story_cluster"])
    assert all(story["topic_cluster"] for story in by_id.values())
    assert len(found["members"]) == 3 * 4
    duplicates = [row for row in found["clusters"] if row["level"] == "duplicate" and row["size"] == 2]
    assert [(row["medoid_id"], row["first_seen"]) for row in duplicates] == [("budget", "2026-10-01")]


def test_the_tables_are_what_the_pages_give_in_memory(tmp_path: Path, run_pages: Run, tables: Tables) -> None:
    demo = Path(__file__).parents[1] / "data" / "demo"
    run_pages([demo], tmp_path / "out", until="segment")
    settings = SegmentSettings(method="readability")
    pages = [page for file in match_inputs([str(demo)]) for page in read_file(file, InputSettings())]
    results = [segment_page(page, settings) for page in pages if isinstance(page, Page)]
    suffixes = {result.page.source.file.rpartition(".")[2] for result in results}
    assert suffixes >= {"html", "gz", "txt", "jsonl"}

    found = tables(tmp_path / "out")
    expected = {
        "stories": [result.story for result in results if result.story],
        "teasers": [teaser for result in results for teaser in result.teasers],
        "pages": [result.page for result in results],
        "segments": [segment for result in results for segment in result.segments],
        "failures": [page for page in pages if isinstance(page, Failure)],
    }
    for table, nouns in expected.items():
        rows = {json.dumps(row(table, noun), sort_keys=True) for noun in nouns}
        assert {json.dumps(found_row, sort_keys=True) for found_row in found[table]} == rows, table
        assert len(found[table]) == len(rows)


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


@pytest.mark.parametrize("output", [".", "pages"])
def test_inputs_in_the_output_directory_are_refused_and_left_alone(
    output: str, tmp_path: Path, run_pages: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "pages" / "a.html"
    page.parent.mkdir()
    page.write_text("<p>A page.")
    (tmp_path / "elsewhere.txt").write_text("Another page.")
    inputs = [Path("pages"), Path("elsewhere.txt")] if output == "." else [Path("pages")]
    with pytest.raises(UsageError) as caught:
        run_pages(inputs, Path(output), until="segment", overwrite=True)
    what = {".": "the input pages stands", "pages": "all inputs (1 files) stand"}[output]
    assert str(caught.value) == (
        f"{what} in the output directory {output}, whose tables a run replaces and where it reads nothing. "
        "Choose another output directory"
    )
    assert page.read_text() == "<p>A page."


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


def test_failures_of_embedding_are_counted_apart_and_name_their_input(
    tmp_path: Path, run_pages: Run, tables: Tables, write_jsonl: WriteJsonl, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {"q": "A first story.", "blank": "***", "p": "A second story."}
    file = write_jsonl("in/a.jsonl", [{"id": id_, "text": text} for id_, text in texts.items()])

    def with_teaser(result: PageResult) -> tuple[Teaser, ...]:
        count("tables", "teasers", result.page.id == "p")
        return (Teaser("p#t1", "p", 1, "***", None, None, None),) if result.page.id == "p" else ()

    monkeypatch.setattr(segment, "_teasers", with_teaser)
    manifest = run_pages([file], tmp_path / "out", CLEAN, until="embed")
    counts = manifest["counts"]
    assert (counts["inputs"], counts["pages"], counts["failures"], counts["embed_failures"]) == (3, 3, 0, 2)
    assert manifest["failures"] == {"embed: no_vector": 2}
    lines = file.read_bytes().splitlines(keepends=True)
    assert {row["id"]: row["source"] for row in tables(tmp_path / "out")["failures"]} == {
        "blank": {"file": str(file), "offset": len(lines[0])},
        "p#t1": {"file": str(file), "offset": len(lines[0]) + len(lines[1])},
    }


def test_an_output_that_is_a_file_is_refused(stories: Path, tmp_path: Path, run_pages: Run) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError) as caught:
        run_pages([stories], tmp_path / "out")
    assert str(caught.value) == f"{tmp_path / 'out'} is a file; -o needs a directory"


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


def test_ids_that_are_used_twice(tmp_path: Path, run_pages: Run, tables: Tables, write_jsonl: WriteJsonl) -> None:
    first = write_jsonl(
        "in/a.jsonl",
        [
            {"id": "same", "text": "One text."},
            {"id": "same", "text": "Another text."},
            {"id": "other", "text": "Nobody else has this id."},
        ],
    )
    second = write_jsonl("in/b.jsonl", [{"id": "same", "text": "One text."}, {"id": "same", "text": "A third."}])
    manifest = run_pages([first, second], tmp_path / "out", CLEAN, until="segment")
    found = tables(tmp_path / "out")

    ids = {row["id"]: row["text"] for row in found["stories"]}
    assert len(ids) == 4
    assert ids.keys() >= {"same", "other"}
    renamed = ids.keys() - {"same", "other"}
    assert all(id_.startswith("same~") and len(id_) == len("same~") + 8 for id_ in renamed)
    assert sorted(ids.values()) == ["A third.", "Another text.", "Nobody else has this id.", "One text."]

    (failure,) = found["failures"]
    assert (failure["stage"], failure["error"], failure["id"]) == ("read", "repeated_record", "same")
    assert failure["source"] == {"file": str(second), "offset": 0}
    assert failure["detail"] == f"the same record stands in {first} at offset 0"
    assert manifest["failure_share"] == 0.0
    survey = manifest["phases"]["survey"]["counts"]
    assert (survey["inputs"], survey["ids_renamed"], survey["ids_repeated"]) == (5, 2, 1)


@pytest.mark.parametrize(
    ("content", "pages", "failures"), [("", 0, 0), ("null\n{}\n", 0, 2)], ids=["nothing", "only failures"]
)
def test_a_run_without_pages_has_empty_readable_tables(
    content: str, pages: int, failures: int, tmp_path: Path, run_pages: Run, tables: Tables
) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text(content, encoding="utf-8")
    manifest = run_pages([file], tmp_path / "out")
    assert (manifest["counts"]["pages"], manifest["counts"]["failures"]) == (pages, failures)
    found = tables(tmp_path / "out")
    assert found.keys() == set(TABLES) - {"forwards"}
    assert [name for name, rows in found.items() if rows] == (["failures"] if failures else [])
    assert (tmp_path / "out" / "report.html").exists()


def test_tables_of_an_older_run_below_the_input_are_not_read(stories: Path, run_pages: Run, tables: Tables) -> None:
    out = stories.parent / "out"
    run_pages([stories.parent], out, CLEAN, "output.format=jsonl", until="segment")
    files = run_pages([stories.parent], out, CLEAN, "output.format=jsonl", until="segment")["phases"]["survey"]
    assert files["counts"]["files"] == 1
    (out / ".work/run.json").unlink()  # as if somebody had tidied up: nothing of the old run is trusted
    manifest = run_pages([stories.parent], out, CLEAN, "output.format=jsonl", until="segment", overwrite=True)
    assert manifest["phases"]["survey"]["counts"]["files"] == 1
    assert len(tables(out)["pages"]) == 4


@pytest.mark.slow
def test_order_format_shards_and_workers_do_not_change_the_tables(
    tmp_path: Path, run_pages: Run, tables: Tables, write_jsonl: WriteJsonl
) -> None:
    halves = [write_jsonl("in/1.jsonl", RECORDS[:2]), write_jsonl("in/2.jsonl", RECORDS[2:])]
    variants: dict[str, tuple[list[Path], list[str]]] = {
        "plain": (halves, []),
        "reversed, as JSONL in three shards": (halves[::-1], ["output.format=jsonl", "output.shards=3"]),
        "two workers": (halves, ["run.workers=2"]),
    }
    found = {}
    for name, (inputs, settings) in variants.items():
        run_pages(inputs, tmp_path / name, CLEAN, *settings)
        found[name] = tables(tmp_path / name)
    assert len(found["plain"]["stories"]) == 4
    assert len(list((tmp_path / "reversed, as JSONL in three shards" / "pages").iterdir())) == 3
    assert len(list((tmp_path / "two workers" / "pages").iterdir())) == 2
    for name in variants:
        assert found[name] == found["plain"], name


def test_lost_records_fail_the_run(
    stories: Path, tmp_path: Path, run_pages: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = passes.run_pipeline

    def one_more(*args: Any, **options: Any) -> Counter[str]:
        return original(*args, **options) + Counter({"read/pages": 1})

    monkeypatch.setattr(passes, "run_pipeline", one_more)
    with pytest.raises(RunError) as caught:
        run_pages([stories], tmp_path / "out", CLEAN)
    assert str(caught.value) == (
        "the survey counted 5 inputs, but segment made 4 pages and 0 failures of them. If the inputs changed "
        "meanwhile, give the command again with --overwrite; else please report it"
    )
    assert not (tmp_path / "out" / ".work/segment/done.json").exists()


def test_lost_texts_fail_the_run(
    stories: Path, tmp_path: Path, run_pages: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = passes.run_pipeline

    def one_less(*args: Any, **options: Any) -> Counter[str]:
        counters = original(*args, **options)
        counters["embed/vectors"] -= 1
        return counters

    monkeypatch.setattr(passes, "run_pipeline", one_less)
    with pytest.raises(RunError) as caught:
        run_pages([stories], tmp_path / "out", CLEAN)
    assert str(caught.value) == (
        "segment wrote 4 stories and teasers, but embed made 3 vectors and 0 failures of them; please report it"
    )


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


def test_missing_inputs_and_models_are_usage_errors(stories: Path, tmp_path: Path, run_pages: Run) -> None:
    def error_of(inputs: list[Path], *settings: str) -> str:
        with pytest.raises(UsageError) as caught:
            run_pages(inputs, tmp_path / "out", *settings)
        return str(caught.value)

    assert error_of([tmp_path / "nowhere"]) == f"{tmp_path / 'nowhere'}: no such file or directory"
    assert error_of([stories], "embed.model=nowhere").startswith("embed.model='nowhere' is no model: ")
    assert error_of([stories], "segment.method=model", "segment.model=nowhere.npz") == (
        "role model nowhere.npz: No such file or directory; give segment.model a file made by `make train`"
    )
    assert not (tmp_path / "out").exists()


def test_errors_are_described_in_one_line() -> None:
    assert logs.describe(RunError("records were lost")) == "records were lost"
    assert logs.describe(ValueError()) == "ValueError"
    assert logs.describe(RuntimeError("Traceback:\n  line 1\nKeyError: 'x'\n\n")) == "RuntimeError: KeyError: 'x'"
