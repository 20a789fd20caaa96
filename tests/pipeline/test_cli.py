import gzip
import io
import json
import logging
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pipeline
from pipeline import Interrupted, RunError, UsageError, cli, explain, report, runner
from pipeline.cli import main
from pipeline.request import Request
from transforms.types import PageRecord, PageResult, Segment, Source

FAST = ["--set", "segment.method=readability", "--set", "embed.model=hashing"]
HARBOUR = """<html><head><title>Harbour closed</title></head><body><nav><a href="/">Home</a></nav><article>
<h1>Harbour closed</h1>
<p>The harbour was closed on Tuesday after a ferry had hit the breakwater in thick fog, its master said.</p>
<p>Nobody was hurt, and the ferry went back to sea at noon, an hour after divers had looked at its hull.</p>
</article></body></html>"""

WriteJsonl = Callable[..., Path]


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """The command sets up logging for its process; tests share theirs."""
    root, ours = logging.getLogger(), logging.getLogger("copydesk")
    handlers, level, our_level = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    ours.setLevel(our_level)


@pytest.fixture
def error_of(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must be refused with exit status 2; return its message."""

    def run(*arguments: str) -> str:
        assert main(arguments) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("copydesk: ")
        return captured.err.removeprefix("copydesk: ").rstrip("\n")

    return run


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Put a recorder in the place of the runner."""
    recorded: list[Request] = []

    def run(request: Request) -> dict[str, Any]:
        recorded.append(request)
        return MANIFEST

    monkeypatch.setattr(runner, "run", run)
    return recorded


MANIFEST: dict[str, Any] = {
    "until": "report",
    "counts": {
        "inputs": 1234,
        "pages": 1230,
        "failures": 4,
        "stories": 1000,
        "teasers": 77,
        "duplicate_clusters": 1070,
        "duplicate_groups": 7,
        "story_clusters": 900,
        "story_groups": 40,
        "topic_clusters": 500,
        "topic_groups": 90,
    },
    "failures": {"read: bad_record": 3, "read: truncated": 1},
    "failure_share": 0.0032,
    "least_certain": ["a b", "c"],
    "tables": ["stories", "teasers"],
    "settings": {"output": {"format": "parquet"}},
    "phases": {"survey": {"seconds": 1.5}, "segment": {"seconds": 70.5}},
}


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "copydesk run pages/ -o out" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"copydesk {pipeline.__version__}\n"
    assert main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("usage: copydesk COMMAND ...")


@pytest.mark.parametrize("command", ["run", "explain", "report", "config"])
def test_every_command_has_a_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert f"usage: copydesk {command}" in capsys.readouterr().out


def test_run_in_its_usual_form(calls: list[Request]) -> None:
    command = ["run", "a", "-o", "out", "b", "--until", "segment", "--overwrite", "--max-failures", "0.1"]
    assert main([*command, "--state", "ids"]) == 0
    (call,) = calls
    assert call.state == "ids"
    assert call.inputs == ("a", "b")
    assert call.output == "out"
    assert call.until == "segment"
    assert call.overwrite is True
    assert call.config.run.max_failures == 0.1
    assert call.beam_flags == []


def test_run_as_a_scheduler_calls_it(calls: list[Request]) -> None:
    arguments = [
        "--input=a",
        "--output=out",
        "--input=b",
        "--text_key=body",
        "--config=nightly",
        "--overwrite",
    ]
    assert main([*arguments, "--runner=DirectRunner", "--job_name=nightly-run", "--save_main_session"]) == 0
    (call,) = calls
    assert call.inputs == ("a", "b")
    assert call.config.input.text_key == "body"
    assert call.config.run.max_failures == 0.05
    assert call.until == "report"
    assert call.beam_flags == ["--runner=DirectRunner", "--job_name=nightly-run", "--save_main_session"]


def test_beam_flags_keep_their_values_and_all_after_two_dashes_is_beams(calls: list[Request]) -> None:
    assert main(["run", "--temp_location", "gs://tmp", "a", "-o", "out", "--", "--runner", "FlinkRunner"]) == 0
    (call,) = calls
    assert call.inputs == ("a",)
    assert call.beam_flags == ["--temp_location", "gs://tmp", "--runner", "FlinkRunner"]


def test_short_forms_win_over_set_and_set_over_the_configuration(calls: list[Request]) -> None:
    sets = ["--set", "output.format=parquet", "--set", "run.max_failures=0.3"]
    assert main(["a", "-o", "out", "--config", "local", "--format", "jsonl", *sets]) == 0
    assert calls[0].config.output.format == "jsonl"
    assert calls[0].config.output.shards == 1
    assert calls[0].config.run.max_failures == 0.3


def test_errors_of_the_command_itself(error_of: Callable[..., str], tmp_path: Path) -> None:
    assert error_of("explian", "x.html") == "unknown command 'explian' (did you mean 'explain'?)"
    assert error_of("pages", "-o", "", "--state", "s").startswith("no output: name a directory")
    assert error_of("pages", "-o", "out", "--state", "") == "--state is empty: name a directory"
    assert error_of("pages") == ("no output: name a directory with -o, for example copydesk run pages/ -o out")
    assert error_of("run", "-o", "out") == (
        "no input: name a folder, a file or a pattern, for example copydesk run pages/ -o out"
    )
    assert error_of("run", "a", "-o") == "argument -o/--output: expected one argument"
    assert error_of("run", "a", "-o", "out", "-x") == "unknown flag -x"
    assert error_of("run", "a", "--outptu", "out") == "unknown flag --outptu (did you mean '--output'?)"
    assert error_of("run", "a", "-o", "out", "--runer=x") == "unknown flag --runer (did you mean '--runner'?)"
    assert error_of("run", "a", "-o", "out", "--until", "segmnt") == (
        "--until: no phase 'segmnt' (did you mean 'segment'?); the phases are survey, segment, embed, cluster, report"
    )
    assert error_of("run", "a", "-o", "out", "--set", "embed.modle=x") == (
        "unknown setting 'embed.modle' (did you mean 'embed.model'?)"
    )
    assert error_of("run", "a", "-o", "out", "--format", "csv") == (
        "output.format must be 'parquet' or 'jsonl', not 'csv'"
    )
    assert error_of("run", str(tmp_path), "-o", str(tmp_path / "out"), "--", "--foo") == "unknown flag --foo after --"
    assert error_of("config", "--foo") == "unknown flag --foo"
    assert error_of("config", "--confg=x") == "unknown flag --confg (did you mean '--config'?)"
    assert error_of("config", "extra") == "unexpected argument 'extra'"
    assert error_of("report") == "no directory: name the output of a run, for example copydesk report out"
    assert error_of("report", str(tmp_path)) == (f"{tmp_path} holds no finished run: there is no manifest.json in it")


def test_a_path_that_looks_like_a_command_is_an_input(
    calls: list[Request], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reports").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["reports", "-o", "out"]) == 0
    assert calls[0].inputs == ("reports",)


def test_the_summary_cannot_steer_a_terminal() -> None:
    shown = report.summary(MANIFEST | {"least_certain": ["\x1b]0;mine\x07"]}, "out")
    assert "\x1b" not in shown and "\x07" not in shown and "--id '\ufffd]0;mine\ufffd'" in shown


def test_the_summary_says_what_came_out_and_what_to_do_next(
    calls: list[Request], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["a", "-o", "out"]) == 0
    assert capsys.readouterr().out == (
        "inputs             1,234\n"
        "pages              1,230\n"
        "stories            1,000\n"
        "teasers               77\n"
        "failures               3  read: bad_record\n"
        "failures               1  read: truncated\n"
        "duplicate          1,070  clusters, 7 of them with two or more members\n"
        "story                900  clusters, 40 of them with two or more members\n"
        "topic                500  clusters, 90 of them with two or more members\n"
        "time                72 s\n"
        "\n"
        "tables in out: stories, teasers (parquet)\n"
        "next: open out/report.html\n"
        "      see why 4 failed in out/failures, most often read: bad_record (3)\n"
        "      copydesk explain out --id 'a b'   (the least certain story)\n"
    )


def test_machines_get_a_log_of_json_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.html").write_text(HARBOUR)
    (tmp_path / "b.html").write_bytes(b"%PDF-1.7\x00")
    command = ["run", str(tmp_path), "-o", str(tmp_path / "out"), "--until", "segment", "--log-format", "json", *FAST]
    assert main([*command, "--max-failures", "0.1"]) == 3
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert all(line["logger"] == "copydesk" and line["time"].endswith("+00:00") for line in lines)
    segment = next(line for line in lines if line.get("event") == "phase" and line["phase"] == "segment")
    assert (segment["level"], segment["counts"]["failures"]) == ("info", 1)
    assert (lines[-1]["level"], lines[-1]["message"][:23]) == ("error", "50.0% of the inputs fai")
    assert main(["run", str(tmp_path), "-o", "out", "--log-format", "xml"]) == 2


def test_too_many_failures_are_exit_status_3(calls: list[Request], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["a", "-o", "out", "--max-failures", "0.0032"]) == 0
    capsys.readouterr()
    assert main(["a", "-o", "out", "--max-failures", "0.001"]) == 3
    assert capsys.readouterr().err == (
        "copydesk: 0.3% of the inputs failed, more than the 0.1% of --max-failures; the failures table says why\n"
    )


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (
            RuntimeError("Traceback:\nKeyError: 'x'"),
            1,
            "copydesk: RuntimeError: KeyError: 'x'\ncopydesk: run it again with -v for the traceback\n",
        ),
        (
            RunError("records were lost"),
            1,
            "copydesk: records were lost\n",
        ),
        (KeyboardInterrupt(), 1, "copydesk: interrupted; run the same command again to continue\n"),
        (Interrupted(), 1, "copydesk: interrupted; run the same command again to continue\n"),
        (UsageError("out is a file"), 2, "copydesk: out is a file\n"),
    ],
)
def test_what_stops_a_run_becomes_a_line_and_a_status(
    error: BaseException,
    status: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(_: Request) -> None:
        raise error

    monkeypatch.setattr(runner, "run", run)
    assert main(["a", "-o", "out"]) == status
    assert capsys.readouterr().err == message


def test_verbose_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def run(_: Request) -> None:
        raise RuntimeError("inside")

    monkeypatch.setattr(runner, "run", run)
    assert main(["a", "-o", "out", "-v"]) == 1
    error = capsys.readouterr().err
    assert "Traceback (most recent call last):" in error
    assert "run it again with -v" not in error


def test_config_prints_toml(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--config", "nightly", "--set", "run.workers=3", "--id-key", "uuid"]) == 0
    printed = tomllib.loads(capsys.readouterr().out)
    assert printed["run"] == {"date": "", "workers": 3, "memory_gb": 0.0, "max_failures": 0.05}
    assert printed["input"]["id_key"] == "uuid"


def test_run_and_report_on_real_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pages = tmp_path / "pages"
    (pages / "deep").mkdir(parents=True)
    (pages / "deep" / "harbour.html.gz").write_bytes(gzip.compress(HARBOUR.encode()))
    (pages / "broken.html").write_bytes(b"%PDF-1.7\x00\x01\x02")
    out = tmp_path / "out"
    command = ["run", str(pages), "-o", str(out), "--format", "jsonl", "--until", "segment", *FAST]
    assert main([*command, "--max-failures=0.5"]) == 0
    captured = capsys.readouterr()
    assert "failures               1  read: not_text\n" in captured.out
    assert f"copydesk report {out} shows what is there" in captured.out
    assert "copydesk: survey: 2 files, " in captured.err

    (stories,) = (out / "stories").glob("*.jsonl")
    story = json.loads(stories.read_text(encoding="utf-8"))
    assert story["id"] == "deep/harbour"
    assert story["text"].endswith("an hour after divers had looked at its hull.")

    assert main([*command, "--max-failures=0.4"]) == 3
    assert main(["report", str(out)]) == 0
    assert capsys.readouterr().out.endswith(f"{out}/report.html\n")
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "What became of 2 inputs" in report
    assert "default-src &#39;none&#39;" in report


# explain

RESULT = PageResult(
    page=PageRecord(
        id="harbour",
        url=None,
        site=None,
        kind="article",
        kind_confidence=0.98,
        status="story",
        flags=("multi_article",),
        encoding="utf-8",
        chars_in=2400,
        chars_kept=1200,
        source=Source("harbour.html"),
    ),
    segments=(
        Segment("harbour", 0, "title", 0, "Harbour closed", 0, 14, 0.99, "large heading"),
        Segment("harbour", 1, "teaser_title", 1, "Ferry sold", 16, 26, 0.9, "a link alone"),
        Segment("harbour", 2, "teaser_text", 1, "To an island.", 28, 41, 0.8, "follows a headline"),
        Segment("harbour", 3, "teaser_title", 2, "Fog lifts", 43, 52, 0.7, "a link alone"),
        Segment("harbour", 4, "boilerplate", None, "Imprint\nContact", 54, 69, 1.0, "only links"),
    ),
    story=None,
    text="Harbour closed\n\nFerry sold",
)


def test_explain_prints_each_segment_with_role_confidence_and_reason() -> None:
    rule = "─"
    assert explain.render(RESULT, width=72, colour=False).splitlines() == [
        "harbour: article (0.98), story, 1,200 of 2,400 characters in the story",
        "flags: multi_article",
        "",
        "title          0.99  Harbour closed",
        "                     └ large heading",
        "── teaser 1 ".ljust(72, rule),
        "teaser_title   0.90  Ferry sold",
        "                     └ a link alone",
        "teaser_text    0.80  To an island.",
        "                     └ follows a headline",
        "── teaser 2 ".ljust(72, rule),
        "teaser_title   0.70  Fog lifts",
        "                     └ a link alone",
        rule * 72,
        "boilerplate    1.00  Imprint",
        "                     Contact",
        "                     └ only links",
    ]


def test_explain_wraps_by_columns() -> None:
    wide = explain.render(
        PageResult(RESULT.page, (Segment("a", 0, "body", 0, "汐凪町の吊り橋" * 4, 0, 28, 1.0, "x"),), None),
        61,
        False,
    )
    lines = wide.splitlines()
    assert lines[3] == "body           1.00  " + ("汐凪町の吊り橋" * 4)[:20]
    assert lines[4] == " " * 21 + ("汐凪町の吊り橋" * 4)[20:]


def test_explain_colours_on_request_only() -> None:
    coloured = explain.render(RESULT, width=72, colour=True)
    assert "\x1b[1mHarbour closed\x1b[0m" in coloured
    assert "\x1b" not in explain.render(RESULT, width=72, colour=False)


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


def test_an_interrupt_while_a_command_is_imported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMANDS, "run", interrupt)
    assert main(["run", "a", "-o", "out"]) == 1
    assert capsys.readouterr().err == "copydesk: interrupted\n"


def test_a_reader_that_has_gone_is_no_traceback() -> None:
    program = [sys.executable, "-m", "pipeline", "config"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(program, stdout=write, stderr=subprocess.PIPE, cwd=Path(cli.__file__).parents[1], text=True)
    os.close(write)
    assert "Traceback" not in done.stderr


def test_airflow_calls_a_file_with_flags_only(tmp_path: Path) -> None:
    """``python FILE --key=value``: a file that imports the package, run by another process."""
    (tmp_path / "job.py").write_text("import sys\nfrom pipeline.cli import main\nsys.exit(main())\n")
    root = str(Path(cli.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "job.py", "--input=nowhere", f"--output={tmp_path}/out", "--runner=DirectRunner"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (2, "copydesk: nowhere: no such file or directory\n")
