"""Rows of several tables brought together by page, in bounded memory.

Rows of a table have no order, so they are first dealt out to files on disk by a hash of their page, as many
files as it takes for each to be small (a Grace hash join); then one file of each table at a time is read whole.
"""

from __future__ import annotations

import tempfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.files import list_below
from pipeline.sinks import read_columns

BUCKET_BYTES = 1 << 26  # compressed bytes of all tables that are read whole at a time
MOST_BUCKETS = 200  # files that are open at a time, for each table

# What is read of a table, by a name of the caller's: its directory, the column with the page's id, the columns.
Tables = Mapping[str, tuple[str, str, Sequence[str]]]
Rows = dict[str, list[dict[str, Any]]]


def join_pages(tables: Tables, buckets: int | None = None) -> Iterator[tuple[str, Rows]]:
    """Yield each page's id and its rows in each of the tables.

    Args:
        tables: What to read.
        buckets: How many parts are read one after the other; by default as many as the size of the tables
            asks for. Pages come in an order that depends on their ids and on this number only.
    """
    if buckets is None:
        sizes = (file.size_in_bytes for directory, _, _ in tables.values() for file in list_below(directory))
        buckets = 1 + sum(sizes) // BUCKET_BYTES
    buckets = min(MOST_BUCKETS, buckets)
    with tempfile.TemporaryDirectory(prefix="copydesk-join-") as directory:
        if buckets > 1:
            for name, (path, page_column, columns) in tables.items():
                _deal(Path(directory), name, read_columns(path, columns), page_column, buckets)
        for bucket in range(buckets):
            pages: defaultdict[str, Rows] = defaultdict(lambda: {name: [] for name in tables})
            for name, (path, page_column, columns) in tables.items():
                file = Path(directory, f"{name}-{bucket}")
                for batch in read_columns(path, columns) if buckets == 1 else _dealt(file):
                    for row in batch.to_pylist():
                        pages[row[page_column]][name].append(row)
            yield from sorted(pages.items())


def _deal(directory: Path, name: str, batches: Iterator[pa.RecordBatch], page_column: str, buckets: int) -> None:
    """Write the rows of a table to one file for each bucket."""
    with ExitStack() as stack:
        writers: dict[int, pa.ipc.RecordBatchStreamWriter] = {}
        for batch in batches:
            rows: defaultdict[int, list[int]] = defaultdict(list)
            for row, id in enumerate(batch[page_column].to_pylist()):
                rows[zlib.crc32(id.encode()) % buckets].append(row)
            for bucket, taken in rows.items():
                if bucket not in writers:
                    options = pa.ipc.IpcWriteOptions(compression="zstd")
                    file = str(directory / f"{name}-{bucket}")
                    writers[bucket] = stack.enter_context(pa.ipc.new_stream(file, batch.schema, options=options))
                writers[bucket].write_batch(batch.take(pa.array(taken)))


def _dealt(file: Path) -> Iterator[pa.RecordBatch]:
    if file.exists():
        with pa.ipc.open_stream(str(file)) as reader:
            yield from reader
