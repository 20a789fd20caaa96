"""Bytes to text: which encoding a page is in, without ever failing.

The order is that of evidence, strongest first: a byte order mark, the NUL pattern of UTF-16 and
UTF-32, UTF-8 that decodes (or all but decodes), what the page says of itself, and what its bytes
look like. A declaration comes late because pages often declare what they are not, while bytes
above 0x7F that form valid UTF-8 are almost never anything else.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

from charset_normalizer import from_bytes
from w3lib.encoding import html_body_declared_encoding, http_content_type_encoding, resolve_encoding

REPLACEMENT = "\ufffd"

# Longest first: the mark of UTF-32-LE begins with that of UTF-16-LE.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Legacy encodings that web pages are written in (the WHATWG list, in Python's names). Anything else
# that a page declares is ignored: Python would accept "rot13" or "unicode_escape" as well.
_DETECTABLE = (
    "cp1252", "cp1250", "iso8859_2", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258",
    "cp874", "koi8_r", "koi8_u", "gb18030", "big5hkscs", "cp932", "euc_jp", "iso2022_jp", "cp949",
)  # fmt: skip
_DECLARABLE = frozenset(
    codecs.lookup(name).name
    for name in (
        *_DETECTABLE, "big5", "gbk", "gb2312", "shift_jis", "euc_kr", "latin_1", "iso8859_3",
        "iso8859_4", "iso8859_5", "iso8859_6", "iso8859_7", "iso8859_8", "iso8859_9", "iso8859_10",
        "iso8859_11", "iso8859_13", "iso8859_14", "iso8859_15", "iso8859_16", "cp866", "mac_roman",
        "mac_cyrillic", "hz",
    )
)  # fmt: skip
_BINARY_SIGNATURES = (
    b"%PDF-", b"PK\x03\x04", b"PK\x05\x06", b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a",
    b"\x1f\x8b\x08", b"BZh91AY&SY", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\x00", b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x7fELF", b"SQLite format 3\x00",
)  # fmt: skip
_SAMPLE = 1 << 16  # bytes looked at to tell text from binary
_WIDE_SAMPLE = 1 << 12  # bytes looked at to find UTF-16 and UTF-32
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_ODD_CATEGORIES = frozenset({"Cc", "Cn", "Co", "Cs"})  # control, unassigned, private use, surrogate
_DETECTION_WINDOW = 1 << 13  # bytes given to the statistical detector, whose cost grows with them
_TOLERATED = 0.05  # share of undecodable characters up to which an encoding is still believed

_NOT_TEXT = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))  # ESC belongs to ISO-2022-JP
_ASCII = bytes(range(128))
_PRINTABLE = bytes((*b"\t\n\r", *range(32, 127)))
_SURROGATE = re.compile("[\ud800-\udfff]")
_TAG = re.compile(rb"<[^<>]*>")


def decode(content: bytes, content_type: str | None, html: bool) -> tuple[str, str]:
    """Decode a page; never raises.

    ``content_type`` is the value of the HTTP header, if there was one; with ``html`` the page's own
    ``<meta>`` or XML declaration counts too. Returns the text and the name of the encoding as
    Python knows it (``"utf-8"``, ``"cp1252"``). Bytes that the encoding does not define, NULs and
    lone surrogates become U+FFFD; a byte order mark is not part of the text.
    """
    for mark, marked in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return _text(content[len(mark) :], marked), marked
    name = wide_encoding(content) or _escaped(content)
    if name is None:
        try:
            return content.decode().replace("\x00", REPLACEMENT), "utf-8"
        except UnicodeDecodeError:
            name = _almost_utf8(content) or _declared(content, content_type, html) or _detected(content)
    return _text(content, name), name


def replace_unstorable(text: str) -> str:
    """Replace NULs and lone surrogates, which UTF-8 files and Parquet cannot hold, one for one by U+FFFD."""
    text = text.replace("\x00", REPLACEMENT)
    try:
        text.encode()  # an order of magnitude faster than to search
    except UnicodeEncodeError:
        return _SURROGATE.sub(REPLACEMENT, text)
    return text


def is_binary(content: bytes) -> bool:
    """Whether bytes are obviously no text: a known signature, or many control bytes and no UTF-16 or -32."""
    if content.startswith(_BINARY_SIGNATURES) or content[4:8] == b"ftyp":
        return True
    if content.startswith(tuple(mark for mark, _ in _BYTE_ORDER_MARKS)) or wide_encoding(content):
        return False
    sample = content[:_SAMPLE]
    controls = len(sample) - len(sample.translate(None, _NOT_TEXT))
    return controls > _TOLERATED * len(sample)


def wide_encoding(content: bytes) -> str | None:
    """UTF-16 or UTF-32 without a byte order mark: the reading of the first bytes that looks like text.

    Every space, newline and tag of such a page has NULs, and read in the wrong width or byte order
    its other characters are largely private, unassigned or halves of pairs.
    """
    sample = content[: min(len(content), _WIDE_SAMPLE) // 2 * 2]
    nuls = sample.count(0)
    if not nuls:
        return None
    printable = len(sample) - len(sample.translate(None, _PRINTABLE))
    if nuls < 0.25 * len(sample) and printable > 0.9 * (len(sample) - nuls):
        return None  # ASCII with stray NULs
    scores = {name: _plausibility(sample.decode(name, "replace")) for name in _WIDE}
    best = max(_WIDE, key=lambda name: scores[name])
    return best if scores[best] > 0 else None


def _plausibility(text: str) -> float:
    """Share of ASCII in a text; below 0 if more than a few characters are none that a text would have."""
    odd = sum(unicodedata.category(char) in _ODD_CATEGORIES and char not in "\t\n\r" for char in text)
    odd += text.count(REPLACEMENT)
    return sum(char.isascii() for char in text) / len(text) if odd <= 0.02 * len(text) else -1.0


def _text(content: bytes, name: str) -> str:
    return content.decode(name, "replace").replace("\x00", REPLACEMENT)


def _escaped(content: bytes) -> str | None:
    """ISO-2022-JP, which is all ASCII: told by the escape sequence that it switches alphabets with."""
    found = b"\x1b" in content and b"\x1b$" in content  # one byte is found much faster than two
    return "iso2022_jp" if found and _fits(content, "iso2022_jp") else None


def _almost_utf8(content: bytes) -> str | None:
    """``"utf-8"`` if most bytes beyond ASCII are that: by chance, pairs of legacy bytes are now and then."""
    text = content.decode("utf-8", "replace")
    beyond_ascii = len(text) - (len(content) - len(content.translate(None, _ASCII)))
    return "utf-8" if text.count(REPLACEMENT) <= 0.2 * beyond_ascii else None


def _declared(content: bytes, content_type: str | None, html: bool) -> str | None:
    """The encoding in the HTTP header or in the page's head, if the bytes bear it out."""
    declarations = [http_content_type_encoding(content_type)]
    if html:
        declarations.append(html_body_declared_encoding(content))
    for declaration in declarations:
        name = resolve_encoding(declaration) if declaration else None
        if name in _DECLARABLE and _fits(content, name):
            return name
    return None


def _fits(content: bytes, name: str) -> bool:
    beyond_ascii = len(content.translate(None, _ASCII))
    return content.decode(name, "replace").count(REPLACEMENT) <= _TOLERATED * beyond_ascii


def _detected(content: bytes) -> str:
    """The most likely legacy encoding by a statistical look at the first bytes beyond ASCII."""
    first = len(content) - len(content.lstrip(_ASCII))
    window = content[max(0, first - 256) : first + _DETECTION_WINDOW]
    matches = from_bytes(_TAG.sub(b" ", window), cp_isolation=list(_DETECTABLE))
    best = matches.best()
    if best is None:
        return "cp1252"
    # On a short text several encodings score alike: then the one that is used more wins.
    rivals = {
        name
        for match in matches
        if match.chaos <= best.chaos + 0.08 and match.coherence >= best.coherence - 0.01
        for name in match.could_be_from_charset
    }
    return next((name for name in _DETECTABLE if name in rivals and _fits(content, name)), "cp1252")
