"""How the time of every regular expression grows with hostile text, from 1,000 to 100,000 characters."""

import math
import re
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from tests.hostile.limits import limited
from tests.hostile.patterns import hostile_texts, patterns

SIZES = (1_000, 10_000, 100_000)
SECONDS = 20.0
WORST = 5  # texts of each pattern that are tried at all sizes


def seconds(pattern: re.Pattern[Any], text: Any) -> float:
    start = time.process_time()
    try:
        with limited(SECONDS):
            pattern.sub(text[:0], text)
            pattern.fullmatch(text)
    except TimeoutError:
        return math.inf
    return time.process_time() - start


def rows() -> Iterator[tuple[str, list[float]]]:
    """Each pattern and its seconds on its worst text, by size."""
    for name, pattern in patterns().items():
        small = [seconds(pattern, text) for text in hostile_texts(pattern, SIZES[1] // 4)]
        worst = sorted(range(len(small)), key=lambda i: -small[i])[:WORST]
        taken = []
        for number in worst:
            times = []
            for size in SIZES:
                times.append(seconds(pattern, next(islice(hostile_texts(pattern, size), number, None))))
                if times[-1] == math.inf:
                    break
            taken.append(times)
        yield name, max(taken, key=lambda times: times[-1], default=[])


def growth(times: list[float]) -> float:
    """The power of the size with which time grows over the last tenfold step: 1 is linear, 2 quadratic."""
    return math.log10(max(times[-1], 1e-6) / max(times[-2], 1e-6)) if len(times) > 1 else math.inf


def main() -> None:
    print("| pattern | 1,000 | 10,000 | 100,000 characters, in ms | growth |")
    for name, times in rows():
        shown = " | ".join(f"{1000 * t:.2f}" for t in times)
        print(f"| {name} | {shown} | {growth(times):.2f} |", flush=True)


if __name__ == "__main__":
    main()
