"""WARC and WET archives of crawls: one page a record."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

from fastwarc.stream_io import BrotliReader, ChunkedReader, GzipReader
from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType

from pipeline.formats.input_file import InputFile, failure, not_clean, not_text, too_large
from pipeline.formats.record import address_of, identified
from pipeline.streams import DamageError, Stream
from transforms.core.encoding import is_binary
from transforms.settings import InputSettings
from transforms.types import Failure, Page, Source

_HEADER_LIMIT = 1 << 20  # bytes of a record's headers
_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})


def read_archive(file: InputFile, settings: InputSettings) -> Iterator[Page | Failure]:
    """WARC: responses and resources that are HTML. WET: conversions, which are text."""
    read = _read_conversion if file.kind == "wet" else _read_response
    with Stream(file.path, file.compression) as stream:
        end = 0  # of the last whole record, but for the length of its headers
        damage = None
        try:
            # Decoding bodies is left to _decode_body: where one fails, fastwarc loses the next record.
            for record in ArchiveIterator(stream, parse_http=False, stream_detect=False, max_header_len=_HEADER_LIMIT):
                start, length = record.stream_pos, record.content_length
                outcome = read(record, file, settings)
                is_whole = record.reader.tell() + record.consume() == record.content_length
                if not is_whole or not record.headers.contains_key("Content-Length"):
                    end = start
                    name = "truncated" if stream.ended else "corrupt"
                    damage = DamageError(name, "WARC: a record has no length or ends before it")
                    break
                end = start + length
                if outcome:
                    yield outcome
        except OSError as error:
            damage = DamageError("corrupt", f"WARC: {error}")
        damage = stream.damage or damage
        if damage:
            yield failure(file, end, damage.error, damage.detail)


def _read_response(record: WarcRecord, file: InputFile, settings: InputSettings) -> Page | Failure | None:
    if record.record_type not in (WarcRecordType.response, WarcRecordType.resource):
        return None
    if record.is_http:
        record.parse_http(max_header_len=_HEADER_LIMIT)
        content_type = record.http_headers.get("Content-Type") or ""
    else:
        content_type = record.headers.get("Content-Type") or ""
    if content_type.partition(";")[0].strip().lower() not in _HTML_TYPES:
        return None
    content = record.reader.read(settings.max_bytes + 1)
    if record.is_http and len(content) <= settings.max_bytes:
        content = _decode_body(content, record, settings.max_bytes + 1)
    return _read_payload(content, "html", content_type, record, file, settings)


def _read_conversion(record: WarcRecord, file: InputFile, settings: InputSettings) -> Page | Failure | None:
    if record.record_type != WarcRecordType.conversion:
        return None
    content = record.reader.read(settings.max_bytes + 1)
    kind = "clean" if settings.clean else "text"
    return _read_payload(content, kind, record.headers.get("Content-Type"), record, file, settings)


def _read_payload(
    content: bytes,
    kind: str,
    content_type: str | None,
    record: WarcRecord,
    file: InputFile,
    settings: InputSettings,
) -> Page | Failure:
    # A record's own id is drawn anew by each crawl, so the address is the better one.
    url = address_of(record.headers.get("WARC-Target-URI"))
    if len(content) > settings.max_bytes:
        return too_large(file, record.stream_pos, settings, url)
    if is_binary(content):
        return not_text(file, record.stream_pos, url)
    if settings.clean and kind == "html":
        return not_clean(file, record.stream_pos, url)
    source = Source(file.path, record.stream_pos)
    return identified(Page("", kind, content, source, url, content_type=content_type), None)


def _decode_body(content: bytes, record: WarcRecord, limit: int) -> bytes:
    """Undo the HTTP body's encodings, up to ``limit`` bytes; where a header lies, the body stays as it is."""
    for header in ("Transfer-Encoding", "Content-Encoding"):
        reader = _BODY_READERS.get((record.http_headers.get(header) or "").strip().lower())
        if reader:
            try:
                content = reader(io.BytesIO(content)).read(limit)
            except OSError:
                continue
    return content


_BODY_READERS: dict[str, Callable[[io.BytesIO], Any]] = {
    "chunked": ChunkedReader,
    "gzip": GzipReader,
    "x-gzip": GzipReader,
    "deflate": lambda body: GzipReader(body, zlib=True),
    "br": BrotliReader,
}
