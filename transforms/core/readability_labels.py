"""The baseline without a model: readability-lxml's summary is the story, its title the title, all else is dropped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from readability import Document
from readability.readability import Unparseable

from transforms.core.dom import html_blocks, parse_html
from transforms.core.role_model import Label
from transforms.types import Block

_WORD = re.compile(r"\w+")


def readability_labels(blocks: Sequence[Block], html: str | None) -> list[Label]:
    """One label per block; a page without ``html`` is read as one paragraph per block."""
    if html is None:
        html = "<html><body>" + "".join(f"<p>{escape(b.text, quote=False)}</p>" for b in blocks) + "</body></html>"
    kept = _readability_words(html)
    try:
        title = " ".join(Document(html).short_title().split())
    except (Unparseable, ValueError, TypeError, AssertionError):
        title = ""
    labels = []
    for block in blocks:
        if title and block.text == title:
            labels.append(Label("title", 0.5, 0.0, "readability: the title"))
            title = ""
        elif kept and _kept_share(block, kept) >= 0.5:
            heading = block.dom is not None and block.dom.tag in ("h1", "h2", "h3", "h4", "h5", "h6")
            labels.append(Label("heading" if heading else "body", 0.5, 0.0, "readability keeps it"))
        else:
            labels.append(Label("boilerplate", 0.5, 0.0, "readability drops it"))
    return labels


def _readability_words(html: str) -> set[tuple[str, ...]]:
    """Word 3-grams of what readability-lxml keeps of a page; empty where it finds nothing."""
    try:
        summary = parse_html(Document(html).summary(html_partial=True))
    except (Unparseable, ValueError, TypeError, AssertionError):
        return set()
    if summary is None:
        return set()
    _, blocks = html_blocks(summary)
    return {gram for block in blocks for gram in _grams(block.text)}


def _grams(text: str) -> list[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    return [tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))]


def _kept_share(block: Block, kept: set[tuple[str, ...]]) -> float:
    grams = _grams(block.text)
    return sum(g in kept for g in grams) / len(grams)
