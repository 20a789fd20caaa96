"""Markdown: one file per story, with front matter, its headings as ``##``, and nothing that turns into markup."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any

from apache_beam.io.filesystems import FileSystems

from pipeline.files import is_local
from pipeline.front_matter import front_matter
from pipeline.join_pages import join_pages
from pipeline.sinks import SCHEMAS
from pipeline.workspace import Workspace

STORIES_PER_PART = 10_000  # stories that are joined, in memory, at a time

_FRONT = (
    "id", "url", "site", "title", "authors", "published", "modified", "language", "section", "site_name",
    "description", "confidence", "duplicate_cluster", "story_cluster", "topic_cluster", "duplicate_of", "source",
)  # fmt: skip
_KEPT = ("heading", "body")  # the roles that make up the text of a story

_NAME_BYTES = 120  # of one name in a path; filesystems allow 255, and the suffixes come to it
_DEPTH = 16  # names in a path
_UNSAFE = re.compile(r"[^\w.,+@=~-]+")
_HASHED = re.compile(r"~[0-9a-f]{8}")

_INLINE = re.compile(r"[\\`*\[\]<>]|(?<!\w)_|_(?!\w)|&(?=#?\w+;)|!(?=\[)|~(?=~)|\$")
_MARKER = re.compile(r"[#>|]|[-+=](?=\s|$|[-+=])|\d{1,9}+(?=[.)](?:\s|$))")  # of a heading, a quote, a list or a table


def write(workspace: Workspace, manifest: Mapping[str, Any], name: str, target: str) -> Mapping[str, int]:
    """Write one Markdown file per story, below folders as in its id."""
    tables = {
        "stories": (workspace.path("stories"), "id", SCHEMAS["stories"].names),
        "segments": (workspace.path("segments"), "page_id", ("page_id", "order", "role", "text")),
    }
    written = 0
    for id, rows in join_pages(tables, 1 + manifest["counts"]["stories"] // STORIES_PER_PART):
        segments = sorted(rows["segments"], key=lambda row: row["order"])
        runs = [(row["role"], len(row["text"].split())) for row in segments if row["role"] in _KEPT]
        for story in rows["stories"]:
            _write_file(target, id, render(story, runs))
            written += 1
    return {"stories": written}


def _write_file(target: str, id: str, content: str) -> None:
    path = FileSystems.join(target, file_name(id))
    if is_local(path) and FileSystems.exists(path):  # on a disk that takes a and A for one name
        path = FileSystems.join(target, file_name(id, distinct=True))
    with FileSystems.create(path, mime_type="text/markdown") as file:
        file.write(content.encode())


def file_name(id: str, distinct: bool = False) -> str:
    """Return the path of a story's file below the target: one for each id, and never outside the target.

    Each part of the id between slashes becomes a name of letters, digits and few signs. Where that changes
    it, or where ``distinct``, the path ends in ``~`` and 8 hex digits of the id's hash.

    >>> file_name("news/2026/harbour bridge"), file_name("../../etc/passwd"), file_name("a/b")
    ('news/2026/harbour-bridge~1b79c660.md', 'etc/passwd~830a08e2.md', 'a/b.md')
    """
    address = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://", "", id)
    names = [name for part in address.split("/") if (name := _safe(part))]
    kept = [*names[: _DEPTH - 1], names[-1]] if len(names) > _DEPTH else names or ["story"]
    folders = [re.sub(r"\.md$", "-md", folder, flags=re.IGNORECASE) for folder in kept[:-1]]
    path = "/".join([*folders, kept[-1]])
    if distinct or path != id or _HASHED.search(path):
        path += "~" + blake2b(id.encode(), digest_size=4).hexdigest()
    return path + ".md"


def _safe(part: str) -> str:
    name = _UNSAFE.sub("-", unicodedata.normalize("NFC", part)).strip(".-")
    while len(name.encode()) > _NAME_BYTES:
        name = name[: _NAME_BYTES // 4] if len(name) > _NAME_BYTES else name[:-1]
    return name


def render(story: Mapping[str, Any], runs: Iterable[tuple[str, int]]) -> str:
    """Return a story as a Markdown file.

    Args:
        story: A row of ``stories/``.
        runs: Role, ``"heading"`` or ``"body"``, and number of words of the segments that make up its text,
            in reading order.
    """
    parts = [f"# {_one_line(story['title'])}"] if story["title"] else []
    parts += [f"**{_one_line(dek)}**" for dek in (story["dek"] or "").split("\n\n") if dek.strip()]
    paragraphs = [paragraph for paragraph in story["text"].split("\n\n") if paragraph.strip()]
    for paragraph, is_heading in zip(paragraphs, _are_headings(paragraphs, runs), strict=True):
        parts.append(f"## {_one_line(paragraph)}" if is_heading else escape(paragraph))
    if story["captions"]:
        parts.append("\n".join(f"* {_one_line(caption)}" for caption in story["captions"]))
    if story["bio"]:
        parts += ["---", *(escape(text) for text in story["bio"].split("\n\n") if text.strip())]
    return front_matter({key: story[key] for key in _FRONT}) + "\n" + "\n\n".join(parts) + "\n"


def _are_headings(paragraphs: Iterable[str], runs: Iterable[tuple[str, int]]) -> Iterator[bool]:
    """Yield for each paragraph whether it stands in a heading; both hold the same words in the same order."""
    left = list(runs)[::-1]
    for paragraph in paragraphs:
        while left and not left[-1][1]:
            left.pop()
        yield bool(left) and left[-1][0] == "heading"
        words = len(paragraph.split())
        while left and words:
            role, count = left.pop()
            taken = min(words, count)
            words -= taken
            if count > taken:
                left.append((role, count - taken))


def _one_line(text: str) -> str:
    return escape(" ".join(text.split()))


def escape(text: str) -> str:
    r"""Return a paragraph so that Markdown shows it as it is, with its line breaks.

    >>> escape("3. *Not* a list, [no](link)")
    '3\\. \\*Not\\* a list, \\[no\\](link)'
    """
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return "\\\n".join(_escape_marker(_INLINE.sub(r"\\\g<0>", line)) for line in lines if line)


def _escape_marker(line: str) -> str:
    marker = _MARKER.match(line)
    if marker is None:
        return line
    sign = marker.end() if marker[0].isdigit() else 0
    return f"{line[:sign]}\\{line[sign:]}"
