"""One page from bytes to records, in three steps: parse, label, split.

    Page --parse_page--> Parsed --label_blocks--> Labelled --split_page--> PageResult

The pipeline runs the same three functions as three stages; ``segment_page`` is all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from resiliparse.extract.html2text import extract_plain_text

from transforms.core.dom import TooDeepError, html_blocks, parse_html
from transforms.core.encoding import decode
from transforms.core.features import Hints
from transforms.core.layout import load_layout
from transforms.core.lines import text_blocks
from transforms.core.metadata import Metadata, read_metadata
from transforms.core.page_error import PageError
from transforms.core.role_model import Label, load_model
from transforms.core.site_profile import PageLines, SiteProfile, page_lines, relabel
from transforms.core.site_rules import NO_RULES, SiteRules
from transforms.core.story_split import registered_domain, split_story
from transforms.core.words import using_words
from transforms.settings import SegmentSettings
from transforms.types import Block, Page, PageResult

_START_TAG = re.compile("<[A-Za-z]")
# Blocks that the model reads at a time: bounds memory on pages with very many lines.
_WINDOW = 2_000

__all__ = [
    "Labelled", "PageError", "Parsed", "apply_rules", "judge_lines", "label_blocks", "lines_of_site", "parse_page",
    "segment_page", "split_page", "without_markup",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parsed:
    """A page's text, its blocks and what its head says. ``html`` is kept for the readability method only."""

    page: Page
    text: str
    blocks: tuple[Block, ...]
    metadata: Metadata
    encoding: str | None
    html: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Labelled:
    """A parsed page with one label per block."""

    parsed: Parsed
    labels: tuple[Label, ...]


def segment_page(page: Page, settings: SegmentSettings | None = None, rules: SiteRules = NO_RULES) -> PageResult:
    """Segment one page in memory.

    Raises:
        PageError: A rule of the caller's own failed on it.

    >>> from transforms.types import Page, Source
    >>> result = segment_page(Page("a", "clean", "One line.", Source("a.jsonl")))
    >>> result.story.text
    'One line.'
    """
    settings = settings or SegmentSettings()
    return split_page(label_blocks(parse_page(page, rules, settings), settings, rules), settings)


def parse_page(page: Page, rules: SiteRules = NO_RULES, settings: SegmentSettings | None = None) -> Parsed:
    """Decode a page and find its blocks, and what the selectors of its site's rules select.

    Raises:
        PageError: ``too_large``, for more elements than ``settings.max_elements``; they are counted, not parsed.
    """
    settings = settings or SegmentSettings()
    with using_words(settings.words):
        parsed = _parsed(page, rules, settings)
    if len(parsed.blocks) > settings.max_lines:
        return replace(parsed, flags=(*parsed.flags, "many_lines"))
    return parsed


def _parsed(page: Page, rules: SiteRules, settings: SegmentSettings) -> Parsed:
    most = settings.max_lines
    if page.kind == "html":
        text, encoding = _decoded(page)
        # The sign alone is counted first, because that is faster.
        if text.count("<") > settings.max_elements and len(_START_TAG.findall(text)) > settings.max_elements:
            detail = f"more than {settings.max_elements} elements; raise segment.max_elements to read it"
            raise PageError("too_large", detail)
        try:
            root = parse_html(text) if text.strip() else None
        except TooDeepError:  # a parser without that limit still gives the text, line by line
            flat = extract_plain_text(text, main_content=False)
            blocks = text_blocks(flat, most)
            return Parsed(page, flat, tuple(blocks), Metadata(url=page.url), encoding, flags=("deep_dom",))
        if root is None:
            return Parsed(page, "", (), Metadata(url=page.url), encoding)
        metadata = read_metadata(root, page.url)
        page_text, blocks = html_blocks(root, rules.of(page.url or metadata.url).select(root), most)
        return Parsed(page, page_text, tuple(blocks), metadata, encoding, text)
    text, encoding = _decoded(page)
    return Parsed(page, text, tuple(text_blocks(text, most)), Metadata(url=page.url), encoding)


def _decoded(page: Page) -> tuple[str, str | None]:
    if isinstance(page.content, str):
        return page.content, None
    return decode(page.content, page.content_type, page.kind == "html")


def label_blocks(parsed: Parsed, settings: SegmentSettings, rules: SiteRules = NO_RULES) -> Labelled:
    """Give each block a role, by the method that the settings name; the rules of its site have the last word."""
    if not parsed.blocks:
        return Labelled(parsed, ())
    if parsed.page.kind == "clean":
        label = Label("body", 1.0, 0.0, "the input is a story")
        return Labelled(parsed, (label,) * len(parsed.blocks))
    read = replace(parsed, blocks=parsed.blocks[: settings.max_lines])
    if settings.method == "readability":
        from transforms.core.readability_labels import readability_labels  # slow to import, and few ask for it

        labels = readability_labels(read.blocks, read.html)
    else:
        labels = _model_labels(read, settings)
    unread = Label("boilerplate", 0.0, 0.0, f"not read: beyond the first {settings.max_lines} lines of the page")
    labels += [unread] * (len(parsed.blocks) - len(labels))
    return apply_rules(Labelled(parsed, tuple(labels)), rules)


def apply_rules(labelled: Labelled, rules: SiteRules) -> Labelled:
    """Let the rules of a page's site decide its lines."""
    parsed = labelled.parsed
    url = parsed.page.url or parsed.metadata.url
    return Labelled(parsed, tuple(rules.of(url).apply(parsed.page, url, parsed.blocks, labelled.labels)))


def lines_of_site(labelled: Labelled, seen: str = "") -> tuple[str, PageLines] | None:
    """Return a page's site and what its profile learns from the page; None where no site is known."""
    page = labelled.parsed.page
    site = registered_domain(page.url or labelled.parsed.metadata.url)
    if site is None or page.kind == "clean":
        return None
    return site, page_lines(page.id, labelled.parsed.blocks, labelled.labels, seen)


def judge_lines(
    labelled: Labelled, profile_of: Callable[[str], SiteProfile | None], rules: SiteRules = NO_RULES
) -> Labelled:
    """Let the profile of a page's site, then its rules, decide the lines of a page that the model has labelled."""
    parsed = labelled.parsed
    if parsed.page.kind == "clean":
        return labelled
    site = registered_domain(parsed.page.url or parsed.metadata.url)
    if site is not None:
        labels = relabel(profile_of(site), parsed.page.id, parsed.blocks, labelled.labels)
        labelled = Labelled(parsed, tuple(labels))
    return apply_rules(labelled, rules)


def without_markup(labelled: Labelled) -> Labelled:
    """Return a labelled page without the bytes and the HTML that it was read from, which no later step reads."""
    parsed = labelled.parsed
    return replace(labelled, parsed=replace(parsed, html=None, page=replace(parsed.page, content="")))


def _model_labels(parsed: Parsed, settings: SegmentSettings) -> list[Label]:
    meta = parsed.metadata
    hints = Hints(meta.title or "", meta.description or "", meta.authors, meta.body, parsed.page.url or meta.url or "")
    model = load_model(settings.model)
    return [
        label
        for start in range(0, len(parsed.blocks), _WINDOW)
        for label in model.label_page(parsed.blocks[start : start + _WINDOW], hints)
    ]


def split_page(labelled: Labelled, settings: SegmentSettings) -> PageResult:
    """Split a labelled page into its main story and its teasers."""
    parsed = labelled.parsed
    has_layout = settings.method == "model" and bool(parsed.blocks) and parsed.blocks[0].dom is not None
    layout = load_layout(settings.model) if has_layout else None
    read = (parsed.page, parsed.text, parsed.blocks, labelled.labels, parsed.metadata, parsed.encoding, parsed.flags)
    with using_words(settings.words):
        result = split_story(*read, layout)
    if result.story is not None and result.story.confidence < settings.min_confidence:
        return replace(result, page=replace(result.page, status="doubtful"))
    return result
