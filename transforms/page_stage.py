"""What the three page stages share: one pure function per page, and a Failure where it raises."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import apache_beam as beam

from transforms.core.encoding import replace_unstorable
from transforms.core.page_error import PageError
from transforms.core.role_model import ModelError
from transforms.core.words import WordsError
from transforms.metrics import count
from transforms.time_limit import TooSlow, within
from transforms.types import Failure, Page

FAILURES = "failures"
_DETAIL = 500  # characters


@cache
def _spare_what_stays() -> None:
    """Take what is loaded by now out of what Python's garbage collector looks through, once in a process.

    Each page makes enough objects to set it off, and those of Beam and of the product never go: looking through them
    again and again takes time from every page.
    """
    gc.collect()
    gc.freeze()


class PageDoFn(beam.DoFn):
    """Applies ``work`` to each element; a page that raises becomes a Failure and the run goes on.

    ``page_of`` finds the page in an element, for the Failure's id and source; ``seconds`` is the processor
    time that one element may take.
    """

    def __init__(self, stage: str, work: Callable[[Any], Any], page_of: Callable[[Any], Page], seconds: float) -> None:
        self._stage, self._work, self._page_of, self._seconds = stage, work, page_of, seconds

    def setup(self) -> None:
        _spare_what_stays()

    def process(self, element: Any) -> Iterator[Any]:
        try:
            result = within(self._seconds, self._work, element)
        except (ModelError, WordsError):
            raise  # not the page's fault: every page would fail
        except PageError as error:
            yield self._failure(element, error.error, str(error))
        except TooSlow:
            detail = f"more than {self._seconds:g} seconds of processor time; raise segment.max_seconds to read it"
            yield self._failure(element, "too_slow", detail)
        except Exception as error:  # whatever a page can provoke, it must not end the run
            yield self._failure(element, "internal", f"{type(error).__name__}: {error}")
        else:
            count(self._stage, "pages")
            yield result

    def _failure(self, element: Any, error: str, detail: str) -> beam.pvalue.TaggedOutput:
        page = self._page_of(element)
        count(self._stage, error)
        detail = replace_unstorable(detail)[:_DETAIL]
        return beam.pvalue.TaggedOutput(FAILURES, Failure(self._stage, page.source, error, detail, page.id))


def page_stage(pages: beam.PCollection, label: str, do_fn: PageDoFn) -> beam.pvalue.DoOutputsTuple:
    """Wire one page stage; outputs ``out`` and ``failures``."""
    return pages | label >> beam.ParDo(do_fn).with_outputs(FAILURES, main="out")
