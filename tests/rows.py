"""Rows and manifests of finished runs, of which a test names only what matters to it."""

from typing import Any

import pyarrow as pa

from pipeline.sinks import SCHEMAS
from pipeline.tables import NOUNS, VALUES, may_be_null


def whole_row(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row with all fields of its table: those that may be null are, the others are empty."""
    empty = {
        field.name: None if table not in NOUNS or may_be_null(table, field.name) else _empty(table, field)
        for field in SCHEMAS[table]
    }
    return empty | row


def _empty(table: str, field: pa.Field) -> Any:
    if values := VALUES.get((table, field.name)):
        return values[0]
    if pa.types.is_struct(field.type):
        return {inner.name: _empty(table, inner) for inner in field.type}
    return [] if pa.types.is_list(field.type) else "" if pa.types.is_string(field.type) else 0


def whole_manifest(**fields: Any) -> dict[str, Any]:
    """A manifest as ``copydesk run`` writes it, as far as others read it."""
    plain = {
        "until": "report",
        "inputs": ["pages"],
        "engine": "FnApiRunner",
        "encoder": None,
        "settings": {},
        "versions": {"copydesk": "1"},
        "models": {},
        "tables": [],
        "counts": {},
        "phases": {},
        "failures": {},
        "failure_share": 0.0,
    }
    whole = plain | fields
    whole["settings"] = {"run": {"date": ""}, "output": {"format": "parquet"}} | whole["settings"]
    whole["counts"] = {"inputs": 0, "pages": 0, "stories": 0} | whole["counts"]
    return whole
