import codecs
import datetime
import gzip
import json
import os
import random
import resource
from decimal import Decimal
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from apache_beam.testing.util import assert_that, equal_to

from pipeline.sources import InputError, InputFile, ReadPages, content_hash, match_inputs, read_file, require_filesystem
from pipeline.streams import Stream
from transforms.settings import InputSettings
from transforms.types import Failure, Page, Source

DEFAULTS = InputSettings()
SMALL = InputSettings(max_bytes=1000)
CLEAN = InputSettings(clean=True)
HTML_IS_NOT_CLEAN = "it is HTML, and with input.clean=true the input is stories as text; set input.clean=false"


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, settings: InputSettings = DEFAULTS) -> list[Page | Failure]:
    return [outcome for file in match_inputs([str(path)]) for outcome in read_file(file, settings)]


def read_one(path: Path, settings: InputSettings = DEFAULTS) -> Page | Failure:
    (outcome,) = read(path, settings)
    return outcome


def errors(outcomes: list[Page | Failure]) -> list[tuple[int, str]]:
    return [(one.source.offset, one.error) for one in outcomes if isinstance(one, Failure)]


def contents(outcomes: list[Page | Failure]) -> list[bytes | str]:
    return [one.content for one in outcomes if isinstance(one, Page)]


def noise(size: int, seed: int = 7) -> str:
    return "".join(random.Random(seed).choices("abcdefghij \n", k=size))


# Which files


def test_a_directory_is_searched_at_all_depths_without_hidden_and_foreign_files(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in (
        "b.html",
        "a/x.htm.gz",
        "a/b/c.TXT",
        "d.jsonl.zst",
        "e.parquet",
        "f.warc.gz",
        "g.warc.wet",
        "h.wet",
    ):
        write(tmp_path / name, "x")
    for name in (".hidden.html", ".git/c.html", "a/notes.md", "picture.png", "x.html.zst", "noextension"):
        write(tmp_path / name, "x")
    with caplog.at_level("INFO", "copydesk"):
        files = match_inputs([str(tmp_path)])
    root = str(tmp_path)
    assert files == [
        InputFile(f"{root}/a/b/c.TXT", root, 1, "text"),
        InputFile(f"{root}/a/x.htm.gz", root, 1, "html", "gz"),
        InputFile(f"{root}/b.html", root, 1, "html"),
        InputFile(f"{root}/d.jsonl.zst", root, 1, "jsonl", "zst"),
        InputFile(f"{root}/e.parquet", root, 1, "parquet"),
        InputFile(f"{root}/f.warc.gz", root, 1, "warc", "gz"),
        InputFile(f"{root}/g.warc.wet", root, 1, "wet"),
        InputFile(f"{root}/h.wet", root, 1, "wet"),
    ]
    assert f"{root}: left out 2 hidden files and 4 of other formats" in caplog.text


def test_globs_files_and_directories_mix_and_each_file_comes_once(tmp_path: Path) -> None:
    for name in ("one/a.html", "one/b.html", "two/c.txt", "two/deep/d.txt"):
        write(tmp_path / name, "x")
    one, two = f"{tmp_path}/one", f"{tmp_path}/two"
    patterns = [f"{one}/*.html", f"{one}/a.html", f"{two}/*.txt", f"{tmp_path}/**d.txt"]
    files = match_inputs(patterns)
    assert [(file.path, file.root) for file in files] == [
        (f"{one}/a.html", one),
        (f"{one}/b.html", one),
        (f"{two}/c.txt", two),
        (f"{two}/deep/d.txt", str(tmp_path)),
    ]
    assert match_inputs(patterns[::-1]) == files


def test_the_shorter_root_counts_whatever_the_order(tmp_path: Path) -> None:
    write(tmp_path / "a/b.html", "x")
    for patterns in ([str(tmp_path), f"{tmp_path}/a"], [f"{tmp_path}/a", str(tmp_path)]):
        assert [file.root for file in match_inputs(patterns)] == [str(tmp_path)]


def test_relative_paths_need_no_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.html", "x")
    write(tmp_path / "sub/b.html", "x")
    monkeypatch.chdir(tmp_path)
    both = [InputFile("a.html", "", 1, "html"), InputFile("sub/b.html", "", 1, "html")]
    assert match_inputs(["."]) == both
    assert match_inputs(["**.html"]) == both
    assert match_inputs(["./a.html", "*.html"]) == both[:1]
    assert match_inputs(["sub/"]) == [InputFile("sub/b.html", "sub", 1, "html")]
    assert [page.id for file in both for page in read_file(file, DEFAULTS)] == ["a", "sub/b"]


def test_names_that_exist_are_taken_literally_with_globs_spaces_and_unicode(tmp_path: Path) -> None:
    odd = tmp_path / "día [1] *?" / "Straße {x}"
    write(odd / "página [2]*.html", "<p>odd")
    write(tmp_path / "día 1 xx" / "other.html", "<p>other")
    assert read(odd.parent) == [Page("Straße {x}/página [2]*", "html", b"<p>odd", Source(f"{odd}/página [2]*.html"))]
    assert [file.path for file in match_inputs([f"{odd}/página [2]*.html"])] == [f"{odd}/página [2]*.html"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("missing.html", "{}/missing.html: no such file or directory"),
        ("missing/", "{}/missing/: no such file or directory"),
        ("*.warc", "{}/*.warc: matches no file; * stays within one directory, ** goes deeper"),
        (
            "notes.md",
            "{}/notes.md: unknown format; Copydesk reads "
            ".html .htm .txt .jsonl .parquet .warc .wet, each also .gz (.jsonl also .zst)",
        ),
        (
            "*.md",
            "{}/*.md: holds no file that Copydesk reads (0 hidden files and 1 of other formats); it reads "
            ".html .htm .txt .jsonl .parquet .warc .wet, each also .gz (.jsonl also .zst)",
        ),
        (
            "empty",
            "{}/empty: holds no file that Copydesk reads; it reads "
            ".html .htm .txt .jsonl .parquet .warc .wet, each also .gz (.jsonl also .zst)",
        ),
    ],
)
def test_inputs_that_cannot_be_used_are_refused(tmp_path: Path, pattern: str, message: str) -> None:
    write(tmp_path / "notes.md", "x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as error:
        match_inputs([f"{tmp_path}/{pattern}"])
    assert str(error.value) == message.format(tmp_path)


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [("gs://bucket/x", "google.cloud.storage", "gcp"), ("s3://bucket/x/*.html", "boto3", "aws")],
)
def test_a_remote_filesystem_without_its_package_names_the_extra(
    url: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(InputError) as error:
        match_inputs([url])
    scheme = url.partition(":")[0]
    assert str(error.value) == (
        f"{url}: {scheme}:// needs a package that is missing: pip install 'apache-beam[{extra}]'"
    )


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(InputError, match=r"^http://x/y: unknown filesystem http://; give a local path or one of gs://"):
        match_inputs(["http://x/y"])


@pytest.mark.parametrize("url", ["s3://", "gs://", "hdfs:///x", "no-such://"])
def test_an_address_without_a_place_is_no_directory_of_that_name(url: str) -> None:
    with pytest.raises(InputError):
        require_filesystem(url)


def test_a_file_named_by_its_suffix_alone_has_an_id(tmp_path: Path) -> None:
    assert read_one(write(tmp_path / ".html", "<p>x")) == Page(".html", "html", b"<p>x", Source(f"{tmp_path}/.html"))


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    Path(str(tmp_path) + "/bad\udcff.html").write_bytes(b"x")
    with pytest.raises(InputError, match=r"the name is not valid UTF-8, so no table can hold it; rename the file$"):
        match_inputs([str(tmp_path)])


def test_an_empty_input_is_refused() -> None:
    with pytest.raises(InputError, match=r"^an input is empty; name a directory, a file or a glob$"):
        match_inputs([""])


# One page a file


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


# JSONL


def test_a_record_gives_its_fields_and_passes_the_others_on(tmp_path: Path) -> None:
    record = {
        "id": 7,
        "text": "One.\nTwo.",
        "url": "https://example.org/a",
        "title": " T ",
        "date": "2026-01-02",
        "z": None,
        "a": {"k": [1, 2.5, "é"]},
        "n": 3,
    }
    path = write(tmp_path / "a.jsonl", json.dumps(record) + "\n")
    assert read_one(path) == Page(
        "7",
        "text",
        "One.\nTwo.",
        Source(str(path), 0),
        url="https://example.org/a",
        title="T",
        published="2026-01-02",
        metadata=(("a", '{"k":[1,2.5,"é"]}'), ("n", "3"), ("z", "null")),
    )


def test_other_keys_can_be_named(tmp_path: Path) -> None:
    keys = InputSettings(
        text_key="body", html_key="raw", id_key="key", url_key="link", title_key="headline", date_key="when"
    )
    record = {"body": "B", "key": "k", "link": "l", "headline": "h", "when": "w", "text": "other"}
    page = read_one(write(tmp_path / "a.jsonl", json.dumps(record)), keys)
    assert (page.id, page.content, page.url, page.title, page.published) == ("k", "B", "l", "h", "w")
    assert page.metadata == (("text", '"other"'),)


def test_html_wins_over_text_unless_it_is_blank(tmp_path: Path) -> None:
    lines = [
        '{"id":"1","text":"t","html":"<p>h"}',
        '{"id":"2","text":"t","html":" "}',
        '{"id":"3","html":""}',
    ]
    pages = read(write(tmp_path / "a.jsonl", "\n".join(lines)))
    assert [(page.kind, page.content) for page in pages] == [("html", "<p>h"), ("text", "t"), ("html", "")]


def test_without_an_id_the_url_counts_and_else_the_content(tmp_path: Path) -> None:
    lines = [
        '{"text":"a","url":"https://example.org/1"}',
        '{"text":"a"}',
        '{"text":"a","id":null}',
        '{"text":"b","id":" "}',
        '{"text":"b","id":[1]}',
        '{"text":"b","id":0}',
    ]
    pages = read(write(tmp_path / "a.jsonl", "\n".join(lines)))
    by_content = content_hash(Page("", "text", "a", Source("elsewhere", 5))).hex()[:16]
    assert [page.id for page in pages[:3]] == ["https://example.org/1", by_content, by_content]
    assert pages[3].id == pages[4].id != by_content
    assert len(pages[3].id) == 16
    assert pages[5].id == "0"


def test_an_address_is_an_id_without_its_fragment(tmp_path: Path) -> None:
    page = read_one(write(tmp_path / "a.jsonl", '{"text":"a","url":"https://example.org/1#t1"}'))
    assert (page.id, page.url) == ("https://example.org/1", "https://example.org/1#t1")


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


@pytest.mark.parametrize(
    "record",
    ['{"id":"x","body":1}', '{"id":"x","text":null,"body":1}', '{"id":"x","text":5,"body":1,"html":{}}'],
)
def test_a_record_without_text_is_bad_and_says_which_fields_it_has(tmp_path: Path, record: str) -> None:
    failure = read_one(write(tmp_path / "a.jsonl", record))
    fields = ", ".join(sorted(json.loads(record)))
    assert (failure.error, failure.id) == ("bad_record", "x")
    assert failure.detail == f"neither 'text' nor 'html' is text; its fields are: {fields}"


def test_clean_records_need_a_text_or_a_title(tmp_path: Path) -> None:
    lines = [
        '{"id":"1","text":"t","html":"<p>h"}',
        '{"id":"2","text":null,"title":"T"}',
        '{"id":"3","text":" ","title":""}',
        '{"id":"4","title":"T","html":"<p>h"}',
    ]
    first, second, third, fourth = read(write(tmp_path / "a.jsonl", "\n".join(lines)), CLEAN)
    assert (first.kind, first.content) == ("clean", "t")
    assert (second.kind, second.content, second.title) == ("clean", "", "T")
    assert (third.error, third.id, third.detail) == ("bad_record", "3", "both 'text' and 'title' are empty")
    assert (fourth.error, fourth.id, fourth.detail) == ("bad_record", "4", HTML_IS_NOT_CLEAN)


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


RECORDS = [{"id": str(number), "text": noise(300, number)} for number in range(2000)]
LINES = [json.dumps(record) + "\n" for record in RECORDS]


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


# Parquet


def test_parquet_rows_are_records_with_any_other_fields(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": [1, 2],
            "text": ["one", None],
            "html": pa.array([None, b"<p>caf\xe9"], pa.binary()),
            "date": [datetime.date(2026, 1, 2), None],
            "seen": pa.array([1_700_000_000_123_456_789, None], pa.timestamp("ns", "UTC")),
            "price": pa.array([datetime.timedelta(seconds=1), None]),
            "tags": [["a", "b"], []],
        }
    )
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)
    first, second = read(path)
    assert first == Page(
        "1",
        "text",
        "one",
        Source(str(path), 0),
        published="2026-01-02",
        metadata=(
            ("price", '"0:00:01"'),
            ("seen", '"2023-11-14T22:13:20.123456+00:00"'),
            ("tags", '["a","b"]'),
        ),
    )
    assert (second.id, second.kind, second.content, second.source.offset) == ("2", "html", b"<p>caf\xe9", 1)
    write(tmp_path / "b.parquet.gz", gzip.compress(path.read_bytes()))
    assert [page.id for page in read(tmp_path / "b.parquet.gz")] == ["1", "2"]


def test_missing_numbers_and_binary_columns_of_parquet(tmp_path: Path) -> None:
    table = pa.table({"id": [1.0, float("nan")], "text": pa.array([b"%PDF-1.4", b"caf\xe9"], pa.binary())})
    pq.write_table(table, tmp_path / "a.parquet")
    failure, page = read(tmp_path)
    assert (failure.error, failure.id) == ("not_text", "1.0")
    assert (page.id, page.content) == (content_hash(page).hex()[:16], b"caf\xe9")


def test_ids_and_titles_may_stand_in_binary_and_decimal_columns_of_parquet(tmp_path: Path) -> None:
    table = pa.table({"text": ["a"], "id": [Decimal("7.10")], "url": [b"https://example.org/1"], "title": [b"caf\xe9"]})
    pq.write_table(table, tmp_path / "a.parquet")
    page = read_one(tmp_path / "a.parquet")
    assert (page.id, page.url, page.title) == ("7.10", "https://example.org/1", "caf\ufffd")


def test_a_bad_parquet_row_is_one_failure(tmp_path: Path) -> None:
    raw = pa.array([b"good", b"caf\xe9 bad", b"good too"])
    text = pa.StringArray.from_buffers(3, raw.buffers()[1], raw.buffers()[2])
    pq.write_table(pa.table({"text": text}), tmp_path / "a.parquet")
    outcomes = read(tmp_path / "a.parquet")
    assert contents(outcomes) == ["good", "good too"]
    assert errors(outcomes) == [(1, "bad_record")]
    assert outcomes[1].detail.startswith("a field cannot be read: 'utf-8' codec can't decode byte 0xe9")


def test_damaged_parquet_files(tmp_path: Path) -> None:
    path = tmp_path / "good.parquet"
    pq.write_table(pa.table({"text": [noise(500, seed) for seed in range(400)]}), path, row_group_size=100)
    good = path.read_bytes()
    page = bytearray(good)
    page[len(good) // 2 : len(good) // 2 + 60_000] = b"\xff" * 60_000
    for name, content in (
        ("truncated.parquet", good[:-100]),
        ("foreign.parquet", b"no Parquet at all"),
        ("short.parquet", b"PA"),
        ("empty.parquet", b""),
        ("cut.parquet.gz", gzip.compress(good)[:-500]),
    ):
        expected = "truncated" if name.startswith(("trunc", "cut")) else "corrupt"
        assert errors(read(write(tmp_path / name, content))) == [(0, expected)], name
    outcomes = read(write(tmp_path / "page.parquet", bytes(page)))
    assert 100 <= len(contents(outcomes)) < 400
    assert errors(outcomes) == [(len(contents(outcomes)), "corrupt")]


def test_a_parquet_bomb_is_not_inflated(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet.gz", gzip.compress(b"\x00" * 30_000_000))
    failure = read_one(path)
    assert (failure.error, failure.detail) == ("too_large", "it inflates to more than 100 times its size")


# WARC and WET


def record(kind: str, url: str, body: bytes, content_type: str = "application/http; msgtype=response") -> bytes:
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
        f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{len(url):012d}>\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n\r\n"


def http(body: bytes, *headers: str, content_type: str = "text/html; charset=koi8-r") -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", f"Content-Type: {content_type}", *headers, "", ""]).encode() + body


INFO = record("warcinfo", "", b"software: x\r\n", "application/warc-fields")
ONE = record("response", "https://example.org/1", http(b"<p>one"))
REQUEST = record("request", "https://example.org/1", b"GET / HTTP/1.1\r\n\r\n", "application/http; msgtype=request")
TWO = record("response", "https://example.org/2", http(b"<p>two" * 20_000))
IMAGE = record("response", "https://example.org/i", http(b"\x89PNG", content_type="image/png"))
FILE = record("resource", "file:///x", b"<p>file", "text/html")
LAST = record("response", "https://example.org/3", http(b"<p>last", content_type="Application/XHTML+XML"))
WARC = [INFO, ONE, REQUEST, TWO, IMAGE, FILE, LAST]


@pytest.mark.parametrize("packed", [False, True])
def test_html_responses_and_resources_of_a_warc_are_pages(tmp_path: Path, packed: bool) -> None:
    content = b"".join(map(gzip.compress, WARC)) if packed else b"".join(WARC)
    path = write(tmp_path / ("a.warc.gz" if packed else "a.warc"), content)
    starts = [sum(map(len, WARC[:index])) for index in range(len(WARC))]
    url = "https://example.org/"
    charset = "text/html; charset=koi8-r"
    assert read(path) == [
        Page(f"{url}1", "html", b"<p>one", Source(str(path), starts[1]), f"{url}1", content_type=charset),
        Page(
            f"{url}2",
            "html",
            b"<p>two" * 20_000,
            Source(str(path), starts[3]),
            f"{url}2",
            content_type=charset,
        ),
        Page(
            "file:///x",
            "html",
            b"<p>file",
            Source(str(path), starts[5]),
            "file:///x",
            content_type="text/html",
        ),
        Page(
            f"{url}3",
            "html",
            b"<p>last",
            Source(str(path), starts[6]),
            f"{url}3",
            content_type="Application/XHTML+XML",
        ),
    ]


def test_conversions_of_a_wet_are_text(tmp_path: Path) -> None:
    wet = [INFO, record("conversion", "https://example.org/1", "Überschrift\n".encode(), "text/plain"), ONE]
    path = write(tmp_path / "a.warc.wet.gz", b"".join(map(gzip.compress, wet)))
    page = read_one(path)
    assert (page.id, page.kind, page.content) == ("https://example.org/1", "text", "Überschrift\n".encode())
    assert page.source.offset == len(INFO)
    assert read_one(path, CLEAN).kind == "clean"


def test_bodies_are_decoded_and_headers_that_lie_do_no_harm(tmp_path: Path) -> None:
    bodies = [
        http(gzip.compress(b"<p>gzip"), "Content-Encoding: gzip"),
        http(b"7\r\n<p>chun\r\n3\r\nked\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
        http(b"<p>stored decoded", "Content-Encoding: gzip", "Transfer-Encoding: chunked"),
        http(b"<p>unknown", "Content-Encoding: rot13"),
        http(b"<p>not brotli", "Content-Encoding: br"),
        http(gzip.compress(b"x" * 1_000_000), "Content-Encoding: gzip"),
        http(b"<p>long head", "X-Filler: " + "x" * 100_000),
        b"no HTTP at all",
        http(b"<p>last"),
    ]
    path = write(tmp_path / "a.warc", b"".join(record("response", f"u:{n}", body) for n, body in enumerate(bodies)))
    outcomes = read(path, SMALL)
    assert contents(outcomes) == [
        b"<p>gzip",
        b"<p>chunked",
        b"<p>stored decoded",
        b"<p>unknown",
        b"<p>not brotli",
        b"<p>long head",
        b"<p>last",
    ]
    assert [(one.id, one.error) for one in outcomes if isinstance(one, Failure)] == [("u:5", "too_large")]


def test_a_long_encoded_body_is_decoded_as_a_whole(tmp_path: Path) -> None:
    body = noise(3_000_000).encode()
    path = write(tmp_path / "a.warc", record("response", "u:1", http(gzip.compress(body), "Content-Encoding: gzip")))
    assert contents(read(path)) == [body]


def test_large_and_binary_records_are_failures_and_reading_goes_on(tmp_path: Path) -> None:
    pdf = record("response", "u:pdf", http(b"%PDF-1.4"))
    path = write(tmp_path / "a.warc", ONE + TWO + pdf + LAST)
    outcomes = read(path, SMALL)
    assert contents(outcomes) == [b"<p>one", b"<p>last"]
    assert [(one.id, one.error) for one in outcomes if isinstance(one, Failure)] == [
        ("https://example.org/2", "too_large"),
        ("u:pdf", "not_text"),
    ]


@pytest.mark.parametrize("cut", [100, 60_000, len(TWO) - 300])
def test_a_truncated_warc_gives_its_whole_records(tmp_path: Path, cut: int) -> None:
    path = write(tmp_path / "a.warc", (INFO + ONE + TWO)[:-cut])
    outcomes = read(path)
    assert contents(outcomes) == [b"<p>one"]
    assert errors(outcomes) == [(len(INFO + ONE), "truncated")]


def test_a_truncated_compressed_warc_gives_its_whole_records(tmp_path: Path) -> None:
    content = b"".join(map(gzip.compress, [INFO, ONE, TWO]))
    outcomes = read(write(tmp_path / "a.warc.gz", content[:-30]))
    assert contents(outcomes) == [b"<p>one"]
    assert [error for _, error in errors(outcomes)] == ["truncated"]


def test_a_truncated_record_that_is_no_page_is_reported_too(tmp_path: Path) -> None:
    outcomes = read(write(tmp_path / "a.warc", (ONE + REQUEST)[:-12]))
    assert contents(outcomes) == [b"<p>one"]
    assert errors(outcomes) == [(len(ONE), "truncated")]


def test_a_corrupt_warc_gives_what_precedes_the_damage(tmp_path: Path) -> None:
    outcomes = read(write(tmp_path / "a.warc", ONE + REQUEST.replace(b"WARC/1.0", b"@@@@@@@@") + LAST))
    assert contents(outcomes) == [b"<p>one"]
    assert [error for _, error in errors(outcomes)] == ["corrupt"]
    assert errors(read(write(tmp_path / "b.warc", b"<html>no archive</html>"))) == [(0, "corrupt")]
    no_length = ONE.replace(b"Content-Length", b"Content-Lengxx")
    assert errors(read(write(tmp_path / "c.warc", no_length + LAST))) == [(0, "corrupt")]


def test_a_long_warc_streams(tmp_path: Path) -> None:
    path = tmp_path / "a.warc"
    page = http(b"<p>" + noise(20_000).encode())
    with path.open("wb") as file:
        for number in range(3000):
            file.write(record("response", f"u:{number}", page))
    file = match_inputs([str(path)])[0]
    assert file.size > 60_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(isinstance(page, Page) for page in read_file(file, DEFAULTS)) == 3000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


# Any damage


@pytest.mark.parametrize(
    "name", ["a.html.gz", "a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.parquet", "a.warc", "a.warc.gz"]
)
def test_no_damage_raises_or_loses_the_run(tmp_path: Path, name: str) -> None:
    plain = "".join(LINES[:40]).encode()
    pq.write_table(pa.table({"text": [one["text"] for one in RECORDS[:40]]}), tmp_path / "whole", row_group_size=10)
    whole = {
        "a.html.gz": gzip.compress(plain),
        "a.jsonl": plain,
        "a.jsonl.gz": gzip.compress(plain),
        "a.jsonl.zst": zstandard.compress(plain),
        "a.parquet": (tmp_path / "whole").read_bytes(),
        "a.warc": b"".join(WARC),
        "a.warc.gz": b"".join(map(gzip.compress, WARC)),
    }[name]
    dice = random.Random(name)
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            start = dice.randrange(len(damaged))
            damaged[start : start + dice.randint(0, 9)] = dice.randbytes(dice.randint(0, 9))
        if dice.random() < 0.3:
            del damaged[dice.randrange(len(damaged)) :]
        outcomes = read(write(tmp_path / name, bytes(damaged)))
        assert all(isinstance(outcome, Page | Failure) for outcome in outcomes)


# Hashes and the Beam layer


def test_the_content_hash_knows_kind_title_and_content_and_nothing_else() -> None:
    page = Page("a", "text", "body", Source("f", 1), title="t")
    same = Page("b", "text", b"body", Source("g", 2), title="t", url="u", metadata=(("k", "v"),))
    others = [
        Page("a", "html", "body", Source("f", 1), title="t"),
        Page("a", "text", "body", Source("f", 1)),
        Page("a", "text", "tbody", Source("f", 1)),
    ]
    assert len(content_hash(page)) == 16
    assert content_hash(page) == content_hash(same)
    assert len({content_hash(one) for one in [page, *others]}) == 4


def test_read_pages_divides_pages_from_failures_and_counts_both(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", '{"id":"1","text":"one"}\nbad\n{"id":"2","text":"two"}\n')
    write(tmp_path / "b.html", b"%PDF-1.4")
    files = match_inputs([str(tmp_path)])
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        result = pipeline | ReadPages(files, DEFAULTS)
        assert_that(result.out | "Ids" >> beam.Map(lambda page: page.id), equal_to(["1", "2"]), "pages")
        assert_that(
            result.failures | "Errors" >> beam.Map(lambda failure: failure.error),
            equal_to(["bad_record", "not_text"]),
            "failures",
        )
    counters = {
        counter.key.metric.name: counter.committed
        for counter in pipeline.result.metrics().query()["counters"]
        if counter.key.metric.namespace == "read"
    }
    assert counters == {"pages": 2, "failures": 2, "bad_record": 1, "not_text": 1}


def test_a_reader_that_breaks_down_is_a_failure_of_its_file(tmp_path: Path) -> None:
    files = [InputFile(f"{tmp_path}/x", str(tmp_path), 1, "no such kind")]
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        result = pipeline | ReadPages(files, DEFAULTS)
        assert_that(
            result.failures,
            equal_to([Failure("read", Source(f"{tmp_path}/x"), "KeyError", "'no such kind'")]),
        )
