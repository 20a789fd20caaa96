"""The page-kind model: multinomial logistic regression over ``kind_features``, one set of weights per form of page.

``training/kinds.py`` fits it and writes the artefact, a JSON file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transforms.core.kind_features import KIND_FEATURES_VERSION, KindFeatures

Floats = NDArray[np.float64]

KIND_FORMAT = 1
CLIP = 4.0  # standard deviations beyond which a number says no more
_PACKAGED = Path(__file__).parents[1] / "models" / "kinds.json"


class KindModelError(ValueError):
    """The artefact cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class KindModel:
    """Weights of one form of page; ``weights`` is [numbers + words, kinds], ``bias`` [kinds]."""

    kinds: tuple[str, ...]
    names: tuple[str, ...]
    mean: Floats
    std: Floats
    words: dict[str, int]  # word -> its row behind the numbers
    weights: Floats
    bias: Floats

    def probabilities(self, features: KindFeatures) -> dict[str, float]:
        """The probability of each kind; they sum to 1."""
        dense = np.array([features.dense[name] for name in self.names])
        scores = standardised(dense, self.mean, self.std) @ self.weights[: len(self.names)] + self.bias
        rows = [self.words[word] for word in features.words if word in self.words]
        if rows:
            scores = scores + self.weights[len(self.names) :][sorted(rows)].sum(0)
        p = np.exp(scores - scores.max())
        return dict(zip(self.kinds, (p / p.sum()).tolist(), strict=True))


def standardised(dense: Floats, mean: Floats, std: Floats) -> Floats:
    """Numbers in standard deviations from their mean, cut at ``CLIP``; any leading shape."""
    return np.clip((dense - mean) / std, -CLIP, CLIP)


def kind_names_hash(names: Sequence[str]) -> str:
    """What an artefact was fitted for, so that it is never used with anything else."""
    return hashlib.sha256(",".join((*names, KIND_FEATURES_VERSION)).encode()).hexdigest()[:16]


@lru_cache(maxsize=8)
def load_kind_model(form: str, path: str = "") -> KindModel:
    """Load the weights for a form of page (``html`` or ``text``) once per process; packaged for an empty path.

    Raises:
        KindModelError: the file is missing, is no page-kind model, or was fitted for other features.
    """
    try:
        card = json.loads(Path(path or _PACKAGED).read_text(encoding="utf-8"))
        part = card["forms"][form]
        model = KindModel(
            tuple(card["kinds"]),
            tuple(part["names"]),
            np.array(part["mean"]),
            np.array(part["std"]),
            {word: row for row, word in enumerate(part["words"])},
            np.array(part["weights"]),
            np.array(part["bias"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KindModelError(f"page-kind model: not an artefact of `make train` ({error})") from error
    shape = (len(model.names) + len(model.words), len(model.kinds))
    if card.get("format") != KIND_FORMAT or part.get("hash") != kind_names_hash(model.names):
        raise KindModelError("page-kind model: made for other features than this version's; run `make train`")
    if model.weights.shape != shape:
        raise KindModelError("page-kind model: its weights have not the shape that its card says")
    return model
