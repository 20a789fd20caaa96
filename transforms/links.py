"""Stage ``link``: Vectors -> the full story that each teaser points to, on one worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
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
    """Vectors to one Link for each teaser whose story is in the run or among the known ones.

    ``known`` reads the stories and teasers of earlier runs; links of their teasers to stories of this run
    are there as well.
    """

    known: Callable[[], Sequence[Vector]] = tuple

    def expand(self, vectors: beam.PCollection[Vector]) -> beam.PCollection[Link]:
        links: beam.PCollection[Link] = (
            vectors
            | "OneKey" >> beam.Map(_one_key).with_output_types(tuple[int, Vector])
            | "Gather" >> beam.GroupByKey()
            | "Link" >> beam.FlatMap(_link, self.known).with_output_types(Link)
        )
        return links


def _one_key(vector: Vector) -> tuple[int, Vector]:
    return 0, vector


def _link(group: tuple[int, Iterable[Vector]], known: Callable[[], Sequence[Vector]]) -> Iterator[Link]:
    for link in link_teasers(list(group[1]), known()):
        count(STAGE, "links")
        yield link
