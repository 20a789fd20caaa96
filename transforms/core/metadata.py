"""What an HTML page says of its story outside the text: JSON-LD first, then meta elements, then marked-up elements."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from lxml import etree

from transforms.core.dates import date_in_text, date_in_url, iso_date
from transforms.core.encoding import replace_unstorable
from transforms.core.json_ld import JsonLd, Node, first_string, read_json_ld
from transforms.core.markup import NO_MARKUP, Markup, read_markup
from transforms.core.page_title import squashed, without_site
from transforms.core.people import names_in_bylines, split_names

__all__ = ["Metadata", "absolute_url", "iso_date", "read_metadata"]

_TITLE_META = ("og:title", "dc.title", "dcterms.title", "citation_title", "parsely-title", "headline", "title")
_TITLE_META_LAST = ("twitter:title",)  # often shortened
_DESCRIPTION_META = ("og:description", "description", "dc.description", "dcterms.description", "twitter:description")
# Vocabularies differ in the word, not in what it says: article:published_time, pubdate, dc.date.issued, ms.date.
_PUBLISHED_META = (
    re.compile(
        r"publi(?:sh|c)\w{0,20}[._:-]?(?:date|time|on)|date[._:-]?publi(?:sh|c)|pub[._:-]?date|(?:^|[._:-])published$"
    ),
    re.compile(r"(?:^|[._:-])(?:date|issued)$|date[._:-]?issued|creat(?:ed|ion)[._:-]?(?:date|time)?$|online_date$"),
)
_MODIFIED_META = (re.compile(r"modif|updated|lastmod|revised|last[._-]update"),)
_AUTHOR_META = (
    "author", "article:author", "og:article:author", "authors", "parsely-author", "citation_author", "dc.creator",
    "dcterms.creator", "dc.creator.aut", "creator", "byl", "sailthru.author", "shareaholic:article_author_name",
)  # fmt: skip
_SECTION_META = ("article:section", "og:article:section", "parsely-section", "section", "sailthru.section")
_SITE_META = (
    "og:site_name", "application-name", "apple-mobile-web-app-title", "dc.publisher", "citation_journal_title",
)  # fmt: skip
_AUTHOR_CLASS = re.compile(
    r"(?:^|[\s_-])(?:author|byline|autor|auteur)(?:[\s_-]*(?:name|link|s))?(?=$|[\s_-])", re.IGNORECASE
)
_OTHERS = re.compile(r"comment|related|teaser|recommend|sidebar|footer|widget", re.IGNORECASE)
_MOST_AUTHOR_CHARS = 120
_MOST_TEXT = 4_000  # characters of a title, a name or a description that are read
_MOST_URL = 8_000  # characters of an address


@dataclass(frozen=True)
class Metadata:
    """All fields are as the page gives them, white space folded; None or empty where it is silent.

    ``title`` is without the affixes of the site; ``titles`` are all forms that the head gives, the most telling
    first, ``headings`` the page's first-level headings. ``url`` is the canonical address, else the given one;
    ``canonical`` is set only where the page names it. ``published`` and ``modified`` are ISO 8601 with the time zone
    where the page names one. ``body`` is the JSON-LD articleBody. ``publisher`` is the organisation behind the
    story, ``types`` what JSON-LD and Open Graph say that the page is. ``region`` is the ISO 3166 code of the page's
    language tag.
    """

    title: str | None = None
    description: str | None = None
    authors: tuple[str, ...] = ()
    published: str | None = None
    url: str | None = None
    language: str | None = None
    site_name: str | None = None
    body: str = ""
    base: str | None = None
    titles: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    modified: str | None = None
    section: str | None = None
    publisher: str | None = None
    canonical: str | None = None
    region: str | None = None
    types: tuple[str, ...] = ()
    markup: Markup = NO_MARKUP


def read_metadata(root: etree._Element, url: str | None = None) -> Metadata:
    """Read the metadata of a parsed page. ``url`` makes a relative canonical link absolute."""
    metas = _metas(root)
    data = read_json_ld(root)
    story = data.story()
    canonical = next(
        (e.get("href") for e in root.iter("link") if (e.get("rel") or "").lower() == "canonical" and e.get("href")),
        None,
    )
    own = next((u for link in (canonical, _first(metas, ("og:url",))) if link and (u := absolute_url(url, link))), None)
    publisher = _name(data, story.get("publisher"))
    site_name = _first(metas, _SITE_META[:1]) or _site_node(data) or publisher or _first(metas, _SITE_META[1:])
    headings = tuple(itertools.islice((t for e in root.iter("h1") if (t := _text(_inner(e, " ")))), 4))
    titles = _titles(root, metas, story, (site_name, publisher), _host(url or own), headings)
    language, region = _language(root, metas)
    return Metadata(
        title=titles[0] if titles else None,
        description=_text(first_string(story.get("description"))) or _first(metas, _DESCRIPTION_META),
        authors=_authors(root, metas, data, language),
        published=_dates(data, ("datePublished", "uploadDate", "dateCreated"))
        or _meta_date(metas, _PUBLISHED_META)
        or _marked_date(root, "datepublished")
        or date_in_url(url or own)
        or _time_element(root),
        url=own or url,
        base=absolute_url(url, base) if (base := _base(root)) else None,
        language=language,
        site_name=site_name,
        body=first_string(story.get("articleBody")) or "",
        titles=titles,
        headings=headings,
        modified=_dates(data, ("dateModified",))
        or _meta_date(metas, _MODIFIED_META)
        or _marked_date(root, "datemodified"),
        section=_text(first_string(story.get("articleSection"))) or _first(metas, _SECTION_META),
        publisher=publisher,
        canonical=own,
        region=region,
        types=(*data.types, *metas.get("og:type", ())),
        markup=read_markup(root),
    )


def _metas(root: etree._Element) -> dict[str, list[str]]:
    """Contents of the meta elements by lower-cased name; several of one name in order."""
    metas: dict[str, list[str]] = {}
    for element in root.iter("meta"):
        content = element.get("content")
        if not content or not content.strip():
            continue
        for attribute in ("property", "name", "itemprop"):
            for key in (element.get(attribute) or "").lower().split():
                metas.setdefault(key, []).append(" ".join(content.split()))
    return metas


def _first(metas: dict[str, list[str]], keys: Iterable[str]) -> str | None:
    return next((text for key in keys for value in metas.get(key, ()) if (text := _text(value))), None)


def _meta_date(metas: dict[str, list[str]], names: tuple[re.Pattern[str], ...]) -> str | None:
    for pattern in names:
        for key, values in metas.items():
            if pattern.search(key) and (pattern in _MODIFIED_META or not _MODIFIED_META[0].search(key)):
                found = next((d for v in values if (d := iso_date(v) or date_in_text(v))), None)
                if found:
                    return found
    return None


def _titles(
    root: etree._Element,
    metas: dict[str, list[str]],
    story: Node,
    sites: tuple[str | None, ...],
    host: str | None,
    headings: tuple[str, ...],
) -> tuple[str, ...]:
    element = root.find("head/title")
    given = [
        _text(first_string(story.get("headline"))),
        _first(metas, _TITLE_META),
        _text(_inner(element) if element is not None else None),
        _first(metas, _TITLE_META_LAST),
    ]
    forms = [g for g in given if g]
    titles = []
    for form in forms:
        others = [f for f in forms if squashed(f) != squashed(form)]
        titles.append(without_site(form, sites, host, (*headings, *others)))
    return tuple(dict.fromkeys(titles))


def _site_node(data: JsonLd) -> str | None:
    nodes = (n for n in data.nodes if n.get("@type") == "WebSite")
    return next((name for n in nodes if (name := _text(first_string(n.get("name"))))), None)


def _name(data: JsonLd, value: Any) -> str | None:
    """The name of a node, of a reference to one, or of the first of a list."""
    if isinstance(value, list):
        value = value[0] if value else None
    value = data.resolved(value)
    return _text(first_string(value.get("name")) if isinstance(value, dict) else first_string(value))


def _dates(data: JsonLd, keys: tuple[str, ...]) -> str | None:
    """The date that the story's node names, else the one of the next best node (often the page's)."""
    for key in keys:
        for rank in (None, 0, 1, 2, 3):
            found = iso_date(first_string(data.story(rank).get(key)))
            if found:
                return found
    return None


def _authors(root: etree._Element, metas: dict[str, list[str]], data: JsonLd, language: str | None) -> tuple[str, ...]:
    """Names in JSON-LD; else in meta elements; else in elements that are marked as the author's."""
    for rank in (None, 0, 1, 2, 3):
        node = data.story(rank)
        names = [n for key in ("author", "creator") for n in _node_names(data, node.get(key))]
        found = _unique(names)
        if found:
            return found
    for key in _AUTHOR_META:
        found = _unique(metas.get(key, ()))
        if found:
            return found
    return _marked_authors(root, language)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(n for name in names for n in split_names(replace_unstorable(name))))


def _node_names(data: JsonLd, value: Any, depth: int = 0) -> Iterator[str]:
    """Names in an author value of any shape: text, node, reference, list, list in a name."""
    if depth > 3:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value[:50]:
            yield from _node_names(data, item, depth + 1)
    elif isinstance(value, dict):
        node = data.resolved(value)
        if node.get("name"):
            yield from _node_names(data, node["name"], depth + 1)
        elif "@value" in node:
            yield from _node_names(data, node["@value"], depth + 1)
        else:
            parts = (first_string(node.get(k)) for k in ("givenName", "additionalName", "familyName"))
            full = " ".join(p for p in parts if p)
            if full:
                yield full


def _marked_authors(root: etree._Element, language: str | None) -> tuple[str, ...]:
    """Names in elements marked by microdata, by a link relation, or by a class that says author or byline.

    Such elements hold prose: what is no name in shape is left out. The authors of one story stand side by side;
    further away stand those of comments and posts.
    """
    marked: list[str] = []
    place: etree._Element | None = None
    by_class: tuple[str, ...] = ()
    for element in root.iter("a", "span", "div", "p", "address", "cite", "b", "strong", "li", "h4", "h5"):
        if "author" in (element.get("itemprop") or "").split() or "author" in (element.get("rel") or "").split():
            inner = element.find(".//*[@itemprop='name']")
            names = () if _belongs_to_other(element) else _shown_names(element if inner is None else inner, language, 1)
            near = next(itertools.islice(element.iterancestors(), 1, 2), None)
            if names and (place is None or near is place):
                place = near
                marked.extend(names)
        elif not by_class and _names_author(element.get("class")) and not _belongs_to_other(element):
            by_class = _shown_names(element, language, 2)
    return tuple(dict.fromkeys(marked)) or by_class


def _names_author(value: str | None) -> bool:
    """Whether a class says author or byline; nearly all are told from such by their letters."""
    folded = value.lower() if value else ""
    return ("aut" in folded or "byline" in folded) and _AUTHOR_CLASS.search(folded) is not None


def _shown_names(element: etree._Element, language: str | None, least: int) -> tuple[str, ...]:
    """Names in the pieces of text of a short element; one word is a name only where ``least`` is 1."""
    pieces: list[str] = []
    for piece in element.itertext():
        if text := _text(piece):
            pieces.append(text)
            if sum(map(len, pieces)) > _MOST_AUTHOR_CHARS:
                return ()
    if not pieces:
        return ()
    names = names_in_bylines(pieces, language)
    if names or least > 1 or len(pieces) > 1 or " " in pieces[0]:
        return names
    return split_names(pieces[0])


def _belongs_to_other(element: etree._Element) -> bool:
    """Whether an element stands in a comment, a teaser or the like."""
    for depth, parent in enumerate(element.iterancestors()):
        if parent.tag in ("aside", "footer", "nav") or _OTHERS.search(parent.get("class") or ""):
            return True
        if parent.tag in ("article", "main", "body") or depth > 12:
            return False
    return False


def _text(value: str | None) -> str | None:
    return " ".join(replace_unstorable(html.unescape(value[:_MOST_TEXT])).split()) or None if value else None


def _inner(element: etree._Element, between: str = "") -> str:
    """The text in an element, of which no more is read than counts: such elements may hold whole pages."""
    pieces, length = [], 0
    for piece in element.itertext():
        pieces.append(piece)
        length += len(piece)
        if length > _MOST_TEXT:
            break
    return between.join(pieces)


def _marked_date(root: etree._Element, item: str) -> str | None:
    """The date of an element with this item property (microdata)."""
    for element in root.iter("time", "span", "meta", "div", "p", "abbr"):
        if (element.get("itemprop") or "").lower() == item:
            value = element.get("datetime") or element.get("content") or element.get("title") or element.text
            found = iso_date(value)
            if found:
                return found
    return None


def _time_element(root: etree._Element) -> str | None:
    """The first time element of the page that is no part of a list of other stories; else the first of all."""
    first = None
    for element in root.iter("time"):
        found = iso_date(element.get("datetime")) or iso_date(element.text)
        if found and not _belongs_to_other(element):
            return found
        first = first or found
    return first


def _language(root: etree._Element, metas: dict[str, list[str]]) -> tuple[str | None, str | None]:
    tag = root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang") or _first(metas, ("og:locale",))
    return _language_tag(tag)


def _language_tag(value: str | None) -> tuple[str | None, str | None]:
    """The primary language subtag in lower case and the region in upper case.

    >>> _language_tag("en-GB"), _language_tag("zh-Hant-tw"), _language_tag("none of these")
    (('en', 'GB'), ('zh', 'TW'), (None, None))
    """
    parts = re.split(r"[-_]", value.strip()) if value else [""]
    language = parts[0].lower()
    if not (language.isascii() and language.isalpha() and 2 <= len(language) <= 3):
        return None, None
    region = next((p.upper() for p in parts[1:] if len(p) == 2 and p.isalpha()), None)
    return language, region


def _base(root: etree._Element) -> str | None:
    element = root.find(".//base[@href]")
    return element.get("href") if element is not None else None


def _host(url: str | None) -> str | None:
    try:
        return urlsplit(url or "").hostname
    except ValueError:
        return None


def absolute_url(base: str | None, link: str) -> str | None:
    r"""An http or https URL, None where the link is none. White space inside it is dropped, as browsers do.

    Nothing of more than 8,000 characters is an address.

    >>> absolute_url("https://example.org/a/", " ../b\n"), absolute_url(None, "b"), absolute_url(None, "http://[bad")
    ('https://example.org/b', None, None)
    """
    if len(link) > _MOST_URL:
        return None
    try:
        url = urljoin(base or "", "".join(link.split()))
        return url if urlsplit(url).scheme in ("http", "https") else None
    except ValueError:
        return None
