"""One page from bytes to records, in three steps: parse, label, split.

    Page --parse_page--> Parsed --label_blocks--> Labelled --split_page--> PageResult

The pipeline runs the same three functions as three stages; ``segment_page`` is all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from readability import Document
from readability.readability import Unparseable
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

# On a page whose kept text the model is less sure of than this, readability is asked as well.
_UNSURE_PAGE = 0.56
# Only blocks below this confidence follow the second opinion.
_UNSURE_BLOCK = 0.63
_OPINION = 40  # characters beyond which a block follows it
_START_TAG = re.compile("<[A-Za-z]")
# Blocks that the model reads at a time: bounds memory on pages with very many lines.
_WINDOW = 2_000
_WORD = re.compile(r"\w+")
_MAIN = ("body", "heading")

__all__ = [
    "Labelled", "PageError", "Parsed", "apply_rules", "judge_lines", "label_blocks", "lines_of_site", "parse_page",
    "segment_page", "split_page", "without_markup",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parsed:
    """A page's text, its blocks and what its head says. ``html`` is kept for the second opinion only."""

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
    labels = _readability_labels(read) if settings.method == "readability" else _model_labels(read, settings)
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
    labels = [
        label
        for start in range(0, len(parsed.blocks), _WINDOW)
        for label in model.label_page(parsed.blocks[start : start + _WINDOW], hints)
    ]
    if parsed.html is not None and _sureness(parsed.blocks, labels) < _UNSURE_PAGE:
        labels = _second_opinion(parsed, labels)
    return labels


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


def _sureness(blocks: Iterable[Block], labels: Iterable[Label]) -> float:
    """Mean confidence over the kept text, by characters; 0 if nothing is kept."""
    kept = [(len(b.text), x.confidence) for b, x in zip(blocks, labels, strict=True) if x.role in _MAIN]
    total = sum(size for size, _ in kept)
    return sum(size * confidence for size, confidence in kept) / total if total else 0.0


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


def _second_opinion(parsed: Parsed, labels: list[Label]) -> list[Label]:
    """Let readability decide the blocks of which the model is unsure."""
    unsure = [
        i
        for i, (block, label) in enumerate(zip(parsed.blocks, labels, strict=True))
        if label.confidence < _UNSURE_BLOCK and len(block.text) > _OPINION
    ]
    kept = _readability_words(parsed.html or "") if unsure else set()
    if not kept:
        return labels
    labels = list(labels)
    for i in unsure:
        label, share = labels[i], _kept_share(parsed.blocks[i], kept)
        if label.role not in _MAIN and share > 0.8:
            labels[i] = replace(label, role="body", reason=f"second opinion: readability keeps it; {label.reason}")
        elif label.role in _MAIN and share < 0.2:
            reason = f"second opinion: readability drops it; {label.reason}"
            labels[i] = replace(label, role="boilerplate", reason=reason)
    return labels


def _readability_labels(parsed: Parsed) -> list[Label]:
    """The baseline: readability's summary is the story, its title the title, all else is dropped."""
    html = parsed.html
    if html is None:
        html = "<html><body>" + "".join(f"<p>{_escape(b.text)}</p>" for b in parsed.blocks) + "</body></html>"
    kept = _readability_words(html)
    try:
        title = " ".join(Document(html).short_title().split())
    except (Unparseable, ValueError, TypeError, AssertionError):
        title = ""
    labels = []
    for block in parsed.blocks:
        if title and block.text == title:
            labels.append(Label("title", 0.5, 0.0, "readability: the title"))
            title = ""
        elif kept and _kept_share(block, kept) >= 0.5:
            heading = block.dom is not None and block.dom.tag in ("h1", "h2", "h3", "h4", "h5", "h6")
            labels.append(Label("heading" if heading else "body", 0.5, 0.0, "readability keeps it"))
        else:
            labels.append(Label("boilerplate", 0.5, 0.0, "readability drops it"))
    return labels


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
