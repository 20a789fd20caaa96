import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import UsageError, diff, join_pages
from pipeline.cli import main
from pipeline.diff import compare_runs
from pipeline.files import write_json_atomically
from pipeline.sinks import write_rows
from tests.rows import whole_manifest, whole_row

WriteRun = Callable[..., Path]
SETTINGS = {"segment": {"method": "model", "min_confidence": 0.0}}


@pytest.fixture(params=["parquet", "jsonl"])
def write_run(tmp_path: Path, request: pytest.FixtureRequest) -> WriteRun:
    """Write a finished run: pages as id -> lines, each a role and a text; teasers are single lines."""

    def write(name: str, pages: dict[str, list[tuple[str, str]]], **manifest: Any) -> Path:
        rows: dict[str, list[dict[str, Any]]] = {"pages": [], "segments": [], "stories": [], "teasers": []}
        for id, lines in pages.items():
            rows["pages"].append({"id": id, "kind": "article", "status": "story"})
            for order, (role, text) in reversed(list(enumerate(lines))):
                rows["segments"].append({"page_id": id, "order": order, "role": role, "text": text})
            body = [text for role, text in lines if role == "body"]
            clusters = {f"{level}_cluster": "c1" for level in ("duplicate", "story", "topic")}
            if body:
                rows["stories"].append({"id": id, "text": "\n".join(body)} | clusters)
            for n, text in enumerate(text for role, text in lines if role == "teaser_title"):
                rows["teasers"].append({"id": f"{id}#t{n}", "page_id": id, "title": text} | clusters)
        out = tmp_path / name
        for table, some in rows.items():
            whole = [whole_row(table, row) for row in some]
            write_rows(str(out / table / f"part-00000-of-00001.{request.param}"), table, whole, request.param)
        counts = {"inputs": len(pages), "pages": len(pages)}
        write_rows(str(out / "clusters" / "part-00000-of-00001.parquet"), "clusters", [], "parquet")
        fields = {"settings": SETTINGS, "counts": counts, "tables": [*rows, "clusters"]} | manifest
        write_json_atomically(str(out / "manifest.json"), whole_manifest(**fields))
        return out

    return write


FOG = [("title", "Fog"), ("body", "It was thick.\nNobody was hurt."), ("teaser_title", "Ferry sold")]
OLD = {"same": FOG, "small": FOG, "big": FOG, "gone": FOG}
NEW = {
    "same": FOG,
    "small": [("title", "Fog"), ("body", "It was thick.\nNobody was hurt."), ("boilerplate", "Ferry sold")],
    "big": [("title", "Fog"), ("boilerplate", "It was thick.\nNobody was hurt."), ("teaser_title", "Ferry sold")],
    "added": FOG,
}


def test_pages_come_worst_first_with_what_changed_on_them(write_run: WriteRun) -> None:
    settings = {"segment": {"method": "readability", "min_confidence": 0.0}}
    found = compare_runs(str(write_run("old", OLD)), str(write_run("new", NEW, settings=settings)), 20)
    assert [change.id for change in found.pages] == ["big", "small"]
    assert found.pages[0].roles == {("body", "boilerplate"): 2}
    assert found.pages[1].teasers_lost == ["Ferry sold"]
    assert (found.pages_both, found.pages_changed) == (3, 2)
    assert (found.old_only, found.new_only) == (["gone"], ["added"])
    assert found.settings == {"segment.method": ("model", "readability")}
    assert found.roles == {("body", "boilerplate"): 2, ("teaser_title", "boilerplate"): 1}
    assert (found.stories, found.mean_f1) == (3, pytest.approx(2 / 3))
    assert (found.teasers_gained, found.teasers_lost) == (0, 1)


def test_the_limit_keeps_the_worst_and_zero_keeps_all(write_run: WriteRun) -> None:
    old, new = str(write_run("old", OLD)), str(write_run("new", NEW))
    assert [change.id for change in compare_runs(old, new, 1).pages] == ["big"]
    assert [change.id for change in compare_runs(old, new, 0).pages] == ["big", "small"]
    assert compare_runs(old, new, 1).pages_changed == 2


def test_dealt_out_to_files_the_result_is_the_same(write_run: WriteRun, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = str(write_run("old", OLD)), str(write_run("new", NEW))
    whole = compare_runs(old, new, 0)
    monkeypatch.setattr(join_pages, "BUCKET_BYTES", 400)
    dealt = []
    monkeypatch.setattr(join_pages, "_deal", lambda *args, deal=join_pages._deal: (dealt.append(args[-1]), deal(*args)))
    assert compare_runs(old, new, 0) == whole
    assert min(dealt) > 3


def test_runs_without_a_difference(write_run: WriteRun, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = str(write_run("old", OLD)), str(write_run("new", OLD))
    assert main(["diff", old, new]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("same settings, models and versions\n")
    assert printed.endswith("no page differs\n")


def test_the_terminal_shows_sums_then_pages(write_run: WriteRun, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = str(write_run("old", OLD)), str(write_run("new", NEW, models={"roles": "a1b2" * 16}))
    assert main(["diff", old, new, "--limit", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "roles model: none → a1b2a1b2a1b2"
    assert f"1 pages only in {old}: gone" in lines
    assert "3 of 9 lines changed role (33.3%)" not in lines  # each page has four lines
    assert "3 of 12 lines changed role (25.0%)" in lines
    assert "        2  role body → boilerplate" in lines
    assert "big  0.00, 2/4 lines" in lines
    assert lines[lines.index("big  0.00, 2/4 lines") + 1 :][:3] == [
        "     2 body → boilerplate",
        "       It was thick.",
        "       Nobody was hurt.",
    ]
    assert lines[-1] == "1 more pages changed: --limit 0 shows all, --json all that is known"


def test_json_has_all_of_it(write_run: WriteRun, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = str(write_run("old", OLD)), str(write_run("new", NEW))
    assert main(["diff", old, new, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [page["id"] for page in record["worst"]] == ["big", "small"]
    assert record["worst"][0]["roles"] == [
        {"old": "body", "new": "boilerplate", "n": 2, "examples": ["It was thick.", "Nobody was hurt."]}
    ]
    assert record["pages"]["old_only_ids"] == ["gone"]
    assert record["story_text"] == {"pages": 3, "mean_word_f1": 0.6667, "below": {"0.5": 1, "0.9": 1, "0.99": 1}}
    assert record["clusters_bcubed_f1"] == {"duplicate": 1.0, "story": 1.0, "topic": 1.0}


def test_pages_cannot_steer_the_terminal(write_run: WriteRun) -> None:
    old = str(write_run("old", {"a\x1b[2J": [("body", "x\x9b31m")]}))
    new = str(write_run("new", {"a\x1b[2J": [("bio", "x\x9b31m")]}))
    assert not set(diff.render(compare_runs(old, new, 9), 80, False)) & {"\x1b", "\x9b"}


def test_what_is_no_run_is_refused(write_run: WriteRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(write_run("old", OLD))
    with pytest.raises(UsageError, match=r"holds no finished run: there is no manifest\.json"):
        compare_runs(run, str(tmp_path), 1)
    unfinished = str(write_run("survey", {}, tables=[]))
    with pytest.raises(UsageError, match="ended before its tables"):
        compare_runs(run, unfinished, 1)
    assert main(["diff", run]) == 2
    assert main(["diff", run, run, "--limit", "few"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "copydesk: two runs are compared: name both directories, for example copydesk diff out-before out",
        "copydesk: --limit must be a number of pages, not 'few'",
    ]
