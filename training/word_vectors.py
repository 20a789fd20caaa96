"""Distil the static word vectors from the packaged MiniLM.

    python -m training.word_vectors --out transforms/models/words.npz

Each whole word of its vocabulary is embedded alone; principal components keep the directions that tell words
apart, and frequent words, which say little, are made short. This is how model2vec makes static models
(https://github.com/MinishLab/model2vec), for whole words only, so that reading needs no tokeniser.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.net import save
from transforms.core.encoders import load_encoder, resolve_encoder

DIMENSIONS = 48
_WORD = re.compile(r"[a-z]{2,}")


def vocabulary() -> list[str]:
    """The encoder's whole words, the most frequent first, as its vocabulary has them."""
    folder = resolve_encoder("minilm").path
    assert folder is not None
    lines = (Path(folder) / "vocab.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if _WORD.fullmatch(line)]


def distil(words: Sequence[str]) -> bytes:
    """The artefact: int8 vectors with a scale each, and the words, as the bytes of an ``.npz``."""
    encoder = load_encoder("minilm")
    vectors = encoder.encode(words)
    left, values, _ = np.linalg.svd(vectors - vectors.mean(0), full_matrices=False)
    reduced = left[:, :DIMENSIONS] * values[:DIMENSIONS]
    reduced /= np.linalg.norm(reduced, axis=1, keepdims=True)
    # Smooth inverse frequency (Arora et al. 2017), with the rank in the vocabulary for the frequency (Zipf).
    share = 1 / (np.arange(len(words)) + 11)
    reduced *= (1e-3 / (1e-3 + share / share.sum()))[:, None]
    scale = np.abs(reduced).max(1) / 127
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        scale=scale.astype(np.float32),
        vectors=np.round(reduced / scale[:, None]).astype(np.int8),
        words=np.frombuffer("\n".join(words).encode(), np.uint8),
    )
    return buffer.getvalue()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    words = vocabulary()
    save(args.out, distil(words))
    print(f"training: {len(words)} words of {DIMENSIONS} dimensions in {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
