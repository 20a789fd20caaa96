"""Beam coders for the nouns of ``types.py`` that cross a shuffle; every stage imports this module.

Beam's own RowCoder is no choice here: it knows a dataclass by an id that is drawn anew in each
process, so that a worker process decodes an anonymous named tuple instead of the noun.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from apache_beam import coders

from transforms.types import Cluster, Failure, Forward, Member, Source, Vector

_VALUES = coders.FastPrimitivesCoder()


class NounCoder(coders.Coder):
    """Encodes a frozen dataclass as the tuple of its field values."""

    def __init__(self, noun: type) -> None:
        self._noun = noun
        self._names = tuple(field.name for field in fields(noun))

    @classmethod
    def from_type_hint(cls, typehint: type, registry: Any) -> NounCoder:
        return cls(typehint)

    def to_type_hint(self) -> type:
        return self._noun

    def encode(self, value: Any) -> bytes:
        encoded: bytes = _VALUES.encode(tuple(getattr(value, name) for name in self._names))
        return encoded

    def decode(self, encoded: bytes) -> Any:
        return self._noun(*_VALUES.decode(encoded))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NounCoder) and other._noun is self._noun

    def __hash__(self) -> int:
        return hash((NounCoder, self._noun))


for _noun in (Source, Failure, Vector, Member, Cluster, Forward):
    coders.registry.register_coder(_noun, NounCoder)
