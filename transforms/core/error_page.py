"""Pages that hold an obstacle in place of their content: errors, consent walls, bot checks, pages for scripts only.

The marks are those that are the same in most languages: status codes, services that tell people from robots, text
for readers without scripts, "cookie", "JavaScript", "robot". Phrases help where there are none. A mark counts
only on a page with hardly any text of its own, so that an article about cookies remains one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from transforms.core.metadata import Metadata
from transforms.core.words import words
from transforms.types import TEASER_ROLES, Block

HTTP_ERROR, CONSENT_WALL, BOT_CHECK, NEEDS_JAVASCRIPT = "http_error", "consent_wall", "bot_check", "needs_javascript"

_MOST_STORY = 900  # characters of running text that no obstacle has, unless all of it is about the obstacle
_MOST_WALL = 6_000  # a consent wall lists its purposes at length
_LEAST_STORY = 150  # characters of text that make a story with an author or a type of its own
_RUNNING = 40  # characters from which a line that is no link is running text
_HEADLINE = 80  # characters of a line that can name an error
_WALL_SHARE = 0.35  # least share of the running text that speaks of consent
_MOST_NOTICE = 400  # characters of a notice to readers without scripts; a longer one is the content itself
_BARE_PAGE = 250  # characters of a page that shows nothing without scripts

_STATUS = re.compile(r"(?<![\w.,:/$€£¥#+-])(?:40[0134568]|410|429|451|50[0234]|52[0-6])(?![\w%+/-]|[.,:]\d)")
# Words that may stand beside a status code in a line that is nothing but an error.
_STATUS_LINE = re.compile(r"^\W*+(?:[^\W\d]++\W++){0,8}\d{3}(?:\W++[^\W\d]++){0,8}\W*+$")
_STORY_TYPE = re.compile(r"Article$|BlogPosting|^article$|^Recipe$", re.IGNORECASE)


def obstacle(blocks: Sequence[Block], roles: Sequence[str], metadata: Metadata) -> str | None:
    r"""The name of what stands in place of the content, None where the page has content.

    Args:
        blocks: the blocks of the page in reading order.
        roles: the role of each.
        metadata: what its head says; empty for text pages.

    >>> from transforms.core.lines import text_blocks
    >>> lines = text_blocks("404\nSeite nicht gefunden\nZur Startseite")
    >>> obstacle(lines, ["title", "body", "boilerplate"], Metadata())
    'http_error'
    """
    if len(metadata.body) > _MOST_STORY:
        return None
    running = [b.text for b in blocks if len(b.text) >= _RUNNING and not is_link(b)]
    length = sum(map(len, running))
    everything = sum(len(b.text) for b in blocks)
    own = sum(
        len(b.text)
        for b, role in zip(blocks, roles, strict=True)
        if role in ("body", "heading") and len(b.text) >= _RUNNING
    )
    is_story = any(_STORY_TYPE.search(t) for t in (*metadata.types, *metadata.markup.types))
    signed = own >= _LEAST_STORY and (is_story or "byline" in roles)
    if own <= _MOST_STORY and length <= 2 * _MOST_STORY and not signed:
        found = _short_page(blocks, roles, running, everything, metadata)
        if found:
            return found
    if not 0 < length <= _MOST_WALL or is_story or signed:
        return None
    told = [text for text in running if words().consent.search(text)]
    about = sum(map(len, told))
    if about >= _WALL_SHARE * length and length - about <= _MOST_STORY:
        mentions = sum(len(words().consent.findall(text)) for text in told)
        if mentions >= 2 and about >= _WALL_SHARE * everything / 2 and not _has_story(blocks, roles):
            return CONSENT_WALL
    return None


def _short_page(
    blocks: Sequence[Block], roles: Sequence[str], running: list[str], everything: int, metadata: Metadata
) -> str | None:
    text = " ".join(running)
    length = sum(map(len, running))
    if len(metadata.markup.noscript) > _MOST_NOTICE:
        return None  # the content itself, for readers without scripts
    if metadata.markup.challenge and everything <= _MOST_STORY and not _has_story(blocks, roles):
        return BOT_CHECK
    short = [b.text for b in blocks if len(b.text) <= _HEADLINE and not is_link(b)][:12]
    heads = [*metadata.titles, *metadata.headings]
    shown = [b.text for b, role in zip(blocks, roles, strict=True) if role == "title"]
    told = any(_STATUS.search(line) and _STATUS_LINE.match(line) for line in (*heads, *shown, *short[:6]))
    if told and not _has_story(blocks, roles):
        return HTTP_ERROR
    if any(words().not_found.search(line) for line in (*heads, *shown)) or (
        length <= _MOST_STORY // 2 and any(words().not_found.search(line) for line in (*short[:4], *running[:2]))
    ):
        return HTTP_ERROR
    if _share(running or short, words().robot) >= _WALL_SHARE and everything <= 2 * _MOST_STORY:
        return BOT_CHECK
    if everything <= 2 * _BARE_PAGE and any(words().robot.search(line) for line in shown) and "byline" not in roles:
        return BOT_CHECK
    if everything <= _BARE_PAGE and len(metadata.markup.noscript) >= _RUNNING // 2:
        return NEEDS_JAVASCRIPT
    if everything <= 2 * _BARE_PAGE and words().script.search(text or " ".join(short)):
        return NEEDS_JAVASCRIPT
    return None


def _has_story(blocks: Sequence[Block], roles: Sequence[str]) -> bool:
    """Whether a headline is followed by running text that has nothing to do with consent or robots."""
    if "title" not in roles:
        return False
    after = list(roles).index("title")
    own = (
        len(b.text)
        for b, role in zip(blocks[after:], roles[after:], strict=True)
        if role == "body"
        and len(b.text) >= _RUNNING
        and not words().consent.search(b.text)
        and not words().robot.search(b.text)
    )
    teasers = sum(role in TEASER_ROLES for role in roles)
    return sum(own) >= 250 or teasers >= 10


def _share(texts: Sequence[str], pattern: re.Pattern[str]) -> float:
    total = sum(map(len, texts))
    return sum(len(text) for text in texts if pattern.search(text)) / total if total else 0.0


def is_link(block: Block) -> bool:
    """Whether nearly all of a block is links."""
    return block.dom is not None and block.dom.link_chars > 0.8 * len(block.text)
