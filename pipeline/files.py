"""Directories on any Beam filesystem: list, remove, move, and replace a file as a whole.

On a local disk and on HDFS a move is one atomic rename. Object stores have no directories and no
rename: there each file is copied and then deleted, so that a reader can meet a moved directory half
way; what must be seen whole is marked by a file that is written last.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from apache_beam.io.filesystem import CompressionTypes, FileMetadata
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

import pipeline.s3  # noqa: F401  mends Beam's client

# Beam's client for S3 refuses to work where no pipeline has set any options yet: in commands that run none, and in
# workers of an external pool. None are needed; the environment says where the store is and who asks.
if FileSystems._pipeline_options is None:
    FileSystems.set_options(PipelineOptions([]))

GLOB_CHARACTERS = "*?["


def is_local(path: str) -> bool:
    """Whether a path is on this machine's own filesystem."""
    return FileSystems.get_scheme(path) is None


def listable(path: str) -> str:
    """Return a path that Beam can list: of a relative one it must be told the directory."""
    return f"./{path}" if is_local(path) and not Path(path).is_absolute() else path


def list_below(directory: str) -> list[FileMetadata]:
    """Return all files at any depth below a directory, sorted by path; none if there is no such directory.

    Beam's listing takes glob patterns and has no way to quote a name that holds their characters, so
    each of them is asked for as any character, and what else that finds is dropped.
    """
    prefix = listable(directory.rstrip("/") + "/")
    pattern = "".join("?" if char in GLOB_CHARACTERS else char for char in prefix) + "**"
    found = FileSystems.match([pattern])[0].metadata_list
    return sorted((file for file in found if file.path.startswith(prefix)), key=lambda file: str(file.path))


def remove_tree(path: str) -> None:
    """Delete a file, or a directory with all that is in it; nothing happens if there is none."""
    if is_local(path):
        if Path(path).is_dir():
            shutil.rmtree(path)
        else:
            Path(path).unlink(missing_ok=True)
    elif FileSystems.get_filesystem(path).has_dirs():
        if FileSystems.exists(path):
            FileSystems.delete([path])
    else:
        files = [file.path for file in list_below(path)]
        FileSystems.delete(files + ([path] if FileSystems.exists(path) else []))


def rename_tree(source: str, target: str) -> None:
    """Move a directory to a place where nothing is yet; its parent is made if need be."""
    if FileSystems.get_filesystem(source).has_dirs():
        parent = FileSystems.split(target)[0]
        if not FileSystems.exists(parent):
            FileSystems.mkdirs(parent)
        FileSystems.rename([source], [target])
    else:
        files = [file.path for file in list_below(source)]
        if not files:
            return
        FileSystems.rename(files, [target.rstrip("/") + file[len(source.rstrip("/")) :] for file in files])


def copy_tree(source: str, target: Path) -> None:
    """Copy a directory, on any filesystem, to a place on this machine where nothing is yet."""
    if is_local(source):
        shutil.copytree(source, target)
        return
    target.mkdir()
    for file in list_below(source):
        copy = target / file.path[len(source.rstrip("/")) + 1 :]
        copy.parent.mkdir(parents=True, exist_ok=True)
        with (
            FileSystems.open(file.path, compression_type=CompressionTypes.UNCOMPRESSED) as read,
            copy.open("wb") as written,
        ):
            shutil.copyfileobj(read, written)


def replace_file(source: str, target: str) -> None:
    """Move a file to its place, over the one that may be there."""
    if not is_local(target) and FileSystems.get_filesystem(target).has_dirs() and FileSystems.exists(target):
        FileSystems.delete([target])  # HDFS does not rename over a file
    FileSystems.rename([source], [target])


def write_atomically(path: str, content: bytes, mime_type: str) -> None:
    """Write a file so that a reader finds the whole of it or, as long as it is not there, none."""
    unfinished = path + ".tmp"
    with FileSystems.create(unfinished, mime_type=mime_type) as file:
        file.write(content)
    replace_file(unfinished, path)


def write_json_atomically(path: str, value: Any) -> None:
    """Write a JSON file as ``write_atomically`` does."""
    content = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    write_atomically(path, content, "application/json")


@dataclass(frozen=True, slots=True)
class BlockFiles:
    """Numbered blocks of bytes as files of a directory, on any filesystem that all workers see."""

    directory: str

    def write(self, number: int, content: bytes) -> None:
        """Write a block; a second worker that is given the same one leaves the same."""
        write_atomically(self._path(number), content, "application/octet-stream")

    def read(self, number: int) -> bytes:
        """Return a block that has been written."""
        with FileSystems.open(self._path(number), compression_type=CompressionTypes.UNCOMPRESSED) as file:
            content: bytes = file.read()
        return content

    def _path(self, number: int) -> str:
        return FileSystems.join(self.directory, str(number))
