"""What an HTML page's head says of its story: JSON-LD first, then meta elements."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson
from lxml import etree

from transforms.core.encoding import replace_unstorable

_ARTICLE = re.compile(r"Article|BlogPosting|Report|Review|Recipe|LiveBlog", re.IGNORECASE)
_TITLE_META = ("og:title", "twitter:title", "dc.title", "parsely-title", "title")
_DESCRIPTION_META = ("og:description", "description", "twitter:description", "dc.description")
_DATE_META = (
    "article:published_time", "og:article:published_time", "datepublished", "date", "dc.date", "dc.date.issued",
    "dcterms.created", "parsely-pub-date", "pubdate", "publishdate", "publication_date", "sailthru.date",
)  # fmt: skip
_AUTHOR_META = ("author", "article:author", "parsely-author", "dc.creator", "byl", "sailthru.author")
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_MAX_JSON_LD = 2_000_000


@dataclass(frozen=True)
class Metadata:
    """All fields are as the page gives them, white space folded; None or empty where it is silent.

    ``published`` is ISO 8601 with the time zone where the page names one. ``body`` is the JSON-LD
    articleBody.
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


def read_metadata(root: etree._Element, url: str | None = None) -> Metadata:
    """Read the head of a parsed page. ``url`` makes a relative canonical link absolute."""
    metas: dict[str, str] = {}
    for element in root.iter("meta"):
        key = element.get("property") or element.get("name") or element.get("itemprop")
        content = element.get("content")
        if key and content and content.strip():
            metas.setdefault(key.lower(), " ".join(content.split()))
    article = next(_articles(root), {})
    title_element = root.find("head/title")
    head_title = _text("".join(title_element.itertext()) if title_element is not None else None)
    canonical = next(
        (e.get("href") for e in root.iter("link") if (e.get("rel") or "").lower() == "canonical" and e.get("href")),
        None,
    )
    return Metadata(
        title=_text(_string(article.get("headline"))) or _first(metas, _TITLE_META) or head_title,
        description=_text(_string(article.get("description"))) or _first(metas, _DESCRIPTION_META),
        authors=_authors(article.get("author")) or _meta_authors(metas),
        published=iso_date(_string(article.get("datePublished")))
        or next((d for key in _DATE_META if (d := iso_date(metas.get(key)))), None)
        or _time_element(root),
        url=next((u for link in (canonical, metas.get("og:url")) if link and (u := absolute_url(url, link))), url),
        base=absolute_url(url, base) if (base := _base(root)) else None,
        language=_language(root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang")),
        site_name=metas.get("og:site_name"),
        body=_string(article.get("articleBody")) or "",
    )


def iso_date(value: str | None) -> str | None:
    """An ISO 8601 date or time from the forms that pages write, None if it is none.

    >>> iso_date("2025-3-7"), iso_date("2025-03-07T10:00:00Z"), iso_date("last week")
    ('2025-03-07', '2025-03-07T10:00:00+00:00', None)
    """
    if not value:
        return None
    value = value.strip()
    try:
        moment = datetime.fromisoformat(value)
        return moment.isoformat() if len(value) > 10 else moment.date().isoformat()
    except ValueError:
        pass
    match = _DATE.search(value)
    if match:
        try:
            return date(*map(int, match.groups())).isoformat()
        except ValueError:
            return None
    return None


def _articles(root: etree._Element) -> Iterator[dict[str, Any]]:
    for element in root.iter("script"):
        if "ld+json" not in (element.get("type") or "").lower() or not element.text or len(element.text) > _MAX_JSON_LD:
            continue
        try:
            data = orjson.loads(element.text)
        except ValueError:
            try:  # line breaks inside strings are the commonest mistake in JSON-LD
                data = orjson.loads(re.sub(r"[\x00-\x1f]+", " ", element.text))
            except ValueError:
                continue
        queue = [data]
        for _ in range(200):
            if not queue:
                break
            item = queue.pop(0)
            if isinstance(item, list):
                queue.extend(item)
            elif isinstance(item, dict):
                kinds = item.get("@type")
                kinds = kinds if isinstance(kinds, list) else [kinds]
                if any(isinstance(k, str) and _ARTICLE.search(k) for k in kinds):
                    yield item
                queue.extend(v for k, v in item.items() if k in ("@graph", "mainEntity") and v)


def _string(value: Any) -> str | None:
    if isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, str) else None


def _text(value: str | None) -> str | None:
    return " ".join(replace_unstorable(html.unescape(value)).split()) or None if value else None


def _first(metas: dict[str, str], keys: tuple[str, ...]) -> str | None:
    return next((_text(metas[k]) for k in keys if k in metas), None)


def _authors(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    names: list[str] = []
    for item in items:
        name = item.get("name") if isinstance(item, dict) else item
        names.extend(n for n in (name if isinstance(name, list) else [name]) if isinstance(n, str))
    cleaned = (_text(n) for n in names if not n.startswith("http"))
    return tuple(dict.fromkeys(n for n in cleaned if n))


def _meta_authors(metas: dict[str, str]) -> tuple[str, ...]:
    name = _first({k: v for k, v in metas.items() if not v.startswith("http")}, _AUTHOR_META)
    return (re.sub(r"^by\s+", "", name, flags=re.IGNORECASE),) if name else ()


def _time_element(root: etree._Element) -> str | None:
    for element in root.iter("time"):
        found = iso_date(element.get("datetime"))
        if found:
            return found
    return None


def _language(value: str | None) -> str | None:
    """The primary language subtag in lower case.

    >>> _language("en-GB")
    'en'
    """
    tag = re.split(r"[-_]", value.strip().lower())[0] if value else ""
    return tag if tag.isalpha() and 2 <= len(tag) <= 3 else None


def _base(root: etree._Element) -> str | None:
    element = root.find(".//base[@href]")
    return element.get("href") if element is not None else None


def absolute_url(base: str | None, link: str) -> str | None:
    r"""An http or https URL, None where the link is none. White space inside it is dropped, as browsers do.

    >>> absolute_url("https://example.org/a/", " ../b\n"), absolute_url(None, "b"), absolute_url(None, "http://[bad")
    ('https://example.org/b', None, None)
    """
    try:
        url = urljoin(base or "", "".join(link.split()))
        return url if urlsplit(url).scheme in ("http", "https") else None
    except ValueError:
        return None
