"""Site profiles on Beam, against the same functions called in memory."""

import random

import apache_beam as beam
from apache_beam.testing.test_pipeline import TestPipeline as Pipeline
from apache_beam.testing.util import assert_that, equal_to

from transforms.core.role_model import Label
from transforms.core.site_profile import PAGES, page_lines, profile
from transforms.sites import LearnSites, SampleSites, _Sample
from transforms.types import Block


def lines(site, number):
    texts = [f"Home of {site}", *(f"line {i} of {number % (PAGES + 40)} on {site}" for i in range(5))]
    blocks = [Block(text, 0, len(text)) for text in texts]
    labels = [Label("body" if i else "boilerplate", 0.9, 0.0, "") for i in range(len(texts))]
    return page_lines(f"{site}{number}", blocks, labels)


def test_the_stage_gives_what_the_function_gives():
    pages = [("hot.example", lines("hot.example", n)) for n in range(2 * PAGES + 50)]
    pages += [(f"s{n}.example", lines(f"s{n}.example", m)) for n in range(3) for m in range(n + 2)]
    of_site = {}
    for site, page in pages:
        of_site.setdefault(site, []).append(page)
    expected = [found for site, known in of_site.items() if (found := profile(site, known))]
    assert {found.site for found in expected} == {"hot.example", "s1.example", "s2.example"}
    random.Random(0).shuffle(pages)
    with Pipeline(runner="FnApiRunner") as pipeline:
        assert_that(pipeline | beam.Create(pages) | SampleSites() | LearnSites(), equal_to(expected))


def test_a_worker_holds_a_bounded_number_of_pages():
    sample, accumulator, most = _Sample(), [], 0
    for number in range(5 * PAGES):
        accumulator = sample.add_input(accumulator, lines("a", number))
        most = max(most, len(accumulator))
    assert PAGES <= most <= 2 * PAGES
    assert len(sample.merge_accumulators([accumulator] * 50)) <= PAGES
