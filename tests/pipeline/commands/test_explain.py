import gzip
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import explain
from pipeline.cli import main
from tests.pipeline.examples import HARBOUR

FAST = ["--set", "segment.method=readability", "--set", "embed.model=hashing"]


def test_explain_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "harbour.html.gz"
    page.write_bytes(gzip.compress(HARBOUR.encode()))
    assert main(["explain", str(page), *FAST]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("harbour: article (")
    assert "\x1b" not in printed
    assert "body           0.50  The harbour was closed on Tuesday" in printed

    assert main(["explain", str(page), "--json", *FAST]) == 0
    record = json.loads(capsys.readouterr().out)
    assert main(["explain", str(page), "--text", *FAST]) == 0
    text = capsys.readouterr().out
    assert record["page"]["id"] == "harbour"
    assert record["story"]["title"] == "Harbour closed"
    for segment in record["segments"]:
        assert text[segment["start"] : segment["end"]] == segment["text"]


@pytest.mark.parametrize(
    ("content", "kind", "encoding"),
    [
        (HARBOUR, None, "html"),
        ("\ufeff" + HARBOUR, None, "html"),
        ("Just a line.", None, "text"),
        (HARBOUR, "text", "text"),
    ],
)
def test_explain_standard_input(
    content: str,
    kind: str | None,
    encoding: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    assert main(["explain", "-", "--text", *(["--kind", kind] if kind else []), *FAST]) == 0
    assert ("<p>" in capsys.readouterr().out) == (encoding == "text" and content == HARBOUR)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_explain_recognises_html_in_other_encodings(
    encoding: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(HARBOUR.encode(encoding))))
    assert main(["explain", "-", "--text", *FAST]) == 0
    printed = capsys.readouterr().out
    assert "Harbour closed" in printed
    assert "<p>" not in printed


def test_explain_takes_suffixes_in_any_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "HARBOUR.HTML.GZ"
    page.write_bytes(gzip.compress(HARBOUR.encode()))
    assert main(["explain", str(page), *FAST]) == 0
    assert capsys.readouterr().out.startswith("HARBOUR: article (")


def test_a_page_cannot_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "a.txt"
    page.write_text("A title\n\nA line\twith \x1b[2J and \x9b31m and \x07 and \x7f in it.\n", encoding="utf-8")
    assert main(["explain", str(page), *FAST]) == 0
    printed = capsys.readouterr().out
    assert not set(printed) & {"\x1b", "\x9b", "\x07", "\x7f"}
    assert "\ufffd[2J and \ufffd31m and \ufffd and \ufffd in it." in printed
    assert explain.printable("a\tb\r\nc\rd\n") == "a\tb\r\nc\ufffdd\n"
    assert main(["explain", str(page), "--json", *FAST]) == 0
    printed = capsys.readouterr().out
    assert "\x9b" not in printed
    assert "\x9b31m" in json.loads(printed)["segments"][-1]["text"]


def test_errors_of_explain(error_of: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert error_of("explain") == (
        "no page: name a file, for example copydesk explain page.html, or - for standard input"
    )
    assert error_of("explain", "nowhere.html") == "cannot read nowhere.html: No such file or directory"
    assert error_of("explain", str(tmp_path)) == f"cannot read {tmp_path}: Is a directory"
    assert error_of("explain", "a.html", "--kind", "pdf") == "--kind must be html or text, not 'pdf'"
    assert error_of("explain", "a.html", "--json", "--text") == "--json and --text exclude each other"
    (tmp_path / "a.html").write_text(HARBOUR)
    assert error_of("explain", str(tmp_path / "a.html"), "--set", "segment.model=nowhere.npz") == (
        "role model nowhere.npz: No such file or directory; give segment.model a file made by `make train`"
    )
    for name in ("a.jsonl", "a.JSONL.gz", "a.jsonl.zst", "a.parquet", "a.warc.gz", "a.wet"):
        assert error_of("explain", name) == (
            f"{name} holds records, not one page: use copydesk run, or say with --kind what it is"
        )
    (tmp_path / "a.html.gz").write_text("no gzip")
    file = str(tmp_path / "a.html.gz")
    assert error_of("explain", file) == f"cannot read {file}: Not a gzipped file (b'no')"
    (tmp_path / "a.html.gz").write_bytes(gzip.compress(HARBOUR.encode())[:-12])
    assert error_of("explain", file) == (
        f"cannot read {file}: Compressed file ended before the end-of-stream marker was reached"
    )


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"%PDF-1.7", "the content is no text but a PDF, an image or the like"),
        (b"x" * 101, "it has more than 100 bytes; raise input.max_bytes to read it"),
    ],
    ids=["binary", "too large"],
)
def test_a_page_that_cannot_be_processed(
    content: bytes, detail: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "a.html.gz"
    page.write_bytes(gzip.compress(content))
    assert main(["explain", str(page), "--set", "input.max_bytes=100"]) == 1
    assert capsys.readouterr().err == f"copydesk: {page} cannot be processed: {detail}\n"


def test_a_defect_in_explain_is_a_line_and_a_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(explain, "segment_page", fail)
    page = tmp_path / "a.html"
    page.write_text(HARBOUR)
    assert main(["explain", str(page)]) == 1
    assert capsys.readouterr().err == "copydesk: ZeroDivisionError: inside\n"
