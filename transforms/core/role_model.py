"""The role model: from the features of a page to a role, a confidence and a reason per block.

A small convolutional sequence tagger in plain numpy. Each block's features are embedded, then read in
context by residual convolutions over the sequence of blocks with growing dilation (as in WaveNet, van den
Oord et al. 2016) and by gated sums of the blocks before and after (as in QRNN, Bradbury et al. 2017). Half
way up, each block also receives the page's mean and maximum and the running maxima of all blocks before and
after it, so that it knows whether an author box or a comment form has gone by. The scores are a sum of parts,

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
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from transforms.core.dom_features import NAME_BUCKETS
from transforms.core.features import FEATURES_VERSION, GROUPS, NAMES, Features, Hints, page_features
from transforms.core.lexicon import IDF_BUCKETS, STEM, TOPIC_DIMENSIONS, WORD_BUCKETS, Floats, Lexicon
from transforms.core.reasons import CONTEXT, phrase
from transforms.types import ROLES, TEASER_ROLES, Block

FORMAT = 2
DILATIONS = (1, 2, 4, 8, 1)
MEMORIES = (1, 3)  # the convolutions that a memory follows
_PACKAGED = Path(__file__).parents[1] / "models" / "roles.npz"
_NOTABLE = 0.3  # nats by which a part must favour the role over its rival to be named
_PARTS = {
    "context": CONTEXT,
    "words": "its words",
    "sense": "what its words mean",
    "names": "its class names",
}
# Of a low and of a high value of each feature, then the parts.
_SAID = [*(phrase(name, value) for name in NAMES for value in (-1.0, 1.0)), *_PARTS.values()]
_BODY, _HEADING = ROLES.index("body"), ROLES.index("heading")
_LOST = [ROLES.index(r) for r in (*TEASER_ROLES, "comment", "boilerplate")]  # not in any field of the story
_HTML = NAMES.index("page_html")
# What scores are divided by before they become confidences, as networks are too sure on sites they never saw (Guo et
# al. 2017). Least log loss on the hand-labelled pages, by site folds.
TEMPERATURE = 1.6
_SOFTENED = 0.7  # exponent of a probability before expectations are taken
_LEAST_MAIN = 0.2  # probability of being main text below which nothing is kept in doubt
_RUNNING = 60  # characters from which a block may be kept in doubt: shorter ones hardly count in a story
# What is the same for every block of a page says nothing about one of them.
_OF_THE_PAGE = (*GROUPS["page"], "has_meta", "has_address")
_OF_THE_BLOCK = np.array([name not in _OF_THE_PAGE for name in NAMES], np.float32)


_ARRAYS = frozenset(
    [
        *("mean", "std", "words", "names", "step"),
        *(f"direct.{view}" for view in ("dense", "words", "names", "sense")),
        *(f"{layer}.{part}" for layer in ("in", "page", "past", "out", "start") for part in "wb"),
        *(f"{norm}.{part}" for norm in ("out", *(f"conv{i}" for i in range(len(DILATIONS)))) for part in "gs"),
        *(f"conv{i}.{part}" for i in range(len(DILATIONS)) for part in "wbo"),
        *(
            f"memory{i}.{part}"
            for i in range(len(MEMORIES))
            for part in ("g", "s", "o", "keep.w", "keep.b", "new.w", "new.b")
        ),
        *(f"lexicon.{part}" for part in ("words", "vectors", "scale", "idf")),
    ]
)  # of an artefact, besides its card


class ModelError(ValueError):
    """The artefact cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Label:
    """What the model says of one block."""

    role: str
    confidence: float  # probability of the role, calibrated, in [0, 1]
    starts_teaser: float  # probability that another story begins here, in [0, 1]
    reason: str
    main: float = 0.0  # probability that it is the story's text (body or heading), in [0, 1]
    instead: str = "boilerplate"  # the likeliest role if it is not; the same role where that is settled


@dataclass(frozen=True)
class RoleModel:
    """A loaded artefact. ``weights`` are float32 arrays by name; ``card`` is its metadata."""

    weights: dict[str, Floats]
    lexicon: Lexicon
    card: dict[str, object]
    hash: str

    def scores(self, features: Features) -> tuple[dict[str, Floats], Floats]:
        """The parts of the role scores, each [n, roles], and the logit of a teaser's start, [n]."""
        return self._parts(features, self._standardised(features))

    def _parts(self, features: Features, dense: Floats) -> tuple[dict[str, Floats], Floats]:
        w = self.weights
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
            if i in MEMORIES:
                h = h + self._remembered(h, f"memory{MEMORIES.index(i)}")
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

    def label_page(self, blocks: Sequence[Block], hints: Hints | None = None) -> list[Label]:
        """One label per block, in order; needs at least one block."""
        return self.label(page_features(blocks, self.lexicon, hints))

    def label(self, features: Features) -> list[Label]:
        """One label per block, in order."""
        dense = self._standardised(features)
        parts, start = self._parts(features, dense)
        scores = np.sum(list(parts.values()), axis=0)
        shifted = scores - scores.max(1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        p = np.exp(log_p)
        decoded = viterbi(log_p, self.weights["step"])
        roles = decoded if features.dense[0, _HTML] else with_doubtful_text(decoded, p, features.chars)
        starts = 1 / (1 + np.exp(-start))
        reasons = self._reasons(dense, parts, scores, roles)
        for i in np.flatnonzero(roles != decoded):
            reasons[i] = f"in doubt, and kept; {reasons[i]}"
        softer = np.exp(shifted / TEMPERATURE)
        sure = (softer[np.arange(len(roles)), roles] / softer.sum(1)).tolist()
        main = (p[:, _BODY] + p[:, _HEADING]).tolist()
        others = p.copy()
        others[:, [_BODY, _HEADING]] = -1
        instead = [ROLES[r] for r in others.argmax(1).tolist()]
        return list(map(Label, [ROLES[r] for r in roles.tolist()], sure, starts.tolist(), reasons, main, instead))

    def _remembered(self, h: Floats, name: str) -> Floats:
        """What one half of the channels keeps of the blocks before, the other half of those after; [n, width]."""
        w = self.weights
        u = _norm(h, w[f"{name}.g"], w[f"{name}.s"])
        keep = 1 / (1 + np.exp(-(u @ w[f"{name}.keep.w"] + w[f"{name}.keep.b"])))
        new = (1 - keep) * np.tanh(u @ w[f"{name}.new.w"] + w[f"{name}.new.b"])
        half = keep.shape[1] // 2
        keep[:, half:], new[:, half:] = keep[::-1, half:].copy(), new[::-1, half:].copy()
        for gate, state, before in zip(keep[1:], new[1:], new[:-1], strict=True):
            state += gate * before
        new[:, half:] = new[::-1, half:].copy()
        return new @ w[f"{name}.o"]

    def _reasons(self, dense: Floats, parts: dict[str, Floats], scores: Floats, roles: NDArray[np.int64]) -> list[str]:
        """Name what spoke most for each role against its strongest rival."""
        rows = np.arange(len(roles))
        rivals = scores.copy()
        rivals[rows, roles] = -np.inf
        rival = rivals.argmax(1)
        direct = self.weights["direct.dense"].T
        push = dense * (direct[roles] - direct[rival]) * _OF_THE_BLOCK  # [n, features]
        first = push.argmax(1)
        most = push[rows, first]
        push[rows, first] = -np.inf
        second = push.argmax(1)
        best = np.stack((first, second), axis=1)
        margins = [np.stack((most, push[rows, second]), axis=1)]
        margins += [(parts[part][rows, roles] - parts[part][rows, rival])[:, None] for part in _PARTS]
        margin = np.concatenate(margins, axis=1)
        order = np.argsort(-margin, axis=1, kind="stable")[:, :3]
        notable = margin[rows[:, None], order] > _NOTABLE
        said = np.empty(margin.shape, np.int64)  # places in _SAID
        said[:, :2] = 2 * best + (dense[rows[:, None], best] > 0)
        said[:, 2:] = np.arange(2 * len(NAMES), len(_SAID))
        told = np.where(notable, said[rows[:, None], order], -1)
        return [_reason(*line, other) for line, other in zip(told.tolist(), rival.tolist(), strict=True)]

    def _standardised(self, features: Features) -> Floats:
        return np.clip((features.dense - self.weights["mean"]) / self.weights["std"], -5, 5)


@lru_cache(maxsize=50_000)
def _reason(first: int, second: int, third: int, rival: int) -> str:
    """A reason in words, from places in ``_SAID``, -1 for none, and the number of the rival role."""
    said = ", ".join([_SAID[k] for k in (first, second, third) if k >= 0])
    return f"{said or 'no single feature'}; not {ROLES[rival]}"


def viterbi(log_p: Floats, step: Floats) -> NDArray[np.int64]:
    """The best sequence under per-block scores [n, k] and transitions [k, k].

    Where one role leads by more than transitions can ever make up for, it is in the best sequence; the dynamic
    programme runs between such blocks only.
    """
    n = len(log_p)
    sequence = log_p.argmax(1)
    two = np.partition(log_p, -2, axis=1)[:, -2:]
    reach = 2 * float(step.max() - step.min())
    open_ = two[:, 1] - two[:, 0] <= reach
    edges = np.flatnonzero(np.diff(np.concatenate(([False], open_, [False]))))
    for start, end in edges.reshape(-1, 2).tolist():
        part = log_p[start:end].copy()
        if start:
            part[0] += step[sequence[start - 1]]
        if end < n:
            part[-1] += step[:, sequence[end]]
        sequence[start:end] = _viterbi(part, step)
    return sequence


def _viterbi(scores: Floats, step: Floats) -> NDArray[np.int64]:
    n, k = scores.shape
    best = scores[0]
    back = np.empty((n, k), np.int64)
    columns = np.arange(k)
    for i in range(1, n):
        paths = best[:, None] + step
        back[i] = paths.argmax(0)
        best = paths[back[i], columns] + scores[i]
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
    ones = np.ones(len(ids), np.float32)
    out: Floats = csr_array((ones, ids, offsets), shape=(len(sizes), len(table))) @ table
    out /= np.sqrt(np.maximum(sizes, 1))[:, None]
    return out


def _norm(h: Floats, gain: Floats, shift: Floats) -> Floats:
    out = h - h.mean(1, keepdims=True)
    out /= np.sqrt(np.einsum("ij,ij->i", out, out)[:, None] / h.shape[1] + 1e-5)
    out *= gain
    out += shift
    return out


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
            card = json.loads(bytes(arrays["card"]).decode())
            if not isinstance(card, dict):
                raise ValueError("its card is no object")
            if card.get("format") != FORMAT or card.get("features") != features_hash():
                raise ModelError(
                    f"role model {path}: made for other features than this version's; rebuild it with `make train`"
                )
            if missing := _ARRAYS - set(arrays.files):
                raise ValueError(f"it lacks {', '.join(sorted(missing))}")
            lexicon = _read_lexicon({k: arrays[k] for k in arrays.files if k.startswith("lexicon.")})
            weights = {
                k: arrays[k].astype(np.float32) for k in arrays.files if k != "card" and not k.startswith("lexicon.")
            }
    except ModelError:
        raise
    except (ValueError, KeyError, TypeError, OSError, EOFError, BadZipFile, zlib.error) as error:
        raise ModelError(f"role model {path}: not an artefact of `make train` ({error})") from error
    return RoleModel(weights, lexicon, card, hashlib.sha256(data).hexdigest())


def _read_lexicon(arrays: dict[str, NDArray[Any]]) -> Lexicon:
    words = bytes(arrays["lexicon.words"]).decode().split("\n")
    vectors = arrays["lexicon.vectors"].astype(np.float32) * arrays["lexicon.scale"][:, None]
    idf = (arrays["lexicon.idf"] / 255).astype(np.float32)
    return Lexicon(idf, {word: row for row, word in enumerate(words)}, vectors)


def features_hash() -> str:
    """What an artefact was fitted for, so that it is never used with anything else."""
    sizes = map(str, (*DILATIONS, *MEMORIES, WORD_BUCKETS, NAME_BUCKETS, IDF_BUCKETS, TOPIC_DIMENSIONS, STEM))
    parts = (*NAMES, *ROLES, *sizes, FEATURES_VERSION)
    return hashlib.sha256(",".join(parts).encode()).hexdigest()[:16]
