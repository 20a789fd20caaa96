"""What the two passes of ``segment`` hand to each other: labelled pages, and profiles of sites.

Profiles lie in files by a hash of the site, so that a worker reads only those of the sites whose pages it meets and
keeps a few at a time.
"""

from __future__ import annotations

import pickle
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from pipeline.sinks import read_file_rows, write_rows
from pipeline.workspace import exists
from transforms.core.segment import Labelled, without_markup
from transforms.core.site_profile import SiteProfile

FILES = 256
_OPEN = 16  # files of profiles that a worker keeps


def labelled_row(labelled: Labelled) -> dict[str, Any]:
    """Return a labelled page as a row of the table ``labelled``, without what no later stage reads."""
    return {"labelled": pickle.dumps(without_markup(labelled), pickle.HIGHEST_PROTOCOL)}


def labelled_pages(file: str) -> Iterator[Labelled]:
    """Read the labelled pages of one file, which a run of ours has written."""
    for row in read_file_rows(file):
        yield pickle.loads(row["labelled"])


@dataclass(eq=False)
class WriteProfiles(beam.PTransform):
    """Write the profiles of sites below a directory."""

    directory: str

    def expand(self, profiles: beam.PCollection[SiteProfile]) -> beam.PCollection[None]:
        written: beam.PCollection[None] = (
            profiles
            | "ByFile" >> beam.Map(_with_file).with_output_types(tuple[int, SiteProfile])
            | "GroupByFile" >> beam.GroupByKey()
            | "Write" >> beam.Map(_write, self.directory)
        )
        return written


def _with_file(profile: SiteProfile) -> tuple[int, SiteProfile]:
    return _number(profile.site), profile


def _number(site: str) -> int:
    return zlib.crc32(site.encode()) % FILES


def _path(directory: str, number: int) -> str:
    return FileSystems.join(directory, f"{number:03}.parquet")


def _write(profiles_of_file: tuple[int, Iterable[SiteProfile]], directory: str) -> None:
    number, profiles = profiles_of_file
    rows = (asdict(profile) for profile in sorted(profiles, key=lambda profile: profile.site))
    write_rows(_path(directory, number), "profiles", rows, "parquet")


class ProfileFiles:
    """Finds the profile of a site among those that ``WriteProfiles`` wrote; travels as the name of its directory."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._files: OrderedDict[str, dict[str, SiteProfile]] = OrderedDict()

    def __call__(self, site: str) -> SiteProfile | None:
        path = _path(self._directory, _number(site))
        if path not in self._files:
            rows = read_file_rows(path) if exists(path) else ()
            self._files[path] = {row["site"]: SiteProfile(**row) for row in rows}
            if len(self._files) > _OPEN:
                self._files.popitem(last=False)
        self._files.move_to_end(path)
        return self._files[path].get(site)

    def __reduce__(self) -> tuple[type[ProfileFiles], tuple[str]]:
        return ProfileFiles, (self._directory,)
