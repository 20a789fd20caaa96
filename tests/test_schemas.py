"""The schemas in ``docs/schemas/`` are those of the source, and hold for what is written in both formats."""

import json
import re
import runpy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline import TABLES
from pipeline.sinks import SCHEMA_VERSION, SCHEMAS, read_table, table_files

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "schemas" / f"v{SCHEMA_VERSION}"


def test_the_schemas_are_those_of_the_source() -> None:
    rendered = runpy.run_path(str(ROOT / "docs" / "build_schemas.py"))["render"]()
    assert rendered.keys() == {path.name for path in FOLDER.iterdir()}
    for table in TABLES:
        name = f"{table}.schema.json"
        assert (FOLDER / name).read_bytes() == rendered[name], "stale: run make schemas"
        stored = pa.ipc.read_schema(pa.BufferReader((FOLDER / f"{table}.arrow").read_bytes()))
        assert stored.equals(SCHEMAS[table], check_metadata=True), "stale: run make schemas"


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_what_is_written_follows_the_schemas(
    format: str,
    run_pages: Callable[..., dict[str, Any]],
    write_jsonl: Callable[..., Path],
    tmp_path: Path,
    library: Callable[[str], None],
) -> None:
    library("jsonschema")
    import jsonschema

    manifest = run_pages([*pages(write_jsonl)], tmp_path / "out", f"output.format={format}", "segment.method=model")
    assert manifest["schema"] == SCHEMA_VERSION
    assert set(TABLES) - set(manifest["tables"]) == {"forwards"}  # which needs a state
    for table in manifest["tables"]:
        schema = json.loads((FOLDER / f"{table}.schema.json").read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        rows = list(read_table(str(tmp_path / "out" / table)))
        assert rows, f"no rows of {table} to check"
        for row in rows:
            assert list(row) == list(schema["properties"]), table
            assert [error.message for error in validator.iter_errors(row)] == [], table
        if format == "parquet":
            stored = pa.ipc.read_schema(pa.BufferReader((FOLDER / f"{table}.arrow").read_bytes()))
            for file in table_files(str(tmp_path / "out" / table)):
                assert pa.parquet.read_schema(file).remove_metadata().equals(stored), table


def pages(write_jsonl: Callable[..., Path]) -> Sequence[Path]:
    """Two copies of a story with a teaser, a page that is empty, and a record that is none."""
    text = (ROOT / "tests" / "data" / "demo" / "archive" / "ferry-passengers.txt").read_text(encoding="utf-8")
    return [
        write_jsonl("in/pages.jsonl", [{"id": "a", "text": text, "desk": 7}, {"id": "b", "text": f"{text}\nMore"}]),
        write_jsonl("in/others.jsonl", [{"id": "c", "text": " "}, {"id": "d", "text": 9}]),
    ]


def test_a_schema_tells_wrong_rows(library: Callable[[str], None]) -> None:
    library("jsonschema")
    import jsonschema

    schema = json.loads((FOLDER / "segments.schema.json").read_text(encoding="utf-8"))
    row = {
        "id": "a#s0", "page_id": "a", "order": 0, "role": "body", "story": 0, "text": "x", "start": 0, "end": 1,
        "confidence": 0.5, "reason": "r",
    }  # fmt: skip
    jsonschema.validate(row, schema)
    jsonschema.validate(row | {"story": None, "added": "later"}, schema)
    for wrong in ({"role": "advert"}, {"id": None}, {"start": "0"}, {"confidence": 1.5}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(row | wrong, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({name: value for name, value in row.items() if name != "end"}, schema)


def test_the_document_names_the_version() -> None:
    document = (ROOT / "docs" / "downstream.md").read_text(encoding="utf-8")
    assert set(re.findall(r"docs/schemas/v(\d+)", document)) == {str(SCHEMA_VERSION)}
