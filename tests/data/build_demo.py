"""Pack the demo pages that are not plain text: ``python tests/data/build_demo.py``.

``demo_source/`` holds the pages as UTF-8, so that a change to them can be read. From them this script
writes into ``demo/`` one page in windows-1252, one gzipped page, one WARC file and one file that is not
what its name says. The same sources always give the same files: no clock and no random ids. (Compressed
bytes may differ between zlib versions; what they unpack to does not.)
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import uuid
from pathlib import Path

HERE = Path(__file__).parent
CRAWLED = "2026-10-15T04:00:00Z"
CRAWL = (  # page in demo_source/, its address
    ("library-readers.html", "https://www.quaypost.example/politics/library-readers"),
    ("courier-islands-front.html", "https://www.harbourcourier.example/islands"),
    ("enable-javascript.html", "https://www.cullenstar.example/politics/harbour-dues"),
)


def compress(content: bytes) -> bytes:
    """Gzip without a file name and without a time."""
    return gzip.compress(content, compresslevel=9, mtime=0)


def warc_record(
    kind: str, content_type: str, block: bytes, target: str | None = None, digest: str | None = None
) -> bytes:
    """One WARC/1.1 record. Its id is made from its content."""
    record_id = uuid.uuid5(uuid.NAMESPACE_URL, f"{kind} {target} {hashlib.sha256(block).hexdigest()}")
    fields = [
        ("WARC-Type", kind),
        ("WARC-Record-ID", f"<urn:uuid:{record_id}>"),
        ("WARC-Date", CRAWLED),
        ("WARC-Target-URI", target),
        ("WARC-Payload-Digest", digest),
        ("Content-Type", content_type),
        ("Content-Length", str(len(block))),
    ]
    header = "".join(f"{name}: {value}\r\n" for name, value in fields if value is not None)
    return b"WARC/1.1\r\n" + header.encode("ascii") + b"\r\n" + block + b"\r\n\r\n"


def response_record(url: str, page: bytes) -> bytes:
    """A page as a crawler stores it: the HTTP response with its header."""
    fields = f"Content-Type: text/html; charset=utf-8\r\nContent-Length: {len(page)}\r\n"
    block = f"HTTP/1.1 200 OK\r\n{fields}\r\n".encode("ascii") + page
    digest = "sha1:" + base64.b32encode(hashlib.sha1(page).digest()).decode("ascii")
    return warc_record("response", "application/http; msgtype=response", block, url, digest)


def crawl_file(source: Path) -> bytes:
    """A ``.warc.gz``: each record is a gzip member of its own, as the standard asks."""
    description = b"software: build_demo\r\nformat: WARC File Format 1.1\r\n"
    info = warc_record("warcinfo", "application/warc-fields", description)
    responses = [response_record(url, (source / name).read_bytes()) for name, url in CRAWL]
    return b"".join(compress(record) for record in [info, *responses])


def pdf_file() -> bytes:
    """The smallest PDF that opens: one empty page. Saved as ``.html`` it is the demo's broken input."""
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
    )
    content = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(content)
    return content + b"xref\n0 4\n0000000000 65535 f \n" + table + trailer


def packed_files(source: Path) -> dict[str, bytes]:
    """Path below ``demo/`` -> content, for every file that this script makes."""
    budget = (source / "council-budget-vote.html").read_text(encoding="utf-8")
    recipe = (source / "plum-and-rye-crumble.html").read_bytes()
    return {
        "quay-post/council-budget-vote.htm": budget.encode("windows-1252"),
        "pudding-notes/plum-and-rye-crumble.html.gz": compress(recipe),
        "crawl/sallow.warc.gz": crawl_file(source),
        "broken/harbour-tides-2026.html": pdf_file(),
    }


def main() -> None:
    for name, content in packed_files(HERE / "demo_source").items():
        path = HERE / "demo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    main()
