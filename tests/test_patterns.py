"""No regular expression can be made to take for ever: each reads 20,000 hostile characters within moments.

What is quadratic takes minutes here, what is linear milliseconds, so that the limit does not depend on the machine.
`make soak` measures the growth.
"""

import re
from typing import Any

import pytest

from tests.hostile.limits import limited
from tests.hostile.patterns import hostile_texts, patterns

SIZE = 20_000
SECONDS = 1.5  # of processor time for one text
ALL = patterns()


@pytest.mark.parametrize("name", ALL)
def test_a_pattern_reads_hostile_text_in_linear_time(name: str) -> None:
    pattern: re.Pattern[Any] = ALL[name]
    for text in hostile_texts(pattern, SIZE):
        with limited(SECONDS, f"{name} = {pattern.pattern!r} on {text[:40]!r}..."):
            pattern.sub(text[:0], text)
            pattern.fullmatch(text)


def test_the_limit_finds_a_pattern_that_can_be_read_in_many_ways() -> None:
    careless = re.compile(r"^(?:\w+ ?)+$")
    with pytest.raises(TimeoutError):
        for text in hostile_texts(careless, SIZE):
            with limited(SECONDS):
                careless.sub("", text)


def test_all_patterns_are_found() -> None:
    assert len(ALL) > 60
    assert {"transforms.core.people:_EMAIL", "transforms.core.kind_features:_TYPE_OF[article]"} <= set(ALL)
