"""Stage: Labelled -> PageResult. Splits a page into its main story, its teasers and its segments."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import apache_beam as beam

from transforms.core.segment import Labelled, split_page
from transforms.page_stage import PageDoFn, page_stage
from transforms.settings import SegmentSettings
from transforms.types import Page


@dataclass(eq=False)
class SplitStories(beam.PTransform):
    """Labelled pages to page results; outputs ``out`` and ``failures``."""

    settings: SegmentSettings

    def expand(self, labelled: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        do_fn = PageDoFn("stories", partial(split_page, settings=self.settings), _page, self.settings.max_seconds)
        return page_stage(labelled, "Split stories", do_fn)


def _page(labelled: Labelled) -> Page:
    return labelled.parsed.page
