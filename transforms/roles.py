"""Stage: Parsed -> Labelled. The role model gives each block its role, confidence and reason."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import apache_beam as beam
from threadpoolctl import threadpool_limits

from transforms.core.segment import Parsed, label_blocks
from transforms.page_stage import PageDoFn, page_stage
from transforms.settings import SegmentSettings
from transforms.types import Page


@dataclass(eq=False)
class LabelRoles(beam.PTransform):
    """Parsed pages to labelled pages; outputs ``out`` and ``failures``. One model per process."""

    settings: SegmentSettings

    def expand(self, parsed: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        return page_stage(
            parsed, "Label roles", _LabelDoFn("roles", partial(label_blocks, settings=self.settings), _page)
        )


class _LabelDoFn(PageDoFn):
    """One thread for numpy's products: a page's are too small to share, and workers are what uses the other cores."""

    def start_bundle(self) -> None:
        self._limits = threadpool_limits(limits=1, user_api="blas")

    def finish_bundle(self) -> None:
        self._limits.restore_original_limits()


def _page(parsed: Parsed) -> Page:
    return parsed.page
