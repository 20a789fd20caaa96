"""Inputs: from the paths that a user names to a collection of pages."""

from __future__ import annotations

import logging
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import apache_beam as beam
from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics

from pipeline import UsageError
from pipeline.files import GLOB_CHARACTERS, is_local, list_below, listable
from pipeline.formats import InputFile, content_hash, read_file
from transforms.coders import NounCoder
from transforms.core.encoding import replace_unstorable
from transforms.settings import InputSettings
from transforms.types import Failure, Page, Source

__all__ = ["InputError", "InputFile", "ReadPages", "content_hash", "match_inputs", "read_file", "require_filesystem"]

log = logging.getLogger("copydesk")

SUFFIXES = ".html .htm .txt .jsonl .parquet .warc .wet, each also .gz (.jsonl also .zst)"

_KINDS = {"html": "html", "htm": "html", "txt": "text"}  # the others are named like their suffix
_NAME = re.compile(
    r"\A.+\.(?:(?P<kind>html?|txt|parquet|warc|wet)(?:\.(?P<packed>gz))?|(?P<jsonl>jsonl)(?:\.(?P<jsonl_packed>gz|zst))?)",
    re.IGNORECASE | re.DOTALL,
)
_GLOB = re.compile("[" + re.escape(GLOB_CHARACTERS) + "]")
_BARE_SCHEME = re.compile(r"[a-zA-Z][-a-zA-Z0-9+.]*://")
_REMOTE = {  # scheme: (module that Beam's filesystem needs, the extra that brings it)
    "gs": ("google.cloud.storage", "gcp"),
    "s3": ("boto3", "aws"),
    "azfs": ("azure.storage.blob", "azure"),
    "hdfs": ("hdfs", "hadoop"),
}


class InputError(UsageError, ValueError):
    """An input that cannot be used; the message says what, where and how to mend it."""


def match_inputs(patterns: Sequence[str], may_be_empty: bool = False) -> list[InputFile]:
    """Find the files that directories, globs and paths name, sorted by path, each once.

    A directory is searched at all depths; in it, and in what a glob matches, hidden files and files
    of other formats are left out, and the log says how many. In a glob ``*`` stays within a directory
    and ``**`` does not. A path that exists as it is written is no glob. A file that two patterns name
    gets the shorter of their roots, so that the order of patterns changes nothing.

    With ``may_be_empty`` a directory or a glob without such files is no error.

    Raises:
        InputError: A path is missing or of an unknown format, a pattern matches nothing, or its
            filesystem needs a package that is not installed.
    """
    files: dict[str, InputFile] = {}
    for pattern in patterns:
        for file in _match(pattern, may_be_empty):
            if file.path not in files or len(file.root) < len(files[file.path].root):
                files[file.path] = file
    return [files[path] for path in sorted(files)]


def _match(pattern: str, may_be_empty: bool) -> list[InputFile]:
    if not pattern:
        raise InputError("an input is empty; name a directory, a file or a glob")
    require_filesystem(pattern)
    path = posixpath.normpath(pattern) if is_local(pattern) else pattern.rstrip("/")
    try:
        is_directory = is_local(path) and Path(path).is_dir()
        if not is_directory and FileSystems.exists(path):
            return [_single_file(path)]
        found = list_below(path)
        if found or is_directory:
            return _select(found, path, pattern, may_be_empty)
        if not _GLOB.search(path):
            raise InputError(f"{pattern}: no such file or directory")
        found = FileSystems.match([listable(path)])[0].metadata_list
    except InputError:
        raise
    except Exception as error:  # each filesystem raises errors of its own
        raise InputError(f"{pattern}: cannot be listed: {error}") from error
    if not found and not may_be_empty:
        raise InputError(f"{pattern}: matches no file; * stays within one directory, ** goes deeper")
    return _select(found, _GLOB.split(path)[0].rpartition("/")[0], pattern, may_be_empty)


def require_filesystem(pattern: str) -> None:
    """Raise InputError for a path whose filesystem is unknown or needs a package that is not installed."""
    scheme = FileSystems.get_scheme(pattern)
    if scheme is None and _BARE_SCHEME.match(pattern):
        raise InputError(f"{pattern}: names no bucket or host behind ://")
    if scheme in _REMOTE:
        module, extra = _REMOTE[scheme]
        try:
            import_module(module)
        except ImportError:
            mend = f"pip install 'apache-beam[{extra}]'"
            raise InputError(f"{pattern}: {scheme}:// needs a package that is missing: {mend}") from None
    else:
        try:
            FileSystems.get_filesystem(pattern)
        except ValueError:
            known = ", ".join(f"{name}://" for name in _REMOTE)
            message = f"{pattern}: unknown filesystem {scheme}://; give a local path or one of {known}"
            raise InputError(message) from None


def _single_file(path: str) -> InputFile:
    metadata = FileSystems.get_filesystem(path).metadata(path)
    file = _input_file(metadata, path.rpartition("/")[0])
    if file is None:
        raise InputError(f"{path}: unknown format; Copydesk reads {SUFFIXES}")
    return file


def _select(found: Sequence[FileMetadata], root: str, pattern: str, may_be_empty: bool) -> list[InputFile]:
    """The files of a known format, without hidden ones; logs how many were left out."""
    root = "" if root == "." else root
    files, hidden, other = [], 0, 0
    for metadata in found:
        file = _input_file(metadata, root)
        if any(name.startswith(".") for name in _below(_plain(metadata.path), root).split("/")):
            hidden += 1
        elif file is None:
            other += 1
        else:
            files.append(file)
    if not files and not may_be_empty:
        left_out = f" ({hidden} hidden files and {other} of other formats)" if found else ""
        raise InputError(f"{pattern}: holds no file that Copydesk reads{left_out}; it reads {SUFFIXES}")
    if hidden or other:
        log.info("%s: left out %d hidden files and %d of other formats", pattern, hidden, other)
    return files


def _input_file(metadata: FileMetadata, root: str) -> InputFile | None:
    """The file with its format by its suffixes; None if that is unknown."""
    path = _plain(metadata.path)
    if replace_unstorable(path) != path:
        raise InputError(f"{path!r}: the name is not valid UTF-8, so no table can hold it; rename the file")
    name = _NAME.fullmatch(path)
    if name is None:
        return None
    suffix = (name["kind"] or name["jsonl"]).lower()
    packed = (name["packed"] or name["jsonl_packed"] or "").lower()
    modified = None if is_local(path) else round(metadata.last_updated_in_seconds * 1e9) or None
    return InputFile(path, root, metadata.size_in_bytes, _KINDS.get(suffix, suffix), packed, modified)


def _below(path: str, root: str) -> str:
    return path.removeprefix(root).lstrip("/")


def _plain(path: str) -> str:
    """A path without the ``./`` that listing put before it."""
    return posixpath.normpath(path) if is_local(path) else path


class _ReadFile(beam.DoFn):
    """One input file -> its pages, and its failures on the tag ``failures``."""

    def __init__(self, settings: InputSettings) -> None:
        self._settings = settings
        self._pages = Metrics.counter("read", "pages")
        self._failures = Metrics.counter("read", "failures")

    def process(self, file: InputFile) -> Iterator[Page | beam.pvalue.TaggedOutput]:
        outcomes = read_file(file, self._settings)
        while True:
            try:
                outcome = next(outcomes, None)
            except Exception as error:  # a defect of a reader must not stop the run
                outcome = Failure("read", Source(file.path), type(error).__name__, str(error)[:500])
            if isinstance(outcome, Page):
                self._pages.inc()
                yield outcome
            elif outcome is not None:
                self._failures.inc()
                Metrics.counter("read", outcome.error).inc()
                yield beam.pvalue.TaggedOutput("failures", outcome)
            else:
                return


@dataclass(eq=False)
class ReadPages(beam.PTransform):
    """Read all files: pages on ``out``, failures on ``failures``. One file is read by one worker."""

    files: Sequence[InputFile]
    settings: InputSettings

    def expand(self, root: beam.pvalue.PBegin) -> beam.pvalue.DoOutputsTuple:
        return (
            root
            | "Files" >> beam.Create(self.files, reshuffle=False).with_output_types(InputFile)
            | "Spread" >> beam.Reshuffle()
            | "Read" >> beam.ParDo(_ReadFile(self.settings)).with_outputs("failures", main="out")
        )


beam.coders.registry.register_coder(InputFile, NounCoder)
