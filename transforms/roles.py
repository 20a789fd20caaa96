"""Stage: Parsed -> Labelled. The role model gives each block its role, confidence and reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import apache_beam as beam
from threadpoolctl import ThreadpoolController

from transforms.core.segment import Parsed, label_blocks
from transforms.core.site_rules import NO_RULES, SiteRules
from transforms.page_stage import PageDoFn, page_stage
from transforms.settings import SegmentSettings
from transforms.types import Page


@dataclass(eq=False)
class LabelRoles(beam.PTransform):
    """Parsed pages to labelled pages; outputs ``out`` and ``failures``. One model per process."""

    settings: SegmentSettings
    rules: SiteRules = NO_RULES

    def expand(self, parsed: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        label = partial(label_blocks, settings=self.settings, rules=self.rules)
        return page_stage(parsed, "Label roles", _LabelDoFn("roles", label, _page, self.settings.max_seconds))


class _LabelDoFn(PageDoFn):
    """One thread for numpy's products: a page's are too small to share, and workers are what uses the other cores."""

    def setup(self) -> None:
        self._threads = ThreadpoolController()

    def process(self, element: Parsed) -> Iterator[Any]:
        with self._threads.limit(limits=1, user_api="blas"):
            outputs = list(super().process(element))
        yield from outputs


def _page(parsed: Parsed) -> Page:
    return parsed.page
