"""A file of every format that Copydesk reads, whole or broken, and what must be true of whatever is read from it."""

import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from pipeline.formats import InputFile, read_file
from tests.hostile.mutants import changed, pages
from transforms.settings import InputSettings
from transforms.types import Failure, Page

DATA = Path(__file__).parents[1] / "data"
# Format and compression, in the order of the numbers that the fuzzer of readers knows them by.
FORMATS = (
    ("html", ""), ("html", "gz"), ("text", ""), ("text", "gz"), ("jsonl", ""), ("jsonl", "gz"), ("jsonl", "zst"),
    ("parquet", ""), ("parquet", "gz"), ("warc", ""), ("warc", "gz"), ("wet", ""), ("wet", "gz"),
)  # fmt: skip
SETTINGS = InputSettings(max_bytes=1 << 17)
_DETAIL = 500  # the longest detail of a failure


def sample(kind: str) -> bytes:
    """A small file of a format, not compressed, with what is odd but good in it."""
    texts = pages(DATA / "demo")
    if kind in ("html", "text"):
        return next(text for text in texts if (b"<html" in text[:200]) == (kind == "html"))
    if kind == "jsonl":
        lines = (DATA / "demo" / "feeds" / "wire.jsonl").read_bytes().splitlines(keepends=True)[:4]
        odd = {"id": "odd", "text": "Ferry \ud83d\ude00", "n": float("nan"), "deep": [[[[{"a": [1]}]]]]}
        return b"".join(lines) + json.dumps(odd).encode() + b"\n\n"
    if kind == "parquet":
        columns = {
            "id": ["a", "b", None],
            "text": ["One line.", None, "The ferry.\n\nThe harbour."],
            "html": [None, b"<p>Two", b""],
            "n": [1.5, float("nan"), None],
            "tags": [["x"], [], None],
        }
        written = io.BytesIO()
        pq.write_table(pa.table(columns), written, row_group_size=2)
        return written.getvalue()
    archive = gzip.decompress((DATA / "demo" / "crawl" / "sallow.warc.gz").read_bytes())
    if kind == "warc":
        return archive
    text = b"The ferry hit the breakwater.\nNobody was hurt.\n"
    record = (
        b"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: https://boats.example.org/%d\r\n"
        b"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-00000000000%d>\r\nContent-Type: text/plain\r\n"
        b"Content-Length: %d\r\n\r\n%s\r\n\r\n"
    )
    return b"".join(record % (number, number, len(text), text) for number in range(4))


def packed(content: bytes, compression: str) -> bytes:
    if compression == "zst":
        return zstandard.compress(content)
    return gzip.compress(content, mtime=0) if compression else content


def broken_files(kind: str, compression: str, count: int, seed: int) -> Sequence[tuple[str, bytes]]:
    """``count`` files of a format, broken before or after they were compressed, each with a name that says how."""
    whole = sample(kind)
    made = []
    for number in range(count):
        random = Random(f"{seed}-{kind}-{compression}-{number}")
        inside = compression and number % 2
        names, content = changed(whole if inside else packed(whole, compression), random, [whole])
        made.append((f"{number}: {names}", packed(content, compression) if inside else content))
    return made


def file_name(kind: str, compression: str) -> str:
    return ".".join(filter(None, ("input", {"text": "txt"}.get(kind, kind), compression)))


def check_file(path: Path, kind: str, compression: str, settings: InputSettings = SETTINGS) -> list[Page | Failure]:
    """Read a file; whatever it holds, there are pages and failures with their place in it, and no exception."""
    outcomes = list(read_file(InputFile(str(path), str(path.parent), path.stat().st_size, kind, compression), settings))
    for outcome in outcomes:
        assert outcome.source.file == str(path) and outcome.source.offset >= 0
        if isinstance(outcome, Page):
            assert outcome.id and outcome.id.encode()
            assert len(outcome.content) <= settings.max_bytes
            for _, value in outcome.metadata:
                json.loads(value)
        else:
            assert outcome.stage == "read" and outcome.error.isidentifier()
            assert len(outcome.detail.encode()) <= 4 * _DETAIL
    return outcomes
