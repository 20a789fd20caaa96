"""Vectors with an embedding of the test's choice."""

import numpy as np

from transforms.core.lexical import fact_sketch, packed_terms, shingle_sketch, terms, text_hash
from transforms.types import Vector

LEAD = "The night ferry to Sallow struck the outer breakwater in thick fog and sixty passengers were taken off"


def vector(id, row, text="", title="", published=None, kind="story"):
    """A Vector with a given embedding; without a text it shares words with no other."""
    text = text or f"text of {id}"
    return Vector(
        id=id,
        kind=kind,
        file="f",
        text_hash=text_hash(text),
        vector=np.array(row, dtype=np.int8).tobytes(),
        sketch=shingle_sketch(text),
        title=title,
        published=published,
        terms=packed_terms(terms(text)),
        facts=fact_sketch(text),
    )
