"""Fit the lite encoder: one vector per token, whose sums stand for MiniLM's sentence vectors. ``make lite``.

1. Each token of MiniLM's vocabulary is embedded alone, and frequent tokens, which say little, are made short (smooth
   inverse frequency, Arora et al. 2017, with the frequencies of the training texts; model2vec makes static models so).
2. One linear map takes the sums of those vectors over a text to MiniLM's vector of the text, projected on the
   DIMENSIONS directions that keep most of its inner products. All tokens go through it, also those of no training text.
3. The vectors of single tokens are fitted on from there, by gradient descent on the cosine to MiniLM's vector.

The texts are stories, parts of them, paragraphs and headlines of the development data, and our own pages.
A tenth of the sites is held out; how near the model comes to MiniLM there stands in its card.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from training.data import read_jsonl
from transforms.core.encoders import LITE_STEPS, load_encoder, resolve_encoder, subword_tokens

DIMENSIONS = 256
MOST_TOKENS = 256  # that MiniLM reads of a text
BEGINNING, PARAGRAPH = 500, 250  # characters of a page's text and of one of its paragraphs
PARAGRAPHS = 1  # of each page
SMOOTH = 1e-3  # relative frequency at which a token counts half
RIDGE = 0.1
EPOCHS, BATCH, RATE, TIGHT = 30, 256, 2e-2, 2e-2  # of the gradient descent; TIGHT holds tokens where they began
OWN = Path(__file__).with_name("pages.jsonl")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with wcxb/ and news/")
    parser.add_argument("--out", type=Path, default=Path("transforms/models/lite.npz"))
    parser.add_argument("--vectors", type=Path, default=Path("build/lite.npz"), help="where MiniLM's vectors are kept")
    args = parser.parse_args(argv)
    texts, sites = training_texts(args.data)
    single, targets = _minilm_vectors(texts, args.vectors)
    tokens = subword_tokens(texts, MOST_TOKENS)
    held_out = np.array([random.Random(site).random() < 0.1 for site in sites])
    table, card = fit(tokens, targets, single, held_out)
    scale = np.maximum(np.abs(table).max(axis=1), 1e-9) / LITE_STEPS
    card |= {"texts": len(texts), "sites": len(set(sites)), "dimensions": DIMENSIONS}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        args.out,
        vectors=np.rint(table / scale[:, None]).astype(np.int8),
        scale=scale.astype(np.float32),
        card=np.frombuffer(json.dumps(card, sort_keys=True).encode(), np.uint8),
    )
    print(json.dumps(card))
    return 0


def training_texts(data: Path) -> tuple[list[str], list[str]]:
    """Texts and the site that each comes from, in the order of the files."""
    pages = []
    for source in ("wcxb", "news"):
        for row in read_jsonl(data / source / "gold.jsonl"):
            text = row.get("text") or ""
            pages.append((urlsplit(row["url"]).hostname or row["id"], row.get("title") or "", text))
    found: list[tuple[str, str]] = []
    for number, (site, title, text) in enumerate(pages):
        chance = random.Random(number)
        paragraphs = [line.strip() for line in text.split("\n") if len(line.strip()) >= 40]
        found += [(site, f"{title}\n{text}"[:BEGINNING]), (site, title)]
        found += [(site, line[:PARAGRAPH]) for line in chance.sample(paragraphs, min(PARAGRAPHS, len(paragraphs)))]
    for row in read_jsonl(OWN):
        lines = [line[2][:PARAGRAPH] for line in row["lines"] if line and len(line[2]) >= 20]
        chosen = random.Random(row["id"]).sample(lines, min(PARAGRAPHS, len(lines)))
        found += [(f"own {row['id']}", line) for line in chosen]
    distinct = dict.fromkeys((site, text) for site, text in found if text.strip())
    return [text for _, text in distinct], [site for site, _ in distinct]


def _minilm_vectors(texts: Sequence[str], kept: Path) -> tuple[np.ndarray, np.ndarray]:
    """MiniLM's vectors of each token alone and of the texts, [tokens, 384] and [texts, 384]; they take long, once."""
    if kept.is_file():
        with np.load(kept) as arrays:
            if len(arrays["texts"]) == len(texts):
                return arrays["single"], arrays["texts"]
    single = _single_tokens()
    vectors = load_encoder("minilm").encode(texts)
    kept.parent.mkdir(parents=True, exist_ok=True)
    np.savez(kept, single=single, texts=vectors)
    return single, vectors


def _single_tokens() -> np.ndarray:
    """MiniLM's vector of each token of its vocabulary between the marks of a text's beginning and end."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    model = SentenceTransformer(resolve_encoder("minilm").path, device="cpu", local_files_only=True).eval()
    rows = []
    with torch.inference_mode():
        for start in range(0, len(model.tokenizer), 512):
            ids = torch.arange(start, min(start + 512, len(model.tokenizer)))
            marked = torch.nn.functional.pad(ids[:, None], (1, 0), value=model.tokenizer.cls_token_id)
            marked = torch.nn.functional.pad(marked, (0, 1), value=model.tokenizer.sep_token_id)
            features = {"input_ids": marked, "attention_mask": torch.ones_like(marked)}
            rows.append(model(features)["sentence_embedding"].numpy())
    vectors = np.concatenate(rows)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def fit(
    tokens: Sequence[np.ndarray], targets: np.ndarray, single: np.ndarray, held_out: np.ndarray
) -> tuple[np.ndarray, dict]:
    """The table of token vectors, [tokens, DIMENSIONS], and what its card says of the fit."""
    known = [ids for ids, out in zip(tokens, held_out, strict=True) if not out]
    counts = np.bincount(np.concatenate(known), minlength=len(single)) + 1.0
    sif = SMOOTH / (SMOOTH + counts / counts.sum())
    # The directions that keep most of the inner products between texts: not centred.
    _, _, directions = np.linalg.svd(targets[~held_out], full_matrices=False)
    goal = targets @ directions[:DIMENSIONS].T
    goal /= np.linalg.norm(goal, axis=1, keepdims=True)
    start = (single * sif[:, None]).astype(np.float32)
    sums = _unit(_sums(tokens, start))
    x, y = sums[~held_out], goal[~held_out]
    to_goal = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ y)
    table = (start @ to_goal).astype(np.float32)
    card = {
        "kept of MiniLM's vectors": round(float(np.square(targets @ directions[:DIMENSIONS].T).sum(1).mean()), 4),
        "cosine before the fit": _nearness(tokens, goal, table, held_out),
    }
    table = _descend(tokens, goal, table, held_out)
    return table, card | {"cosine": _nearness(tokens, goal, table, held_out)}


def _descend(tokens: Sequence[np.ndarray], goal: np.ndarray, table: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    unit = float(np.abs(table).mean())
    begin = torch.from_numpy(table / unit)
    bag = torch.nn.EmbeddingBag.from_pretrained(begin.clone(), freeze=False, mode="sum")
    optimizer = torch.optim.Adam(bag.parameters(), lr=RATE)
    goals = torch.from_numpy(goal.astype(np.float32))
    rows = np.flatnonzero(~held_out)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * -(-len(rows) // BATCH))
    order = np.random.default_rng(0)
    for epoch in range(EPOCHS):
        for part in np.array_split(order.permutation(rows), -(-len(rows) // BATCH)):
            ids = torch.from_numpy(np.concatenate([tokens[row] for row in part]).astype(np.int64))
            offsets = torch.from_numpy(np.cumsum([0, *(len(tokens[row]) for row in part[:-1])]))
            found = torch.nn.functional.normalize(bag(ids, offsets))
            target = goals[part]
            loss = (1 - (found * target).sum(1)).mean() + ((found @ found.T - target @ target.T) ** 2).mean() * 4
            loss = loss + TIGHT * ((bag.weight - begin) ** 2).sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        near = _nearness(tokens, goal, bag.weight.detach().numpy(), held_out)
        print(f"epoch {epoch + 1}: loss {loss.item():.4f}, {near}", file=sys.stderr, flush=True)
    return bag.weight.detach().numpy() * unit


def _sums(tokens: Sequence[np.ndarray], table: np.ndarray) -> np.ndarray:
    return np.array([table[ids].sum(axis=0) for ids in tokens])


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def _nearness(
    tokens: Sequence[np.ndarray], goal: np.ndarray, table: np.ndarray, held_out: np.ndarray
) -> dict[str, float]:
    """Mean cosine to MiniLM's vector, and how the cosines of pairs of texts agree, on texts of sites held out."""
    rows = np.flatnonzero(held_out)
    found, wanted = _unit(_sums([tokens[row] for row in rows], table)), goal[rows]
    pairs = np.triu_indices(len(rows), 1)
    agree = np.corrcoef((found @ found.T)[pairs], (wanted @ wanted.T)[pairs])[0, 1]
    return {
        "to MiniLM": round(float((found * wanted).sum(1).mean()), 4),
        "of pairs, correlation": round(float(agree), 4),
    }


if __name__ == "__main__":
    sys.exit(main())
