"""What a state has seen of the inputs: with ``input.only_new`` a run takes only what is new or changed since.

``seen_files`` has the files as they were when they were read: one that is still so is not opened again.
``seen_pages`` has the pages in them, by a hash of the id and one of id and content: a file that has grown, or a second
file with the same pages, gives only the pages that no earlier run has had, or whose content was another then.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.files import is_local
from pipeline.sinks import SCHEMAS, read_columns, read_table, write_arrow, write_rows
from pipeline.sources import content_hash
from transforms.metrics import count
from transforms.types import Page

FILES, PAGES = "seen_files", "seen_pages"  # tables of the state

Stamps = Mapping[str, list[int | None]]  # path -> size, and when it was changed last


def new_files(found: Stamps, seen: Mapping[str, dict[str, Any]]) -> dict[str, list[int | None]]:
    """Return the files that have not been seen as they are."""
    return {path: stamp for path, stamp in found.items() if _stamp(seen.get(absolute(path))) != stamp}


def _stamp(row: Mapping[str, Any] | None) -> list[int | None] | None:
    return None if row is None else [row["size"], row["modified"]]


def absolute(path: str) -> str:
    """Return the name of a file in the state: the same from whatever directory a run is started."""
    return os.path.abspath(path) if is_local(path) else path


def seen_files(directory: str) -> dict[str, dict[str, Any]]:
    """Return the rows of the table of files by path."""
    return {row["path"]: row for row in read_table(directory)} if directory else {}


# Pages


@dataclass(eq=False)
class TakeNew(beam.PTransform):
    """Passes on the pages that have not been seen as they are, and counts the others as ``read/seen_before``.

    ``seen`` is the directory of the table of pages, or empty where nothing is to be left out.
    """

    seen: str

    def expand(self, pages: beam.PCollection[Page]) -> beam.PCollection[Page]:
        if not self.seen:
            return pages
        new: beam.PCollection[Page] = pages | beam.ParDo(_TakeNew(self.seen)).with_output_types(Page)
        return new


class _TakeNew(beam.DoFn):
    def __init__(self, seen: str) -> None:
        self._seen = seen

    def setup(self) -> None:
        columns = [batch["page"] for batch in read_columns(self._seen, ["page"])]
        self._pages = np.sort(pa.chunked_array(columns, pa.int64()).to_numpy())  # 8 bytes for each

    def process(self, page: Page) -> Iterator[Page]:
        key = _page_hash(page)
        place = np.searchsorted(self._pages, key)
        if place < len(self._pages) and self._pages[place] == key:
            count("read", "seen_before")
        else:
            yield page


def page_row(page: Page) -> dict[str, Any]:
    """Return a page as a row of the table of pages."""
    return {"file": absolute(page.source.file), "id": _hash(page.id.encode()), "page": _page_hash(page)}


def _page_hash(page: Page) -> int:
    return _hash(page.id.encode() + content_hash(page))


def _hash(content: bytes) -> int:
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little", signed=True)


# What the next run knows


def write_seen(
    before: Callable[[str], str],
    target: Callable[[str], str],
    read: str,
    files: Stamps,
    unread: Set[str],
    found: Stamps,
    run_date: str,
    keep_days: int,
) -> None:
    """Write both tables as they are after a run.

    Args:
        before: The directory of a table of the state before, by its name; there may be none.
        target: The directory to write a table to, by its name.
        read: The table of the pages that this run has read, new or not.
        files: Its files.
        unread: Those of them that could not be read: they stay new.
        found: All files that stand in the inputs now.
        run_date: The date of the run, or empty.
        keep_days: After so many days a file that is gone is forgotten, with its pages; 0 for never.
    """
    here = {absolute(path) for path in found}
    rows = {}
    for path, row in seen_files(before(FILES)).items():
        gone = "" if path in here else row["gone"] or run_date
        if not _too_long_ago(gone, run_date, keep_days):
            rows[path] = row | {"gone": gone}
    for path, (size, modified) in files.items():
        if path not in unread:
            rows[absolute(path)] = {"path": absolute(path), "size": size, "modified": modified, "gone": ""}
    part = "part-00000-of-00001.parquet"
    write_rows(os.path.join(target(FILES), part), FILES, (rows[path] for path in sorted(rows)), "parquet")

    # A page counts as it was in the run that had it last.
    earlier, now = _table(before(PAGES)), _table(read)
    replaced = pc.or_(
        pc.is_in(earlier["file"], pa.array(map(absolute, files), pa.string())), pc.is_in(earlier["id"], now["id"])
    )
    kept = pc.and_(pc.invert(replaced), pc.is_in(earlier["file"], pa.array(rows, pa.string())))
    pages = pa.concat_tables([earlier.filter(kept), now])
    pages = pages.group_by(pages.schema.names, use_threads=False).aggregate([])
    order = [(name, "ascending") for name in pages.schema.names]
    write_arrow(os.path.join(target(PAGES), part), pages.sort_by(order))


def _too_long_ago(gone: str, run_date: str, keep_days: int) -> bool:
    if not gone or not run_date or not keep_days:
        return False
    return (date.fromisoformat(run_date) - date.fromisoformat(gone)).days > keep_days


def _table(directory: str) -> pa.Table:
    batches = read_columns(directory, SCHEMAS[PAGES].names, PAGES) if directory else ()
    return pa.Table.from_batches(batches, SCHEMAS[PAGES])
