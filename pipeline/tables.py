"""What the rows of a run's tables hold, beyond their types: which fields are never null, and which values there are.

Tables lie on a disk between two commands, and there they are cut off, damaged, or written by another program. So a
reader checks what it reads; what it does not find as it must be is a ``TableError`` that names the file.
"""

from __future__ import annotations

from functools import cache
from typing import Any, get_type_hints

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import RunError
from transforms import types

NOUNS = {
    "stories": types.Story,
    "teasers": types.Teaser,
    "pages": types.PageRecord,
    "segments": types.Segment,
    "members": types.Member,
    "clusters": types.Cluster,
    "forwards": types.Forward,
    "failures": types.Failure,
}
VALUES = {
    ("pages", "kind"): types.PAGE_KINDS,
    ("pages", "status"): ("story", "no_story", "doubtful"),
    ("segments", "role"): types.ROLES,
    ("members", "level"): types.LEVELS,
    ("clusters", "level"): types.LEVELS,
    ("forwards", "level"): types.LEVELS,
    ("forwards", "reason"): ("merge", "split"),
}


class TableError(RunError):
    """A file of a table that is not as a run of this version writes it; the text names it and says what to do."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(
            f"{file} is damaged, or not of this version of Copydesk: {why}. "
            "Restore it, or give the command of its run again with another output directory"
        )


@cache
def may_be_null(table: str, name: str) -> bool:
    """Whether the noun says so; fields that are none of its own, such as cluster ids, come later or never."""
    noun: Any = NOUNS[table]
    hint: Any = get_type_hints(noun).get(name)
    if hint is None:
        return not isinstance(getattr(noun, name, None), property)  # a segment's id is computed
    return bool(hint == hint | None)


def checked(table: str, batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return rows of a table with the types of ``schema``, fields of other names left out.

    Raises:
        ValueError: They cannot be rows of it; the text says why. ``pa.ArrowInvalid`` is one.
    """
    for field in schema:
        if field.name not in batch.schema.names:
            raise ValueError(f"there is no field {field.name!r}")
    rows = batch.select(schema.names)
    rows.validate(full=True)
    if rows.schema != schema:
        rows = rows.cast(schema)
    for field in schema if table in NOUNS else ():
        column = rows[field.name]
        if column.null_count and not may_be_null(table, field.name):
            raise ValueError(f"{field.name} is null in a row")
        if (values := VALUES.get((table, field.name))) and not pc.all(pc.is_in(column, pa.array(values))).as_py():
            other = next(value for value in column.to_pylist() if value not in values)
            raise ValueError(f"{field.name} is {other[:60]!r} in a row, and not one of {', '.join(values)}")
    return rows
