import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import UsageError, files, report, report_clusters, report_counts
from pipeline.report_clusters import choose_shape, first_day
from pipeline.report_counts import Best, Frequent
from pipeline.sinks import write_rows
from pipeline.workspace import Workspace
from tests.rows import whole_row

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


@pytest.fixture(autouse=True)
def without_the_chart_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser's tests have it; here it would only cost time."""
    monkeypatch.setattr(report, "charts_runtime", lambda: "/* charts */")


@pytest.fixture
def write_table(tmp_path: Path) -> WriteTable:
    """Write rows that name only the fields that matter."""

    def write(table: str, *rows: dict[str, Any]) -> None:
        whole = [whole_row(table, row) for row in rows]
        path = tmp_path / (".work/embed/vectors" if table == "vectors" else table)
        format = "parquet" if table == "vectors" else "jsonl"
        write_rows(str(path / f"part-00000-of-00001.{format}"), table, whole, format)

    return write


def rendered(tmp_path: Path) -> str:
    return " ".join(report.render(Workspace(str(tmp_path)), MANIFEST)[0].split())


def charts(html: str) -> dict[str, Any]:
    """The data that the file's charts draw."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_a_run_without_tables_says_so(tmp_path: Path) -> None:
    html = rendered(tmp_path)
    assert "What became of 4 inputs" in html
    for words in ("No pages.", "No lines.", "This run ended before its clusters.", "None."):
        assert words in html
    assert charts(html)["map"] is None


def test_pages_are_counted_by_kind_site_and_flag(tmp_path: Path, write_table: WriteTable) -> None:
    common = {"chars_in": 500, "chars_kept": 150, "flags": []}
    write_table(
        "pages",
        common | {"id": "a", "site": "a.example", "kind": "article", "status": "story"},
        common | {"id": "b", "site": "a.example", "kind": "article", "status": "doubtful"},
        common | {"id": "c", "kind": "index", "status": "no_story", "chars_kept": 0},
        common | {"id": "d", "kind": "error", "status": "no_story", "flags": ["bot_check"], "chars_kept": 0},
    )
    write_table("stories", {"id": "a", "site": "a.example", "teasers": ["a#t1"]})
    write_table(
        "teasers", {"id": "a#t1", "page_id": "a"}, {"id": "c#t1", "page_id": "c"}, {"id": "c#t2", "page_id": "c"}
    )
    html = rendered(tmp_path)
    assert (
        '<th scope="row">article</th><td class="n">1</td><td class="n">1</td><td class="n">0</td> <td class="n">2</td>'
    ) in html
    assert 'style="width: 25.00%"' in html
    assert "Of 2,000 characters, 300 (15%) are in stories." in html
    sites = re.findall(r'class="site">([^<]*)</th>((?:<td class="n">\d+</td> ?)+)', html)
    assert [(site, re.findall(r"\d+", numbers)) for site, numbers in sites] == [
        ("(no address)", ["2", "0", "2"]),
        ("a.example", ["2", "2", "1"]),
    ]
    assert "2 pages have no story" in html
    assert "1 page shows an error or an obstacle (bot check 1)" in html


def test_more_sites_than_fit_are_added_up(
    tmp_path: Path, write_table: WriteTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_counts, "SITES", 2)
    page = {"kind": "article", "status": "story", "flags": [], "chars_in": 10, "chars_kept": 5}
    write_table("pages", *(page | {"id": f"p{n}", "site": f"{n % 4}.example"} for n in range(9)))
    rows = report_counts.count_pages(Workspace(str(tmp_path))).by_site()
    assert [(row["site"], row["pages"]) for row in rows] == [("0.example", 3), ("1.example", 2), ("2 other sites", 4)]
    assert rows[-1]["kinds"] == {"article": 4}


def test_dropped_lines_are_shown_by_reason_and_frequency_and_escaped(tmp_path: Path, write_table: WriteTable) -> None:
    nav = {"role": "boilerplate", "confidence": 1.0, "reason": "the lines around it, in <nav>; not heading"}
    write_table(
        "segments",
        {"role": "body", "text": "Never shown.", "confidence": 0.2, "reason": "its words"},
        nav | {"text": "Sign in\n<script>alert(1)</script>"},
        nav | {"text": "Sign in"},
        {"role": "comment", "text": "word " * 100, "confidence": 0.93, "reason": "the lines around it; not body"},
    )
    html = rendered(tmp_path)
    assert 'Sign in <span class="soft">× 2</span></li><li>&lt;script&gt;alert(1)&lt;/script&gt;</li>' in html
    assert '<th scope="row">in &lt;nav&gt;</th><td class="n">2</td>' in html
    assert '<th scope="row">the lines around it</th>' in html
    assert "<script>alert" not in html
    assert "Never shown." not in html
    assert "word word …" in html
    assert html.index(">body</th>") < html.index(">comment</th>") < html.index(">boilerplate</th>")
    assert charts(html)["confidence"] == {
        "dropped": [0] * 18 + [1, 2],
        "story": [0] * 4 + [1] + [0] * 15,
    }
    assert '<th scope="row">dropped lines</th>' in html


def cluster(level: str, n: int, size: int, **more: Any) -> dict[str, Any]:
    return {"cluster_id": f"{level[0]}{n:02}", "level": level, "size": size, "label": f"Label {n}.", **more}


def test_the_largest_clusters_of_each_level_are_shown_with_headlines(tmp_path: Path, write_table: WriteTable) -> None:
    seen = {"first_seen": "2026-10-01T10:00:00Z", "last_seen": "2026-10-03"}
    write_table(
        "clusters",
        *(cluster("story", n, n) for n in range(1, 20)),
        cluster("duplicate", 1, 2, keywords=["ferry", "fog"], **seen),
    )
    write_table(
        "stories",
        {"id": "b", "title": "Second report", "published": "2026-10-02", "site": "b.example", "story_cluster": "s19"},
        {"id": "a", "title": "First report", "published": "2026-10-01T10:00:00Z", "story_cluster": "s19"},
        {"id": "c", "title": "FIRST report", "published": "2026-10-02", "story_cluster": "s19"},
        {"id": "d", "title": "Elsewhere", "published": "about 1900", "story_cluster": "s02"},
    )
    write_table("teasers", {"id": "b#t1", "page_id": "b", "text": "A teaser", "story_cluster": "s19"})
    html = rendered(tmp_path)
    assert "18 groups of two or more, 1 alone. The largest:" in html
    assert "Label 8." in html
    assert "Label 7." not in html
    assert html.index("Label 19.") < html.index("Label 18.")
    assert "1 group of two or more, 0 alone." in html
    assert '<td>ferry, fog</td><td class="soft">2026-10-01 to 2026-10-03</td>' in html
    assert '<h3>Topics</h3> <p class="soft">No groups of two or more.</p>' in html
    headlines = re.findall(r"<li>([^<]*) <span", html[html.index("Label 19.") : html.index("Label 18.")])
    assert headlines == ["First report", "Second report", "A teaser"]
    assert charts(html)["days"] == [{"day": "2026-10-01", "n": 1}, {"day": "2026-10-02", "n": 2}]
    assert [(row["day"], row["n"]) for row in charts(html)["clusters"]["story"]] == [
        ("2026-10-01", 1),
        ("2026-10-02", 2),
    ]
    assert "1 stories have no date" in html


@pytest.mark.parametrize(
    ("days", "shape"),
    [
        ([], "day"),
        (["2026-10-01", "2026-11-20"], "day"),
        (["2026-10-01", "2026-12-20"], "month"),
        (["2012-10-01", "2026-12-20"], "year"),
    ],
)
def test_time_is_shown_as_fine_as_it_fits(days: list[str], shape: str) -> None:
    assert choose_shape(days) == shape
    assert first_day("2026-12-20", shape) in {"2026-12-20", "2026-12-01", "2026-01-01"}


def test_links_and_the_least_certain_stories(tmp_path: Path, write_table: WriteTable) -> None:
    write_table(
        "stories",
        {"id": "a b", "title": "Harbour <b>closed</b>", "confidence": 0.4, "teasers": []},
        {"id": "b", "title": "Mill burns", "confidence": 0.9, "teasers": []},
    )
    link = {"links_to": {"id": "a b", "similarity": 0.8712}}
    write_table(
        "teasers",
        {"id": "x#t1", "page_id": "x", "title": "Harbour shut"} | link,
        {"id": "y#t1", "page_id": "y", "title": "Fog in harbour"} | link,
        {"id": "y#t2", "page_id": "y", "title": "Elsewhere"},
    )
    html = rendered(tmp_path)
    assert "2 of 3 teasers (67%) lead to a story of this run." in html
    assert '<td class="n">2</td><td class="any">Harbour &lt;b&gt;closed&lt;/b&gt;</td>' in html
    assert 'Fog in harbour</span><br>Harbour &lt;b&gt;closed&lt;/b&gt;</td><td class="n">0.87</td>' in html
    assert f'<code class="soft">copydesk explain {tmp_path} --id &#39;a b&#39;</code>' in html
    assert report.render(Workspace(str(tmp_path)), MANIFEST)[1] == ["a b", "b"]


def vector(id: str, direction: int) -> dict[str, Any]:
    values = np.zeros(8, np.int8)
    values[direction], values[direction + 1] = 100, len(id)
    return {"id": id, "vector": values.tobytes()}


def write_topics(write_table: WriteTable, order: int = 1) -> None:
    topics = {"t01": ["a", "b", "b#t1"], "t02": ["c"]}
    write_table("clusters", *(cluster("topic", n, len(ids)) for n, ids in enumerate(topics.values(), 1)))
    write_table(
        "pages", {"id": "b", "site": "b.example", "flags": [], "chars_in": 1, "chars_kept": 1, "kind": "article"}
    )
    rows = [
        {"id": "a", "title": "</script><b>", "published": "2026-10-01", "site": "a.example", "topic_cluster": "t01"}
    ]
    rows += [{"id": "b", "title": "B", "topic_cluster": "t01"}, {"id": "c", "title": "C", "topic_cluster": "t02"}]
    write_table("stories", *rows[::order])
    write_table("teasers", {"id": "b#t1", "page_id": "b", "title": "T", "topic_cluster": "t01"})
    write_table("vectors", *[vector("a", 0), vector("b", 0), vector("b#t1", 0), vector("c", 4)][::order])


def test_the_map_shows_the_topics_members_whatever_their_order(tmp_path: Path, write_table: WriteTable) -> None:
    write_topics(write_table)
    found = charts(rendered(tmp_path))["map"]
    assert [topic["n"] for topic in found["topics"]] == [3, 1]
    points = {point["id"]: point for point in found["points"]}
    assert points.keys() == {"a", "b", "b#t1", "c"}
    assert points["a"]["title"] == "</script><b>"
    assert (points["a"]["day"], points["a"]["site"], points["a"]["k"]) == ("2026-10-01", "a.example", "story")
    assert (points["b#t1"]["site"], points["b#t1"]["k"], points["b#t1"]["t"]) == ("b.example", "teaser", 0)
    write_topics(write_table, order=-1)
    assert charts(rendered(tmp_path))["map"] == found


def test_a_map_of_many_is_a_sample_in_proportion(
    tmp_path: Path, write_table: WriteTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_clusters, "MAP_POINTS", 10)
    write_table("clusters", cluster("topic", 1, 30), cluster("topic", 2, 10))
    write_table("stories", *({"id": f"p{n}", "topic_cluster": "t01" if n < 30 else "t02"} for n in range(40)))
    write_table("vectors", *(vector(f"p{n}", 0 if n < 30 else 4) for n in range(40)))
    found = charts(rendered(tmp_path))["map"]
    assert [point["t"] for point in found["points"]] == [0] * 7 + [1] * 2
    assert found["members"] == 40


def test_failures_are_counted_by_cause_with_the_first_as_example(tmp_path: Path, write_table: WriteTable) -> None:
    write_table(
        "failures",
        {"stage": "read", "error": "bad_record", "source": {"file": "b", "offset": 7}, "detail": "second"},
        {"stage": "read", "error": "bad_record", "source": {"file": "a", "offset": 90}, "detail": "first"},
    )
    html = rendered(tmp_path)
    assert '<td>read</td><td><code>bad_record</code></td><td class="n">2</td> <td class="wide">first<br>' in html
    assert "a, offset 90" in html
    assert "second" not in html
    assert "1 inputs failed, most often as <code>bad_record</code>" in html


def test_times_settings_and_versions_are_shown(tmp_path: Path) -> None:
    html = rendered(tmp_path)
    assert '<th scope="row">segment</th><td class="n">2 min</td>' in html
    assert "[segment] method = &#34;model&#34;" in html
    assert "copydesk 0.1.0" in html
    assert "roles model abc123" in html


def test_frequent_texts_survive_where_there_are_too_many() -> None:
    frequent = Frequent(most=10)
    for n in range(200):
        frequent.add("a", "often")
        frequent.add("a", f"once {n}")
    assert frequent.top("a", 1)[0] == ("often", 200)
    assert len(frequent.top("a", 99)) <= 10


def test_best_keeps_the_smallest_keys() -> None:
    best = Best(3)
    for n in range(500):
        best.add((n * 37) % 500, {"n": (n * 37) % 500})
    assert [row["n"] for row in best.rows()] == [0, 1, 2]


def test_a_report_that_dies_half_way_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    report.write(Workspace(str(tmp_path)), MANIFEST)
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
