"""Parquet: one record a row."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.formats.input_file import BUFFER, InputFile, failure
from pipeline.formats.record import page_of_record
from pipeline.streams import DamageError, Stream, open_raw
from transforms.settings import InputSettings
from transforms.types import Failure, Page

GZIP_LIMIT = 100  # a gzipped file may inflate to this many times its size
_ROWS = 16  # rows held at a time
_COLUMN_BUFFER = 1 << 20  # bytes read ahead per column


def read_parquet(file: InputFile, settings: InputSettings) -> Iterator[Page | Failure]:
    """One record a row; its offset is the number of the row."""
    row = 0
    with _seekable(file) as handle:
        try:
            table = pq.ParquetFile(handle, pre_buffer=False, buffer_size=_COLUMN_BUFFER)
            for batch in table.iter_batches(_ROWS, use_threads=False):
                for record in _rows(batch):
                    if isinstance(record, dict):
                        yield page_of_record(record, file, row, settings)
                    else:
                        yield failure(file, row, "bad_record", record)
                    row += 1
        except (pa.ArrowException, OSError, ValueError) as error:
            yield failure(file, row, "truncated" if _is_cut_off(handle) else "corrupt", f"Parquet: {error}")


def _is_cut_off(handle: BinaryIO) -> bool:
    """Whether a Parquet file has its beginning but not its end, where its table of contents stands."""
    handle.seek(0)
    begun = handle.read(4) == b"PAR1"
    return begun and handle.seek(-4, io.SEEK_END) >= 0 and handle.read(4) != b"PAR1"


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | str]:
    """The rows of a batch as dicts, or as what is wrong with them."""
    for index, field in enumerate(batch.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":  # Python's times have microseconds
            column = batch.column(index).cast(pa.timestamp("us", field.type.tz), safe=False)
            batch = batch.set_column(index, field.name, column)
    for index in range(batch.num_rows):
        try:
            yield batch.slice(index, 1).to_pylist()[0]
        except (ValueError, OverflowError) as error:  # text that is not UTF-8, dates beyond the year 9999
            yield f"a field cannot be read: {error}"


@contextmanager
def _seekable(file: InputFile) -> Iterator[BinaryIO]:
    """A handle that can seek, as Parquet needs: a gzipped file is inflated to disk first."""
    if not file.compression:
        with open_raw(file.path) as handle:
            yield handle
        return
    with Stream(file.path, file.compression) as stream, tempfile.TemporaryFile() as inflated:
        limit = GZIP_LIMIT * file.size
        while piece := stream.read(BUFFER):
            inflated.write(piece)
            if stream.position > limit:
                raise DamageError("too_large", f"it inflates to more than {GZIP_LIMIT} times its size")
        if stream.damage:
            raise stream.damage
        yield inflated
