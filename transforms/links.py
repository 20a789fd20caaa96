"""Stage ``link``: Vectors -> the full story that each teaser points to, on one worker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam

from transforms import coders
from transforms.core.teaser_links import Link, link_teasers
from transforms.metrics import count
from transforms.types import Vector

STAGE = "link"

beam.coders.registry.register_coder(Link, coders.NounCoder)


@dataclass(eq=False)
class LinkTeasers(beam.PTransform):
    """Vectors to one Link for each teaser whose story is in the run."""

    def expand(self, vectors: beam.PCollection[Vector]) -> beam.PCollection[Link]:
        links: beam.PCollection[Link] = (
            vectors
            | "OneKey" >> beam.Map(_one_key).with_output_types(tuple[int, Vector])
            | "Gather" >> beam.GroupByKey()
            | "Link" >> beam.FlatMap(_link).with_output_types(Link)
        )
        return links


def _one_key(vector: Vector) -> tuple[int, Vector]:
    return 0, vector


def _link(group: tuple[int, Iterable[Vector]]) -> Iterator[Link]:
    for link in link_teasers(list(group[1])):
        count(STAGE, "links")
        yield link
