"""``copydesk explain`` of a page of a finished run, and as an HTML file."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import UsageError, explain_html
from pipeline.cli import main
from pipeline.config import load
from pipeline.explain import explain
from pipeline.find_page import find_page
from transforms.core import PageError
from transforms.types import PageRecord, PageResult, Segment, Source, Story, Teaser

SCRIPT = "<script>alert(1)</script>"
DEMO = Path(__file__).parents[1] / "data" / "demo" / "archive" / "ferry-passengers.txt"

RESULT = PageResult(
    page=PageRecord(
        "p", "javascript:alert(1)", None, "article", 0.9, "story", (), "utf-8", 60, 20, Source("p.html"),
    ),
    segments=(
        Segment("p", 0, "title", 0, f"Fog {SCRIPT}", 2, 31, 0.99, "large heading"),
        Segment("p", 1, "teaser_title", 1, "Ferry sold", 33, 43, 0.4, f"a link alone {SCRIPT}"),
        Segment("p", 2, "boilerplate", None, "Imprint", 45, 52, 1.0, "only links"),
    ),
    story=Story(
        "p", None, None, f"Fog {SCRIPT}", None, (SCRIPT,), None, "en", "text", (), None, 0.9, (), 60, 20, Source("p"),
    ),
    teasers=(Teaser("p#t1", "p", 1, "Ferry sold", SCRIPT, None, "javascript:alert(2)"),),
    text=f"\n\nFog {SCRIPT}\n\nFerry sold\n\nImprint\n",
)  # fmt: skip


def test_the_html_shows_text_role_confidence_and_reason_side_by_side() -> None:
    html = " ".join(explain_html.render(RESULT).split())
    assert re.search(r'<td class="text" dir="auto">Ferry sold</td><td class="role">teaser title</td>', html)
    assert '<th colspan="4" scope="rowgroup">Teaser 1</th>' in html
    assert 'class="n low">0.40<' in html
    assert "20</b> of 60 characters" in html


def test_everything_of_the_page_is_escaped_and_nothing_can_load_or_run() -> None:
    html = explain_html.render(RESULT)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 4
    assert "href=" not in html.replace('href="#lines"', "")  # neither address is one of the web
    assert "default-src &#39;none&#39;" in html
    assert "http://" not in html
    assert "https://" not in html


def test_the_original_text_is_all_there() -> None:
    result = explain(str(DEMO), None, load())
    boxes = list(explain_html._boxes(result))
    shown = "".join(row.text for box in boxes for row in box.rows)
    assert "".join(shown.split()) == "".join(result.text.split())
    assert [box.teaser for box in boxes if box.teaser] == [1, 2, 3]


def test_explain_writes_the_html(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "page.html"
    assert main(["explain", str(DEMO), "--html", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}\n"
    assert "The lights went sideways" in file.read_text(encoding="utf-8")
    assert main(["explain", str(DEMO), "--html", str(tmp_path / "no" / "page.html")]) == 2
    assert "cannot write" in capsys.readouterr().err
    assert main(["explain", str(DEMO), "--html", str(file), "--json"]) == 2
    assert capsys.readouterr().err == "copydesk: --json and --html exclude each other\n"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The output of a run over three records, one of them broken, in a format."""
    runs: dict[str, Path] = {}

    def run(format: str) -> Path:
        if format not in runs:
            folder = tmp_path_factory.mktemp(format)
            paragraphs = [f"Paragraph {n} says that the harbour stays closed until the fog lifts." for n in range(3)]
            records: list[dict[str, Any]] = [{"id": f"a/{n}", "text": "\n\n".join(paragraphs)} for n in "bc"]
            (folder / "in.jsonl").write_text("\n".join(map(json.dumps, [*records, {"id": "bad"}])), encoding="utf-8")
            command = ["run", str(folder / "in.jsonl"), "-o", str(folder / "out"), "--format", format]
            assert main([*command, "--set", "segment.method=readability", "--set", "embed.model=hashing"]) == 0
            runs[format] = folder / "out"
        return runs[format]

    return run


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_a_page_of_a_run_is_what_the_run_made_of_it(finished: Callable[[str], Path], format: str) -> None:
    out = str(finished(format))
    found = find_page(out, "a/b")
    assert found.result.page.id == "a/b"
    assert found.result.story is not None
    assert found.story is not None
    assert found.story["duplicate_cluster"].startswith("d")
    assert [segment.order for segment in found.result.segments] == list(range(len(found.result.segments)))
    for segment in found.result.segments:
        assert found.result.text[segment.start : segment.end] == segment.text
    assert find_page(out, "a/b#s0") == found
    assert find_page(out, "a/b#t7") == found


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_a_page_that_is_not_there_is_named_with_others(finished: Callable[[str], Path], format: str) -> None:
    out = str(finished(format))
    with pytest.raises(UsageError, match=r"no page 'C' in .*; did you mean 'a/c'\?"):
        find_page(out, "C")
    with pytest.raises(UsageError, match=r"no page 'z' in .*; its pages are 'a/b', 'a/c'$"):
        find_page(out, "z")
    with pytest.raises(PageError, match=r"it failed in read: .*text"):
        find_page(out, "bad")


def test_explain_of_a_run(finished: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(finished("parquet"))
    capsys.readouterr()
    assert main(["explain", out, "--id", "a/c"]) == 0
    assert capsys.readouterr().out.startswith("a/c: ")
    assert main(["explain", out, "--id", "a/c", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["story"]["story_cluster"].startswith("s")
    assert main(["explain", out, "--id", "a/c", "--html", str(tmp_path / "c.html")]) == 0
    assert "duplicate cluster" in (tmp_path / "c.html").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["explain", out, "--id", "bad"]) == 1
    assert "bad in " in capsys.readouterr().err
    assert main(["explain", out]) == 2
    assert "is a run: name one of its pages" in capsys.readouterr().err
    assert main(["explain", out, "--id", "a/c", "--text"]) == 2
    assert main(["explain", str(tmp_path), "--id", "a/c"]) == 2
    assert "holds no finished run" in capsys.readouterr().err
