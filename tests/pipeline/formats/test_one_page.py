import codecs
import gzip
import os
from pathlib import Path

import pytest

from pipeline.sources import InputFile, read_file
from pipeline.streams import Stream
from tests.pipeline.formats.inputs import (
    CLEAN,
    DEFAULTS,
    HTML_IS_NOT_CLEAN,
    SMALL,
    errors,
    noise,
    read,
    read_one,
    write,
)
from transforms.types import Failure, Page, Source


def test_html_and_text_keep_their_bytes_and_take_their_id_from_the_path(tmp_path: Path) -> None:
    latin = '<meta charset="latin-1"><p>caf\xe9\r\n'.encode("latin-1")
    wide = codecs.BOM_UTF16_LE + "One\r\nTwo".encode("utf-16-le")
    write(tmp_path / "a/b/page.v2.html.gz", gzip.compress(latin))
    write(tmp_path / "wide.txt", wide)
    root = str(tmp_path)
    assert read(tmp_path) == [
        Page("a/b/page.v2", "html", latin, Source(f"{root}/a/b/page.v2.html.gz")),
        Page("wide", "text", wide, Source(f"{root}/wide.txt")),
    ]


def test_clean_text_files_are_stories(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "A story.")
    write(tmp_path / "b.html", "<p>A page.")
    story, page = read(tmp_path, CLEAN)
    assert (story.kind, page.error, page.detail) == ("clean", "bad_record", HTML_IS_NOT_CLEAN)


@pytest.mark.parametrize("name", ["a.html", "a.txt", "a.html.gz"])
def test_an_empty_file_is_an_empty_page(tmp_path: Path, name: str) -> None:
    page = read_one(write(tmp_path / name, b""))
    assert (page.id, page.content) == ("a", b"")


@pytest.mark.parametrize("content", [b"%PDF-1.4\n...", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"\x00\x01\x02" * 99])
def test_binary_content_is_no_text(tmp_path: Path, content: bytes) -> None:
    failure = read_one(write(tmp_path / "a.html", content))
    assert failure == Failure(
        "read",
        Source(f"{tmp_path}/a.html"),
        "not_text",
        "the content is no text but a PDF, an image or the like",
    )


def test_a_page_over_the_limit_is_too_large_and_one_at_the_limit_is_not(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "x" * 1000)
    write(tmp_path / "b.txt", "x" * 1001)
    page, failure = read(tmp_path, SMALL)
    assert len(page.content) == 1000
    assert (failure.error, failure.detail) == (
        "too_large",
        "more than 1000 bytes; raise input.max_bytes to read it",
    )


def test_a_gzip_bomb_is_not_inflated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inflated = 0
    readinto = Stream.readinto

    def counting(self: Stream, buffer: bytearray) -> int:
        nonlocal inflated
        size = readinto(self, buffer)
        inflated += size
        return size

    monkeypatch.setattr(Stream, "readinto", counting)
    bomb = write(tmp_path / "a.html.gz", gzip.compress(b"\x20" * 50_000_000))
    assert errors(read(bomb, SMALL)) == [(0, "too_large")]
    assert inflated < 1_000_000


@pytest.mark.parametrize(("cut", "error"), [(slice(None, -40), "truncated"), (slice(3, None), "corrupt")])
def test_a_damaged_page_is_one_failure(tmp_path: Path, cut: slice, error: str) -> None:
    write(tmp_path / "a.html.gz", gzip.compress(noise(50_000).encode())[cut])
    assert errors(read(tmp_path)) == [(0, error)]


def test_a_file_that_disappears_or_is_a_directory_is_unreadable(tmp_path: Path) -> None:
    gone = InputFile(f"{tmp_path}/gone.html", str(tmp_path), 1, "html")
    (failure,) = read_file(gone, DEFAULTS)
    assert (failure.error, failure.source) == ("unreadable", Source(f"{tmp_path}/gone.html"))
    assert "No such file or directory" in failure.detail
    for kind in ("jsonl", "parquet", "warc"):
        (failure,) = read_file(InputFile(str(tmp_path), "", 1, kind), DEFAULTS)
        assert failure.error == "unreadable"


def test_a_named_pipe_is_not_waited_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.html")
    failure = read_one(tmp_path)
    assert (failure.error, failure.detail) == (
        "unreadable",
        "a named pipe, which could be waited on for ever",
    )
