"""What the two passes of ``segment`` hand to each other, and sites to the next run.

The first pass writes labelled pages, the profiles of sites, and with a state the samples of pages that they were
learned from. Profiles and samples lie in files by a hash of the site: so a worker reads only the profiles of sites
that it meets, and the same sites always give the same files.
"""

from __future__ import annotations

import copyreg
import pickle
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields, is_dataclass
from io import BytesIO
from operator import attrgetter
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from pipeline.sinks import read_file_rows, write_rows
from pipeline.workspace import exists
from transforms.core.role_model import Label
from transforms.core.segment import Labelled, without_markup
from transforms.core.site_profile import PageLines, SiteProfile
from transforms.types import Block, Dom

FILES = 256
_HELD = 64 << 20  # bytes of profiles that a worker keeps

Row = dict[str, Any]


def _pickle_as_call(noun: type) -> None:
    """Pickle a noun as a call with its fields: twice as fast as what Python does for a frozen one with slots."""
    values = attrgetter(*(field.name for field in fields(noun)))
    copyreg.pickle(noun, lambda one: (noun, values(one)))


for _noun in (Block, Dom, Label):
    _pickle_as_call(_noun)


def labelled_row(labelled: Labelled) -> Row:
    """Return a labelled page as a row of the table ``labelled``, without what no later stage reads."""
    return {"labelled": pickle.dumps(without_markup(labelled), pickle.HIGHEST_PROTOCOL)}


def labelled_pages(file: str) -> Iterator[Labelled]:
    """Read the labelled pages of one file, which a run of ours has written."""
    for row in read_file_rows(file):
        yield _Nouns(BytesIO(row["labelled"])).load()


class _Nouns(pickle.Unpickler):
    """Reads nouns and plain values. What else a file names is neither imported nor called, so it runs no code."""

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("transforms."):
            noun = super().find_class(module, name)
            if isinstance(noun, type) and is_dataclass(noun):
                return noun
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a page")


def site_rows(site: str, pages: Iterable[PageLines]) -> Iterator[Row]:
    """Return the pages by which a site is judged as rows of the table ``sites``."""
    for page in pages:
        yield {"site": site} | asdict(page)


def site_pages(file: str) -> Iterator[tuple[str, PageLines]]:
    """Read the sites and pages of one file of the table ``sites``."""
    for row in read_file_rows(file):
        yield row.pop("site"), PageLines(**row)


def profile_row(profile: SiteProfile) -> Row:
    """Return a profile as a row of the table ``profiles``."""
    return asdict(profile)


@dataclass(eq=False)
class WriteBySite(beam.PTransform):
    """Write rows that have a ``site`` as a table below a directory."""

    table: str
    directory: str

    def expand(self, rows: beam.PCollection[Row]) -> beam.PCollection[None]:
        written: beam.PCollection[None] = (
            rows
            | "ByFile" >> beam.Map(_with_file).with_output_types(tuple[int, Row])
            | "GroupByFile" >> beam.GroupByKey()
            | "Write" >> beam.Map(_write, self.table, self.directory)
        )
        return written


def _with_file(row: Row) -> tuple[int, Row]:
    return _number(row["site"]), row


def _number(site: str) -> int:
    return zlib.crc32(site.encode()) % FILES


def _path(directory: str, number: int) -> str:
    return FileSystems.join(directory, f"part-{number:05}-of-{FILES:05}.parquet")


def _write(rows_of_file: tuple[int, Iterable[Row]], table: str, directory: str) -> None:
    number, rows = rows_of_file
    in_order = sorted(rows, key=lambda row: (row["site"], row.get("page", 0)))
    write_rows(_path(directory, number), table, in_order, "parquet")


class ProfileFiles:
    """Finds the profile of a site in the table ``profiles``; travels as the name of its directory."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._files: OrderedDict[int, dict[str, SiteProfile]] = OrderedDict()
        self._held = 0

    def __call__(self, site: str) -> SiteProfile | None:
        number = _number(site)
        if number not in self._files:
            path = _path(self._directory, number)
            rows = read_file_rows(path) if exists(path) else ()
            self._files[number] = {row["site"]: SiteProfile(**row) for row in rows}
            self._held += _bytes(self._files[number])
            while self._held > _HELD and len(self._files) > 1:
                _, longest_unused = self._files.popitem(last=False)
                self._held -= _bytes(longest_unused)
        self._files.move_to_end(number)
        return self._files[number].get(site)

    def __reduce__(self) -> tuple[type[ProfileFiles], tuple[str]]:
        return ProfileFiles, (self._directory,)


def _bytes(profiles: dict[str, SiteProfile]) -> int:
    return sum(len(profile.lines) + len(profile.counts) + len(profile.pages) for profile in profiles.values())
