"""The three page stages on Beam, against the same functions called in memory."""

import apache_beam as beam
import pytest
from apache_beam.testing.test_pipeline import TestPipeline as Pipeline
from apache_beam.testing.util import assert_that, equal_to
from threadpoolctl import threadpool_info, threadpool_limits

from transforms.blocks import FindBlocks
from transforms.core import segment_page
from transforms.page_stage import PageDoFn
from transforms.roles import LabelRoles, _LabelDoFn
from transforms.settings import SegmentSettings
from transforms.stories import SplitStories
from transforms.types import Failure, Page, Source

STORY = "The ferry struck the pier at Northmark on Monday, and forty passengers were taken to hospital, witnesses said."
PAGES = [
    Page("html", "html", f"<nav><a href=/>Home</a></nav><h1>Ferry</h1><p>{STORY}</p>".encode(), Source("a.html")),
    Page("text", "text", f"Home\n\nFerry strikes pier\n\n{STORY}\n\nRead more".encode(), Source("b.txt")),
    Page("clean", "clean", STORY, Source("c.jsonl", 12), title="Ferry"),
    Page("empty", "html", b"", Source("d.html")),
]


def run_stages(pages, check, check_failures, settings=SegmentSettings()):  # noqa: B008
    with Pipeline(runner="FnApiRunner") as pipeline:
        parsed = pipeline | beam.Create(pages) | FindBlocks(settings)
        labelled = parsed.out | LabelRoles(settings)
        split = labelled.out | SplitStories(settings)
        assert_that(split.out, check, label="results")
        failures = (parsed.failures, labelled.failures, split.failures) | beam.Flatten()
        assert_that(failures, check_failures, label="failures")


def test_the_stages_give_what_the_functions_give():
    expected = [segment_page(page) for page in PAGES]
    assert sum(len(r.segments) for r in expected) > 6
    run_stages(PAGES, equal_to(expected), equal_to([]))


def test_a_page_that_breaks_a_stage_is_a_failure_with_its_place():
    broken = Page("broken", "html", 7, Source("e.html", 3))  # type: ignore[arg-type]
    detail = "AttributeError: 'int' object has no attribute"

    def is_the_failure(failures):
        (failure,) = failures
        assert isinstance(failure, Failure)
        assert (failure.stage, failure.source, failure.error, failure.id) == (
            "blocks",
            Source("e.html", 3),
            "internal",
            "broken",
        )
        assert "TypeError" in failure.detail or failure.detail.startswith(detail)

    run_stages([*PAGES, broken], equal_to([segment_page(page) for page in PAGES]), is_the_failure)


def test_a_page_of_too_many_elements_is_a_failure_with_its_place():
    large = Page("large", "html", b"<p>a" * 30, Source("f.warc", 7))
    detail = "more than 20 elements; raise segment.max_elements to read it"
    failure = Failure("blocks", Source("f.warc", 7), "too_large", detail, "large")
    run_stages([large], equal_to([]), equal_to([failure]), SegmentSettings(max_elements=20))


def test_a_page_that_takes_too_long_is_a_failure_with_its_place():
    def endless(page):
        while True:
            pass

    (output,) = PageDoFn("blocks", endless, lambda page: page, 0.05).process(PAGES[2])
    detail = "more than 0.05 seconds of processor time; raise segment.max_seconds to read it"
    assert output.value == Failure("blocks", Source("c.jsonl", 12), "too_slow", detail, "clean")


def test_a_missing_model_ends_the_run_instead_of_failing_every_page():
    settings = SegmentSettings(model="no-such-model.npz")
    with (
        pytest.raises(Exception, match=r"role model no-such-model\.npz"),
        Pipeline(runner="FnApiRunner") as pipeline,
    ):
        parsed = pipeline | beam.Create(PAGES[:2]) | FindBlocks(settings)
        parsed.out | LabelRoles(settings)


def blas_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_pages_are_labelled_on_one_thread_and_other_stages_keep_theirs():
    seen = []
    stage = _LabelDoFn("roles", lambda page: seen.append(blas_threads()), lambda page: page, 60.0)
    with threadpool_limits(limits=2, user_api="blas"):
        stage.setup()
        list(stage.process(PAGES[0]))
        assert seen == [{1}]
        assert blas_threads() == {2}
