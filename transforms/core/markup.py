"""What the markup of a page says of its kind: how many elements of which sort, and what microdata call them."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

from lxml import etree

# Elements that are counted. Each says something of what a page is for, in any language.
ELEMENTS = (
    "a", "article", "aside", "button", "code", "dl", "figure", "form", "h1", "h2", "h3", "iframe", "img", "input", "li",
    "nav", "p", "pre", "select", "table", "textarea", "time", "video", "blockquote",
)  # fmt: skip
# Third parties whose frames and scripts ask whether the reader is a person; their names are the same in all languages.
_CHALLENGE = re.compile(
    r"recaptcha|hcaptcha|challenges\.cloudflare|cdn-cgi/challenge|geo\.captcha-delivery|datadome|perimeterx|"
    r"px-captcha|funcaptcha|arkoselabs|turnstile|incapsula|_imperva|awswaf|friendlycaptcha",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Markup:
    """Counts of elements by name (``ELEMENTS``), microdata types and properties, marks of a challenge or redirect."""

    counts: tuple[int, ...] = (0,) * len(ELEMENTS)
    types: tuple[str, ...] = ()  # schema.org types of itemtype, without name space
    properties: tuple[str, ...] = ()  # values of itemprop, each once
    challenge: bool = False  # a frame, script or form of a service that tells people from robots
    noscript: str = ""  # the text for readers without scripts, white space folded


_MOST_PIECES = 2_000  # of text for readers without scripts that are read

NO_MARKUP = Markup()  # of text pages


def read_markup(root: etree._Element) -> Markup:
    """Count the elements of a parsed page."""
    counts = Counter(map(attrgetter("tag"), root.iter(*ELEMENTS)))
    types: list[str] = []
    properties: dict[str, None] = {}
    for element in root.iterdescendants("*"):
        keys = element.keys()
        if "itemtype" in keys:
            types.extend(re.split(r"[/#]", part)[-1] for part in element.get("itemtype", "").split())
        if "itemprop" in keys:
            properties.update(dict.fromkeys(element.get("itemprop", "").split()))
    sources = (e.get("src") or e.get("action") or "" for e in root.iter("iframe", "script", "form"))
    noscript = " ".join(" ".join(itertools.islice(_noscript(root), _MOST_PIECES)).split())
    return Markup(
        tuple(counts[name] for name in ELEMENTS),
        tuple(dict.fromkeys(types)),
        tuple(properties),
        any(_CHALLENGE.search(source) for source in sources),
        noscript[:2_000],
    )


def _noscript(root: etree._Element) -> Iterator[str]:
    return (text for element in root.iter("noscript") for text in element.itertext())
