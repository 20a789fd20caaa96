"""Title, standfirst, authors and dates of a story, from what its page shows (roles) and what its head says.

Which source wins was decided by ``benchmarks/metadata.py``: the page for the title, the head for authors and
dates, and the page again where the head is silent or names only the publisher.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from transforms.core.dates import find_date
from transforms.core.metadata import Metadata
from transforms.core.page_title import best_title, without_site
from transforms.core.people import best_authors, names_in_bylines
from transforms.types import TEASER_ROLES

_BEFORE, _AFTER = 5, 2  # lines around the head of a story in which its date may stand
_TITLE = 1_000  # characters of the longest line that is taken for a headline
_BYLINE = 2_000  # characters of a byline in which a date is looked for
_DATE_LINE = 80  # characters of the longest line that is taken for a date line
_DATE_SHARE = 0.4  # least share of such a line that the date itself makes up


@dataclass(frozen=True, slots=True)
class StoryFields:
    """What a page says of its story; None or empty where nothing does."""

    title: str | None
    dek: str | None
    authors: tuple[str, ...]
    published: str | None


def read_fields(lines: Sequence[tuple[str, str]], metadata: Metadata, language: str | None) -> StoryFields:
    """Read the fields of the story.

    Args:
        lines: role and text of each block of the page, in reading order.
        metadata: what the page's head says; empty for text pages.
        language: ISO 639-1 code of the page's text.
    """
    host = _host(metadata.url)
    sites = (metadata.site_name, metadata.publisher)
    shown = next((text for role, text in lines if role == "title" and len(text) <= _TITLE), None)
    if shown is not None and metadata.titles:
        shown = without_site(shown, sites, host)
    deks = [text for role, text in lines if role == "dek"]
    bylines = [text for role, text in lines if role == "byline"]
    publishers = (*sites, host, (host or "").removeprefix("www."))
    return StoryFields(
        title=best_title(shown, metadata.headings, metadata.titles),
        dek="\n\n".join(deks) or None,
        authors=best_authors(metadata.authors, names_in_bylines(bylines, language), publishers),
        published=metadata.published or _shown_date(lines, language, metadata.region),
    )


def _shown_date(lines: Sequence[tuple[str, str]], language: str | None, region: str | None) -> str | None:
    """The date of a byline, else of a short line at the head of the story that is little else than a date."""
    for role, text in lines:
        if role == "byline" and (found := find_date(text[:_BYLINE], language, region)):
            return found[0]
    title = next((i for i, (role, _) in enumerate(lines) if role == "title"), None)
    body = next((i for i, (role, _) in enumerate(lines) if role == "body" and i >= (title or 0)), None)
    if title is None and body is None:
        return None
    first = title if title is not None else body or 0
    last = max(body if body is not None else first, first)
    for role, text in lines[max(0, first - _BEFORE) : last + _AFTER]:
        if role in TEASER_ROLES or role == "comment" or len(text) > _DATE_LINE:
            continue
        found = find_date(text, language, region)
        if found and found[2] - found[1] >= _DATE_SHARE * len(text):
            return found[0]
    return None


def _host(url: str | None) -> str | None:
    try:
        return urlsplit(url or "").hostname
    except ValueError:
        return None
