"""Fit the lexicon: how rare words are, and word vectors that tell stories apart.

Each whole word of the packaged MiniLM's vocabulary is embedded alone, and frequent words, which say little, are made
short. This is how model2vec makes static models (https://github.com/MinishLab/model2vec), for whole words only, so that
reading needs no tokeniser. Which directions count is learned from the training pages, by linear discriminant analysis
(Fisher 1936): first those in which paragraphs of one story lie together and stories lie apart, then those in which the
short lines of one role do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import scipy.linalg

from transforms.core.encoders import load_encoder, resolve_encoder
from transforms.core.lexicon import IDF_BUCKETS, TOPIC_DIMENSIONS, Lexicon

ROLE_DIMENSIONS = 12
DIMENSIONS = TOPIC_DIMENSIONS + ROLE_DIMENSIONS
_SHRINK_STORIES, _SHRINK_ROLES = 1.0, 0.3  # of the spread within a class towards a sphere
_MOST = 10_000  # lines of a class that are looked at
_PARAGRAPH = 60  # characters from which a line of a story counts as a paragraph
_WORD = re.compile(r"[a-z]{2,}")


@lru_cache(maxsize=1)
def _embedded_words() -> tuple[list[str], np.ndarray]:
    """The encoder's whole words, the most frequent first, and their vectors: float32 [words, 384]."""
    folder = resolve_encoder("minilm").path
    assert folder is not None
    lines = (Path(folder) / "vocab.txt").read_text(encoding="utf-8").splitlines()
    words = [line for line in lines if _WORD.fullmatch(line)]
    vectors = load_encoder("minilm").encode(words)
    vectors = vectors - vectors.mean(0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    # Smooth inverse frequency (Arora et al. 2017), with the rank in the vocabulary for the frequency (Zipf).
    share = 1 / (np.arange(len(words)) + 11)
    return words, (vectors * (1e-3 / (1e-3 + share / share.sum()))[:, None]).astype(np.float32)


def fit_lexicon(stories: Sequence[Sequence[str]], lines: Mapping[int, Sequence[str]]) -> Lexicon:
    """Fit on stories, each given as its lines, and on short lines by the roles that they may have."""
    words, embedded = _embedded_words()
    rows = {word: row for row, word in enumerate(words)}
    plain = Lexicon(np.zeros(IDF_BUCKETS, np.float32), rows, embedded)
    seen = np.zeros(IDF_BUCKETS)
    by_story = []
    for story in stories:
        found = plain.words(story)
        seen[np.unique(found.topic[found.topic >= 0])] += 1
        vectors = plain.line_vectors(found, len(story))
        by_story.append(vectors[vectors.any(axis=1) & [len(line) >= _PARAGRAPH for line in story]])
    by_role = []
    for texts in lines.values():
        vectors = plain.line_vectors(plain.words(texts[:_MOST]), len(texts[:_MOST]))
        by_role.append(vectors[vectors.any(axis=1)])
    directions = np.concatenate(
        (
            _discriminants(by_story, TOPIC_DIMENSIONS, _SHRINK_STORIES, least=3),
            _discriminants(by_role, ROLE_DIMENSIONS, _SHRINK_ROLES, least=50),
        ),
        axis=1,
    )
    idf = np.log((len(stories) + 1) / (seen + 0.5)) / np.log(2 * len(stories) + 2)
    vectors = (embedded @ directions).astype(np.float32)
    return rounded(Lexicon(np.clip(idf, 0, 1).astype(np.float32), rows, vectors))


def _discriminants(classes: Sequence[np.ndarray], dimensions: int, shrink: float, least: int) -> np.ndarray:
    """Directions in which the classes, each [members, d], of at least so many members lie apart; [d, dimensions]."""
    classes = [members for members in classes if len(members) >= least]
    within = sum(np.cov(members.T, bias=True) for members in classes) / len(classes)
    between = np.cov(np.array([members.mean(0) for members in classes]).T)
    sphere = shrink * np.trace(within) / len(within) * np.eye(len(within))
    _, directions = scipy.linalg.eigh(between, within + sphere)
    return directions[:, : -dimensions - 1 : -1]


def rounded(lexicon: Lexicon) -> Lexicon:
    """The lexicon as it will be read back, so that training sees what reading sees."""
    arrays = lexicon_arrays(lexicon)
    vectors = arrays["lexicon.vectors"].astype(np.float32) * arrays["lexicon.scale"][:, None]
    return Lexicon((arrays["lexicon.idf"] / 255).astype(np.float32), lexicon.rows, vectors)


def lexicon_arrays(lexicon: Lexicon) -> dict[str, np.ndarray]:
    """The lexicon's part of an artefact: int8 vectors with a scale each, the words, rarity in 255ths."""
    scale = np.maximum(np.abs(lexicon.vectors).max(1), 1e-6) / 127
    return {
        "lexicon.idf": np.round(lexicon.idf * 255).astype(np.uint8),
        "lexicon.scale": scale.astype(np.float32),
        "lexicon.vectors": np.round(lexicon.vectors / scale[:, None]).astype(np.int8),
        "lexicon.words": np.frombuffer("\n".join(lexicon.rows).encode(), np.uint8),
    }
