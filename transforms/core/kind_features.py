"""What the page-kind model sees of a page: about 150 numbers, and words of class names and of the address.

Roles and the shape of lines carry text pages; HTML adds counts of elements, schema.org types and repeated
structures. No word of the page's text is read, so that no language has the better of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

import numpy as np
from numpy.typing import NDArray

from transforms.core.markup import ELEMENTS
from transforms.core.metadata import Metadata
from transforms.types import ROLES, Block

Floats = NDArray[np.float64]

KIND_FEATURES_VERSION = "1"  # raise it when a feature changes its meaning
_LONG, _SHORT = 150, 30  # characters of running text, of a label
_OUTER = 6  # elements around a block whose class names are read
_AGAIN = 4  # blocks of one shape from which a structure is repeated
_MOST = 3_000  # blocks that are read: what a page is for shows before
# A sum of money by its sign or ISO code.
_MONEY = re.compile(
    r"[$€£¥₹₽₩₺₫฿₪]\s?\d|\d\s?[€₽₺₫₴]|\b(?:USD|EUR|GBP|CHF|JPY|CNY|INR|AUD|CAD|kr|zł)\s?\d|\d\s?(?:USD|EUR|CHF|kr|zł|Kč|Ft|元|円|원)"
)
_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"[a-z]{2,}")
# schema.org and Open Graph types in groups; the microdata and JSON-LD of a page use the same names.
_TYPES = {
    "article": r"Article$|BlogPosting|^Report$|^article$|Recipe|LiveBlog",
    "product": r"^Product|^product|Offer$|ItemPage|og:product|:item$",
    "items": r"ItemList$|CollectionPage|SearchResults|product\.group|SomeProducts|OfferCatalog",
    "posts": r"DiscussionForum|QAPage|Comments?$|Answer|InteractionCounter",
    "questions": r"FAQPage|Question",
    "page": r"^WebPage",
    "site": r"^website$|^WebSite",
    "organisation": r"Organization|Business|Corporation|Service$|Store$",
    "software": r"SoftwareApplication|WebApplication",
    "technical": r"TechArticle|APIReference|Dataset|Course",
    "breadcrumbs": r"Breadcrumb",
    "person": r"^Person|ProfilePage",
    "rating": r"Rating|Review",
    "video": r"VideoObject",
    "event": r"Event|JobPosting|Place",
}
_PROPERTIES = {
    "price": r"price|offers|sku|brand|gtin|availability",
    "comment": r"comment|answer|upvote|reply",
    "story": r"articleBody|headline|datePublished|author",
    "list": r"itemListElement|position",
    "rating": r"rating|review",
}
_TYPE_OF = {name: re.compile(pattern) for name, pattern in _TYPES.items()}
_PROPERTY_OF = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _PROPERTIES.items()}


@dataclass(frozen=True, slots=True)
class KindFeatures:
    """The model's input for one page: numbers by name, and words with a prefix for where they stand."""

    dense: dict[str, float]
    words: frozenset[str] = field(default=frozenset())


def kind_features(blocks: Sequence[Block], roles: Sequence[str], metadata: Metadata, url: str | None) -> KindFeatures:
    """Compute the features of one page.

    Args:
        blocks: its blocks in reading order.
        roles: the role of each.
        metadata: what its head says; empty for text pages.
        url: its address, if it is known.
    """
    blocks, roles = blocks[:_MOST], roles[:_MOST]
    dense: dict[str, float] = {}
    _shape(blocks, roles, dense)
    _structure(blocks, dense)
    _head(metadata, dense)
    address = _split(url)
    segments = [s for s in address.path.split("/") if s]
    _address(address, segments, dense)
    return KindFeatures(dense, frozenset(_words(blocks, address, segments)))


def _shape(blocks: Sequence[Block], roles: Sequence[str], dense: dict[str, float]) -> None:
    """Shares of the roles, and what the lines look like."""
    size = np.array([len(b.text) for b in blocks] or [1], np.float64)
    linked = np.array([b.dom.link_chars if b.dom else 0 for b in blocks] or [0], np.float64)
    role = np.array([ROLES.index(r) for r in roles] or [ROLES.index("boilerplate")])
    total = size.sum()
    shares, counts = np.bincount(role, size, len(ROLES)) / total, np.log1p(np.bincount(role, minlength=len(ROLES)))
    dense |= zip([f"share_{name}" for name in ROLES], shares.tolist(), strict=True)
    dense |= zip([f"blocks_{name}" for name in ROLES], counts.tolist(), strict=True)
    body = role == ROLES.index("body")
    link = linked > 0.8 * size
    digit = [_DIGIT.search(b.text, 0, 300) is not None for b in blocks]
    money = np.array(
        [d and _MONEY.search(b.text, 0, 300) is not None for d, b in zip(digit, blocks, strict=True)] or [False]
    )
    dense["body_chars"] = np.log1p(size[body].sum())
    dense["body_mean"] = np.log1p(size[body].mean()) if body.any() else 0.0
    dense["body_longest"] = np.log1p(size[body].max()) if body.any() else 0.0
    dense["chars"] = np.log1p(total)
    dense["blocks"] = np.log1p(len(blocks))
    dense["link_share"] = linked.sum() / total
    dense["link_blocks"] = link.mean()
    dense["link_length"] = np.log1p(size[link].mean()) if link.any() else 0.0
    dense["long_links"] = np.log1p(((size > _SHORT) & link).sum())
    dense["long_blocks"] = np.log1p((size > _LONG).sum())
    dense["long_share"] = size[size > _LONG].sum() / total
    dense["middle_blocks"] = np.log1p(((size > _SHORT) & (size < _LONG) & ~link).sum())
    dense["short_share"] = size[size < _SHORT].sum() / total
    dense["money_blocks"] = np.log1p(money.sum())
    dense["money_share"] = money.mean()
    dense["money_alone"] = np.log1p((money & (size < 40)).sum())
    dense["numbers"] = np.log1p(sum(d and len(b.text) < 20 for d, b in zip(digit, blocks, strict=True)))
    dense["questions"] = np.log1p(sum(b.text.endswith(("?", "？", "؟")) for b in blocks))


def _structure(blocks: Sequence[Block], dense: dict[str, float]) -> None:
    """How much of the page is one structure over and over: lists of things, posts."""
    shape = [(b.dom.path[-4:], b.dom.names[:2]) if b.dom else None for b in blocks]
    shapes = Counter(s for s in shape if s is not None)
    often = {s: count for s, count in shapes.items() if count >= _AGAIN}
    posts = Counter(b.dom.names[2:5] for b in blocks if b.dom and len(b.text) > 60)
    dense["again_most"] = np.log1p(max(shapes.values(), default=0))
    dense["again_kinds"] = np.log1p(len(often))
    dense["again_share"] = sum(often.values()) / max(1, len(blocks))
    dense["again_long"] = np.log1p(sum(len(b.text) > 80 and s in often for b, s in zip(blocks, shape, strict=True)))
    dense["posts"] = np.log1p(max(posts.values(), default=0))


def _head(metadata: Metadata, dense: dict[str, float]) -> None:
    markup = metadata.markup
    dense |= zip([f"element_{name}" for name in ELEMENTS], np.log1p(markup.counts).tolist(), strict=True)
    dense["images_to_paragraphs"] = dense["element_img"] - dense["element_p"]
    dense["links_to_paragraphs"] = dense["element_a"] - dense["element_p"]
    types = (*metadata.types, *markup.types)
    for name, pattern in _TYPE_OF.items():
        count = sum(pattern.search(t) is not None for t in types)
        dense[f"type_{name}"] = float(count > 0)
        dense[f"types_{name}"] = np.log1p(count)
    for name, pattern in _PROPERTY_OF.items():
        dense[f"property_{name}"] = float(any(pattern.search(p) for p in markup.properties))
    title = metadata.title or ""
    dense["has_published"] = float(metadata.published is not None)
    dense["has_modified"] = float(metadata.modified is not None)
    dense["has_authors"] = float(bool(metadata.authors))
    dense["has_section"] = float(metadata.section is not None)
    dense["has_body"] = float(len(metadata.body) > 200)
    dense["headings"] = float(len(metadata.headings))
    dense["title_chars"] = np.log1p(len(title))
    dense["title_is_heading"] = float(title != "" and title in metadata.headings[:1])


def _address(address: SplitResult, segments: list[str], dense: dict[str, float]) -> None:
    last = segments[-1] if segments else ""
    dense["url_depth"] = float(min(len(segments), 8))
    dense["url_last"] = np.log1p(len(last))
    dense["url_hyphens"] = np.log1p(last.count("-"))
    dense["url_digits"] = np.log1p(sum(c.isdigit() for c in last))
    dense["url_query"] = float(address.query != "")
    dense["url_slash"] = float(address.path.endswith("/"))
    dense["url_root"] = float(address.netloc != "" and not segments)
    dense["url_year"] = float(any(len(s) == 4 and s[:2] in ("19", "20") and s.isdigit() for s in segments))
    dense["url_suffix"] = float("." in last)
    dense["url_subdomain"] = float(address.netloc.count(".") > 1 and not address.netloc.startswith("www."))


def _words(blocks: Sequence[Block], address: SplitResult, segments: list[str]) -> set[str]:
    """Words of class names (c:), of the path where it is no slug (u:), of the host's first label (h:)."""
    names = {name for b in blocks if b.dom for name in b.dom.names[:_OUTER]}
    words = {f"c:{word}" for name in names for word in name.split()}
    path = segments if segments and segments[-1].count("-") < 2 else segments[:-1]
    words |= {f"u:{word}" for part in path for word in _WORD.findall(part.lower())}
    return words | {f"h:{word}" for word in _WORD.findall(address.netloc.partition(".")[0].lower())}


def _split(url: str | None) -> SplitResult:
    try:
        return urlsplit(url or "")
    except ValueError:
        return urlsplit("")
