"""One file to read, and what stands in the place of a page that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass

from transforms.core.encoding import replace_unstorable
from transforms.settings import InputSettings
from transforms.types import Failure, Source

BUFFER = 1 << 18  # bytes read ahead
_DETAIL_LIMIT = 500  # characters of a failure's detail


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


def failure(file: InputFile, offset: int, error: str, detail: str, own_id: str | None = None) -> Failure:
    """What stands in the place of a page."""
    detail = replace_unstorable(detail)[:_DETAIL_LIMIT]
    return Failure("read", Source(file.path, offset), error, detail, own_id)


def too_large(file: InputFile, offset: int, settings: InputSettings, own_id: str | None = None) -> Failure:
    """The failure of a page that is larger than is set."""
    detail = f"more than {settings.max_bytes} bytes; raise input.max_bytes to read it"
    return failure(file, offset, "too_large", detail, own_id)


def not_text(file: InputFile, offset: int, own_id: str | None = None) -> Failure:
    """The failure of a page that is no text."""
    return failure(file, offset, "not_text", "the content is no text but a PDF, an image or the like", own_id)


def not_clean(file: InputFile, offset: int, own_id: str | None = None) -> Failure:
    """The failure of a page that is HTML where stories are expected."""
    detail = "it is HTML, and with input.clean=true the input is stories as text; set input.clean=false"
    return failure(file, offset, "bad_record", detail, own_id)
