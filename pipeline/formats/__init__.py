"""One reader for each format, one a file: a file in, its pages and failures out, one at a time.

The readers never raise for bad data and never hold more than one document, however large the file:
each bad record is a Failure of its own, and a damaged file gives what comes before the damage and
then one Failure. A file that is one page is a record of its own, so when it is damaged it gives only
the Failure: half a page is no page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipeline.formats.archive import read_archive
from pipeline.formats.input_file import InputFile, failure
from pipeline.formats.json_lines import read_json_lines
from pipeline.formats.one_page import read_one_page
from pipeline.formats.parquet import read_parquet
from pipeline.formats.record import content_hash
from pipeline.streams import DamageError
from transforms.settings import InputSettings
from transforms.types import Failure, Page

__all__ = ["InputFile", "content_hash", "read_file"]


def read_file(file: InputFile, settings: InputSettings) -> Iterator[Page | Failure]:
    """Read one file as a stream of pages and failures; never raises for what the file holds."""
    try:
        yield from _READERS[file.kind](file, settings)
    except DamageError as damage:
        yield failure(file, 0, damage.error, damage.detail)


_READERS: dict[str, Callable[[InputFile, InputSettings], Iterator[Page | Failure]]] = {
    "html": read_one_page,
    "text": read_one_page,
    "jsonl": read_json_lines,
    "parquet": read_parquet,
    "warc": read_archive,
    "wet": read_archive,
}
