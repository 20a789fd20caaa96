"""What sort of page this is, how sure that is, and what is unusual about it.

A page whose content is withheld is an ``error``; all other kinds come from the page-kind model. Index and error
pages have no story, so these two need more than being the likeliest kind: a story is not lost by a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from transforms.core.dates import find_date
from transforms.core.error_page import is_link, obstacle
from transforms.core.kind_features import kind_features
from transforms.core.kind_model import KindModel, load_kind_model
from transforms.core.metadata import Metadata
from transforms.core.words import words
from transforms.types import TEASER_ROLES, Block

# Probability from which a page is an index: the more text of its own it has, the surer the model must be.
_INDEX = 0.6
_INDEX_WITH_TEXT = 0.7
_INDEX_OF_TEXT = 0.8  # of a page without its structure
_TEXT = 1_500  # characters of body that make a text of its own
_BARE_INDEX = 5  # teasers from which a text page with hardly any text of its own is an index
_HARDLY = 400  # characters of body on such a page
_ERROR_SURE = 0.9  # nothing but a mark and a page without content: no probability is known
_ARTICLE_CHARS = 600  # characters of running text that make a full article
_ARTICLE_BLOCKS = 3  # paragraphs of one
_HEADLINE, _SIGNATURE = 200, 80  # characters of the longest headline, and of the line that signs an article
_SIGNED_WITHIN = 2  # blocks behind a headline in which the signature of another article stands
# Characters of Chinese, Japanese, Korean and Thai, each of which says as much as some three letters.
_UNSPACED = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True, slots=True)
class PageKind:
    """A kind of ``PAGE_KINDS``, its confidence in [0, 1], and flags."""

    kind: str
    confidence: float
    flags: tuple[str, ...] = ()


def page_kind(
    blocks: Sequence[Block],
    roles: Sequence[str],
    metadata: Metadata,
    url: str | None,
    form: str,
    model: KindModel | None = None,
) -> PageKind:
    """Tell the kind of a page.

    Args:
        blocks: its blocks in reading order.
        roles: the role of each, as the role model gives it.
        metadata: what its head says; empty for text pages.
        url: its address, if it is known.
        form: ``html``, ``text`` or ``clean``.
        model: for evaluation; the packaged one if not given.
    """
    if form == "clean":
        return PageKind("article", 1.0)
    found = obstacle(blocks, roles, metadata)
    if found is not None:
        return PageKind("error", _ERROR_SURE, (found,))
    if not blocks and not metadata.titles:
        return PageKind("other", 0.5)  # a page that shows nothing can still say in its head what it is
    flags = ("multi_article",) if has_several_articles(blocks, roles) else ()
    features = kind_features(blocks, roles, metadata, url)
    chances = (model or load_kind_model(form)).probabilities(features)
    body = sum(len(b.text) for b, role in zip(blocks, roles, strict=True) if role == "body")
    teasers = sum(len(b.text) for b, role in zip(blocks, roles, strict=True) if role in TEASER_ROLES)
    bare = (
        roles.count("teaser_title") >= _BARE_INDEX and body * 4 < teasers and body < _HARDLY
        if form == "text"
        else False
    )
    kind, confidence = max(chances.items(), key=lambda item: item[1])
    if kind == "index" and not bare:
        sure = _INDEX_OF_TEXT if form == "text" else _INDEX_WITH_TEXT if body > _TEXT else _INDEX
        if confidence < sure and "body" in roles:
            del chances["index"]
            kind, confidence = max(chances.items(), key=lambda item: item[1])
    elif bare and kind != "index":
        kind, confidence = "index", max(chances["index"], teasers / (teasers + body) / 2)
    return PageKind(kind, confidence, flags)


def has_several_articles(blocks: Sequence[Block], roles: Sequence[str]) -> bool:
    """Whether at least two headlines are each followed by a full article.

    Sub-headings and teasers look like headlines too. So a later one must be set as the first is, and be signed or
    begin an ``article`` element of its own. Of the roles behind it hardly any count: pages with two articles are rare,
    and the role model takes the second one for all sorts of things.
    """
    first = next((i for i, role in enumerate(roles) if role == "title"), None)
    if first is None:
        return False
    containers: dict[int, int] = {}  # where each begins
    for i, block in enumerate(blocks):
        if block.dom is not None:
            containers.setdefault(block.dom.container, i)
    heads = [first, *(i for i in range(first + 1, len(blocks)) if _opens_article(blocks, roles, first, i, containers))]
    if len({blocks[i].text.casefold() for i in heads}) < 2:
        return False
    ends = [*heads[1:], len(blocks)]
    full = sum(_is_full(blocks[i + 1 : end], roles[i + 1 : end]) for i, end in zip(heads, ends, strict=True))
    return full > 1


def _opens_article(
    blocks: Sequence[Block], roles: Sequence[str], first: int, at: int, containers: Mapping[int, int]
) -> bool:
    """Whether a block is the headline of another article than that of the first headline."""
    block, dom, like = blocks[at], blocks[at].dom, blocks[first].dom
    if len(block.text) > _HEADLINE or roles[at] in ("body", "byline", "comment", "boilerplate"):
        return False
    if dom is None or like is None:  # nothing but the roles tells a headline from the title of a teaser
        return roles[at] in ("title", "heading", "caption") and _is_signed(blocks, roles, at + 1)
    if dom.tag not in ("h1", "h2", "h3") or dom.tag != like.tag:
        return False
    in_article = dom.path[-2:-1] == ("article",) or dom.path[-3:-1] == ("article", "header")
    if in_article and containers[dom.container] == at:
        return True
    behind = range(at + 1, min(len(blocks), at + 1 + _SIGNED_WITHIN))
    return any(_is_signed(blocks, roles, i) or _is_date(blocks[i].text) for i in behind)


def _is_signed(blocks: Sequence[Block], roles: Sequence[str], at: int) -> bool:
    """Whether a block says who wrote what follows."""
    if at >= len(blocks):
        return False
    text = blocks[at].text
    return roles[at] == "byline" or (len(text) <= _SIGNATURE and words().author.match(text) is not None)


def _is_date(text: str) -> bool:
    found = find_date(text) if len(text) <= _SIGNATURE else None
    return found is not None and 2 * (found[2] - found[1]) >= len(text)


def _is_full(blocks: Sequence[Block], roles: Sequence[str]) -> bool:
    running = [
        b.text
        for b, role in zip(blocks, roles, strict=True)
        if role != "comment" and not is_link(b) and (b.dom is not None or role not in TEASER_ROLES)
    ]
    paragraphs = [size for text in running if (size := len(text) + 2 * len(_UNSPACED.findall(text))) > _SIGNATURE]
    return len(paragraphs) >= _ARTICLE_BLOCKS and sum(paragraphs) >= _ARTICLE_CHARS
