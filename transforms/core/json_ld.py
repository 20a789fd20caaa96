"""JSON-LD of a page: its nodes, with ``@graph`` and ``@id`` references resolved, and the one that is the story."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson
from lxml import etree

Node = dict[str, Any]

_MAX_CHARS = 2_000_000  # of one script element
_MAX_NODES = 400  # of one page: bounds the work on generated lists
_INSIDE = ("@graph", "mainEntity", "mainEntityOfPage", "itemListElement", "item")
_CONTROL = re.compile(r"[\x00-\x1f]+")
# Types of schema.org that carry a story, the most telling first. A post in a forum and a page are what they are
# only where nothing better is there.
_STORY = (
    re.compile(r"NewsArticle|BlogPosting|LiveBlog|ReportageNews|Article$|ScholarlyArticle|^Report$", re.IGNORECASE),
    re.compile(r"Recipe|^Review$|CriticReview|AnalysisNews|HowTo$|Course$", re.IGNORECASE),
    re.compile(r"DiscussionForumPosting|SocialMediaPosting|^Question$|CreativeWork$|VideoObject|^Book$", re.IGNORECASE),
    re.compile(r"WebPage$|QAPage|^Product$", re.IGNORECASE),
)


@dataclass(frozen=True)
class JsonLd:
    """The typed nodes of a page in order, and those that have an ``@id``."""

    nodes: tuple[Node, ...] = ()
    by_id: dict[str, Node] | None = None

    @property
    def types(self) -> tuple[str, ...]:
        """The types of all nodes, without name space, in order."""
        return tuple(kind for node in self.nodes for kind in node_types(node))

    def resolved(self, value: Any) -> Any:
        """The node that a reference ``{"@id": ...}`` names; any other value as it is."""
        if isinstance(value, dict) and len(value) <= 2 and isinstance(value.get("@id"), str):
            known = (self.by_id or {}).get(value["@id"])
            return known if known is not None and len(known) > len(value) else value
        return value

    def story(self, rank: int | None = None) -> Node:
        """The node of the page's story: the most telling type, then the one that says most; else empty.

        With a ``rank``, of the types of that rank alone.
        """
        return self._stories.get(min(self._stories, default=0) if rank is None else rank, {})

    @cached_property
    def _stories(self) -> dict[int, Node]:
        """The node that says most, and the first of such, by the rank of its type in ``_STORY``."""
        most: dict[int, int] = {}
        found: dict[int, Node] = {}
        for node in self.nodes:
            kinds = node_types(node)
            rank = next((i for i, wanted in enumerate(_STORY) if any(wanted.search(kind) for kind in kinds)), None)
            if rank is None:
                continue
            said = sum(bool(node.get(key)) for key in ("headline", "datePublished", "author", "articleBody"))
            if said > most.get(rank, -1):
                most[rank], found[rank] = said, node
        return found


def node_types(node: Node) -> tuple[str, ...]:
    """The types of one node without their name space.

    >>> node_types({"@type": ["https://schema.org/NewsArticle", "schema:Article", 1]})
    ('NewsArticle', 'Article')
    """
    value = node.get("@type")
    values = value if isinstance(value, list) else [value]
    return tuple(re.split(r"[/#:]", v)[-1] for v in values if isinstance(v, str) and v)


def read_json_ld(root: etree._Element) -> JsonLd:
    """Read all JSON-LD of a parsed page. Scripts that are not JSON are passed over."""
    nodes: list[Node] = []
    by_id: dict[str, Node] = {}
    for data in _scripts(root):
        queue = [data]
        while queue and len(nodes) < _MAX_NODES:
            item = queue.pop(0)
            if isinstance(item, list):
                queue[:0] = item[:_MAX_NODES]
            elif isinstance(item, dict):
                if item.get("@type"):
                    nodes.append(item)
                    key = item.get("@id")
                    if isinstance(key, str) and len(item) > len(by_id.get(key, {})):
                        by_id[key] = item
                queue.extend(item[k] for k in _INSIDE if isinstance(item.get(k), list | dict))
    return JsonLd(tuple(nodes), by_id)


def _scripts(root: etree._Element) -> Iterator[Any]:
    for element in root.iter("script"):
        text = element.text
        if not text or "ld+json" not in (element.get("type") or "").lower() or len(text) > _MAX_CHARS:
            continue
        try:
            yield orjson.loads(text)
        except ValueError:
            # Line breaks inside strings are the commonest mistake in JSON-LD, then a comment or semicolon around it.
            inner = _CONTROL.sub(" ", text).strip(" ;").removeprefix("<!--").removesuffix("-->").strip(" ;")
            try:
                yield orjson.loads(inner)
            except ValueError:
                continue


def first_string(value: Any) -> str | None:
    """A string, the first of a list of strings, or the value of a ``{"@value": ...}``; None for anything else."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = value.get("@value")
    return value if isinstance(value, str) else None
