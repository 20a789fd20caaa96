"""What pages, records and models may not do: leave the output directory, run code, use the network, leave files."""

import ast
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import runner
from pipeline.sinks import write_rows
from pipeline.site_files import labelled_pages

ROOT = Path(__file__).parents[1]
SOURCES = [path for package in ("pipeline", "transforms") for path in sorted((ROOT / package).rglob("*.py"))]
# Modules that run what they read.
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "jsonpickle", "joblib", "yaml"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__"}
# Rules in Python are code that the user names in the configuration, never in data.
LOADS_CODE_OF_THE_USER = {"pipeline/rules.py", "transforms/core/site_rules.py"}
# Labelled pages between two passes of one run, read by an unpickler that knows nothing but their classes.
LOADS_NOUNS = {"pipeline/site_files.py"}

HOSTILE_IDS = [
    "../../escaped", "/etc/escaped", "..", ".", "a/../../../escaped", "C:\\escaped", "\\\\host\\escaped",
    "~root/escaped",
    "escaped\x00.html", "%2e%2e%2fescaped", "part-00000-of-00001.parquet", ".work/run.json",
    "con", "a" * 900, "*", "{}",
]  # fmt: skip


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_that_is_read_is_run(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    if str(path.relative_to(ROOT)) in LOADS_NOUNS:
        assert not {name for name, _ in calls(tree)} & {"pickle.load", "pickle.loads"}
    else:
        assert not imported & UNSAFE_MODULES
    for name, call in calls(tree):
        if str(path.relative_to(ROOT)) not in LOADS_CODE_OF_THE_USER:
            assert name not in UNSAFE_CALLS, f"line {call.lineno}"
        if name in ("np.load", "numpy.load"):
            allowed = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            assert allowed.get("allow_pickle") == "False", f"line {call.lineno}"


@pytest.mark.parametrize("call", [os.system, eval, exec, subprocess.run, runner.run], ids=lambda call: call.__name__)
def test_no_labelled_page_runs_code(call: Callable[..., Any], tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> Any:
            return call, (f"touch {tmp_path}/run",)

    file = str(tmp_path / "part-00000-of-00001.parquet")
    write_rows(file, "labelled", [{"labelled": pickle.dumps(Hostile())}], "parquet")
    with pytest.raises(pickle.UnpicklingError, match="is no part of a page"):
        list(labelled_pages(file))
    assert not (tmp_path / "run").exists()


def test_no_id_or_address_leads_out_of_the_output_directory(
    tmp_path: Path, run_pages: Callable[..., Any], write_jsonl: Callable[..., Path]
) -> None:
    text = "The ferry hit the breakwater at dawn in thick fog, and nobody aboard was hurt, the harbour master said."
    records = [{"id": name, "url": f"file:///{name}", "text": text + str(n)} for n, name in enumerate(HOSTILE_IDS)]
    inputs = write_jsonl("in/hostile.jsonl", records)
    before = everything(tmp_path)
    manifest = run_pages([inputs], tmp_path / "out")
    assert manifest["counts"]["pages"] == len(HOSTILE_IDS)
    made = everything(tmp_path) - before
    assert all(path == tmp_path / "out" or tmp_path / "out" in path.parents for path in made)
    assert not any("escaped" in path.name for path in made)


def everything(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def test_a_run_needs_no_network(tmp_path: Path) -> None:
    """In a network of its own that has nothing in it."""
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare")
    cut = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]
    if subprocess.run([*cut, "true"], capture_output=True).returncode:
        pytest.skip("needs the right to make a network namespace")
    command = [
        sys.executable,
        "-m",
        "pipeline",
        "run",
        str(ROOT / "tests" / "data" / "demo"),
        "-o",
        str(tmp_path / "out"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment.pop("HF_HUB_OFFLINE", None)  # not needed: nothing asks
    done = subprocess.run(
        [*cut, *command, "--set", "embed.model=hashing"], capture_output=True, text=True, env=environment, timeout=900
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["counts"]["pages"] > 10


def test_temporary_files_are_private_and_removed(
    tmp_path: Path, run_pages: Callable[..., Any], write_jsonl: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    modes: list[int] = []
    original = tempfile.mkdtemp

    def noted(*arguments: Any, **options: Any) -> str:
        made = original(*arguments, **options)
        modes.append(os.stat(made).st_mode & 0o777)
        return made

    monkeypatch.setattr(tempfile, "mkdtemp", noted)
    run_pages([write_jsonl("in/a.jsonl", [{"id": "a", "text": "One line of text."}])], tmp_path / "out")
    assert modes and set(modes) == {0o700}
    assert everything(scratch) == set()
