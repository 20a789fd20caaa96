"""What others do with the tables: load them with the tools at hand, and make new ones every night by cron."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

# The output contract. A name may be added; none is taken away.
COLUMNS = {
    "stories": [
        "id", "url", "site", "title", "dek", "authors", "published", "modified", "language", "section", "site_name",
        "description", "text", "captions", "bio", "confidence", "teasers", "chars_in", "chars_kept",
        "duplicate_cluster", "story_cluster", "topic_cluster", "duplicate_of", "linked_from", "source", "metadata",
    ],
    "teasers": [
        "id", "page_id", "position", "title", "text", "caption", "target_url", "links_to", "duplicate_cluster",
        "story_cluster", "topic_cluster", "duplicate_of",
    ],
    "pages": [
        "id", "url", "canonical_url", "site", "title", "kind", "kind_confidence", "status", "flags", "encoding",
        "chars_in", "chars_kept", "source",
    ],
    "segments": ["id", "page_id", "order", "role", "story", "text", "start", "end", "confidence", "reason"],
    "members": ["id", "level", "cluster_id", "similarity"],
    "clusters": [
        "cluster_id", "level", "size", "label", "keywords", "medoid_id", "first_seen", "last_seen",
        "forwarded_from",
    ],
    "failures": ["stage", "source", "id", "error", "detail"],
}  # fmt: skip

# The line that loads one table with each tool; all stand in docs/downstream.md as well.
LOAD = {
    "parquet": {
        "pandas": 'pandas.read_parquet("out/stories")',
        "datasets": 'load_dataset("parquet", data_files="out/stories/*.parquet", split="train")',
        "polars": 'polars.read_parquet("out/stories")',
        "duckdb": """duckdb.sql("from 'out/stories/*.parquet'")""",
        "datatrove": 'ParquetReader("out/stories")',
    },
    "jsonl": {
        "pandas": 'pandas.read_json("out/stories/part-00000-of-00001.jsonl", lines=True, dtype=False)',
        "datasets": 'load_dataset("json", data_files="out/stories/*.jsonl", split="train")',
        "polars": 'polars.read_ndjson("out/stories/*.jsonl", infer_schema_length=None)',
        "duckdb": """duckdb.sql("from 'out/stories/*.jsonl'")""",
        "datatrove": 'JsonlReader("out/stories")',
    },
}
IMPORTS = """\
import pandas
from datasets import load_dataset
import polars
import duckdb
from datatrove.pipeline.readers import JsonlReader, ParquetReader
"""
TEXT_KEY = {"failures": "detail", "members": "id", "clusters": "label", "pages": "id"}  # datatrove asks for a text


def run_python(code: str, directory: Path, environment: dict[str, str]) -> str:
    """Run a program in a directory; return the last line that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=directory,
        env={**environment, "HF_HOME": str(directory / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def jsonl_run(copydesk: Callable[..., Any], demo_pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run like ``demo_run`` with the configuration for people who look at files."""
    out = tmp_path_factory.mktemp("jsonl") / "out"
    copydesk("run", demo_pages, "-o", out, "--config", "local", "--set", "embed.model=hashing", cwd=out.parent)
    return out


@pytest.mark.parametrize("form", LOAD)
def test_each_tool_loads_each_table_in_a_line(
    form: str,
    request: pytest.FixtureRequest,
    environment: dict[str, str],
    tables: Callable[[Path], Any],
    library: Callable[[str], None],
) -> None:
    for tool in LOAD[form]:
        library(tool)
    out = request.getfixturevalue("demo_run" if form == "parquet" else "jsonl_run")
    lines = []
    for name in COLUMNS:
        pandas, datasets, polars, duckdb, datatrove = (line.replace("stories", name) for line in LOAD[form].values())
        if name in TEXT_KEY:
            datatrove = datatrove.replace(")", f', text_key="{TEXT_KEY[name]}")')
        lines += [
            f"frame, dataset, table, relation, reader = {pandas}, {datasets}, {polars}, {duckdb}, {datatrove}",
            "documents = list(reader())",
            f"loaded[{name!r}] = {{'pandas': [len(frame), list(frame.columns)],"
            " 'datasets': [dataset.num_rows, dataset.column_names], 'polars': [table.height, table.columns],"
            " 'duckdb': [len(relation.fetchall()), relation.columns],"
            " 'datatrove': [len(documents), sorted({document.text for document in documents})]}",
        ]
    program = "\n".join([IMPORTS, "import json", "loaded = {}", *lines, "print(json.dumps(loaded))"])
    loaded = json.loads(run_python(program, out.parent, environment))
    for name, rows in tables(out).items():
        assert rows, f"{name} has no rows to load"
        count, texts = loaded[name].pop("datatrove")
        with_text = [text for row in rows if (text := row[TEXT_KEY.get(name, "text")])]  # datatrove skips the others
        assert (count, texts) == (len(with_text), sorted(set(with_text))), name
        for tool, found in loaded[name].items():
            assert found == [len(rows), COLUMNS[name]], f"{tool}: {name}"


def test_the_documents_show_the_lines_that_load_a_table() -> None:
    document = (ROOT / "docs" / "downstream.md").read_text(encoding="utf-8").replace("OUT/", "out/")
    for form, of_form in LOAD.items():
        for tool, line in of_form.items():
            assert line in document, f"{tool}: {form}"


def test_both_formats_hold_the_same(demo_run: Path, jsonl_run: Path, tables: Callable[[Path], Any]) -> None:
    parquet, jsonl = tables(demo_run), tables(jsonl_run)
    for name in COLUMNS:
        assert jsonl[name] == parquet[name], name
        assert [file.name for file in (jsonl_run / name).iterdir()] == ["part-00000-of-00001.jsonl"]
        assert {file.suffix for file in (demo_run / name).iterdir()} == {".parquet"}


def test_the_readme_loads_the_demo_as_it_says(demo_run: Path, environment: dict[str, str], tmp_path: Path) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    (tmp_path / "demo-out").symlink_to(demo_run)
    printed = run_python(f"{code}\nprint(len(stories), dataset.num_rows, *stories.columns)", tmp_path, environment)
    rows, rows_again, *columns = printed.split()
    assert rows == rows_again != "0"
    assert columns == COLUMNS["stories"]


def test_the_crontab_runs_and_runs_again(tmp_path: Path, environment: dict[str, str], demo_pages: Path) -> None:
    lines = (ROOT / "deploy" / "crontab").read_text(encoding="utf-8").splitlines()
    variable, line = [line for line in lines if not line.startswith("#")]
    assert variable == "DESK=/srv/copydesk"
    schedule, command = re.fullmatch(r"((?:[\d*/,-]+ ){5})(.+)", line).groups()
    assert len(schedule.split()) == 5
    assert not re.search(r"(?<!\\)%", command), "cron takes a bare % for a line break"

    news = tmp_path / "news"  # where the line expects its environment and its inbox
    (news / "bin").mkdir(parents=True)
    program = news / "bin" / "copydesk"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pipeline "$@" --set embed.model=hashing\n')
    program.chmod(0o755)
    today = subprocess.check_output(["date", "+%F"], text=True).strip()
    shutil.copytree(demo_pages / "archive", news / "inbox")
    out = news / "out" / f"run_date={today}"

    as_cron = ["sh", "-c", command.replace(r"\%", "%")]
    environment = environment | {"DESK": str(news)}
    first = subprocess.run(as_cron, cwd=tmp_path, env=environment, capture_output=True)
    written = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.name != "lock"}
    second = subprocess.run(as_cron, cwd=tmp_path, env=environment, capture_output=True)

    (log,) = [path.read_text() for path in news.iterdir() if path.is_file()]
    assert (first.returncode, second.returncode) == (0, 0), log
    assert (out / "_SUCCESS").exists()
    assert json.loads((out / "manifest.json").read_text())["settings"]["run"]["date"] == today
    assert log.count("copydesk: segment: 4 inputs, 4 pages, 0 failures, ") == 1
    assert f"copydesk: out/run_date={today} is complete: nothing to do\n" in log
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.name != "lock"} == written
