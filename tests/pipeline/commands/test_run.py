import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline import Interrupted, RunError, UsageError, report, runner
from pipeline.cli import main
from pipeline.request import Request
from tests.pipeline.examples import HARBOUR

FAST = ["--set", "segment.method=readability", "--set", "embed.model=hashing"]
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


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Put a recorder in the place of the runner."""
    recorded: list[Request] = []

    def run(request: Request) -> dict[str, Any]:
        recorded.append(request)
        return MANIFEST

    monkeypatch.setattr(runner, "run", run)
    return recorded


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
