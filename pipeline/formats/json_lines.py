"""JSON lines: one record a line."""

from __future__ import annotations

import io
from collections.abc import Iterator
from json import dumps as dump_json
from json import loads as load_json
from typing import Any

import orjson

from pipeline.formats.input_file import BUFFER, InputFile, failure, too_large
from pipeline.formats.record import page_of_record
from pipeline.streams import Stream
from transforms.core.encoding import replace_unstorable
from transforms.settings import InputSettings
from transforms.types import Failure, Page

LINE_LIMIT = 4  # a line may be this many times ``max_bytes``: escapes and other fields take room
_UTF8_MARK = b"\xef\xbb\xbf"


def read_json_lines(file: InputFile, settings: InputSettings) -> Iterator[Page | Failure]:
    """One record a line; its offset is that of the line in the decompressed file."""
    limit = LINE_LIMIT * settings.max_bytes
    with Stream(file.path, file.compression) as stream:
        lines = io.BufferedReader(stream, BUFFER)
        end = 0
        while line := lines.readline(limit + 1):
            start, end = end, end + len(line)
            if len(line) > limit:
                while not line.endswith(b"\n") and (line := lines.readline(limit)):
                    end += len(line)
                yield too_large(file, start, settings)
                continue
            line = line.removeprefix(_UTF8_MARK) if start == 0 else line
            if not line.strip():
                continue
            try:
                record = _parse_json(line)
            except ValueError as error:
                if stream.damage and not line.endswith(b"\n"):
                    end = start  # the line that the damage cut off; it is reported below
                else:
                    yield failure(file, start, "bad_record", f"not JSON: {error}")
                continue
            yield page_of_record(record, file, start, settings)
        if stream.damage:
            yield failure(file, end, stream.damage.error, stream.damage.detail)


def _parse_json(line: bytes) -> Any:
    """Parse UTF-8 JSON; raises ValueError.

    Two things that strict JSON forbids are frequent: NaN, read as null, and escaped halves of
    surrogate pairs, read as U+FFFD.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as strict:
        try:
            lenient = load_json(line.decode(), parse_constant=lambda _: None)
            return orjson.loads(replace_unstorable(dump_json(lenient, ensure_ascii=False)))
        except (ValueError, RecursionError):
            raise strict from None
