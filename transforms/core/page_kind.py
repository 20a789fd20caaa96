"""What sort of page this is, how sure that is, and what is unusual about it.

A page whose content is withheld is an ``error``; all other kinds come from the page-kind model. Index and error
pages have no story, so these two need more than being the likeliest kind: a story is not lost by a wrong one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transforms.core.error_page import obstacle
from transforms.core.kind_features import kind_features
from transforms.core.kind_model import KindModel, load_kind_model
from transforms.core.metadata import Metadata
from transforms.types import TEASER_ROLES, Block

# Probability from which a page is an index: the more text of its own it has, the surer the model must be.
_INDEX = 0.6
_INDEX_WITH_TEXT = 0.7
_INDEX_OF_TEXT = 0.8  # of a page without its structure
_TEXT = 1_500  # characters of body that make a text of its own
_BARE_INDEX = 5  # teasers from which a text page with hardly any text of its own is an index
_HARDLY = 400  # characters of body on such a page
_ERROR_SURE = 0.9  # nothing but a mark and a page without content: no probability is known
_ARTICLE_CHARS = 800  # characters of body that make a full article
_ARTICLE_BLOCKS = 3
_BYLINE_WITHIN = 5  # blocks behind a headline in which the byline of another article stands


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
    """Whether at least two headlines are each followed by a full article, the later ones by a byline as well.

    Sub-headings look like headlines, and some sites set them as such; only an article has a byline of its own.
    """
    heads = [
        i
        for i, (block, role) in enumerate(zip(blocks, roles, strict=True))
        if role == "title" or (block.dom is not None and block.dom.tag == "h1" and role in ("heading", "body"))
    ]
    texts = {blocks[i].text.casefold() for i in heads}
    if len(texts) < 2:
        return False
    full = 0
    for start, end in zip(heads, [*heads[1:], len(blocks)], strict=True):
        body = [len(blocks[i].text) for i in range(start + 1, end) if roles[i] == "body"]
        signed = full == 0 or "byline" in roles[start + 1 : min(end, start + 1 + _BYLINE_WITHIN)]
        full += len(body) >= _ARTICLE_BLOCKS and sum(body) >= _ARTICLE_CHARS and signed
    return full >= 2
