"""Stage: Page -> Parsed. Decodes a page, parses it and finds its blocks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import apache_beam as beam

from transforms.core.segment import parse_page
from transforms.core.site_rules import NO_RULES, SiteRules
from transforms.page_stage import PageDoFn, page_stage
from transforms.types import Page


@dataclass(eq=False)
class FindBlocks(beam.PTransform):
    """Pages to parsed pages; outputs ``out`` and ``failures``. Selectors of ``rules`` mark the blocks."""

    rules: SiteRules = NO_RULES

    def expand(self, pages: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        return page_stage(pages, "Find blocks", PageDoFn("blocks", partial(parse_page, rules=self.rules), _page))


def _page(page: Page) -> Page:
    return page
