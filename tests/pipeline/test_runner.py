import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import TABLES, RunError, passes
from pipeline.phases import segment
from pipeline.sinks import row
from pipeline.sources import match_inputs, read_file
from tests.pipeline.examples import BUDGET, RECORDS
from transforms.core import segment_page
from transforms.metrics import count
from transforms.settings import InputSettings, SegmentSettings
from transforms.types import Failure, Page, PageResult, Teaser

Run = Callable[..., dict[str, Any]]
Tables = Callable[[Path], dict[str, list[dict[str, Any]]]]
WriteJsonl = Callable[..., Path]
CLEAN = "input.clean=true"


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
