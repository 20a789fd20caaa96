"""Stages: PageLines -> the sample of a site's pages -> SiteProfile, and Labelled -> Labelled with what that says.

Only hashes and lengths of lines cross the shuffle. What a worker holds of one site is bounded by the sample of
``core/site_profile.py``, and a site with very many pages is gathered by several workers first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

import apache_beam as beam

from transforms import coders
from transforms.core.segment import Labelled, judge_lines
from transforms.core.site_profile import PAGES, PageLines, SiteProfile, profile, sample
from transforms.core.site_rules import SiteRules
from transforms.metrics import count
from transforms.page_stage import PageDoFn, page_stage
from transforms.types import Page

STAGE = "sites"
_FANOUT = 8  # workers that gather one site's pages before they are brought together

beam.coders.registry.register_coder(PageLines, coders.NounCoder)


@dataclass(eq=False)
class SampleSites(beam.PTransform):
    """(site, PageLines) of every page -> (site, the pages by which it is judged)."""

    def expand(self, pages: beam.PCollection[tuple[str, PageLines]]) -> beam.PCollection[tuple[str, list[PageLines]]]:
        sampled: beam.PCollection[tuple[str, list[PageLines]]] = pages | "Sample" >> beam.CombinePerKey(
            _Sample()
        ).with_hot_key_fanout(_FANOUT)
        return sampled


class _Sample(beam.CombineFn):
    """Keeps the pages of a site by which it is judged; at no time more than twice as many."""

    def create_accumulator(self) -> list[PageLines]:
        return []

    def add_input(self, accumulator: list[PageLines], page: PageLines) -> list[PageLines]:
        accumulator.append(page)
        return list(sample(accumulator)) if len(accumulator) >= 2 * PAGES else accumulator

    def merge_accumulators(self, accumulators: Iterable[list[PageLines]]) -> list[PageLines]:
        merged: list[PageLines] = []
        for accumulator in accumulators:
            merged = list(sample(chain(merged, accumulator)))
        return merged

    def extract_output(self, accumulator: list[PageLines]) -> list[PageLines]:
        return list(sample(accumulator))


@dataclass(eq=False)
class LearnSites(beam.PTransform):
    """(site, its sample of pages) -> SiteProfile of the sites on which anything recurs."""

    def expand(self, sites: beam.PCollection[tuple[str, list[PageLines]]]) -> beam.PCollection[SiteProfile]:
        profiles: beam.PCollection[SiteProfile] = sites | "Profile" >> beam.FlatMapTuple(_profile).with_output_types(
            SiteProfile
        )
        return profiles


def _profile(site: str, pages: Sequence[PageLines]) -> Iterable[SiteProfile]:
    learned = profile(site, pages)
    if learned is not None:
        count(STAGE, "profiles")
        yield learned


@dataclass(eq=False)
class JudgeLines(beam.PTransform):
    """Labelled pages to labelled pages; outputs ``out`` and ``failures``.

    ``profile_of`` finds the profile of a site, or None; it is called on the workers. ``rules`` have the last word.
    ``seconds`` is the processor time that a page may take.
    """

    profile_of: Callable[[str], SiteProfile | None]
    rules: SiteRules
    seconds: float

    def expand(self, labelled: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        judge = partial(judge_lines, profile_of=self.profile_of, rules=self.rules)
        return page_stage(labelled, "Judge lines", PageDoFn(STAGE, judge, _page, self.seconds))


def _page(labelled: Labelled) -> Page:
    return labelled.parsed.page
