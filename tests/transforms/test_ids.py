import apache_beam as beam
from apache_beam.testing.util import assert_that, equal_to

from transforms.core.ids import Conflict, Sighting
from transforms.ids import FindConflicts, SettleIds
from transforms.types import Failure, Page, Source


def test_conflicts_are_found_per_id() -> None:
    one, two = bytes(16), bytes([1] * 16)
    with beam.Pipeline(runner="FnApiRunner") as root:
        conflicts = (
            root
            | beam.Create([("a", Sighting(two, "f", 1)), ("b", Sighting(one, "f", 2)), ("a", Sighting(one, "f", 3))])
            | FindConflicts()
        )
        assert_that(conflicts, equal_to([Conflict(Source("f", 1), "a~01010101", Source("f", 1))]))


def test_pages_get_their_ids_and_repeats_become_failures() -> None:
    pages = [Page("a", "text", f"text {offset}", Source("f", offset)) for offset in (0, 1, 2)]
    conflicts = [
        Conflict(Source("f", 1), "a~01010101", Source("f", 1)),
        Conflict(Source("f", 2), None, Source("f", 0)),
    ]
    with beam.Pipeline(runner="FnApiRunner") as root:
        settled = root | "Pages" >> beam.Create(pages) | SettleIds(root | "Conflicts" >> beam.Create(conflicts))
        ids = settled.out | beam.Map(lambda page: (page.source.offset, page.id))
        assert_that(ids, equal_to([(0, "a"), (1, "a~01010101")]), "out")
        detail = "the same record stands in f at offset 0"
        failure = Failure("read", Source("f", 2), "repeated_record", detail, "a")
        assert_that(settled.failures, equal_to([failure]), "failures")
