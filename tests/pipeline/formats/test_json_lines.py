import gzip
import json
import resource
from pathlib import Path

import pytest
import zstandard

from tests.pipeline.formats.inputs import LINES, RECORDS, SMALL, contents, errors, read, read_one, write
from transforms.types import Page


def test_blank_lines_are_nothing_and_bad_ones_are_failures_at_their_offset(tmp_path: Path) -> None:
    content = (
        b'\xef\xbb\xbf{"id":"1","text":"a"}\r\n'  # 3 + 21 + 2 bytes
        b"\r\n"
        b'{"id":"2", nonsense}\n'
        b" \t\n"
        b'["a","list"]\n'
        b'{"id":"3","text":"caf\xe9"}\n'
        b'{"id":"4","text":"d"}'
    )
    path = write(tmp_path / "a.jsonl", content)
    outcomes = read(path)
    assert contents(outcomes) == ["a", "d"]
    assert errors(outcomes) == [(28, "bad_record"), (52, "bad_record"), (65, "bad_record")]
    assert [outcome.source.offset for outcome in outcomes] == [0, 28, 52, 65, 90]
    assert content[90:] == b'{"id":"4","text":"d"}'
    assert outcomes[1].detail.startswith("not JSON: ")
    assert outcomes[2].detail == "the record is no object with named fields"


def test_lone_surrogates_nuls_and_nan_are_mended(tmp_path: Path) -> None:
    line = r'{"id":"\ud83d\ude00\udc00","text":"a\ud800b\u0000c","title":NaN,"other":[NaN,"\udfff"]}'
    page = read_one(write(tmp_path / "a.jsonl", line))
    assert (page.id, page.content, page.title) == ("😀\ufffd", "a\ufffdb\ufffdc", None)
    assert page.metadata == (("other", '[null,"\ufffd"]'),)


def test_hostile_json_is_a_bad_record(tmp_path: Path) -> None:
    lines = [
        "[" * 100_000,
        '{"a":' * 100_000,
        "9" * 10_000,
        '{"text":"ok","n":' + "9" * 400 + "}",
        '{"text":"last"}',
    ]
    outcomes = read(write(tmp_path / "a.jsonl", "\n".join(lines)))
    assert contents(outcomes)[-1] == "last"
    assert {error for _, error in errors(outcomes)} == {"bad_record"}
    assert len(outcomes) == 5


def test_long_documents_and_lines_are_too_large_and_reading_goes_on(tmp_path: Path) -> None:
    lines = [
        json.dumps({"id": "big", "text": "x" * 1001}),
        json.dumps({"id": "wide", "text": "é" * 501}, ensure_ascii=False),
        json.dumps({"id": "endless", "text": "x" * 100_000}),
        json.dumps({"id": "fits", "text": "é" * 500}),
    ]
    outcomes = read(write(tmp_path / "a.jsonl", "\n".join(lines)), SMALL)
    assert [outcome.id for outcome in outcomes] == ["big", "wide", None, "fits"]
    assert [error for _, error in errors(outcomes)] == ["too_large"] * 3
    starts = [0, len(lines[0]) + 1, len(lines[0]) + len(lines[1].encode()) + 2]
    assert [offset for offset, _ in errors(outcomes)] == starts


def test_an_empty_file_of_records_holds_none(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.warc", "c.wet", "d.jsonl.gz", "e.jsonl.zst", "f.warc.gz"):
        write(tmp_path / name, b"")
    assert read(tmp_path) == []


def zstd_frames(content: str) -> bytes:
    middle = len(content) // 2
    compressor = zstandard.ZstdCompressor()
    return compressor.compress(content[:middle].encode()) + compressor.compress(content[middle:].encode())


def gzip_members(content: str) -> bytes:
    middle = len(content) // 2
    return gzip.compress(content[:middle].encode()) + gzip.compress(content[middle:].encode()) + b"\x00" * 512


@pytest.mark.parametrize(("name", "pack"), [("a.jsonl.gz", gzip_members), ("a.jsonl.zst", zstd_frames)])
def test_compressed_files_may_have_several_parts(tmp_path: Path, name: str, pack: object) -> None:
    pages = read(write(tmp_path / name, pack("".join(LINES))))
    assert [page.content for page in pages] == [record["text"] for record in RECORDS]
    assert pages[-1].source.offset == sum(map(len, LINES[:-1]))


@pytest.mark.parametrize(("name", "pack"), [("a.jsonl.gz", gzip_members), ("a.jsonl.zst", zstd_frames)])
def test_what_precedes_a_truncation_is_saved(tmp_path: Path, name: str, pack: object) -> None:
    packed = pack("".join(LINES))
    outcomes = read(write(tmp_path / name, packed[: len(packed) * 3 // 4]))
    pages, failure = outcomes[:-1], outcomes[-1]
    assert contents(pages) == [record["text"] for record in RECORDS[: len(pages)]]
    assert len(pages) > 1000
    assert errors([failure]) == [(sum(map(len, LINES[: len(pages)])), "truncated")]


def test_what_precedes_corrupt_bytes_is_saved(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress("".join(LINES).encode()))
    packed[len(packed) // 2] ^= 0xFF
    packed[len(packed) // 2 + 1] ^= 0xFF
    outcomes = read(write(tmp_path / "a.jsonl.gz", bytes(packed)))
    good = [page for page in outcomes if isinstance(page, Page) and page.content == RECORDS[int(page.id)]["text"]]
    assert len(good) > 950
    assert errors(outcomes)[-1][1] == "corrupt"
    frame = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress("".join(LINES).encode()))
    frame[-2] ^= 0xFF
    outcomes = read(write(tmp_path / "a.jsonl.zst", bytes(frame)))
    assert len(contents(outcomes)) > 1500  # all but the last block, which is at most 128 KiB
    assert [error for _, error in errors(outcomes)] == ["corrupt"]


def test_bytes_after_the_last_gzip_member_are_reported(tmp_path: Path) -> None:
    outcomes = read(write(tmp_path / "a.jsonl.gz", gzip.compress(b'{"text":"a"}\n') + b"garbage"))
    assert contents(outcomes) == ["a"]
    assert errors(outcomes) == [(13, "corrupt")]


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
def test_a_line_that_inflates_without_end_costs_little_memory(tmp_path: Path, name: str) -> None:
    bomb = b'{"text":"' + b"x" * 100_000_000 + b'"}\n{"text":"after"}\n'
    packed = gzip.compress(bomb, 1) if name.endswith("gz") else zstandard.compress(bomb)
    path = write(tmp_path / name, packed)
    del bomb, packed
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes = read(path, SMALL)
    assert contents(outcomes) == ["after"]
    assert errors(outcomes) == [(0, "too_large")]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 70_000
