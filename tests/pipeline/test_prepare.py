from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import UsageError

Run = Callable[..., dict[str, Any]]
Tables = Callable[[Path], dict[str, list[dict[str, Any]]]]
CLEAN = "input.clean=true"


@pytest.mark.parametrize("output", [".", "pages"])
def test_inputs_in_the_output_directory_are_refused_and_left_alone(
    output: str, tmp_path: Path, run_pages: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "pages" / "a.html"
    page.parent.mkdir()
    page.write_text("<p>A page.")
    (tmp_path / "elsewhere.txt").write_text("Another page.")
    inputs = [Path("pages"), Path("elsewhere.txt")] if output == "." else [Path("pages")]
    with pytest.raises(UsageError) as caught:
        run_pages(inputs, Path(output), until="segment", overwrite=True)
    what = {".": "the input pages stands", "pages": "all inputs (1 files) stand"}[output]
    assert str(caught.value) == (
        f"{what} in the output directory {output}, whose tables a run replaces and where it reads nothing. "
        "Choose another output directory"
    )
    assert page.read_text() == "<p>A page."


def test_tables_of_an_older_run_below_the_input_are_not_read(stories: Path, run_pages: Run, tables: Tables) -> None:
    out = stories.parent / "out"
    run_pages([stories.parent], out, CLEAN, "output.format=jsonl", until="segment")
    files = run_pages([stories.parent], out, CLEAN, "output.format=jsonl", until="segment")["phases"]["survey"]
    assert files["counts"]["files"] == 1
    (out / ".work/run.json").unlink()  # as if somebody had tidied up: nothing of the old run is trusted
    manifest = run_pages([stories.parent], out, CLEAN, "output.format=jsonl", until="segment", overwrite=True)
    assert manifest["phases"]["survey"]["counts"]["files"] == 1
    assert len(tables(out)["pages"]) == 4


def test_missing_inputs_and_models_are_usage_errors(stories: Path, tmp_path: Path, run_pages: Run) -> None:
    def error_of(inputs: list[Path], *settings: str) -> str:
        with pytest.raises(UsageError) as caught:
            run_pages(inputs, tmp_path / "out", *settings)
        return str(caught.value)

    assert error_of([tmp_path / "nowhere"]) == f"{tmp_path / 'nowhere'}: no such file or directory"
    assert error_of([stories], "embed.model=nowhere").startswith("embed.model='nowhere' is no model: ")
    assert error_of([stories], "segment.method=model", "segment.model=nowhere.npz") == (
        "role model nowhere.npz: No such file or directory; give segment.model a file made by `make train`"
    )
    assert not (tmp_path / "out").exists()
