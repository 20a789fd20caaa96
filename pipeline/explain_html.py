"""A page beside what became of it, as one HTML file: ``copydesk explain --html``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from pipeline import UsageError, __version__, html
from transforms.types import ROLES, PageResult, Segment

# What a role belongs to; each has a colour of its own.
KINDS = {role: "teaser" if role.startswith("teaser") else "story" for role in ROLES}
KINDS |= {"comment": "comment", "boilerplate": "dropped"}


@dataclass(frozen=True, slots=True)
class Row:
    """A segment beside the page's text: what stands from the segment's first line on up to the next segment."""

    segment: Segment
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Box:
    """Adjacent segments of one teaser or, with ``teaser`` None, between teasers."""

    teaser: int | None
    rows: list[Row] = field(default_factory=list)


def write(path: str, result: PageResult, clusters: Mapping[str, Any] | None = None) -> None:
    """Write the file.

    Args:
        path: Where to.
        result: The segmented page.
        clusters: The story's row of a finished run, for its cluster ids.

    Raises:
        UsageError: There it cannot be written.
    """
    content = render(result, clusters).encode("utf-8", "replace")  # a path can hold what UTF-8 cannot
    try:
        Path(path).write_bytes(content)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def render(result: PageResult, clusters: Mapping[str, Any] | None = None) -> str:
    """Return the HTML; everything that comes from the page is escaped."""
    page = result.page
    chars = dict.fromkeys(ROLES, 0)
    for segment in result.segments:
        chars[segment.role] += len(segment.text)
    levels = ("duplicate", "story", "topic")
    return html.render(
        "explain.html.jinja",
        policy=html.policy(),
        version=__version__,
        page=page,
        story=result.story,
        fields=_story_fields(result),
        teasers=result.teasers,
        clusters={level: clusters[f"{level}_cluster"] for level in levels} if clusters else {},
        roles=[{"name": role, "kind": KINDS[role], "chars": n} for role, n in chars.items() if n],
        boxes=list(_boxes(result)),
    )


def _story_fields(result: PageResult) -> dict[str, str]:
    story = result.story
    if story is None:
        return {}
    values = {
        "title": story.title,
        "dek": story.dek,
        "authors": ", ".join(story.authors),
        "published": story.published,
        "modified": story.modified,
        "language": story.language,
        "section": story.section,
        "captions": " · ".join(story.captions),
        "bio": story.bio,
    }
    return {name: value for name, value in values.items() if value}


def _boxes(result: PageResult) -> Iterator[Box]:
    """Yield the segments of a page in order, those of one teaser together."""
    segments = result.segments
    ends = [segment.start for segment in segments[1:]] + [len(result.text)]
    rows = [
        Row(segment, result.text[segment.start : end].rstrip() or segment.text, KINDS[segment.role])
        for segment, end in zip(segments, ends, strict=False)
    ]
    for teaser, group in groupby(rows, key=lambda row: row.segment.story or None):
        yield Box(teaser, list(group))
