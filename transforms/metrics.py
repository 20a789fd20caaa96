"""Counters of the stages, and the progress that workers report while a phase runs.

Beam's in-process engine returns its counters only at the end of a pipeline. So that a long phase
can show how far it is, ``Tick`` also writes the number of elements that passed it into a small
file, which ``pipeline/progress.py`` reads from the main process.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import apache_beam as beam

Element = TypeVar("Element")

SECONDS_BETWEEN_WRITES = 0.5
DONE, FAILED = "done", "failed"  # what a Tick counts


def count(stage: str, name: str, n: int = 1) -> None:
    """Add ``n`` to the counter ``name`` of ``stage``; the counters of a run stand in its manifest."""
    beam.metrics.Metrics.counter(stage, name).inc(n)


@dataclass(eq=False)
class Tick(beam.PTransform):
    """Passes every element on and counts it in a file below ``directory``, as one that is ``DONE`` or ``FAILED``.

    ``directory`` is on a disk that the workers share with the main process; where there is none
    (a cluster), it is empty and nothing is written.
    """

    directory: str
    what: str = DONE

    def expand(self, elements: beam.PCollection[Element]) -> beam.PCollection[Element]:
        if not self.directory:
            return elements
        tick = beam.ParDo(_Tick(self.directory, self.what)).with_output_types(elements.element_type)
        ticked: beam.PCollection[Element] = elements | "Count" >> tick
        return ticked


class _Tick(beam.DoFn):
    def __init__(self, directory: str, what: str) -> None:
        self._directory = directory
        self._what = what

    def setup(self) -> None:
        self._file, _ = tempfile.mkstemp(prefix=f"{self._what}-", dir=self._directory)
        self._seen = 0
        self._due = 0.0

    def process(self, element: Element) -> Iterator[Element]:
        self._seen += 1
        if time.monotonic() >= self._due:
            self._write()
        yield element

    def finish_bundle(self) -> None:
        self._write()

    def teardown(self) -> None:
        os.close(self._file)

    def _write(self) -> None:
        os.pwrite(self._file, b"%020d" % self._seen, 0)  # one fixed-width write is never seen in part
        self._due = time.monotonic() + SECONDS_BETWEEN_WRITES
