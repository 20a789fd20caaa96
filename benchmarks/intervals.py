"""How far a mean over pages may be off: percentile bootstrap over pages (Efron 1979)."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

_ROUNDS = 2_000
_SEED = 7


def interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Lower and upper end of the mean's interval.

    >>> interval([0.5] * 10)
    (0.5, 0.5)
    """
    drawn = np.random.default_rng(_SEED).choice(np.array(values), (_ROUNDS, len(values))).mean(1)
    low, high = np.quantile(drawn, ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)


def page_word_f1(score: ModuleType, gold: Iterable[dict], rows: Iterable[dict]) -> list[float]:
    """Word F1 of each page of the reference, as ``score/score.py`` takes the mean of."""
    texts = {row["id"]: row["text"] for row in rows}
    values = []
    for page in gold:
        ours, theirs = (Counter(score.words(text)) for text in (texts.get(page["id"]), page["text"]))
        values.append(score.prf(*score.overlap(ours, theirs))[2] if ours or theirs else 1.0)
    return values


def load_score(path: Path) -> ModuleType:
    """The data's own scorer as a module."""
    spec = importlib.util.spec_from_file_location("score", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
