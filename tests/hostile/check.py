"""What must be true of the result of any page whatever."""

import dataclasses

import orjson

from transforms.core import PageError, segment_page
from transforms.settings import SegmentSettings
from transforms.types import PAGE_KINDS, ROLES, TEASER_ROLES, Page, PageResult, Source

REFUSALS = ("too_large",)


def segment(content: bytes | str, kind: str, settings: SegmentSettings | None = None) -> PageResult | None:
    """Segment a page and check the result; None where the page is refused, by name."""
    page = Page("page", kind, content, Source("hostile"), url="https://hostile.example.org/page")
    try:
        result = segment_page(page, settings)
    except PageError as error:
        assert error.error in REFUSALS
        return None
    check(result, kind)
    return result


def check(result: PageResult, kind: str) -> None:
    text, segments = result.text, result.segments
    assert without_blanks("".join(segment.text for segment in segments)) == without_blanks(text)
    end = 0
    for order, segment in enumerate(segments):
        assert segment.order == order
        assert end <= segment.start < segment.end <= len(text)
        assert text[segment.start : segment.end] == segment.text
        end = segment.end
        assert segment.role in ROLES
        assert 0 <= segment.confidence <= 1 and segment.reason
        assert (segment.story or 0) > 0 if segment.role in TEASER_ROLES else segment.story in (0, None)
    ids = [result.page.id, *(segment.id for segment in segments), *(teaser.id for teaser in result.teasers)]
    assert len(set(ids)) == len(ids)
    assert {segment.story for segment in segments if segment.story} == {teaser.position for teaser in result.teasers}
    assert result.page.kind in PAGE_KINDS and 0 <= result.page.kind_confidence <= 1
    assert (result.page.status == "no_story") == (result.story is None)
    assert result.page.chars_in == len(text)
    if result.story is not None:
        assert set(result.story.teasers) == {teaser.id for teaser in result.teasers}
        main = [segment.text for segment in segments if segment.role in ("heading", "body")]
        assert without_blanks(result.story.text) == without_blanks("".join(main))
    encoded = orjson.dumps(dataclasses.asdict(result))  # refuses what is not UTF-8
    assert b"\\u0000" not in encoded.replace(b"\\\\", b"")  # a NUL, not the letters of one


def without_blanks(text: str) -> str:
    return "".join(text.split())
