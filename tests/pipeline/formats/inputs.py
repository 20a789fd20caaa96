"""What the tests of the readers share: files of each format, and what comes out of them in short."""

import json
import random
from pathlib import Path

from pipeline.sources import match_inputs, read_file
from transforms.settings import InputSettings
from transforms.types import Failure, Page

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


RECORDS = [{"id": str(number), "text": noise(300, number)} for number in range(2000)]
LINES = [json.dumps(record) + "\n" for record in RECORDS]


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
