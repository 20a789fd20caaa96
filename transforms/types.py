"""The nouns of Copydesk, in the order in which data flows.

Everything here is a frozen dataclass of plain values, so that it pickles, compares and
crosses a shuffle. Nothing here knows about Beam. The table schemas that readers of a run see
are in ``pipeline/sinks.py``; their field names are the ones used here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

ROLES = (
    "title", "dek", "byline", "heading", "body", "caption", "bio",
    "teaser_title", "teaser_text", "teaser_caption", "comment", "boilerplate",
)  # fmt: skip
TEASER_ROLES = ("teaser_title", "teaser_text", "teaser_caption")
PAGE_KINDS = ("article", "index", "forum", "product", "error", "other")
LEVELS = ("duplicate", "story", "topic")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a record comes from.

    ``offset`` is the byte offset of the record in the decompressed file (JSONL, WARC, WET), the
    row number (Parquet), or 0 where a file is one page.
    """

    file: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """One input document, as read.

    ``content`` is bytes for ``kind == "html"`` (decoding is part of parsing) and for text files,
    str where the source format already carries text (JSONL, Parquet).
    ``title`` and ``published`` are what the record says of itself, if it does.
    ``content_type`` is the HTTP header of a WARC record, for its charset.
    ``metadata`` holds the input record's other fields, each value a JSON string.
    """

    id: str
    kind: str  # "html" | "text" | "clean"
    content: bytes | str
    source: Source
    url: str | None = None
    title: str | None = None
    published: str | None = None
    content_type: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Dom:
    """What the DOM says of a block. ``path`` is the chain of element names from the body down."""

    tag: str  # nearest block-level element, e.g. "p", "h2", "li", "div"
    path: tuple[str, ...]
    names: tuple[str, ...]  # lower-cased words of the class, id, role and itemprop of its ancestors
    link_chars: int  # characters of the block that stand inside <a>
    links: tuple[str, ...] = ()  # hrefs in the block, as written, at most 4
    container: int = 0  # number of the nearest sectioning container, in document order
    hidden: bool = False
    selected: tuple[int, ...] = ()  # numbers of the selectors whose elements hold all of the block's text


@dataclass(frozen=True, slots=True)
class Block:
    """One unit of page text in reading order; ``text`` is ``page_text[start:end]``, never blank."""

    text: str
    start: int
    end: int
    dom: Dom | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of adjacent blocks with one role, one story number and one reason.

    ``story`` is 0 for the main story, 1.. for the page's teasers, None otherwise.
    ``start`` and ``end`` are code points into the page's text; ``confidence`` is in [0, 1].
    """

    page_id: str
    order: int
    role: str
    story: int | None
    text: str
    start: int
    end: int
    confidence: float
    reason: str

    @property
    def id(self) -> str:
        return f"{self.page_id}#s{self.order}"


@dataclass(frozen=True, slots=True)
class Story:
    """The main story of a page."""

    id: str
    url: str | None
    site: str | None
    title: str | None
    dek: str | None
    authors: tuple[str, ...]
    published: str | None
    language: str | None
    text: str
    captions: tuple[str, ...]
    bio: str | None
    confidence: float
    teasers: tuple[str, ...]
    chars_in: int
    chars_kept: int
    source: Source
    metadata: tuple[tuple[str, str], ...] = ()
    modified: str | None = None
    section: str | None = None
    site_name: str | None = None
    description: str | None = None  # the head's summary; the page need not show it


@dataclass(frozen=True, slots=True)
class Teaser:
    """Another story that a page points to; ``id`` is the page's id and ``#t`` and ``position``."""

    id: str
    page_id: str
    position: int
    title: str | None
    text: str | None
    caption: str | None
    target_url: str | None


@dataclass(frozen=True, slots=True)
class PageRecord:
    """One row for every input that is no failure."""

    id: str
    url: str | None
    site: str | None
    kind: str
    kind_confidence: float
    status: str  # "story" | "no_story" | "doubtful"
    flags: tuple[str, ...]
    encoding: str | None
    chars_in: int
    chars_kept: int
    source: Source
    title: str | None = None
    canonical_url: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Anything that could not be processed.

    ``error`` is a short stable name (``bad_record``, ``truncated``, ``too_large``, ...); ``detail`` is
    for people and is cut to 500 characters by whoever makes it.
    """

    stage: str
    source: Source
    error: str
    detail: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class PageResult:
    """All that segmentation makes of one page."""

    page: PageRecord
    segments: tuple[Segment, ...]
    story: Story | None
    teasers: tuple[Teaser, ...] = ()
    text: str = field(default="", repr=False)  # the page's text, which the offsets index


@dataclass(frozen=True, slots=True)
class Vector:
    """What clustering needs of one story or teaser; the only form in which it crosses a shuffle.

    ``vector`` is the int8 embedding (see ``core.encoders.quantise``). ``sketch`` and ``facts`` tell near
    duplicates (see ``core.lexical.shingle_sketch`` and ``fact_sketch``), ``terms`` are the text's most
    frequent words with their counts (see ``core.lexical.packed_terms``), for keywords, and ``words`` its
    telling words as hashes with weights (see ``core.lexical.word_weights``), for similarity.
    ``file`` is the stories or teasers file that holds the row. ``cache_key`` is the text's key in the
    vectors that are left for later runs (see ``core.vector_cache``); clustering does not get it.
    """

    id: str
    kind: str  # "story" | "teaser"
    file: str
    text_hash: bytes  # 16 bytes; equal for equal normalised texts
    vector: bytes
    sketch: bytes
    title: str
    published: str | None
    terms: str = ""
    words: bytes = b""
    facts: bytes = b""
    cache_key: bytes = b""


@dataclass(frozen=True, slots=True)
class Member:
    """One story or teaser in one cluster; ``similarity`` is its cosine to the cluster's medoid."""

    id: str
    level: str
    cluster_id: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Cluster:
    """The group at one level. ``size`` counts members, ``medoid_id`` names the most central one.

    ``forwarded_from`` has the ids of earlier clusters that have become part of this one.
    """

    cluster_id: str
    level: str
    size: int
    label: str
    keywords: tuple[str, ...]
    medoid_id: str
    first_seen: str | None
    last_seen: str | None
    forwarded_from: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Forward:
    """Where members of a cluster of an earlier run are now.

    ``reason`` is "merge" if the cluster is part of another one and its id is no longer used, and "split" if
    it lives on and only some of its members have gone.
    """

    level: str
    from_id: str
    to_id: str
    reason: str
