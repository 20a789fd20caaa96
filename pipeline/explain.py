"""Why each line of one page went where it went: ``copydesk explain``, in memory."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
import sys
import textwrap
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

from pipeline import UsageError
from pipeline.config import Config
from pipeline.rules import load_rules
from transforms.core import PageError, segment_page
from transforms.core.encoding import REPLACEMENT, decode, is_binary
from transforms.core.role_model import ModelError
from transforms.core.words import WordsError
from transforms.types import Page, PageResult, Segment, Source

_SUFFIX_KINDS = {".html": "html", ".htm": "html", ".txt": "text"}
_RECORD_SUFFIXES = frozenset({".jsonl", ".parquet", ".warc", ".wet", ".zst"})
_FIRST_BYTES = 4096  # looked at to tell HTML from text

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")  # all but tabs and line ends

_WIDE = re.compile("[\u1100-\u115f\u2e80-\uffef\U0001f300-\U0003ffff]")  # characters of two columns

# ANSI colours per role; the roles of the main story stand out, what is dropped recedes.
_COLOURS = {
    "title": "1",
    "dek": "1;3",
    "byline": "3",
    "heading": "1",
    "body": "0",
    "caption": "35",
    "bio": "34",
    "teaser_title": "36;1",
    "teaser_text": "36",
    "teaser_caption": "36;3",
    "comment": "33;2",
    "boilerplate": "2",
}


def explain(name: str, kind: str | None, config: Config, url: str | None = None) -> PageResult:
    """Segment one page in memory.

    Args:
        name: The path of a file, or ``-`` for standard input.
        kind: "html" or "text"; None to go by the suffix, else by the first character.
        config: The settings.
        url: The page's address; None for the one that the page names.

    Raises:
        UsageError: The file or the role model cannot be read, or the file holds records.
        PageError: The page cannot be processed.
    """
    rules = load_rules(config.segment)
    path = Path(name)
    is_packed = path.suffix.lower() == ".gz"
    path = path.with_suffix("") if is_packed else path
    if kind is None and path.suffix.lower() in _RECORD_SUFFIXES:
        raise UsageError(f"{name} holds records, not one page: use copydesk run, or say with --kind what it is")
    limit = config.input.max_bytes
    try:
        content = _read(name, is_packed, limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"cannot read {name}: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > limit:
        raise PageError("too_large", f"it has more than {limit} bytes; raise input.max_bytes to read it")
    if is_binary(content):
        raise PageError("not_text", "the content is no text but a PDF, an image or the like")
    kind = kind or _SUFFIX_KINDS.get(path.suffix.lower())
    if kind is None:
        beginning, _ = decode(content[:_FIRST_BYTES], None, html=True)
        kind = "html" if beginning.lstrip().startswith("<") else "text"
    page_id = "page" if name == "-" else path.with_suffix("").name
    try:
        return segment_page(Page(page_id, kind, content, Source(name), url), config.segment, rules)
    except (ModelError, WordsError) as error:
        raise UsageError(str(error)) from error


def _read(name: str, is_packed: bool, limit: int) -> bytes:
    """Return at most ``limit`` bytes of a page as it is after unpacking."""
    if name == "-":
        return sys.stdin.buffer.read(limit)
    with Path(name).open("rb") as file:
        return gzip.GzipFile(fileobj=file).read(limit) if is_packed else file.read(limit)


def printable(text: str) -> str:
    """Return text that cannot steer a terminal: control characters are replaced one for one."""
    return _CONTROL.sub(REPLACEMENT, text)


def as_json(result: PageResult, added: Mapping[str, Any] | None = None) -> str:
    """Return the page, its segments, story and teasers as one JSON object.

    Args:
        result: The segmented page.
        added: What replaces parts of it: of a finished run, ``story`` and ``teasers`` as their tables have them.
    """
    record = dataclasses.asdict(result) | dict(added or {})
    del record["text"]
    text = json.dumps(record, ensure_ascii=False, indent=2)
    return re.sub("[\x7f-\x9f]", lambda control: f"\\u{ord(control[0]):04x}", text)


def render(result: PageResult, width: int, colour: bool) -> str:
    """Return the segments of a page in order, each with role, confidence and reason.

    Args:
        result: The segmented page.
        width: Columns of the terminal.
        colour: Whether to add ANSI colours.
    """
    return "\n".join(_lines(result, max(width, 60), colour))


def _lines(result: PageResult, width: int, colour: bool) -> Iterator[str]:
    page = result.page
    kept = f"{page.chars_kept:,} of {page.chars_in:,} characters in the story"
    yield f"{printable(page.id)}: {page.kind} ({page.kind_confidence:.2f}), {page.status.replace('_', ' ')}, {kept}"
    if page.flags:
        yield f"flags: {', '.join(page.flags)}"
    story: int | None = 0
    yield ""
    for segment in result.segments:
        if segment.story != story and segment.story:
            yield paint(f"── teaser {segment.story} ".ljust(width, "─"), "36", colour)
        elif segment.story != story and story:
            yield paint("─" * width, "36", colour)
        story = segment.story
        yield from _segment_lines(segment, width, colour)


def _segment_lines(segment: Segment, width: int, colour: bool) -> Iterator[str]:
    margin = f"{segment.role:<14} {segment.confidence:4.2f}  "
    indent = " " * len(margin)
    for line in segment.text.splitlines():
        for wrapped in _wrap(printable(line), width - len(indent)):
            yield margin + paint(wrapped, _COLOURS[segment.role], colour)
            margin = indent
    yield indent + paint(f"└ {printable(segment.reason)}", "2", colour)


def _wrap(line: str, width: int) -> Iterator[str]:
    """Break a line into parts of at most ``width`` columns, at spaces where there are any."""
    if not _WIDE.search(line):
        yield from textwrap.wrap(line, width)
        return
    part, columns = "", 0
    for char in line.strip():
        size = 1 + (east_asian_width(char) in "WF")
        if columns + size > width:
            yield part
            part, columns = "", 0
        part, columns = part + char, columns + size
    yield part


def paint(text: str, code: str, colour: bool) -> str:
    """Return text in an ANSI colour, or as it is."""
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text
