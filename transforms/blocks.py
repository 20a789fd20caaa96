"""Stage: Page -> Parsed. Decodes a page, parses it and finds its blocks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import apache_beam as beam

from transforms.core.segment import parse_page
from transforms.core.site_rules import NO_RULES, SiteRules
from transforms.page_stage import PageDoFn, page_stage
from transforms.settings import SegmentSettings
from transforms.types import Page


@dataclass(eq=False)
class FindBlocks(beam.PTransform):
    """Pages to parsed pages; outputs ``out`` and ``failures``. Selectors of ``rules`` mark the blocks."""

    settings: SegmentSettings
    rules: SiteRules = NO_RULES

    def expand(self, pages: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        parse = partial(parse_page, rules=self.rules, settings=self.settings)
        return page_stage(pages, "Find blocks", PageDoFn("blocks", parse, _page, self.settings.max_seconds))


def _page(page: Page) -> Page:
    return page
