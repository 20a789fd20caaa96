"""500 broken pages: each gives a result that loses no character, or is refused by name."""

import pytest

from tests.hostile.check import segment
from tests.hostile.mutants import DEMO, mutants, pages

COUNT, PARTS = 500, 5


@pytest.mark.parametrize("part", range(PARTS))
def test_no_broken_page_is_lost_or_breaks_anything(part: int) -> None:
    originals = pages(DEMO)
    assert len(originals) > 15
    for number, (name, content) in enumerate(mutants(originals, COUNT, seed=7)):
        if number % PARTS != part:
            continue
        try:
            segment(content, "text" if number % 4 == 3 else "html")
        except Exception as error:
            error.add_note(f"mutant {name}, {len(content)} bytes")
            raise


def test_mutants_are_the_same_again() -> None:
    originals = pages(DEMO)
    assert list(mutants(originals, 40, seed=7)) == list(mutants(originals, 40, seed=7))
    assert len({content for _, content in mutants(originals, 40, seed=7)}) > 30
