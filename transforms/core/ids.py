"""Which record keeps an id that several records have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from transforms.types import Source

ID_DIGITS = 8
_DERIVED = re.compile(r"#[ts]\d+\Z")


def page_of(id: str) -> str:
    """Return the id of the page that a story, a teaser or a segment stands on."""
    return _DERIVED.sub("", id)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One record that has an id: a hash of its content, and where it stands."""

    content_hash: bytes
    file: str
    offset: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """What becomes of one record that cannot keep its id.

    ``id`` is its new id, or None if the record repeats the one at ``kept``, word for word.
    """

    source: Source
    id: str | None
    kept: Source


def settle(page_id: str, sightings: Iterable[Sighting]) -> Iterator[Conflict]:
    """Decide for all records of one id; a record that keeps the id is not mentioned.

    The smallest content hash keeps the id, other contents get ``~`` and 8 hex digits of their hash. Of
    records with equal content the first by file and offset stays and the others are repeats. An id that
    looks like one of a teaser or a segment (``p1#t2``, ``p1#s7``) is kept by no record. So the
    decision depends on what the records are and where they stand, not on the order in which they came.

    >>> a, b = Sighting(bytes([10] * 16), "x.jsonl", 0), Sighting(bytes([11] * 16), "x.jsonl", 90)
    >>> [(c.source.offset, c.id) for c in settle("p1", [b, a])]
    [(90, 'p1~0b0b0b0b')]
    """
    derived = _DERIVED.search(page_id)
    keeper: bytes | None = None
    kept: Source | None = None
    previous: bytes | None = None
    for sighting in sorted(sightings, key=lambda s: (s.content_hash, s.file, s.offset)):
        source = Source(sighting.file, sighting.offset)
        if keeper is None and not derived:
            keeper = sighting.content_hash
        if sighting.content_hash == previous and kept is not None:
            yield Conflict(source, None, kept)
            continue
        previous, kept = sighting.content_hash, source
        if sighting.content_hash != keeper:
            yield Conflict(source, f"{page_id}~{sighting.content_hash.hex()[:ID_DIGITS]}", source)
