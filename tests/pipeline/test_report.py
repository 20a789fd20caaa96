from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import UsageError, files, report
from pipeline.sinks import SCHEMAS, write_rows
from pipeline.workspace import Workspace

MANIFEST: dict[str, Any] = {
    "engine": "FnApiRunner",
    "encoder": "hashing (for tests only)",
    "counts": {"inputs": 4, "pages": 3, "stories": 2, "teasers": 0, "segments": 5, "failures": 1},
    "phases": {
        "survey": {"seconds": 0.5, "counts": {"inputs": 4}},
        "segment": {"seconds": 100.0, "counts": {}},
    },
    "settings": {"segment": {"method": "model"}},
    "versions": {"copydesk": "0.1.0", "python": "3.11.7"},
    "models": {"roles": "abc123"},
}

WriteTable = Callable[..., None]


@pytest.fixture
def write_table(tmp_path: Path) -> WriteTable:
    """Write rows that name only the fields that matter."""

    def write(table: str, *rows: dict[str, Any]) -> None:
        whole = [dict.fromkeys(SCHEMAS[table].names) | row for row in rows]
        write_rows(str(tmp_path / table / "part-00000-of-00001.jsonl"), table, whole, "jsonl")

    return write


def rendered(tmp_path: Path) -> str:
    return " ".join(report.render(Workspace(str(tmp_path)), MANIFEST).split())


def test_a_run_without_tables_says_so(tmp_path: Path) -> None:
    html = rendered(tmp_path)
    assert "What became of 4 inputs" in html
    for words in ("No pages.", "No lines.", "This run ended before its clusters.", "None."):
        assert words in html


def test_pages_are_counted_by_kind_and_status(tmp_path: Path, write_table: WriteTable) -> None:
    write_table(
        "pages",
        {"kind": "article", "status": "story", "chars_in": 1000, "chars_kept": 600},
        {"kind": "article", "status": "doubtful", "chars_in": 500, "chars_kept": 150},
        {"kind": "index", "status": "no_story", "chars_in": 500, "chars_kept": 0},
    )
    html = rendered(tmp_path)
    article = '<td>article</td><td class="n">1</td><td class="n">1</td><td class="n">0</td> <td class="n">2</td>'
    assert article in html
    assert 'style="width: 66.7%"' in html
    assert "Of 2,000 characters, 750 (38%) are in stories." in html


def test_dropped_lines_are_shown_by_frequency_and_escaped(tmp_path: Path, write_table: WriteTable) -> None:
    write_table(
        "segments",
        {"role": "body", "text": "Never shown."},
        {"role": "boilerplate", "text": "Sign in\n<script>alert(1)</script>"},
        {"role": "boilerplate", "text": "Sign in"},
        {"role": "comment", "text": "word " * 100},
    )
    html = rendered(tmp_path)
    assert 'Sign in <span class="soft">× 2</span></li><li>&lt;script&gt;alert(1)&lt;/script&gt;</li>' in html
    assert "<script" not in html
    assert "Never shown." not in html
    assert "word word …" in html
    assert html.index("<td>body</td>") < html.index(">comment</td>") < html.index(">boilerplate</td>")


def test_the_largest_clusters_of_each_level_are_shown(tmp_path: Path, write_table: WriteTable) -> None:
    write_table(
        "clusters",
        *({"cluster_id": f"s{i}", "level": "story", "size": i, "label": f"Label {i}."} for i in range(1, 20)),
        {
            "cluster_id": "d1",
            "level": "duplicate",
            "size": 2,
            "label": "Copied",
            "keywords": ["ferry", "fog"],
            "first_seen": "2026-10-01T10:00:00Z",
            "last_seen": "2026-10-03",
        },
    )
    html = rendered(tmp_path)
    assert "18 groups of two or more, 1 alone. The largest:" in html
    assert "Label 19." in html
    assert "Label 8." in html
    assert "Label 7." not in html
    assert html.index("Label 19.") < html.index("Label 18.")
    assert "1 group of two or more, 0 alone." in html
    assert '<td>ferry, fog</td> <td class="soft">2026-10-01 to 2026-10-03</td>' in html
    assert '<h3>topic</h3> <p class="soft">No groups of two or more.</p>' in html


def test_failures_are_counted_by_cause_with_the_first_as_example(tmp_path: Path, write_table: WriteTable) -> None:
    write_table(
        "failures",
        {"stage": "read", "error": "bad_record", "source": {"file": "b", "offset": 7}, "detail": "second"},
        {"stage": "read", "error": "bad_record", "source": {"file": "a", "offset": 90}, "detail": "first"},
    )
    html = rendered(tmp_path)
    assert '<td>read</td><td>bad_record</td><td class="n">2</td> <td class="wide">first<br>' in html
    assert "a, offset 90" in html
    assert "second" not in html


def test_times_settings_and_versions_are_shown(tmp_path: Path) -> None:
    html = rendered(tmp_path)
    assert '<td>segment</td><td class="n">2 min</td>' in html
    assert "[segment] method = &#34;model&#34;" in html
    assert "copydesk 0.1.0" in html
    assert "roles model abc123" in html


def test_a_report_that_dies_half_way_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(report.write(Workspace(str(tmp_path)), MANIFEST))
    before = path.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(files, "replace_file", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            report.write(Workspace(str(tmp_path)), MANIFEST | {"engine": "another"})
    assert path.read_bytes() == before
    report.write(Workspace(str(tmp_path)), MANIFEST | {"engine": "another"})
    assert path.read_bytes() != before
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_a_directory_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        report.rewrite(str(tmp_path))
    assert str(caught.value) == f"{tmp_path} holds no finished run: there is no manifest.json in it"
