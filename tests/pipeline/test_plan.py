import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline import PHASES, RunError, UsageError, config, plan, runner
from pipeline.cli import main
from pipeline.engine import Engine
from pipeline.sources import match_inputs

DEFAULTS = config.load()
RECORD = {"text": "The harbour was closed for the night. " * 50}


def amount(**inputs: float) -> plan.Amount:
    return plan.Amount(100, 1_000_000, inputs, True)


def made(of: plan.Amount, *settings: str, workers: int = 1, finished: Sequence[str] = ()) -> plan.Plan:
    effective = config.load(None, settings)
    return plan.make(of, effective, Engine("FnApiRunner", workers=workers), PHASES, lambda phase: phase in finished)


def test_files_of_one_page_are_counted_and_records_estimated(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<p>A")
    (tmp_path / "b.txt").write_text("B")
    exact = plan.amount_of(match_inputs([str(tmp_path)]), DEFAULTS)
    assert (exact.inputs, exact.is_exact, exact.files) == ({"html": 1, "text": 1}, True, 2)
    (tmp_path / "c.jsonl").write_text((json.dumps(RECORD) + "\n") * 3000)
    estimated = plan.amount_of(match_inputs([str(tmp_path)]), DEFAULTS)
    assert not estimated.is_exact
    assert estimated.inputs["text"] == pytest.approx(3001, rel=0.05)


def test_a_plan_grows_with_the_input() -> None:
    small, large = made(amount(html=1000)), made(amount(html=100_000))
    assert [step.phase for step in small.steps] == list(PHASES)
    assert small.shuffle[0] == large.shuffle[0] == "cluster"
    assert large.shuffle[1] == 100 * small.shuffle[1]
    seconds = {step.phase: step.seconds for step in large.steps}
    more = {step.phase: step.seconds for step in made(amount(html=100_000), workers=4).steps}
    assert seconds["segment"] > 3 * more["segment"]
    assert seconds["cluster"] == more["cluster"]  # one process, however many there are
    lite = {step.phase: step.seconds for step in made(amount(html=100_000), "embed.model=lite").steps}
    assert lite["embed"] < seconds["embed"] / 10


def test_a_shuffle_that_does_not_fit_is_refused_with_advice() -> None:
    reason = made(amount(html=100_000), "run.memory_gb=2").refusal
    assert reason is not None
    assert reason.startswith("the cluster phase moves all its records through memory at once: about 5.1 GB")
    assert "stop with --until embed" in reason
    assert made(amount(html=100_000), "run.memory_gb=6").refusal is None
    assert made(amount(html=100_000), "run.memory_gb=2", finished=["cluster"]).refusal is None


def test_workers_are_used_where_they_pay() -> None:
    assert plan.workers_that_pay(amount(html=100_000), DEFAULTS, 8) == 8
    assert plan.workers_that_pay(amount(html=100), DEFAULTS, 8) == 1
    one_file = plan.Amount(1, 10**9, {"html": 100_000}, False)
    assert plan.workers_that_pay(one_file, DEFAULTS, 8) == 1  # a file is read by one worker


def test_a_dry_run_prints_the_plan_and_writes_nothing(
    write_jsonl: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, out = write_jsonl("in.jsonl", [RECORD] * 20), tmp_path / "out"
    command = ["run", str(page), "-o", str(out), "--set", "embed.model=hashing", "--dry-run"]
    assert main([*command, "--until", "segment"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("inputs   1 files, ")
    assert [line.split()[0] for line in printed] == ["inputs", "engine", "survey", "segment", "together", "memory"]
    assert main([*command, "--set", "run.memory_gb=0.0001"]) == 2
    assert "set run.memory_gb" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl"]


def test_what_would_not_fit_is_not_begun(
    write_jsonl: Callable[..., Path], tmp_path: Path, run_pages: Callable[..., dict[str, Any]]
) -> None:
    page, out = write_jsonl("in.jsonl", [RECORD | {"id": str(n)} for n in range(4)]), tmp_path / "out"
    with pytest.raises(UsageError, match="the cluster phase moves all its records"):
        run_pages([page], out, "run.memory_gb=0.00001")
    assert not out.exists()


def test_the_clusters_are_refused_where_there_are_more_texts_than_estimated(
    write_jsonl: Callable[..., Path],
    tmp_path: Path,
    run_pages: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = write_jsonl("in.jsonl", [RECORD | {"id": str(n)} for n in range(4)])
    run_pages([page], tmp_path / "out", "input.clean=true", until="embed")
    monkeypatch.setattr(runner, "make_plan", lambda *_: made(amount()))
    with pytest.raises(RunError, match=r"about 58\.0 kB, and there are 10\.0 kB"):
        run_pages([page], tmp_path / "out", "input.clean=true", "run.memory_gb=0.00001")
