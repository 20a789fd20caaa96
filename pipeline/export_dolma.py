"""Dolma's layout: pages as they came in ``documents/``, the roles of their lines as spans in ``attributes/``.

Dolma keeps a document's text untouched and lets taggers say in sidecar files, of the same names and
with the same documents in the same order, what its spans are; a mixer then drops what a user does
not want. So a document here is the page, and each role is an attribute with spans over its text:
``[start, end, confidence]``, in code points.

Format: https://github.com/allenai/dolma/blob/main/docs/data-format.md
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import orjson
from apache_beam.io.filesystems import FileSystems

from pipeline.join_pages import join_pages
from pipeline.sinks import SCHEMAS
from pipeline.workspace import Workspace
from transforms.types import ROLES

TAGGER = "roles"  # the folder below attributes/
ATTRIBUTE = "roles__copydesk__"  # and the name of a role; Dolma's experiment__tagger__label
PAGES_PER_FILE = 5_000  # also how many are joined, in memory, at a time

_OF_STORY = (
    "dek", "authors", "published", "modified", "language", "section", "site_name", "description", "confidence",
    "duplicate_cluster", "story_cluster", "topic_cluster", "duplicate_of",
)  # fmt: skip
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?)?")


def write(workspace: Workspace, manifest: Mapping[str, Any], name: str, target: str) -> Mapping[str, int]:
    """Write ``documents/`` and ``attributes/roles/``; a page without text is no document."""
    columns = {
        "pages": SCHEMAS["pages"].names,
        "stories": ("id", "metadata", *_OF_STORY),
        "segments": ("page_id", "order", "role", "text", "start", "end", "confidence"),
    }
    tables = {
        table: (workspace.path(table), "page_id" if table == "segments" else "id", names)
        for table, names in columns.items()
    }
    documents = spans = without_text = 0
    with ExitStack() as files:
        for id, rows in join_pages(tables, 1 + manifest["counts"]["pages"] // PAGES_PER_FILE):
            segments = sorted(rows["segments"], key=lambda row: row["order"])
            if not segments:
                without_text += 1
                continue
            if documents % PAGES_PER_FILE == 0:
                files.close()
                file = f"part-{documents // PAGES_PER_FILE:05}.jsonl.gz"
                texts = files.enter_context(FileSystems.create(FileSystems.join(target, "documents", file)))
                sidecar = files.enter_context(FileSystems.create(FileSystems.join(target, "attributes", TAGGER, file)))
            document = _document(rows["pages"][0], next(iter(rows["stories"]), {}), segments)
            document |= {"source": name} | _added(manifest)
            texts.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))
            attributes = {"id": id, "attributes": role_spans(segments)}
            sidecar.write(orjson.dumps(attributes, option=orjson.OPT_APPEND_NEWLINE))
            documents += 1
            spans += len(segments)
    return {"documents": documents, "spans": spans, "pages_without_text": without_text}


def page_text(segments: Iterable[Mapping[str, Any]]) -> str:
    r"""Return the text of a page from its segments in reading order, so that their offsets hold in it.

    The tables keep all but the blanks between segments, of which only the number is known: they
    become line breaks and, where there were more than two, spaces between these.

    >>> page_text([{"start": 1, "end": 3, "text": "ab"}, {"start": 7, "end": 8, "text": "c"}])
    '\nab\n  \nc'
    """
    parts: list[str] = []
    end = 0
    for segment in segments:
        gap = segment["start"] - end
        parts += ["\n" if gap == 1 else "\n" + " " * (gap - 2) + "\n" if gap else "", segment["text"]]
        end = segment["end"]
    return "".join(parts)


def role_spans(segments: Iterable[Mapping[str, Any]]) -> dict[str, list[list[float]]]:
    """Return for each role the spans of a page that have it, in reading order."""
    spans: dict[str, list[list[float]]] = {f"{ATTRIBUTE}{role}": [] for role in ROLES}
    for segment in segments:
        span = [segment["start"], segment["end"], segment["confidence"]]
        spans[f"{ATTRIBUTE}{segment['role']}"].append(span)
    return spans


def _document(page: Mapping[str, Any], story: Mapping[str, Any], segments: Sequence[Mapping[str, Any]]) -> Any:
    metadata = {key: value for key, value in page.items() if key != "id"}
    metadata |= {key: story.get(key) for key in _OF_STORY}
    metadata["input"] = {pair["key"]: orjson.loads(pair["value"]) for pair in story.get("metadata") or ()}
    created = timestamp(story.get("published"))
    dates = {"created": created} if created else {}
    return {"id": page["id"], "text": page_text(segments), **dates, "metadata": metadata}


def _added(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return when the run says that it took place; the clock is not asked."""
    added = timestamp(manifest["settings"]["run"]["date"])
    return {"added": added} if added else {}


def timestamp(published: str | None) -> str | None:
    """Return a date as Dolma writes it, with a time and a time zone; None for what is no ISO 8601 date.

    A date without a time is its midnight, and a time without a zone is UTC's: Dolma asks for both.

    >>> timestamp("2026-03-14"), timestamp("2026-03-14T09:30:00+01:00"), timestamp("last week")
    ('2026-03-14T00:00:00.000Z', '2026-03-14T09:30:00.000+01:00', None)
    """
    match = _DATE.fullmatch(published or "")
    if match is None:
        return None
    day, time, zone = match.groups()
    time = f"{time or '00:00'}:00"[:8]
    return f"{day}T{time}.000{zone or 'Z'}"
