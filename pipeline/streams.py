"""A file's decompressed bytes, as far as they can be read.

Crawls hold truncated and corrupt files, and what comes before the damage is still good. So damage
is not raised while reading: the stream ends there, and its ``damage`` says why. Decompression
happens in small steps, so that a file that inflates a thousandfold costs no more memory than any
other.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import zstandard
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from pipeline.files import is_local

_CHUNK = 1 << 16  # compressed bytes per step
_PIECE = 1 << 18  # most decompressed bytes that one step of gzip may give
_ZSTD_CHUNK = 1 << 10  # a zstd step has no such limit, but 4 bytes give at most 128 KiB
_GZIP_WINDOW = 31  # zlib's code for a gzip header and the largest window


class DamageError(Exception):
    """Why a file cannot be read, or not any further: a failure's ``error`` and ``detail``."""

    def __init__(self, error: str, detail: str) -> None:
        super().__init__(error, detail)
        self.error = error
        self.detail = detail


def open_raw(path: str) -> BinaryIO:
    """Open a file on any Beam filesystem, compressed bytes and all; raises DamageError ``unreadable``."""
    if is_local(path) and Path(path).is_fifo():
        raise DamageError("unreadable", "a named pipe, which could be waited on for ever")
    try:
        return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    except Exception as error:  # each filesystem raises errors of its own
        raise DamageError("unreadable", f"{type(error).__name__}: {error}") from error


class Stream(io.RawIOBase):
    """The bytes of a file, decompressed; ends at the first damage instead of raising it.

    ``compression`` is ``"gz"``, ``"zst"`` or empty. ``position`` counts the decompressed bytes
    handed out, ``ended`` is set once there are no more, and ``damage`` if that is not the real end.
    """

    def __init__(self, path: str, compression: str) -> None:
        self.position = 0
        self.ended = False
        self.damage: DamageError | None = None
        self._file = open_raw(path)
        self._pieces = _DECOMPRESSORS[compression](self._file)
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._piece and not self.ended:
            try:
                self._piece = memoryview(next(self._pieces))
            except StopIteration:
                self.ended = True
            except DamageError as damage:
                self.damage = damage
                self.ended = True
        taken = min(len(buffer), len(self._piece))
        buffer[:taken] = self._piece[:taken]
        self._piece = self._piece[taken:]
        self.position += taken
        return taken

    def tell(self) -> int:
        return self.position

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def _chunks(file: BinaryIO, size: int = _CHUNK) -> Iterator[bytes]:
    while True:
        try:
            chunk = file.read(size)
        except Exception as error:  # a disk or a network that fails: as for open_raw
            raise DamageError("unreadable", f"{type(error).__name__}: {error}") from error
        if not chunk:
            return
        yield chunk


def _gunzip(file: BinaryIO) -> Iterator[bytes]:
    """Inflate gzip members one after the other; zeros after a member are padding."""
    member = zlib.decompressobj(_GZIP_WINDOW)
    begun, members = False, 0
    for data in _chunks(file):
        while data := data if begun or not members else data.lstrip(b"\x00"):
            begun = True
            before = member.copy()
            try:
                yield member.decompress(data, _PIECE)
            except zlib.error as error:
                yield from _before_error(before, data)
                raise DamageError("corrupt", f"gzip: {error}") from error
            data = member.unconsumed_tail
            if member.eof:
                data = member.unused_data
                member = zlib.decompressobj(_GZIP_WINDOW)
                begun, members = False, members + 1
    if begun:
        raise DamageError("truncated", "the gzip data end before their time")


def _before_error(member: Any, data: bytes) -> Iterator[bytes]:
    """What can be inflated of data that hold an error: zlib drops it, so go again in small steps."""
    while data:
        try:
            yield member.decompress(data, 256)
        except zlib.error:
            return
        data = member.unconsumed_tail


def _unzstd(file: BinaryIO) -> Iterator[bytes]:
    """Decompress zstd frames one after the other."""
    decompressor = zstandard.ZstdDecompressor()
    frame = decompressor.decompressobj()
    begun = False
    for data in _chunks(file, _ZSTD_CHUNK):
        while data:
            begun = True
            try:
                yield frame.decompress(data)
            except zstandard.ZstdError as error:
                raise DamageError("corrupt", f"zstd: {error}") from error
            data = b""
            if frame.eof:
                data = frame.unused_data
                frame = decompressor.decompressobj()
                begun = False
    if begun:
        raise DamageError("truncated", "the zstd data end before their time")


_DECOMPRESSORS = {"": _chunks, "gz": _gunzip, "zst": _unzstd}
