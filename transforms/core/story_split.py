"""From labelled blocks to the main story, the teasers and the segments of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from operator import attrgetter
from urllib.parse import urldefrag

import tldextract
from resiliparse.parse.lang import detect_fast

from transforms.core.layout import Layout, without_what_stands_apart
from transforms.core.metadata import Metadata, absolute_url
from transforms.core.page_kind import page_kind
from transforms.core.role_model import Label
from transforms.core.story_fields import StoryFields, read_fields
from transforms.core.teaser_groups import teaser_runs, teaser_starts
from transforms.types import TEASER_ROLES, Block, Page, PageRecord, PageResult, Segment, Story, Teaser

_LANGUAGE_SAMPLE = 4_000
_LANGUAGE_LEAST = 40


@dataclass(slots=True)
class _Decided:
    """A block with its final role and story number."""

    block: Block
    role: str
    story: int | None
    confidence: float
    reason: str


def split_story(
    page: Page,
    text: str,
    blocks: Sequence[Block],
    labels: Sequence[Label],
    metadata: Metadata,
    encoding: str | None,
    flags: tuple[str, ...] = (),
    layout: Layout | None = None,
) -> PageResult:
    """Split one page.

    The first block labelled ``title`` is the title; a later copy of it is boilerplate. Teaser lines are
    numbered 1.. in order of appearance. Segments cover every block exactly once. With a ``layout``, for HTML pages
    only, what stands apart from an article's paragraphs is taken from its story.
    """
    url = page.url or metadata.url
    found = page_kind(blocks, [x.role for x in labels], metadata, url, page.kind)
    if layout is not None and found.kind == "article":
        labels = without_what_stands_apart(blocks, labels, metadata, layout)
    decided = _one_title(
        [_Decided(b, x.role, None, x.confidence, x.reason) for b, x in zip(blocks, labels, strict=True)]
    )
    if found.kind == "error":
        _drop_teasers(decided)
    _number_teasers(decided, [x.starts_teaser for x in labels])
    for d in decided:
        if d.role not in TEASER_ROLES and d.role not in ("boilerplate", "comment"):
            d.story = 0
    teasers = _teasers(page, decided, metadata.base or metadata.url or page.url, metadata.url or page.url)
    site = registered_domain(url)
    own_text = "\n".join(d.block.text for d in decided if d.role in ("title", "dek", "heading", "body"))
    language = _language(own_text) or metadata.language
    fields = read_fields([(d.role, d.block.text) for d in decided], metadata, language)
    title = page.title if page.kind == "clean" else fields.title or page.title
    story = None
    if found.kind not in ("index", "error"):
        story = _story(page, text, decided, metadata, teasers, url, site, replace(fields, title=title), language)
    record = PageRecord(
        id=page.id,
        url=url,
        site=site,
        kind=found.kind,
        kind_confidence=round(found.confidence, 4),
        status="no_story" if story is None else "story",
        flags=(*flags, *found.flags) if blocks else (*flags, *found.flags, "empty"),
        encoding=encoding,
        chars_in=len(text),
        chars_kept=len(story.text) if story else 0,
        source=page.source,
        title=title,
        canonical_url=metadata.canonical,
    )
    return PageResult(record, tuple(_segments(page.id, text, decided)), story, tuple(teasers), text)


def _one_title(decided: list[_Decided]) -> list[_Decided]:
    title: str | None = None
    for d in decided:
        if d.role != "title":
            continue
        if title is None:
            title = _folded(d.block.text)
        elif _folded(d.block.text) == title:
            d.role, d.reason = "boilerplate", f"the title again; {d.reason}"
        else:
            d.role, d.reason = "heading", f"a second title; {d.reason}"
    return decided


def _drop_teasers(decided: list[_Decided]) -> None:
    """What an error page points to is the site's navigation, no record of another story."""
    for d in decided:
        if d.role in TEASER_ROLES:
            d.role, d.reason = "boilerplate", f"the page is an error; {d.reason}"


def _folded(text: str) -> str:
    return " ".join(text.lower().split())


def _number_teasers(decided: list[_Decided], beliefs: Sequence[float]) -> None:
    """Give each teaser line the number of its teaser; a headline that is shown twice is one teaser."""
    count = 0
    by_title: dict[str, int] = {}
    for run in teaser_runs([d.role for d in decided]):
        lines = [decided[i] for i in run]
        starts = teaser_starts([d.role for d in lines], [d.block.text for d in lines], [beliefs[i] for i in run])
        for start, end in zip(starts, (*starts[1:], len(lines)), strict=True):
            group = [d for d in lines[start:end] if d.role in TEASER_ROLES]
            title = next((_folded(d.block.text) for d in group if d.role == "teaser_title"), None)
            number = by_title.get(title) if title else None
            if number is None:
                number = count = count + 1
                if title:
                    by_title[title] = number
            for d in group:
                d.story = number


def _teasers(page: Page, decided: list[_Decided], base: str | None, own: str | None) -> list[Teaser]:
    groups: dict[int, list[_Decided]] = {}
    for d in decided:
        if d.role in TEASER_ROLES and d.story is not None:
            groups.setdefault(d.story, []).append(d)
    teasers = []
    for number, group in sorted(groups.items()):
        title = next((d.block.text for d in group if d.role == "teaser_title"), None)
        lines = list(dict.fromkeys(d.block.text for d in group if d.role == "teaser_text"))
        captions = list(dict.fromkeys(d.block.text for d in group if d.role == "teaser_caption"))
        by_title = sorted(group, key=lambda d: d.role != "teaser_title")  # its own link before its category's
        links = [link for d in by_title if d.block.dom for link in d.block.dom.links]
        teasers.append(
            Teaser(
                id=f"{page.id}#t{number}",
                page_id=page.id,
                position=number,
                title=title,
                text="\n\n".join(lines) or None,
                caption="\n\n".join(captions) or None,
                target_url=_target(links, base, own),
            )
        )
    return teasers


def _target(links: Sequence[str], base: str | None, own: str | None) -> str | None:
    """The first link that leads to another page."""
    here = urldefrag(own)[0] if own else None
    for link in links:
        url = absolute_url(base, link)
        if url and urldefrag(url)[0] != here:
            return url
    return None


def _story(
    page: Page,
    text: str,
    decided: list[_Decided],
    metadata: Metadata,
    teasers: list[Teaser],
    url: str | None,
    site: str | None,
    fields: StoryFields,
    language: str | None,
) -> Story | None:
    main = [d for d in decided if d.role in ("heading", "body")]
    if not any(d.role == "body" for d in main) and page.kind != "clean":
        return None
    if not main and not fields.title:
        return None
    body = _joined(text, main)
    by_role = {role: [d.block.text for d in decided if d.role == role] for role in ("caption", "bio")}
    size = sum(len(d.block.text) for d in main)
    confidence = sum(d.confidence * len(d.block.text) for d in main) / size if size else 1.0
    return Story(
        id=page.id,
        url=url,
        site=site,
        title=fields.title,
        dek=fields.dek,
        authors=fields.authors,
        published=page.published or fields.published,
        language=language,
        text=body,
        captions=tuple(dict.fromkeys(by_role["caption"])),
        bio="\n\n".join(by_role["bio"]) or None,
        confidence=round(confidence, 4),
        teasers=tuple(t.id for t in teasers),
        chars_in=len(text),
        chars_kept=len(body),
        source=page.source,
        metadata=page.metadata,
        modified=metadata.modified,
        section=metadata.section,
        site_name=metadata.site_name,
        description=metadata.description,
    )


def _joined(text: str, main: Sequence[_Decided]) -> str:
    """Paragraphs apart by a blank line; lines that the page breaks by <br> stay lines of one paragraph."""
    pieces: list[str] = []
    for i, d in enumerate(main):
        if i:
            previous = main[i - 1].block
            line_break = d.block.dom is not None and text[previous.end : d.block.start] == "\n"
            pieces.append("\n" if line_break else "\n\n")
        pieces.append(d.block.text)
    return "".join(pieces)


def _language(text: str) -> str | None:
    """ISO 639-1 code, None where the text is too short or the detector unsure."""
    if len(text) < _LANGUAGE_LEAST:
        return None
    code = detect_fast(text[:_LANGUAGE_SAMPLE])[0]
    return None if code == "unknown" else str(code)


@cache
def _domains() -> tldextract.TLDExtract:
    return tldextract.TLDExtract(suffix_list_urls=())  # the list in the package: no network


def registered_domain(url: str | None) -> str | None:
    """The site of a page: its registered domain, else its host; None without a URL.

    >>> registered_domain("https://news.example.co.uk/a")
    'example.co.uk'
    """
    if not url:
        return None
    parts = _domains()(url)
    if parts.suffix or parts.ipv4 or not parts.subdomain:
        return parts.top_domain_under_public_suffix or parts.domain or None
    # A top-level domain that is on no list: its registry takes names directly below it.
    return f"{parts.subdomain.rsplit('.', 1)[-1]}.{parts.domain}"


def _segments(page_id: str, text: str, decided: list[_Decided]) -> list[Segment]:
    """Adjacent blocks with the same role, story and reason are one segment."""
    segments: list[Segment] = []
    for (role, story, reason), run in groupby(decided, attrgetter("role", "story", "reason")):
        blocks = list(run)
        start, end = blocks[0].block.start, blocks[-1].block.end
        confidence = round(min([d.confidence for d in blocks]), 4)
        segments.append(Segment(page_id, len(segments), role, story, text[start:end], start, end, confidence, reason))
    return segments
