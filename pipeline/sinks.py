"""Tables: their schemas, and how rows are written and read as Parquet or JSON lines.

A table is a directory of files named ``part-00000-of-00001.parquet`` (or ``.jsonl``) with the same
fields in both formats. Metadata are a list of key and value, for `datasets` knows no Arrow maps and
JSON objects with other keys in each row have no schema.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO

import apache_beam as beam
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from pipeline.files import GLOB_CHARACTERS, is_local, list_below, replace_file
from pipeline.tables import TableError, checked
from transforms.core.lexical import packed_terms, unpacked_terms
from transforms.types import Source, Vector

_BATCH_ROWS = 256  # rows that are converted at a time
_COLUMN_ROWS = 4096  # rows of a few columns that are read at a time
_ROW_GROUP_BYTES = 1 << 24  # uncompressed bytes after which a Parquet row group is written

_STRINGS = pa.list_(pa.string())
_SOURCE = pa.struct({"file": pa.string(), "offset": pa.int64()})
_METADATA = pa.list_(pa.struct({"key": pa.string(), "value": pa.string()}))
_LINK = pa.struct({"id": pa.string(), "similarity": pa.float64()})
_TERMS = pa.list_(pa.struct({"term": pa.string(), "count": pa.int64()}))
_CLUSTERS = {
    "duplicate_cluster": pa.string(),
    "story_cluster": pa.string(),
    "topic_cluster": pa.string(),
}

CLUSTER_COLUMNS = tuple(_CLUSTERS)  # of stories, teasers and known members, in the order of LEVELS
SCHEMA_VERSION = 1  # goes up when a field is taken away or changes its type or meaning, not when one is added

SCHEMAS: dict[str, pa.Schema] = {
    "stories": pa.schema(
        {
            "id": pa.string(),
            "url": pa.string(),
            "site": pa.string(),
            "title": pa.string(),
            "dek": pa.string(),
            "authors": _STRINGS,
            "published": pa.string(),
            "modified": pa.string(),
            "language": pa.string(),
            "section": pa.string(),
            "site_name": pa.string(),
            "description": pa.string(),
            "text": pa.string(),
            "captions": _STRINGS,
            "bio": pa.string(),
            "confidence": pa.float64(),
            "teasers": _STRINGS,
            "chars_in": pa.int64(),
            "chars_kept": pa.int64(),
            **_CLUSTERS,
            "duplicate_of": _LINK,
            "linked_from": _STRINGS,
            "source": _SOURCE,
            "metadata": _METADATA,
        }
    ),
    "teasers": pa.schema(
        {
            "id": pa.string(),
            "page_id": pa.string(),
            "position": pa.int64(),
            "title": pa.string(),
            "text": pa.string(),
            "caption": pa.string(),
            "target_url": pa.string(),
            "links_to": _LINK,
            **_CLUSTERS,
            "duplicate_of": _LINK,
        }
    ),
    "pages": pa.schema(
        {
            "id": pa.string(),
            "url": pa.string(),
            "canonical_url": pa.string(),
            "site": pa.string(),
            "title": pa.string(),
            "kind": pa.string(),
            "kind_confidence": pa.float64(),
            "status": pa.string(),
            "flags": _STRINGS,
            "encoding": pa.string(),
            "chars_in": pa.int64(),
            "chars_kept": pa.int64(),
            "source": _SOURCE,
        }
    ),
    "segments": pa.schema(
        {
            "id": pa.string(),
            "page_id": pa.string(),
            "order": pa.int64(),
            "role": pa.string(),
            "story": pa.int64(),
            "text": pa.string(),
            "start": pa.int64(),
            "end": pa.int64(),
            "confidence": pa.float64(),
            "reason": pa.string(),
        }
    ),
    "members": pa.schema(
        {"id": pa.string(), "level": pa.string(), "cluster_id": pa.string(), "similarity": pa.float64()}
    ),
    "clusters": pa.schema(
        {
            "cluster_id": pa.string(),
            "level": pa.string(),
            "size": pa.int64(),
            "label": pa.string(),
            "keywords": _STRINGS,
            "medoid_id": pa.string(),
            "first_seen": pa.string(),
            "last_seen": pa.string(),
            "forwarded_from": _STRINGS,
        }
    ),
    "forwards": pa.schema({"level": pa.string(), "from_id": pa.string(), "to_id": pa.string(), "reason": pa.string()}),
    "failures": pa.schema(
        {
            "stage": pa.string(),
            "source": _SOURCE,
            "id": pa.string(),
            "error": pa.string(),
            "detail": pa.string(),
        }
    ),
    # Between phases only; always Parquet, because of their bytes.
    "vectors": pa.schema(
        {
            "id": pa.string(),
            "kind": pa.string(),
            "file": pa.string(),
            "text_hash": pa.binary(),
            "vector": pa.binary(),
            "sketch": pa.binary(),
            "title": pa.string(),
            "published": pa.string(),
            "terms": _TERMS,
            "words": pa.binary(),
            "facts": pa.binary(),
            "cache_key": pa.binary(),
        }
    ),
    "labelled": pa.schema({"labelled": pa.binary()}),
    "profiles": pa.schema(
        {
            "site": pa.string(),
            "stories": pa.int64(),
            "lines": pa.binary(),
            "counts": pa.binary(),
            "pages": pa.binary(),
        }
    ),
    "links": pa.schema({"teaser_id": pa.string(), "story_id": pa.string(), "similarity": pa.float64()}),
    # In the state directory; always Parquet, likewise.
    "sites": pa.schema(
        {
            "site": pa.string(),
            "page": pa.uint64(),
            "seen": pa.string(),
            "lines": pa.binary(),
            "sizes": pa.binary(),
        }
    ),
    "known_clusters": pa.schema(
        {
            "cluster_id": pa.string(),
            "level": pa.string(),
            "born": pa.int64(),
            "first_seen": pa.string(),
            "last_seen": pa.string(),
        }
    ),
    "seen_files": pa.schema(
        {"path": pa.string(), "size": pa.int64(), "modified": pa.int64(), "gone": pa.string()}  # gone: since when
    ),
    "seen_pages": pa.schema({"file": pa.string(), "id": pa.int64(), "page": pa.int64()}),  # hashes
}
SCHEMAS["known_members"] = pa.schema(
    [
        *(field for field in SCHEMAS["vectors"] if field.name not in ("file", "cache_key")),
        *_CLUSTERS.items(),
        ("date", pa.string()),
        ("seen", pa.string()),
    ]
)
_FIELDS = {table: tuple(schema.names) for table, schema in SCHEMAS.items()}
_ADDED_LATER = frozenset({"links_to", "linked_from", "duplicate_of", *_CLUSTERS})  # null until the clusters are known


def row(table: str, record: Any, **more: Any) -> dict[str, Any]:
    """Return a noun of ``transforms/types.py`` as a row of its table: the schema's fields in its order.

    ``more`` are fields that the noun does not have. A dict is a row already and is returned as it is.
    Raises AttributeError for a noun of another table.
    """
    if isinstance(record, dict):
        return record
    return {
        name: more.get(name) if name in more or name in _ADDED_LATER else _column(name, getattr(record, name))
        for name in _FIELDS[table]
    }


def vector_of(row: dict[str, Any]) -> Vector:
    """Return the Vector of a row of the table ``vectors``, without its ``cache_key``; the row is changed."""
    row.pop("cache_key", None)
    row["terms"] = packed_terms((term["term"], term["count"]) for term in row["terms"])
    return Vector(**row)


def _column(name: str, value: Any) -> Any:
    if isinstance(value, Source):
        return {"file": value.file, "offset": value.offset}
    if name == "metadata":
        return [{"key": key, "value": value} for key, value in value]
    if name == "terms":
        return [{"term": term, "count": count} for term, count in unpacked_terms(value)]
    return list(value) if isinstance(value, tuple) else value


@dataclass(eq=False)
class WriteTable(beam.PTransform):
    """Write a collection of nouns or rows as a table; one without rows becomes one file without rows.

    ``path`` is the table's directory and ``format`` ``"parquet"`` or ``"jsonl"``. With ``shards`` 0
    each worker writes its own files; a number moves all rows through a shuffle to get just so many.

    Raises:
        ValueError: The path holds glob characters, which Beam's own sinks cannot write to.
    """

    table: str
    path: str
    format: str = "parquet"
    shards: int = 0

    def __post_init__(self) -> None:
        if any(char in self.path for char in GLOB_CHARACTERS):
            raise ValueError(f"{self.path}: no table can be written to a path with {GLOB_CHARACTERS}")

    def expand(self, records: beam.pvalue.PCollection) -> Any:
        prefix = FileSystems.join(self.path, "part")
        if self.format == "jsonl":
            return (
                records
                | "Lines" >> beam.Map(_line, self.table).with_output_types(bytes)
                | "Write"
                >> beam.io.WriteToText(prefix, ".jsonl", num_shards=self.shards, coder=beam.coders.BytesCoder())
            )
        write = beam.io.WriteToParquetBatched(
            prefix, SCHEMAS[self.table], codec="zstd", file_name_suffix=".parquet", num_shards=self.shards
        )
        return records | "Rows" >> beam.ParDo(_ToArrow(self.table)).with_output_types(pa.Table) | "Write" >> write


def _line(record: Any, table: str) -> bytes:
    return orjson.dumps(row(table, record))


class _ToArrow(beam.DoFn):
    """Nouns or rows to Arrow tables, each a Parquet row group.

    Beam's own step for this asks the schema for each value's field, which costs a page with many segments as much as
    parsing it.
    """

    def __init__(self, table: str) -> None:
        self._table = table

    def start_bundle(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._group: list[pa.RecordBatch] = []
        self._bytes = 0

    def process(self, record: Any) -> Iterator[pa.Table]:
        self._rows.append(row(self._table, record))
        if len(self._rows) == _BATCH_ROWS:
            self._convert()
            if self._bytes >= _ROW_GROUP_BYTES:
                yield self._row_group()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self._rows:
            self._convert()
        if self._group:
            yield GlobalWindows.windowed_value_at_end_of_window(self._row_group())

    def _convert(self) -> None:
        batch = pa.RecordBatch.from_pylist(self._rows, SCHEMAS[self._table])
        self._group.append(batch)
        self._bytes += batch.nbytes
        self._rows = []

    def _row_group(self) -> pa.Table:
        table = pa.Table.from_batches(self._group)
        self._group, self._bytes = [], 0
        return table


def table_files(path: str) -> list[str]:
    """The files of a table, sorted; none if it is not there."""
    names = [str(file.path) for file in list_below(path)]
    return [name for name in names if name.rpartition("/")[2].startswith("part-")]


def read_table(path: str, table: str | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a table in the order of its files, a few at a time."""
    for file in table_files(path):
        yield from read_file_rows(file, table)


def count_rows(path: str, table: str | None = None) -> int:
    """Return how many rows a table has; ``table`` is its name where its directory has another."""
    return sum(1 for _ in read_table(path, table))


def read_file_rows(file: str, table: str | None = None) -> Iterator[dict[str, Any]]:
    """The rows of one file of a table, a few at a time; ``table`` is its name where its directory has another.

    Raises:
        TableError: It cannot be read, or holds other rows than those of the table.
    """
    table = table or _table_of(file)
    with _reading(file) as handle:
        if file.endswith(".jsonl"):
            rows = map(orjson.loads, handle)
            yield from _checked_rows(table, rows) if table in SCHEMAS else rows
        else:
            for batch in pq.ParquetFile(handle, pre_buffer=False).iter_batches(_BATCH_ROWS, use_threads=False):
                yield from (checked(table, batch, SCHEMAS[table]) if table in SCHEMAS else batch).to_pylist()


def read_columns(path: str, columns: Sequence[str], table: str | None = None) -> Iterator[pa.RecordBatch]:
    """Some columns of a table, a few rows at a time, without reading the others where the format allows it.

    ``table`` is its name where its directory has another.
    """
    for file in table_files(path):
        table = table or _table_of(file)
        schema = pa.schema([SCHEMAS[table].field(column) for column in columns])
        with _reading(file) as handle:
            if file.endswith(".jsonl"):
                rows = ({column: row[column] for column in columns} for row in map(orjson.loads, handle))
                yield from (checked(table, batch, schema) for batch in _batches(schema, rows))
            else:
                reader = pq.ParquetFile(handle, pre_buffer=False)
                for batch in reader.iter_batches(_COLUMN_ROWS, columns=list(columns), use_threads=False):
                    yield checked(table, batch, schema)


def read_matching(path: str, column: str, value: str) -> Iterator[dict[str, Any]]:
    """The rows of a table in whose ``column`` the value stands; of the others only that column is read."""
    for file in table_files(path):
        if file.endswith(".jsonl"):
            yield from (row for row in read_file_rows(file) if row[column] == value)
            continue
        table = _table_of(file)
        schema = pa.schema([SCHEMAS[table].field(column)])
        with _reading(file) as handle:
            reader = pq.ParquetFile(handle, pre_buffer=False)
            for group in range(reader.num_row_groups):
                batches = reader.read_row_group(group, [column], use_threads=False).to_batches()
                values = pa.Table.from_batches([checked(table, batch, schema) for batch in batches], schema)
                found = pc.equal(values[column], value)
                if pc.any(found).as_py():
                    for batch in reader.read_row_group(group, use_threads=False).filter(found).to_batches():
                        yield from checked(table, batch, SCHEMAS[table]).to_pylist()


@contextmanager
def _reading(file: str) -> Iterator[BinaryIO]:
    """Open a file of a table; what cannot be read of it is a TableError."""
    try:
        if is_local(file) and not os.path.isfile(file):
            raise ValueError("it is no file")
        with FileSystems.open(file, compression_type=CompressionTypes.UNCOMPRESSED) as handle:
            yield handle
    except (pa.ArrowException, OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        why = f"there is no field {error}" if isinstance(error, KeyError) else str(error).partition("\n")[0].rstrip(".")
        raise TableError(file, why) from error


def _checked_rows(table: str, rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    schema = SCHEMAS[table]
    names = set(schema.names)
    while some := list(islice(rows, _BATCH_ROWS)):
        for one in some:
            if missing := names - one.keys():
                raise KeyError(min(missing))
        checked(table, pa.RecordBatch.from_pylist(some, schema), schema)
        yield from some


def _table_of(file: str) -> str:
    """Return the name of the table that a file belongs to: that of its directory."""
    return file.split("/")[-2]


def write_rows(path: str, table: str, rows: Iterable[dict[str, Any]], format: str) -> None:
    """Write one file of a table, a few rows at a time; it is in its place only when it is complete."""
    unfinished = f"{path}.tmp"
    with FileSystems.create(unfinished, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        if format == "jsonl":
            file.writelines(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
        else:
            _write_parquet(file, SCHEMAS[table], rows)
    replace_file(unfinished, path)


def write_arrow(path: str, table: pa.Table) -> None:
    """Write one file of a table that is in memory, as ``write_rows`` does."""
    unfinished = f"{path}.tmp"
    with FileSystems.create(unfinished, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        pq.write_table(table, file, compression="zstd")
    replace_file(unfinished, path)


def _write_parquet(file: BinaryIO, schema: pa.Schema, rows: Iterable[dict[str, Any]]) -> None:
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        group: list[pa.RecordBatch] = []
        for batch in _batches(schema, rows):
            group.append(batch)
            if sum(part.nbytes for part in group) >= _ROW_GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(group))
                group = []
        if group:
            writer.write_table(pa.Table.from_batches(group))


def _batches(schema: pa.Schema, rows: Iterable[dict[str, Any]]) -> Iterator[pa.RecordBatch]:
    buffer: list[dict[str, Any]] = []
    for one in rows:
        buffer.append(one)
        if len(buffer) == _BATCH_ROWS:
            yield pa.RecordBatch.from_pylist(buffer, schema)
            buffer = []
    if buffer:
        yield pa.RecordBatch.from_pylist(buffer, schema)
