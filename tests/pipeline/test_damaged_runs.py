"""Outputs of runs that have been damaged since: what reads them says which file is wrong, in one line, and ends."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import report
from pipeline.cli import main
from pipeline.sinks import write_rows
from tests.rows import whole_manifest, whole_row

ROWS: dict[str, list[dict[str, Any]]] = {
    "pages": [{"id": "fog"}],
    "stories": [{"id": "fog", "text": "It was thick."}],
    "teasers": [{"id": "fog#t1", "page_id": "fog", "position": 1, "title": "Ferry sold"}],
    "segments": [{"id": "fog#s0", "page_id": "fog", "role": "body", "text": "It was thick.", "end": 13}],
    "clusters": [{"cluster_id": "s1", "level": "story", "size": 1}],
    "members": [{"id": "fog", "level": "story", "cluster_id": "s1"}],
    "failures": [{"stage": "read", "error": "bad_record"}],
}
READERS = {
    "diff": ("diff", "RUN", "RUN"),
    "report": ("report", "RUN"),
    "explain": ("explain", "RUN", "--id", "fog"),
    "dolma": ("export", "RUN", "--to", "dolma", "-o", "EXPORT"),
    "huggingface": ("export", "RUN", "--to", "huggingface", "-o", "EXPORT"),
    "markdown": ("export", "RUN", "--to", "markdown", "-o", "EXPORT"),
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    monkeypatch.setattr(report, "charts_runtime", lambda: "/* charts */")

    def write(format: str) -> Path:
        out = tmp_path / "out"
        for table, rows in ROWS.items():
            whole = [whole_row(table, one) for one in rows]
            write_rows(str(out / table / f"part-00000-of-00001.{format}"), table, whole, format)
        manifest = whole_manifest(tables=list(ROWS), counts={"pages": 1, "stories": 1})
        (out / "manifest.json").write_text(json.dumps(manifest))
        (out / "_SUCCESS").touch()
        return out

    return write


def _status(reader: str, out: Path) -> int:
    names = {"RUN": str(out), "EXPORT": str(out.with_name("export"))}
    return main([names.get(word, word) for word in READERS[reader]])


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
@pytest.mark.parametrize("reader", READERS)
def test_a_whole_run_is_read(reader: str, format: str, run: Callable[[str], Path]) -> None:
    assert _status(reader, run(format)) == 0


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-9])


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _without_a_field(file: Path) -> None:
    table = pq.read_table(file)
    pq.write_table(table.drop_columns(["id"]), file)


def _other_types(file: Path) -> None:
    table = pq.read_table(file)
    pq.write_table(pa.table({name: [["<script>"]] * len(table) for name in table.column_names}), file)


def _all_null(file: Path) -> None:
    table = pq.read_table(file)
    pq.write_table(pa.table([pa.nulls(len(table), type) for type in table.schema.types], schema=table.schema), file)


DAMAGE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "cut off": ("parquet", _cut),
    "empty": ("parquet", lambda file: file.write_bytes(b"")),
    "a pipe": ("parquet", _pipe),
    "gone": ("parquet", Path.unlink),
    "of several, one": ("parquet", lambda file: file.rename(file.with_name("part-00000-of-00002.parquet"))),
    "without a field": ("parquet", _without_a_field),
    "of other types": ("parquet", _other_types),
    "all null": ("parquet", _all_null),
    "cut off lines": ("jsonl", _cut),
    "no text": ("jsonl", lambda file: file.write_bytes(b'{"id": "\xff"}\n')),
    "no objects": ("jsonl", lambda file: file.write_bytes(b"[1]\n2\n")),
    "without fields": ("jsonl", lambda file: file.write_bytes(b"{}\n")),
    "values of other types": ("jsonl", lambda file: file.write_bytes(file.read_bytes().replace(b'"fog', b'7,"x":"'))),
}


SAID_BY_ALL = ("cut off", "all null", "of other types", "cut off lines")


@pytest.mark.parametrize(
    ("reader", "damage"),
    [*(("diff", damage) for damage in DAMAGE), *((reader, damage) for reader in READERS for damage in SAID_BY_ALL)],
)
def test_a_damaged_table_is_named(
    reader: str, damage: str, run: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    format, do = DAMAGE[damage]
    out = run(format)
    do(out / "stories" / f"part-00000-of-00001.{format}")
    assert _status(reader, out) in (1, 2)
    (line,) = capsys.readouterr().err.splitlines()
    assert str(out / "stories") in line and "is damaged, or not of this version" in line and "another output" in line
    assert not out.with_name("export").exists()


@pytest.mark.parametrize("table", ROWS)
def test_each_table_is_missed(table: str, run: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    out = run("parquet")
    shutil.rmtree(out / table)
    assert _status("report", out) == 2
    assert f"the table {out / table} is missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change",
    [
        *({name: None} for name in whole_manifest() if name != "encoder"),
        {"tables": ["../../etc"]},
        {"tables": [[1]]},
        {"counts": {"inputs": "<b>"}},
        {"phases": {"survey": {"seconds": 1}}},
        {"settings": {"run": {"date": None}}},
        {"encoder": 5},
    ],
    ids=str,
)
def test_a_wrong_manifest_is_refused(
    change: dict[str, Any], run: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out = run("parquet")
    file = out / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    assert _status("diff", out) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{out} is damaged, or not of this version of Copydesk: manifest.json: " in line


@pytest.mark.parametrize("content", [b"", b"null", b"\xff\x00", b'{"counts": NaN}', b"[" * 200_000], ids=len)
def test_a_manifest_that_is_no_object_is_refused(
    content: bytes, run: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out = run("parquet")
    (out / "manifest.json").write_bytes(content)
    assert _status("diff", out) == 2
    assert f"{out}/manifest.json is damaged" in capsys.readouterr().err


def test_a_manifest_that_is_a_pipe_is_not_waited_for(run: Callable[[str], Path]) -> None:
    out = run("parquet")
    _pipe(out / "manifest.json")
    assert _status("report", out) == 2
