import gzip
import resource
from pathlib import Path

import pytest

from pipeline.sources import match_inputs, read_file
from tests.pipeline.formats.inputs import (
    CLEAN,
    DEFAULTS,
    INFO,
    LAST,
    ONE,
    REQUEST,
    SMALL,
    TWO,
    WARC,
    contents,
    errors,
    http,
    noise,
    read,
    read_one,
    record,
    write,
)
from transforms.types import Failure, Page, Source


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
