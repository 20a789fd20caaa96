"""Ids that several records have: found in the survey, settled before segmentation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import apache_beam as beam

from transforms import coders
from transforms.core.ids import Conflict, Sighting, settle
from transforms.metrics import count
from transforms.types import Failure, Page

STAGE = "ids"

for _noun in (Sighting, Conflict):
    beam.coders.registry.register_coder(_noun, coders.NounCoder)


@dataclass(eq=False)
class FindConflicts(beam.PTransform):
    """(id, Sighting) of every record -> Conflict for the records whose id is taken.

    Only hashes and places cross the shuffle.
    """

    def expand(self, sightings: beam.PCollection[tuple[str, Sighting]]) -> beam.PCollection[Conflict]:
        conflicts: beam.PCollection[Conflict] = (
            sightings
            | "GroupById" >> beam.GroupByKey()
            | "Settle" >> beam.FlatMapTuple(_settle).with_output_types(Conflict)
        )
        return conflicts


def _settle(page_id: str, sightings: Iterable[Sighting]) -> Iterator[Conflict]:
    for conflict in settle(page_id, sightings):
        count(STAGE, "repeated" if conflict.id is None else "renamed")
        yield conflict


@dataclass(eq=False)
class SettleIds(beam.PTransform):
    """Page -> Page with an id of its own on ``out``; word-for-word repeats on ``failures``.

    ``conflicts`` are those of ``FindConflicts`` over the same pages; they are few, so each worker
    holds them all.
    """

    conflicts: beam.PCollection[Conflict]

    def expand(self, pages: beam.PCollection[Page]) -> beam.pvalue.DoOutputsTuple:
        by_source = self.conflicts | "BySource" >> beam.Map(_keyed_by_source).with_output_types(
            tuple[tuple[str, int], Conflict]
        )
        return pages | "Settle" >> beam.ParDo(_SettleId(), beam.pvalue.AsDict(by_source)).with_outputs(
            "failures", main="out"
        )


def _keyed_by_source(conflict: Conflict) -> tuple[tuple[str, int], Conflict]:
    return (conflict.source.file, conflict.source.offset), conflict


class _SettleId(beam.DoFn):
    def process(
        self, page: Page, conflicts: Mapping[tuple[str, int], Conflict]
    ) -> Iterator[Page | beam.pvalue.TaggedOutput]:
        conflict = conflicts.get((page.source.file, page.source.offset))
        if conflict is None:
            yield page
        elif conflict.id is not None:
            yield replace(page, id=conflict.id)
        else:
            detail = f"the same record stands in {conflict.kept.file} at offset {conflict.kept.offset}"
            yield beam.pvalue.TaggedOutput(
                "failures", Failure("read", page.source, "repeated_record", detail[:500], page.id)
            )
