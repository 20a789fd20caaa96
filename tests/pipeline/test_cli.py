import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import pipeline
from pipeline import cli
from pipeline.cli import main


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
