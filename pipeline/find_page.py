"""One page of a finished run, from its tables: what ``copydesk explain OUT --id ID`` shows."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from pipeline import UsageError
from pipeline.sinks import read_columns, read_matching
from pipeline.workspace import Workspace, exists, read_manifest
from transforms.core.segment import PageError
from transforms.types import PageRecord, PageResult, Segment, Source, Story, Teaser

_CAUSE = ("stage", "error", "detail")
_NEAR = 3  # ids of other pages that an error names


@dataclass(frozen=True, slots=True)
class FoundPage:
    """A page of a run: what ``segment_page`` made of it, and its rows with what the later phases added."""

    result: PageResult
    story: Mapping[str, Any] | None
    teasers: Sequence[Mapping[str, Any]]


def find_page(output: str, id: str) -> FoundPage:
    """Read a page from the tables of a run.

    Args:
        output: The output directory of a finished run.
        id: The id of a page or story, or of a teaser or a segment of it.

    Raises:
        UsageError: The directory holds no finished run with tables, or the run knows no such page.
        PageError: The page is in the failures table.
    """
    workspace = Workspace(output)
    manifest = read_manifest(output)
    if "pages" not in manifest["tables"]:
        raise UsageError(f"the run in {output} ended before its tables; its command without --until continues")
    for page_id in dict.fromkeys((id, id.rpartition("#")[0])):
        for page in read_matching(workspace.path("pages"), "id", page_id):
            return _found(workspace, page)
        for failure in read_matching(workspace.path("failures"), "id", page_id):
            stage, error, detail = (failure[column] for column in _CAUSE)
            raise PageError(error, f"it failed in {stage}: {detail}")
    raise UsageError(f"no page {id!r} in {output}{_near(workspace, id)}")


def _found(workspace: Workspace, page: Mapping[str, Any]) -> FoundPage:
    id = page["id"]
    segments = sorted(
        (Segment(**_fields(Segment, row)) for row in _rows(workspace, "segments", "page_id", id)),
        key=lambda segment: segment.order,
    )
    teasers = sorted(_rows(workspace, "teasers", "page_id", id), key=lambda row: row["position"])
    story = next(iter(_rows(workspace, "stories", "id", id)), None)
    result = PageResult(
        PageRecord(**_fields(PageRecord, page)),
        tuple(segments),
        None if story is None else Story(**_fields(Story, story)),
        tuple(Teaser(**_fields(Teaser, row)) for row in teasers),
        _text(segments),
    )
    return FoundPage(result, story, teasers)


def _rows(workspace: Workspace, table: str, column: str, value: str) -> list[dict[str, Any]]:
    path = workspace.path(table)
    return list(read_matching(path, column, value)) if exists(path) else []


def _fields(noun: Any, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a noun needs of a row of its table, as the noun has it."""
    return {field.name: _value(field.name, row[field.name]) for field in fields(noun)}


def _value(name: str, value: Any) -> Any:
    if name == "source":
        return Source(**value)
    if name == "metadata":
        return tuple((pair["key"], pair["value"]) for pair in value)
    return tuple(value) if isinstance(value, list) else value


def _text(segments: Sequence[Segment]) -> str:
    """Return the page's text as far as its segments tell: each at its place, with line ends between them."""
    parts: list[str] = []
    place = 0
    for segment in segments:
        parts += ["\n" * (segment.start - place), segment.text]
        place = segment.end
    return "".join(parts)


def _near(workspace: Workspace, id: str) -> str:
    """Return ids that hold the one asked for, or the first ones, as the end of an error."""
    pages = workspace.path("pages")
    holding = heapq.nsmallest(_NEAR + 1, (other for other in _ids(pages) if id.lower() in other.lower()))
    near = holding or heapq.nsmallest(_NEAR + 1, _ids(pages))
    if not near:
        return ", which holds no page"
    some = ", ".join(map(repr, near[:_NEAR])) + (", ..." if len(near) > _NEAR else "")
    return f"; did you mean {some}?" if holding else f"; its pages are {some}"


def _ids(pages: str) -> Iterator[str]:
    return (id for batch in read_columns(pages, ["id"]) for id in batch["id"].to_pylist())
