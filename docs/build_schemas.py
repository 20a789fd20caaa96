"""Write ``docs/schemas/``: ``python docs/build_schemas.py`` (``make schemas``).

For each table a JSON Schema of its rows as ``--format jsonl`` writes them, and the Arrow schema of its Parquet
files. Names and types come from ``pipeline/sinks.py``, what may be null and which values there are from
``pipeline/tables.py``, the meaning of a field from ``docs/data-model.md``. A test fails when the files are
older than these.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from pipeline import TABLES  # noqa: E402  after the path is set
from pipeline.sinks import SCHEMA_VERSION, SCHEMAS  # noqa: E402
from pipeline.tables import VALUES, may_be_null  # noqa: E402

TARGET = ROOT / "docs" / "schemas" / f"v{SCHEMA_VERSION}"
BOUNDS = {"confidence": (0, 1), "kind_confidence": (0, 1), "similarity": (-1, 1)}
JSON_TYPES = {"string": "string", "int64": "integer", "double": "number"}


def render() -> dict[str, bytes]:
    """Return the files by name."""
    files = {}
    for table in TABLES:
        schema = json.dumps(json_schema(table), indent=2, ensure_ascii=False) + "\n"
        files[f"{table}.schema.json"] = schema.encode()
        files[f"{table}.arrow"] = SCHEMAS[table].serialize().to_pybytes()
    return files


def json_schema(table: str) -> dict[str, Any]:
    """Return the JSON Schema of one row. Later versions of Copydesk may add fields, so others are allowed."""
    meanings = _meanings(table)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:copydesk:schema:{SCHEMA_VERSION}:{table}",
        "title": f"Copydesk: a row of {table}/",
        "type": "object",
        "properties": {
            field.name: {"description": meanings[field.name]} | _property(table, field) for field in SCHEMAS[table]
        },
        "required": SCHEMAS[table].names,
    }


def _property(table: str, field: pa.Field) -> dict[str, Any]:
    schema = _of_type(field.type)
    if (table, field.name) in VALUES:
        schema["enum"] = list(VALUES[table, field.name])
    if field.name in BOUNDS:
        schema["minimum"], schema["maximum"] = BOUNDS[field.name]
    if may_be_null(table, field.name):
        schema["type"] = [schema["type"], "null"]
    return schema


def _of_type(type: pa.DataType) -> dict[str, Any]:
    if pa.types.is_list(type):
        return {"type": "array", "items": _of_type(type.value_type)}
    if pa.types.is_struct(type):
        return {
            "type": "object",
            "properties": {field.name: _of_type(field.type) for field in type},
            "required": [field.name for field in type],
        }
    return {"type": JSON_TYPES[str(type)]}


def _meanings(table: str) -> dict[str, str]:
    """Return what the data model says of each field, without links and emphasis."""
    document = (ROOT / "docs" / "data-model.md").read_text(encoding="utf-8")
    section = document.partition(f"\n## `{table}/`\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \| [^|]+ \| (.+) \|$", section, re.MULTILINE)
    return {name: re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", meaning).replace("`", "") for name, meaning in rows}


if __name__ == "__main__":
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, content in render().items():
        (TARGET / name).write_bytes(content)
