"""HTML pages: one walk over the lxml tree gives the page's text and its blocks.

The text of an HTML page is defined here: every piece of visible text in document order, white
space folded, block-level elements apart by a blank line and ``<br>`` by a line break. Offsets of
segments index this text; ``copydesk explain --text`` prints it.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Mapping
from functools import lru_cache

from lxml import etree

from transforms.types import Block, Dom

# Elements that a head can hold.
_OF_HEAD = frozenset(
    ("base", "basefont", "bgsound", "link", "meta", "noframes", "noscript", "script", "style", "template", "title")
)
# Elements whose text nobody reads on the page.
_SKIP = frozenset(
    [
        "script",
        "style",
        "template",
        "noscript",
        "svg",
        "head",
        "select",
        "textarea",
        "iframe",
        "object",
        "embed",
        "applet",
        "audio",
        "video",
        "canvas",
        "map",
        "datalist",
        "input",
        "meta",
        "link",
        "param",
        "source",
        "track",
        "col",
        "colgroup",
        "title",
        "annotation",
        "annotation-xml",
    ]
)
# Phrasing elements: they never end a block. Anything else does, custom elements included.
_INLINE = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "b",
        "bdi",
        "bdo",
        "big",
        "cite",
        "code",
        "data",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "ins",
        "kbd",
        "label",
        "mark",
        "nobr",
        "output",
        "q",
        "rb",
        "rp",
        "rt",
        "rtc",
        "ruby",
        "s",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "td",
        "th",
        "time",
        "tt",
        "u",
        "var",
        "wbr",
        "picture",
        "img",
        "math",
        "mi",
        "mn",
        "mo",
        "mrow",
        "msup",
        "msub",
        "msubsup",
        "mfrac",
        "mover",
        "mpadded",
        "mroot",
        "mspace",
        "msqrt",
        "mstyle",
        "mtext",
        "munder",
        "munderover",
        "semantics",
    ]
)
_CONTAINERS = frozenset(
    ["article", "section", "aside", "nav", "header", "footer", "main", "form", "figure", "table", "ul", "ol", "dl"]
)
_MAX_LINKS = 4
_NEXT_TO_NOTHING = 500  # characters of a page's text
_MOST_NOTICE = 400  # characters of a notice that the page needs scripts; longer text is the content itself
_MOST_ABOVE = 12  # elements around a block of which it keeps the names
_MOST_NAMES = 200  # characters of an element's class, id and the like that are read
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_]+")


class _Open:
    """An open element on the walk's stack."""

    __slots__ = ("_place", "above", "block", "container", "hidden", "named", "tag")

    def __init__(self, tag: str, named: str, above: _Open | None, block: str, container: int, hidden: bool) -> None:
        self.tag, self.named, self.above = tag, named, above
        self.block, self.container, self.hidden = block, container, hidden
        self._place: tuple[tuple[str, ...], tuple[str, ...]] | None = None

    def place(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names of the block-level elements from the body down, and the words of this and the elements above."""
        unplaced: list[_Open] = []  # most elements hold no block of their own and are never placed
        here: _Open | None = self
        while here is not None and here._place is None:
            unplaced.append(here)
            here = here.above
        path, names = here._place if here is not None and here._place is not None else ((), ())
        for element in reversed(unplaced):
            if element.tag != "a":
                path = (*path[1 - _MOST_ABOVE :], element.tag)
            names = (name_words(element.named[:_MOST_NAMES]), *names[: _MOST_ABOVE - 1])
            element._place = path, names
        return path, names


# As in browsers, what follows these end tags is still in the body; lxml would put it beside the body or drop it.
_BODY_END = re.compile(r"</(?:body|html)\s*>", re.IGNORECASE)


class TooDeepError(ValueError):
    """Elements are nested deeper than the parser reads (2,048 levels)."""


def parse_html(text: str) -> etree._Element | None:
    """Parse decoded HTML; None if there is no element at all.

    Raises:
        TooDeepError: lxml gave up on the nesting and would lose the rest of the page.
    """
    parser = etree.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True, collect_ids=False
    )
    root = etree.fromstring(_BODY_END.sub("", text).encode("utf-8", "replace"), parser)
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise TooDeepError("elements nested deeper than 2,048 levels")
    if root is not None:
        _end_head(root)
    return root


def _end_head(root: etree._Element) -> None:
    """Move to the body what only a body can hold, where a page leaves out the tags of both.

    The first such element ends the head (HTML, "in head"); libxml2 does not know that of <main>, <header> and other
    elements that are younger than it.
    """
    head = root.find("head")
    stray = () if head is None else tuple(itertools.dropwhile(lambda child: child.tag in _OF_HEAD, head))
    if stray:
        body = root.find("body")
        if body is None:
            body = etree.SubElement(root, "body")
        for place, child in enumerate(stray):
            body.insert(place, child)


@lru_cache(maxsize=20_000)
def name_words(value: str) -> str:
    """The lower-cased words of a class or id value, digits dropped, at most eight.

    >>> name_words("RelatedPosts related-posts__item-12")
    'related posts related posts item'
    """
    return " ".join(word.lower() for word in _WORDS.findall(value)[:8]) if value else ""


def html_blocks(
    root: etree._Element,
    selected: Mapping[etree._Element, tuple[int, ...]] | None = None,
    most: int = sys.maxsize,
) -> tuple[str, list[Block]]:
    """Walk the tree; return the page's text and its blocks in document order.

    ``selected`` gives elements numbers, for ``Dom.selected`` of the blocks whose whole text stands in them. After
    ``most`` blocks the rest of the text is one more block, however many lines it has.

    What stands in ``noscript`` is read only where the page shows next to nothing else: some sites, Discourse forums
    among them, hold the whole page there and build what is seen by script.
    """
    body = root.find("body")
    if body is None:
        body = root
    walker = _Walker(_SKIP, selected or {}, most)
    walker.walk(body)
    if walker.length < _NEXT_TO_NOTHING and next(body.iter("noscript"), None) is not None:
        without_scripts = _Walker(_SKIP - {"noscript"}, selected or {}, most)
        without_scripts.walk(body)
        if without_scripts.length > walker.length + _MOST_NOTICE:
            walker = without_scripts
    text, blocks = "".join(walker.text), walker.blocks
    if blocks and blocks[-1].end < len(text):
        start = len(text) - len(text[blocks[-1].end :].lstrip())
        blocks.append(Block(text[start:], start, len(text), Dom("body", ("body",), ("",), 0)))
    return text, blocks


class _Walker:
    def __init__(self, skipped: frozenset[str], selected: Mapping[etree._Element, tuple[int, ...]], most: int) -> None:
        self.skipped = skipped  # elements whose text is left out
        self.most = most  # blocks that are told apart
        self.selected = selected
        self.open_selected: list[int] = []  # numbers of the selected elements that are open
        self.selected_chars: dict[int, int] = {}  # of the pending block, without white space
        self.text: list[str] = []  # pieces of the page's text
        self.length = 0  # code points in `text`
        self.blocks: list[Block] = []
        self.pending: list[str] = []  # pieces of the block being read, the first of which is not blank
        self.link_chars = 0
        self.links: list[str] = []
        self.open_links: list[str] = []
        self.pieces_to_link = 0  # how many pieces were pending when the last link ended
        self.break_only = False  # the boundary before the pending block is a <br>

    def walk(self, body: etree._Element) -> None:
        # The page's hottest loop: what most elements have in common comes first, and calls are few.
        top = _Open("body", _described(body.items())[0], None, "body", 0, False)
        stack = [top]
        containers, skipped, pending, open_links = 0, self.skipped, self.pending, self.open_links
        events = etree.iterwalk(body, events=("start", "end"))
        next(events)
        selected, open_selected = self.selected, self.open_selected
        for around in itertools.chain((body,), body.iterancestors()) if selected else ():
            open_selected.extend(selected.get(around, ()))
        if body.text and not body.text.isspace():
            self._add(body.text)
        for event, element in events:
            tag = element.tag
            if selected and element in selected:
                if event == "start":
                    open_selected.extend(selected[element])
                elif element is not body:
                    del open_selected[-len(selected[element]) :]
            if event == "end":
                if tag in _INLINE:
                    stack.pop()
                    top = stack[-1]
                    if tag == "a":
                        open_links.pop()
                        self.pieces_to_link = len(pending)
                elif tag not in skipped and tag != "br" and isinstance(tag, str):
                    self._flush(stack.pop())
                    if not stack:
                        break  # the body itself
                    top = stack[-1]
                piece = element.tail
            elif tag in skipped:
                events.skip_subtree()
                continue
            elif tag in _INLINE:
                items = element.items()
                named, hides = _described(items) if items else ("", False)
                if tag == "a":
                    if self.link_chars and self.pieces_to_link == len(pending) and not pending[-1][-1:].isspace():
                        pending.append(" ")  # links side by side without a space are still two
                    open_links.append(element.get("href") or "")
                    top = _Open(tag, named, top, top.block, top.container, top.hidden or hides)
                elif hides and not top.hidden:
                    top = _Open(top.tag, top.named, top.above, top.block, top.container, True)
                if pending and tag in ("td", "th", "img"):
                    pending.append(" ")
                stack.append(top)
                piece = element.text
            elif tag == "br":
                self._flush(top, line_break=True)
                continue
            elif isinstance(tag, str):
                self._flush(top)
                items = element.items()
                named, hides = _described(items) if items else ("", False)
                container = top.container
                if tag in _CONTAINERS:
                    container = containers = containers + 1
                top = _Open(tag, named, top, tag, container, top.hidden or hides)
                stack.append(top)
                piece = element.text
            else:  # an entity or a comment that survived parsing
                continue
            if piece and (pending or not piece.isspace()):  # no block begins with a space
                self._add(piece)

    def _add(self, piece: str) -> None:
        self.pending.append(piece)
        for number in set(self.open_selected) if self.open_selected else ():
            self.selected_chars[number] = self.selected_chars.get(number, 0) + len("".join(piece.split()))
        if self.open_links and not piece.isspace():
            self.link_chars += len(" ".join(piece.split()))
            href = self.open_links[-1]
            if href and href not in self.links and len(self.links) < _MAX_LINKS:
                self.links.append(href)

    def _flush(self, inside: _Open, line_break: bool = False) -> None:
        """End the pending block, which stands in the element `inside`."""
        if not self.pending:
            if not line_break:
                self.break_only = False
            return
        text = " ".join("".join(self.pending).split())
        self.pending.clear()
        if self.blocks:
            gap = "\n" if self.break_only else "\n\n"
            self.text.append(gap)
            self.length += len(gap)
        end = self.length + len(text)
        path, names = inside.place()
        link_chars = min(self.link_chars, len(text))
        selected = self._selects(text) if self.selected_chars else ()
        dom = Dom(inside.block, path, names, link_chars, tuple(self.links), inside.container, inside.hidden, selected)
        if len(self.blocks) < self.most:
            self.blocks.append(Block(text, self.length, end, dom))
        self.text.append(text)
        self.length = end
        self.break_only = line_break
        if self.link_chars:
            self.link_chars, self.links = 0, []
        if self.selected_chars:
            self.selected_chars = {}

    def _selects(self, text: str) -> tuple[int, ...]:
        size = len("".join(text.split()))
        return tuple(sorted(number for number, chars in self.selected_chars.items() if chars == size))


_NAMING = frozenset(["class", "id", "role", "itemprop", "data-testid", "data-component"])
_READ = _NAMING | {"hidden", "aria-hidden", "style"}


def _described(attributes: list[tuple[str, str]]) -> tuple[str, bool]:
    """An element's class, id and the like, and whether it hides what it holds."""
    named, hides = "", False
    for key, value in attributes:
        if key not in _READ:
            continue
        if key in _NAMING:
            named = f"{named} {value}" if named else value
        elif key == "hidden" or (key == "aria-hidden" and value == "true"):
            hides = True
        elif key == "style" and "display" in value:
            hides = hides or "display:none" in value.replace(" ", "").lower()
    return named, hides
