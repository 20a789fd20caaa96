"""The role model: from the features of a page to a role, a confidence and a reason per block.

A small convolutional sequence tagger in plain numpy. Each block's features are embedded, then read in
context by residual convolutions over the sequence of blocks with growing dilation (as in WaveNet, van den
Oord et al. 2016). Half way up, each block also receives the page's mean and maximum and the running maxima of
all blocks before and after it, so that it knows whether an author box or a comment form has gone by. The
scores are a sum of parts,

    scores = direct(dense features) + direct(words) + direct(meaning) + direct(class names) + context

so that each part's share in the decision is exact, and is what ``reason`` names. The sequence of roles is
then found by Viterbi decoding with transition scores learned from labelled pages.

``training/`` fits the same network in torch and writes the artefact, one ``.npz`` without pickles.
"""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from transforms.core.features import FEATURES_VERSION, GROUPS, NAME_BUCKETS, NAMES, WORD_BUCKETS, Features, Floats
from transforms.core.reasons import phrase
from transforms.core.word_vectors import word_vectors
from transforms.types import ROLES, TEASER_ROLES

FORMAT = 1
DILATIONS = (1, 2, 4, 8, 1)
_PACKAGED = Path(__file__).parents[1] / "models" / "roles.npz"
_NOTABLE = 0.3  # nats by which a part must favour the role over its rival to be named
_PARTS = {
    "context": "the lines around it",
    "words": "its words",
    "sense": "what its words mean",
    "names": "its class names",
}
_BODY, _HEADING = ROLES.index("body"), ROLES.index("heading")
_LOST = [ROLES.index(r) for r in (*TEASER_ROLES, "comment", "boilerplate")]  # not in any field of the story
_HTML = NAMES.index("page_html")
_SOFTENED = 0.7  # exponent of a probability before expectations are taken
_LEAST_MAIN = 0.2  # probability of being main text below which nothing is kept in doubt
_RUNNING = 60  # characters from which a block may be kept in doubt: shorter ones hardly count in a story
# What is the same for every block of a page says nothing about one of them.
_OF_THE_BLOCK = np.array([name not in GROUPS["page"] and name != "has_meta" for name in NAMES], np.float32)


class ModelError(ValueError):
    """The artefact cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Label:
    """What the model says of one block."""

    role: str
    confidence: float  # probability of the role, in [0, 1]
    starts_teaser: float  # probability that another story begins here, in [0, 1]
    reason: str


@dataclass(frozen=True)
class RoleModel:
    """A loaded artefact. ``weights`` are float32 arrays by name; ``card`` is its metadata."""

    weights: dict[str, Floats]
    card: dict[str, object]
    hash: str

    def scores(self, features: Features) -> tuple[dict[str, Floats], Floats]:
        """The parts of the role scores, each [n, roles], and the logit of a teaser's start, [n]."""
        w = self.weights
        dense = self._standardised(features)
        words = _bag(w["words"], features.words, features.word_offsets)
        names = _bag(w["names"], features.names, features.name_offsets)
        x = np.concatenate((dense, words, names, features.sense), axis=1)
        h = np.maximum(x @ w["in.w"] + w["in.b"], 0)
        for i, dilation in enumerate(DILATIONS):
            u = _norm(h, w[f"conv{i}.g"], w[f"conv{i}.s"])
            if i == len(DILATIONS) // 2:
                page = np.concatenate((u.mean(0), u.max(0))) @ w["page.w"] + w["page.b"]
                seen = np.maximum(u, 0)
                before = np.maximum.accumulate(seen)
                after = np.maximum.accumulate(seen[::-1])[::-1]
                h = h + page + np.concatenate((before, after), axis=1) @ w["past.w"] + w["past.b"]
                u = _norm(h, w[f"conv{i}.g"], w[f"conv{i}.s"])
            v = np.maximum(_shifted(u, dilation) @ w[f"conv{i}.w"] + w[f"conv{i}.b"], 0)
            h = h + v @ w[f"conv{i}.o"]
        h = _norm(h, w["out.g"], w["out.s"])
        context = h @ w["out.w"] + w["out.b"]
        parts = {
            "dense": dense @ w["direct.dense"],
            "words": words @ w["direct.words"],
            "names": names @ w["direct.names"],
            "sense": features.sense @ w["direct.sense"],
            "context": context,
        }
        return parts, h @ w["start.w"] + w["start.b"][0]

    def label(self, features: Features) -> list[Label]:
        """One label per block, in order."""
        parts, start = self.scores(features)
        scores = sum(parts.values()) + self.weights["bias"]
        shifted = scores - scores.max(1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        p = np.exp(log_p)
        decoded = viterbi(log_p, self.weights["first"], self.weights["step"])
        roles = decoded if features.dense[0, _HTML] else with_doubtful_text(decoded, p, features.chars)
        starts = 1 / (1 + np.exp(-start))
        reasons = self._reasons(features, parts, scores, roles)
        for i in np.flatnonzero(roles != decoded):
            reasons[i] = f"in doubt, and kept; {reasons[i]}"
        return [Label(ROLES[r], float(p[i, r]), float(starts[i]), reasons[i]) for i, r in enumerate(roles)]

    def _reasons(
        self, features: Features, parts: dict[str, Floats], scores: Floats, roles: NDArray[np.int64]
    ) -> list[str]:
        """Name what spoke most for each role against its strongest rival."""
        rows = np.arange(len(roles))
        rivals = scores.copy()
        rivals[rows, roles] = -np.inf
        rival = rivals.argmax(1)
        dense = self._standardised(features)
        direct = self.weights["direct.dense"]
        push = dense * (direct[:, roles] - direct[:, rival]).T * _OF_THE_BLOCK  # [n, features]
        best = push.argsort(1)[:, :-3:-1]
        margin = {k: v[rows, roles] - v[rows, rival] for k, v in parts.items()}
        reasons = []
        for i in rows:
            said = [(push[i, j], phrase(NAMES[j], float(dense[i, j]))) for j in best[i]]
            said += [(margin[part][i], words) for part, words in _PARTS.items()]
            strongest = sorted((s for s in said if s[0] > _NOTABLE), key=lambda s: -s[0])[:3]
            evidence = ", ".join(words for _, words in strongest) or "no single feature"
            reasons.append(f"{evidence}; not {ROLES[rival[i]]}")
        return reasons

    def _standardised(self, features: Features) -> Floats:
        return np.clip((features.dense - self.weights["mean"]) / self.weights["std"], -5, 5)


def viterbi(log_p: Floats, first: Floats, step: Floats) -> NDArray[np.int64]:
    """The best sequence under per-block scores [n, k], first scores [k] and transitions [k, k]."""
    n, k = log_p.shape
    best = log_p[0] + first
    back = np.empty((n, k), np.int64)
    for i in range(1, n):
        paths = best[:, None] + step
        back[i] = paths.argmax(0)
        best = paths[back[i], np.arange(k)] + log_p[i]
    sequence = np.empty(n, np.int64)
    sequence[-1] = best.argmax()
    for i in range(n - 1, 0, -1):
        sequence[i - 1] = back[i, sequence[i]]
    return sequence


def with_doubtful_text(roles: NDArray[np.int64], p: Floats, chars: Floats) -> NDArray[np.int64]:
    """Give running text that may well be the story's to the story, where the story gains by it.

    A lost paragraph costs a story more than a line too many. The set of blocks with the best expected F1 is all
    blocks above some probability (Lewis 1995), which depends on the page: low where the model is sure of little.
    Probabilities are softened first, as those of a network on pages of unknown sites are too sure.

    Args:
        roles: the decoded roles, [n].
        p: probability of each role, [n, roles].
        chars: length of the blocks, [n].

    Returns:
        The roles, some of them replaced by body or heading.
    """
    main = p[:, _BODY] + p[:, _HEADING]
    soft = main**_SOFTENED
    order = np.argsort(-soft, kind="stable")
    kept, right = np.cumsum(chars[order]), np.cumsum((soft * chars)[order])
    best = main[order[np.argmax(2 * right / (kept + right[-1]))]]
    doubtful = (main >= max(best, _LEAST_MAIN)) & (chars >= _RUNNING) & np.isin(roles, _LOST)
    return np.where(doubtful, np.where(p[:, _BODY] >= p[:, _HEADING], _BODY, _HEADING), roles)


def _bag(table: Floats, ids: NDArray[np.int32], offsets: NDArray[np.int32]) -> Floats:
    """Sum of the rows of `table` in each bag, over the square root of the bag's size; [n, dim]."""
    sizes = np.diff(offsets)
    out = np.zeros((len(sizes), table.shape[1]), np.float32)
    filled = sizes > 0
    if filled.any():
        out[filled] = np.add.reduceat(table[ids], offsets[:-1][filled], axis=0)
        out[filled] /= np.sqrt(sizes[filled])[:, None]
    return out


def _norm(h: Floats, gain: Floats, shift: Floats) -> Floats:
    centred = h - h.mean(1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-5) * gain + shift


def _shifted(h: Floats, dilation: int) -> Floats:
    """Each row beside the rows `dilation` before and after it; zeros beyond the page. [n, 3 * dim]"""
    n, dim = h.shape
    pad = np.zeros((dilation, dim), h.dtype)
    padded = np.concatenate((pad, h, pad))
    return np.concatenate((padded[:n], h, padded[2 * dilation :]), axis=1)


def load_model(path: str = "") -> RoleModel:
    """Load an artefact once per process; the packaged one for an empty path.

    Raises:
        ModelError: the file is missing, is no role model, or was fitted for other features.
    """
    return _load(str(path or _PACKAGED))


@lru_cache(maxsize=4)
def _load(path: str) -> RoleModel:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ModelError(
            f"role model {path}: {error.strerror}; give segment.model a file made by `make train`"
        ) from error
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            weights = {k: arrays[k].astype(np.float32) for k in arrays.files if k != "card"}
            card = json.loads(bytes(arrays["card"]).decode())
            if not isinstance(card, dict):
                raise ValueError("its card is no object")
    except (ValueError, KeyError, TypeError, OSError, EOFError, BadZipFile, zlib.error) as error:
        raise ModelError(f"role model {path}: not an artefact of `make train` ({error})") from error
    if card.get("format") != FORMAT or card.get("features") != features_hash():
        raise ModelError(
            f"role model {path}: made for other features than this version's; rebuild it with `make train`"
        )
    return RoleModel(weights, card, hashlib.sha256(data).hexdigest())


def features_hash() -> str:
    """What an artefact was fitted for, so that it is never used with anything else."""
    sizes = map(str, (*DILATIONS, WORD_BUCKETS, NAME_BUCKETS))
    parts = (*NAMES, *ROLES, *sizes, FEATURES_VERSION, word_vectors().hash)
    return hashlib.sha256(",".join(parts).encode()).hexdigest()[:16]
