"""Text pages as HTML, in a markup drawn at random, so that HTML pages too can be composed and written.

A site's habits are drawn once per page: which elements and class names it gives to each part, whether its class names
say anything, whether its teasers are list items, articles or plain blocks. The line of a text page becomes one block
of the HTML page, so its label carries over as it is.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from html import escape

from training.data import BIT, MAIN, TEASER, LabelledPage
from transforms.core.dom import html_blocks, parse_html
from transforms.core.features import Hints
from transforms.types import ROLES

# What sites call their parts.
_NAMES = {
    "title": (
        "title", "headline", "entry-title", "article-title", "page-title", "post-title", "h1", "heading-xl", "titulo",
    ),
    "dek": (
        "lead", "dek", "standfirst", "subtitle", "intro", "summary", "subheadline", "excerpt", "description",
        "chapeau", "ingress", "vorspann", "teaser-text", "abstract", "deck", "article-lead", "entradilla",
        "sottotitolo", "key-points",
    ),
    "byline": (
        "byline", "author", "meta", "entry-meta", "posted-on", "date", "article-info", "credits", "source",
        "publish-date",
    ),
    "heading": ("subhead", "section-title", "zwischentitel", "heading", "crosshead", "intertitle"),
    "body": (
        "paragraph", "text", "article-text", "body-text", "copy", "rich-text", "story-text", "absatz",
        "content-element",
    ),
    "caption": (
        "caption", "wp-caption-text", "image-caption", "media-caption", "figure-text", "bildunterschrift",
        "photo-text", "credit", "image-credit", "legende", "media-info",
    ),
    "bio": ("author-box", "author-bio", "about-author", "bio", "writer", "autor", "contributor", "profile"),
    "comment": ("comment", "comments", "comment-body", "reply", "discussion", "user-post", "kommentar"),
    "teaser": (
        "related", "more", "recommended", "read-more", "trending", "most-read", "teaser", "teaser-list", "card-list",
        "stories", "also-read", "more-from", "promo", "latest", "recirc", "mehr-zum-thema", "lire-aussi", "outbrain",
        "river", "feed",
    ),
    "item": ("teaser", "card", "item", "story", "post", "article-card", "tile", "entry", "media", "listing-item"),
    "inside": (
        "ad", "advert", "newsletter", "signup", "share", "social", "promo", "tags", "video-player", "player", "embed",
        "consent", "subscribe", "paywall", "inline-promo", "infobox", "tools", "audio", "poll", "cta",
    ),
    "top": (
        "nav", "menu", "header", "topbar", "breadcrumb", "navigation", "site-header", "masthead", "skip", "navbar",
    ),
    "bottom": ("footer", "site-footer", "legal", "copyright", "bottom", "sitemap", "links", "colophon"),
    "article": (
        "article", "content", "main", "post", "story", "entry-content", "article-body", "single", "page-content",
    ),
}  # fmt: skip
_TAGS = {
    "title": ("h1",) * 8 + ("h2", "div"),
    "dek": ("p", "p", "p", "div", "h2", "h3", "ul", "strong"),
    "byline": ("p", "div", "div", "span", "li", "time"),
    "heading": ("h2",) * 5 + ("h3",) * 3 + ("h4", "bold"),
    "body": ("p",) * 14 + ("div", "br"),
    "caption": ("figcaption",) * 5 + ("p", "div", "span"),
    "bio": ("p", "p", "div"),
    "comment": ("p", "p", "div", "li"),
    "teaser_title": ("h3", "h3", "h4", "h2", "a", "a", "p", "span"),
    "teaser_text": ("p", "p", "div", "span"),
    "teaser_caption": ("figcaption", "span", "div"),
    "inside": ("div", "div", "p", "span", "button", "h4"),
    "top": ("li", "li", "a", "div"),
    "bottom": ("li", "li", "p", "a", "div"),
}  # fmt: skip
_BLOCK = {"span": "div", "time": "div", "a": "div", "strong": "p", "bold": "p", "ul": "li", "br": "p"}
_SLUG = re.compile(r"[^a-z0-9]+")


class Renderer:
    """Draws the markup; the same random generator gives the same pages."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def html_page(self, page: LabelledPage) -> LabelledPage | None:
        """The page as an HTML page with the same lines and labels; None where a line cannot stand as a block."""
        root = parse_html(self._html(page))
        if root is None:
            return None
        blocks = html_blocks(root)[1]
        if [b.text for b in blocks] != [" ".join(b.text.split()) for b in page.blocks]:
            return None
        return replace(page, form="rendered", blocks=blocks, hints=self._hints(page))

    def _html(self, page: LabelledPage) -> str:
        rng = self.rng
        self.said = rng.random() < 0.75  # whether this site's class names say what a part is
        self.prefix = rng.choice(("", "", "", "c-", "article__", "m-", "ContentItem-", "sc-"))
        self.tags = {part: rng.choice(tags) for part, tags in _TAGS.items()}
        self.names = {part: rng.choice(names) for part, names in _NAMES.items()}
        self.named = {part: rng.random() < (0.35 if part in ("body", "heading") else 0.75) for part in _NAMES}
        self.picture = rng.random() < 0.7  # captions stand in a figure
        parts = [_part(mask) for mask in page.allowed.tolist()]
        story = [i for i, part in enumerate(parts) if part in ("title", "dek", "heading", "body")]
        first, last = (story[0], story[-1]) if story else (len(parts), len(parts))
        box = rng.choice(("article", "main", "div", "section"))
        out, inside = ["<html><body>"], False
        i = 0
        while i < len(parts):
            if i == first and not inside:
                out.append(f"<{box}{self._class('article')}><div{self._class('body')}>")
                inside = True
            if inside and i > last:
                out.append(f"</div></{box}>")
                inside = False
            end = i + 1
            while end < len(parts) and _kind(parts[end]) == _kind(parts[i]) and end not in (first, last + 1):
                end += 1
            out += self._run(page, parts, i, end, "top" if i < first else "bottom" if i > last else "inside")
            i = end
        return "".join(out)

    def _run(self, page: LabelledPage, parts: Sequence[str], start: int, end: int, place: str) -> list[str]:
        """Lines of one kind, in the box that such lines stand in."""
        texts = [block.text for block in page.blocks[start:end]]
        kind = _kind(parts[start])
        if kind == "teaser":
            return self._teasers(texts, parts[start:end], page.teaser[start:end].tolist())
        if kind == "chrome":
            return self._chrome(texts, place)
        if kind in ("bio", "comment"):
            box = self.rng.choice(("div", "section", "aside"))
            lines = [self._line(kind, text) for text in texts]
            return [f"<{box}{self._class(kind)}>", *lines, f"</{box}>"]
        if kind == "caption":
            lines = [self._line("caption", text) for text in texts]
            return ["<figure><img src=p.jpg>", *lines, "</figure>"] if self.picture else lines
        return [self._line(part, text) for part, text in zip(parts[start:end], texts, strict=True)]

    def _teasers(self, texts: Sequence[str], parts: Sequence[str], numbers: Sequence[int]) -> list[str]:
        rng = self.rng
        box = rng.choice(("aside", "section", "div", "ul", "div"))
        item = "li" if box == "ul" else rng.choice(("article", "div", "li", "div"))
        out = [f"<{box}{self._class('teaser')}>"]
        before = None
        for text, part, number in zip(texts, parts, numbers, strict=True):
            if number != before:
                out.append(f"{'' if before is None else f'</{item}>'}<{item}{self._class('item')}>")
            before = number
            link = f"/{rng.choice(('news', '2024/05', 'story', 'a', 'sport'))}/{_slug(text, rng)}"
            out.append(self._line(part, text, link if part == "teaser_title" or rng.random() < 0.15 else ""))
        return [*out, f"</{item}></{box}>"]

    def _chrome(self, texts: Sequence[str], place: str) -> list[str]:
        rng = self.rng
        if place == "inside":
            box = rng.choice(("div", "div", "aside", "section", ""))
        else:
            box = rng.choice(("nav", "header", "div", "ul") if place == "top" else ("footer", "footer", "div", "ul"))
        linked = rng.random() < (0.25 if place == "inside" else 0.75)
        lines = []
        for text in texts:
            words = len(text.split())
            link = f"/{_slug(text, rng)[:20]}" if linked and words < 6 else ""
            lines.append(self._line("inside" if words > 12 else place, text, link))
        return [f"<{box}{self._class(place)}>", *lines, f"</{box}>"] if box else lines

    def _line(self, part: str, text: str, link: str = "") -> str:
        tag = self.tags[part]
        inner = escape(text)
        if link:
            inner = f'<a href="{escape(link)}">{inner}</a>'
        elif part == "body" and self.rng.random() < 0.15:
            inner = self._with_link(text)
        if tag in ("bold", "strong"):
            inner = f"<strong>{inner}</strong>"
        tag = _BLOCK.get(tag, tag)
        names = self._class(part) if self.rng.random() < 0.9 else ""
        return f"<{tag}{names}>{inner}</{tag}>"

    def _with_link(self, text: str) -> str:
        words = text.split()
        if len(words) < 8:
            return escape(text)
        at = self.rng.randrange(len(words) - 4)
        before, linked, after = (" ".join(part) for part in (words[:at], words[at : at + 3], words[at + 3 :]))
        return f'{escape(before)} <a href="https://other.example/{at}">{escape(linked)}</a> {escape(after)}'

    def _class(self, part: str) -> str:
        part = {"teaser_title": "title", "teaser_text": "item", "teaser_caption": "caption"}.get(part, part)
        if not self.named[part]:
            return ""
        if not self.said:  # names made by a machine
            return f' class="css-{self.rng.choice("abcdefgh")}{self.rng.randrange(99)}"'
        return f' class="{self.prefix}{self.names[part]}"'

    def _hints(self, page: LabelledPage) -> Hints:
        """What the head of such a page may say: its title with the site's name, its dek, its author, its address."""
        rng = self.rng
        said = {
            role: [b.text for b, m in zip(page.blocks, page.allowed.tolist(), strict=True) if m == BIT[role]]
            for role in ROLES
        }
        title = said["title"][0] if said["title"] and rng.random() < 0.85 else ""
        site = rng.choice(("", " | The Courier", " - Nachrichten", " – Site"))
        opening = [t for t in said["dek"] + said["body"] if len(t) > 40]
        description = opening[0][:200] if opening and rng.random() < 0.7 else ""
        authors = tuple(t for t in said["byline"][:1] if len(t) < 30 and rng.random() < 0.4)
        url = page.hints.url or (f"https://site.example/{_slug(title, rng)}" if title and rng.random() < 0.6 else "")
        return Hints(title + site if title else "", description, authors, "", url)


def _part(mask: int) -> str:
    """What a line is rendered as; a line of which little is known stands as chrome does."""
    for role in ("title", "dek", "byline", "heading", "body", "caption", "bio", "comment"):
        if mask == BIT[role]:
            return role
    if mask == MAIN:
        return "body"
    if not mask & ~TEASER:
        return next(role for role in ("teaser_title", "teaser_text", "teaser_caption") if mask & BIT[role])
    return "boilerplate"


def _kind(part: str) -> str:
    if part.startswith("teaser"):
        return "teaser"
    return {"boilerplate": "chrome"}.get(part, part if part in ("bio", "comment", "caption") else "story")


def _slug(text: str, rng: random.Random) -> str:
    words = [w for w in _SLUG.split(text.lower()) if w]
    return "-".join(words[: rng.choice((4, 7, 12))]) or str(rng.randrange(10_000))
