"""How fast texts become vectors, as a share of what the processor could do: for ``speed.py``."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from transforms.core.encoders import batches, load_encoder, subword_tokens

MAX_TOKENS = 256
MARKS = 2  # tokens that begin and end each text of MiniLM
LAYERS, WIDTH, INNER = 6, 384, 1536
PER_TOKEN = LAYERS * 2 * (4 * WIDTH * WIDTH + 2 * WIDTH * INNER)  # floating point operations of its matrix products
PER_PAIR = LAYERS * 2 * 2 * WIDTH  # and for each pair of tokens of one text
SIDE = 1024  # of the matrices that tell what the processor can do


def mixed_texts(stories: Sequence[tuple[str, str]], count: int = 300) -> list[str]:
    """Headlines, paragraphs and whole stories, as a run meets them: one third each."""
    chosen = random.Random(0).sample(list(stories), min(len(stories), count))
    texts = []
    for number, (title, text) in enumerate(chosen):
        lines = [line for line in text.split("\n") if len(line) > 60] or [text]
        texts.append([title or lines[0], random.Random(number).choice(lines), f"{title}\n{text}"][number % 3])
    return texts


def measure(texts: Sequence[str], rounds: int) -> dict[str, Any]:
    """Medians over rounds in which the matrix product, MiniLM and lite take turns; processor time, one thread."""
    import torch

    minilm, lite = load_encoder("minilm", threads=1), load_encoder("lite")
    lengths = [min(len(ids) + MARKS, MAX_TOKENS) for ids in subword_tokens(texts, MAX_TOKENS)]
    operations = sum(PER_TOKEN * n + PER_PAIR * n * n for n in lengths)
    one, other = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    shares, tokens, of_minilm, of_lite, products = [], [], [], [], []
    for _ in range(rounds):
        before = statistics.median(_seconds(lambda: one @ other) for _ in range(5))
        seconds = _seconds(lambda: minilm.encode(texts))
        after = statistics.median(_seconds(lambda: one @ other) for _ in range(5))
        product = 2 * SIDE**3 / ((before + after) / 2)
        products.append(product)
        shares.append(operations / seconds / product)
        tokens.append(sum(lengths) / seconds)
        of_minilm.append(len(texts) / seconds)
        of_lite.append(len(texts) / _seconds(lambda: lite.encode(texts)))
    padded = sum(length * len(batch) for length, batch in batches(lengths, 32, MAX_TOKENS))
    return {
        "texts": len(texts),
        "tokens per text": round(float(np.mean(lengths)), 1),
        "GFLOP/s of a matrix product": round(statistics.median(products) / 1e9, 1),
        "tokens/s": round(statistics.median(tokens)),
        "share of the matrix product": round(statistics.median(shares), 3),
        "padding": round(padded / sum(lengths), 3),
        "minilm texts/s": round(statistics.median(of_minilm), 1),
        "lite texts/s": round(statistics.median(of_lite)),
        "lite to minilm": round(statistics.median(b / a for a, b in zip(of_minilm, of_lite, strict=True)), 1),
    }


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
