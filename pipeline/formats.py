"""One reader per input format: a file in, its pages and failures out, one at a time.

The readers never raise for bad data and never hold more than one document, however large the file:
each bad record is a Failure of its own, and a damaged file gives what comes before the damage and
then one Failure. A file that is one page is a record of its own, so when it is damaged it gives only
the Failure: half a page is no page.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from json import dumps as dump_json
from json import loads as load_json
from typing import Any, BinaryIO

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from fastwarc.stream_io import BrotliReader, ChunkedReader, GzipReader
from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType

from pipeline.streams import DamageError, Stream, open_raw
from transforms.core.encoding import is_binary, replace_unstorable
from transforms.settings import InputSettings
from transforms.types import Failure, Page, Source

LINE_LIMIT = 4  # a JSONL line may be this many times ``max_bytes``: escapes and other fields take room
GZIP_PARQUET_LIMIT = 100  # a gzipped Parquet file may inflate to this many times its size
_BUFFER = 1 << 18  # bytes read ahead
_PARQUET_ROWS = 16  # rows held at a time
_PARQUET_BUFFER = 1 << 20  # bytes read ahead per column
_WARC_HEADER_LIMIT = 1 << 20  # bytes of a record's headers
_DETAIL_LIMIT = 500  # characters of a failure's detail
_ID_LIMIT = 1_000  # characters of an id: each of a page's rows repeats it
_URL_LIMIT = 8_000  # characters of an address; a longer one is none
_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_UTF8_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file to read.

    ``root`` is the directory from which the ids of one-page files are counted, ``kind`` one of
    ``html text jsonl parquet warc wet``, ``compression`` ``"gz"``, ``"zst"`` or empty, ``size`` in
    bytes as stored, ``modified`` when it was changed last, in nanoseconds, where an object store said so.
    """

    path: str
    root: str
    size: int
    kind: str
    compression: str = ""
    modified: int | None = None


def read_file(file: InputFile, settings: InputSettings) -> Iterator[Page | Failure]:
    """Read one file as a stream of pages and failures; never raises for what the file holds."""
    try:
        yield from _READERS[file.kind](file, settings)
    except DamageError as damage:
        yield _failure(file, 0, damage.error, damage.detail)


def content_hash(page: Page) -> bytes:
    """16 bytes that are equal for pages of equal kind, title and content, and for no others."""
    content = page.content.encode() if isinstance(page.content, str) else page.content
    digest = blake2b(digest_size=16)
    for part in (page.kind.encode(), (page.title or "").encode(), content):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()


def _read_one_page(file: InputFile, settings: InputSettings) -> Iterator[Page | Failure]:
    """HTML and text files: one page a file, its content as stored."""
    with Stream(file.path, file.compression) as stream:
        content = io.BufferedReader(stream, _BUFFER).read(settings.max_bytes + 1)
        if len(content) > settings.max_bytes:
            yield _too_large(file, 0, settings)
        elif stream.damage:
            yield _failure(file, 0, stream.damage.error, stream.damage.detail)
        elif is_binary(content):
            yield _not_text(file, 0)
        elif settings.clean and file.kind == "html":
            yield _not_clean(file, 0)
        else:
            kind = "clean" if settings.clean and file.kind == "text" else file.kind
            yield Page(_id_of_path(file), kind, content, Source(file.path))


def _id_of_path(file: InputFile) -> str:
    """The path below the root without the suffixes of its format: ``a/b.html.gz`` is ``a/b``."""
    below = file.path.removeprefix(file.root).lstrip("/")
    if file.compression:
        below = below.rpartition(".")[0]
    return replace_unstorable(below.rpartition(".")[0] or below)  # a file may be named .html


def _read_json_lines(file: InputFile, settings: InputSettings) -> Iterator[Page | Failure]:
    """One record a line; its offset is that of the line in the decompressed file."""
    limit = LINE_LIMIT * settings.max_bytes
    with Stream(file.path, file.compression) as stream:
        lines = io.BufferedReader(stream, _BUFFER)
        end = 0
        while line := lines.readline(limit + 1):
            start, end = end, end + len(line)
            if len(line) > limit:
                while not line.endswith(b"\n") and (line := lines.readline(limit)):
                    end += len(line)
                yield _too_large(file, start, settings)
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
                    yield _failure(file, start, "bad_record", f"not JSON: {error}")
                continue
            yield _read_record(record, file, start, settings)
        if stream.damage:
            yield _failure(file, end, stream.damage.error, stream.damage.detail)


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


def _read_parquet(file: InputFile, settings: InputSettings) -> Iterator[Page | Failure]:
    """One record a row; its offset is the number of the row."""
    row = 0
    with _seekable(file) as handle:
        try:
            table = pq.ParquetFile(handle, pre_buffer=False, buffer_size=_PARQUET_BUFFER)
            for batch in table.iter_batches(_PARQUET_ROWS, use_threads=False):
                for record in _rows(batch):
                    if isinstance(record, dict):
                        yield _read_record(record, file, row, settings)
                    else:
                        yield _failure(file, row, "bad_record", record)
                    row += 1
        except (pa.ArrowException, OSError, ValueError) as error:
            yield _failure(file, row, "truncated" if _is_cut_off(handle) else "corrupt", f"Parquet: {error}")


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
        limit = GZIP_PARQUET_LIMIT * file.size
        while piece := stream.read(_BUFFER):
            inflated.write(piece)
            if stream.position > limit:
                raise DamageError("too_large", f"it inflates to more than {GZIP_PARQUET_LIMIT} times its size")
        if stream.damage:
            raise stream.damage
        yield inflated


def _read_archive(file: InputFile, settings: InputSettings) -> Iterator[Page | Failure]:
    """WARC: responses and resources that are HTML. WET: conversions, which are text."""
    read = _read_conversion if file.kind == "wet" else _read_response
    with Stream(file.path, file.compression) as stream:
        end = 0  # of the last whole record, but for the length of its headers
        damage = None
        try:
            # Decoding bodies is left to _decode_body: where one fails, fastwarc loses the next record.
            for record in ArchiveIterator(
                stream, parse_http=False, stream_detect=False, max_header_len=_WARC_HEADER_LIMIT
            ):
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
            yield _failure(file, end, damage.error, damage.detail)


def _read_response(record: WarcRecord, file: InputFile, settings: InputSettings) -> Page | Failure | None:
    if record.record_type not in (WarcRecordType.response, WarcRecordType.resource):
        return None
    if record.is_http:
        record.parse_http(max_header_len=_WARC_HEADER_LIMIT)
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
    url = _address(record.headers.get("WARC-Target-URI"))
    if len(content) > settings.max_bytes:
        return _too_large(file, record.stream_pos, settings, url)
    if is_binary(content):
        return _not_text(file, record.stream_pos, url)
    if settings.clean and kind == "html":
        return _not_clean(file, record.stream_pos, url)
    source = Source(file.path, record.stream_pos)
    return _identified(Page("", kind, content, source, url, content_type=content_type), None)


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


def _read_record(record: Any, file: InputFile, offset: int, settings: InputSettings) -> Page | Failure:
    """The page in a JSONL or Parquet record. HTML wins over text where a record has both."""
    if not isinstance(record, Mapping):
        return _failure(file, offset, "bad_record", "the record is no object with named fields")
    own_id = _string(record.get(settings.id_key))
    title = _string(record.get(settings.title_key))
    text, html = (_content(record.get(key)) for key in (settings.text_key, settings.html_key))
    if own_id is not None and len(own_id) > _ID_LIMIT:
        detail = f"its id in {settings.id_key!r} has {len(own_id)} characters, more than {_ID_LIMIT}: {own_id[:60]}..."
        return _failure(file, offset, "bad_record", detail)
    if settings.clean:
        kind, content = "clean", text or ""
        if html and html.strip() and not content.strip():
            return _not_clean(file, offset, own_id)
        if not content.strip() and not title:
            detail = f"both {settings.text_key!r} and {settings.title_key!r} are empty"
            return _failure(file, offset, "bad_record", detail, own_id)
    elif html is not None and (html.strip() or text is None):
        kind, content = "html", html
    elif text is not None:
        kind, content = "text", text
    else:
        fields = ", ".join(sorted(map(str, record))) or "none"
        detail = f"neither {settings.text_key!r} nor {settings.html_key!r} is text; its fields are: {fields}"
        return _failure(file, offset, "bad_record", detail, own_id)
    if _is_longer(content, settings.max_bytes):
        return _too_large(file, offset, settings, own_id)
    if isinstance(content, bytes) and is_binary(content):
        return _not_text(file, offset, own_id)
    page = Page(
        "",
        kind,
        content,
        Source(file.path, offset),
        url=_address(record.get(settings.url_key)),
        title=title,
        published=_string(record.get(settings.date_key)),
        metadata=_metadata(record, settings),
    )
    return _identified(page, own_id)


def _identified(page: Page, own_id: str | None) -> Page:
    """The page with its id: its own, else its url without fragment if it is not too long, else its content's hash.

    A fragment names a place in a page, and ``#t1`` behind a page's id is the id of a teaser.
    """
    address = (page.url or "").partition("#")[0]
    address = address if len(address) <= _ID_LIMIT else ""
    return replace(page, id=own_id or address or content_hash(page).hex()[:16])


def _string(value: Any) -> str | None:
    """A field's value as text; None if it is empty, NaN or no single value."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):  # a binary column of Parquet
        value = value.decode("utf-8", "replace")
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal) or value != value:
        return None
    return replace_unstorable(str(value)).strip() or None


def _address(value: Any) -> str | None:
    address = _string(value)
    return address if address is None or len(address) <= _URL_LIMIT else None


def _content(value: Any) -> str | bytes | None:
    """A field that holds a document: text, or bytes in a binary column of Parquet."""
    if isinstance(value, str):
        return replace_unstorable(value)
    return value if isinstance(value, bytes) else None


def _is_longer(content: str | bytes, limit: int) -> bool:
    if isinstance(content, bytes) or len(content) > limit:
        return len(content) > limit
    return 4 * len(content) > limit and len(content.encode()) > limit


def _metadata(record: Mapping[str, Any], settings: InputSettings) -> tuple[tuple[str, str], ...]:
    """The fields that Copydesk does not read, each as JSON, sorted by name."""
    own = {
        settings.text_key,
        settings.html_key,
        settings.id_key,
        settings.url_key,
        settings.title_key,
        settings.date_key,
    }
    others = ((replace_unstorable(str(key)), _json(value)) for key, value in record.items() if key not in own)
    return tuple(sorted(others))


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()
    except orjson.JSONEncodeError:  # too deep, or a number beyond 64 bits
        return orjson.dumps(replace_unstorable(str(value))).decode()


def _plain(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _failure(file: InputFile, offset: int, error: str, detail: str, own_id: str | None = None) -> Failure:
    detail = replace_unstorable(detail)[:_DETAIL_LIMIT]
    return Failure("read", Source(file.path, offset), error, detail, own_id)


def _too_large(file: InputFile, offset: int, settings: InputSettings, own_id: str | None = None) -> Failure:
    detail = f"more than {settings.max_bytes} bytes; raise input.max_bytes to read it"
    return _failure(file, offset, "too_large", detail, own_id)


def _not_text(file: InputFile, offset: int, own_id: str | None = None) -> Failure:
    return _failure(file, offset, "not_text", "the content is no text but a PDF, an image or the like", own_id)


def _not_clean(file: InputFile, offset: int, own_id: str | None = None) -> Failure:
    detail = "it is HTML, and with input.clean=true the input is stories as text; set input.clean=false"
    return _failure(file, offset, "bad_record", detail, own_id)


_READERS: dict[str, Callable[[InputFile, InputSettings], Iterator[Page | Failure]]] = {
    "html": _read_one_page,
    "text": _read_one_page,
    "jsonl": _read_json_lines,
    "parquet": _read_parquet,
    "warc": _read_archive,
    "wet": _read_archive,
}
