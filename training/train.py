"""Fit the role model.

    python -m training.train --data ../shared --out transforms/models/roles.npz        all pages
    python -m training.train --data ../shared --folds build/folds                      one model per site fold

Seeds are fixed, one thread computes, and torch uses deterministic kernels only.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from training.compose import Composer
from training.data import ALL, BIT, FOLDS, MAIN, LabelledPage, fold_of, load_pages
from training.lexicon import fit_lexicon
from training.net import RoleNet, artefact, save
from training.pools import StoryText, collect_pools, load_stories, own_stories
from training.render import Renderer
from training.vary import Varier
from transforms.core.features import Features, page_features
from transforms.core.lexicon import WORD_BUCKETS, Lexicon
from transforms.types import ROLES

SEED = 7
EPOCHS = 22
WORD_SITES = 10  # a word is learned only if real pages of this many sites have it
COMPOSED = 2500  # new ones in every epoch
RENDERED = {"composed": 0.25, "own": 0.5}  # share of these that are shown as HTML pages
VARIED = {"html": 0.4, "main": 0.6, "whole": 0.6}  # share of the real pages that each epoch shows a little changed
HTML_WEIGHT = 1.5  # composed pages are all text: without it the model reads HTML less well
BATCH_BLOCKS = 2500
MAX_BLOCKS = 500  # longer pages are cut at random windows of this many blocks while training
PEAK_RATE = 3e-3
WARM_UP = 0.15
MAIN_ROLES = [i for i, role in enumerate(ROLES) if BIT[role] & MAIN]


@dataclass(frozen=True)
class Example:
    """A page as the trainer sees it."""

    domain: str
    form: str
    features: Features
    allowed: np.ndarray  # [n] bit masks
    weight: np.ndarray  # [n]
    starts: np.ndarray  # [n] 1 where a teaser starts, 0 where none does, -1 unknown


def example(page: LabelledPage, lexicon: Lexicon) -> Example:
    features = page_features(page.blocks, lexicon, page.hints)
    n = len(page.blocks)
    chars = np.array([len(b.text) for b in page.blocks])
    # Where only the main text is known, long blocks weigh more: it is measured in words. Long pages weigh less.
    by_length = 0.6 + 0.4 * np.minimum(np.sqrt(chars / 60), 3) if page.origin in ("wcxb", "news") else 1.2
    weight = page.weight * by_length / max(1.0, (n / 100) ** 0.5)
    if page.form == "html":
        weight = weight * HTML_WEIGHT
    if not page.article:
        weight = weight * 0.3
    starts = np.zeros(n, np.int32)
    previous = 0
    for i, number in enumerate(page.teaser):
        starts[i] = -1 if number < 0 else int(number > 0 and number != previous)
        previous = number if number > 0 else previous
    features.dense.setflags(write=False)
    return Example(page.domain, page.form, features, page.allowed, weight.astype(np.float32), starts)


def short_lines(pages: Sequence[LabelledPage]) -> dict[int, list[str]]:
    """Short lines of whole pages by what is known of their roles, each once."""
    lines: dict[int, dict[str, None]] = {}
    for page in pages:
        if page.form != "html":
            for block, mask, weight in zip(page.blocks, page.allowed.tolist(), page.weight.tolist(), strict=True):
                if weight > 0 and 8 < len(block.text) < 80 and mask != ALL:
                    lines.setdefault(mask, {})[block.text] = None
    return {mask: list(texts) for mask, texts in lines.items()}


def batches(examples: Sequence[Example], rng: random.Random) -> list[list[tuple[Example, int, int]]]:
    """Pages of about equal length together, windows of long ones, at most BATCH_BLOCKS blocks with padding."""
    windows = []
    for ex in examples:
        n = len(ex.features)
        start = rng.randint(0, n - MAX_BLOCKS) if n > MAX_BLOCKS else 0
        windows.append((ex, start, min(n, start + MAX_BLOCKS)))
    windows.sort(key=lambda w: (w[2] - w[1]) * rng.uniform(0.8, 1.25))
    out: list[list[tuple[Example, int, int]]] = [[]]
    for window in windows:
        longest = max([window[2] - window[1], *(e - s for _, s, e in out[-1])])
        if out[-1] and longest * (len(out[-1]) + 1) > BATCH_BLOCKS:
            out.append([])
        out[-1].append(window)
    rng.shuffle(out)
    return out


def collate(batch: Sequence[tuple[Example, int, int]]) -> dict[str, torch.Tensor]:
    longest = max(e - s for _, s, e in batch)
    shape = (len(batch), longest)
    dense = np.zeros((*shape, batch[0][0].features.dense.shape[1]), np.float32)
    sense = np.zeros((*shape, batch[0][0].features.sense.shape[1]), np.float32)
    mask = np.zeros(shape, np.float32)
    weight = np.zeros(shape, np.float32)
    allowed = np.full((*shape, len(ROLES)), False)
    starts = np.full(shape, -1, np.float32)
    bags: dict[str, tuple[list[np.ndarray], list[int]]] = {"word": ([], [0]), "name": ([], [0])}
    bits = np.array([1 << i for i in range(len(ROLES))])
    for row, (ex, s, e) in enumerate(batch):
        n, f = e - s, ex.features
        dense[row, :n], mask[row, :n], weight[row, :n] = f.dense[s:e], 1, ex.weight[s:e]
        sense[row, :n] = f.sense[s:e]
        allowed[row, :n] = (ex.allowed[s:e, None] & bits) != 0
        starts[row, :n] = ex.starts[s:e]
        for kind, ids, offsets in (("word", f.words, f.word_offsets), ("name", f.names, f.name_offsets)):
            bags[kind][0].append(ids[offsets[s] : offsets[e]])
            last = bags[kind][1][-1]
            bags[kind][1].extend((offsets[s + 1 : e + 1] - offsets[s] + last).tolist())
            bags[kind][1].extend([bags[kind][1][-1]] * (longest - n))
    out = {"dense": dense, "sense": sense, "mask": mask, "weight": weight, "allowed": allowed, "starts": starts}
    for kind, (ids, offsets) in bags.items():
        out[f"{kind}s"] = np.concatenate(ids).astype(np.int64)
        out[f"{kind}_offsets"] = np.array(offsets, np.int64)
    return {k: torch.from_numpy(v) for k, v in out.items()}


def loss_of(net: RoleNet, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    scores, start = net(batch)
    inside = scores.masked_fill(~batch["allowed"], -1e4).logsumexp(2)
    outside = scores.masked_fill(batch["allowed"], -1e4).logsumexp(2)
    # Where all that is known is "not main text", main text is pushed down and nothing up: the probability of a set
    # makes its likeliest role likelier still, and every teaser of a page that nobody labelled would be boilerplate.
    open_set = ~batch["allowed"][:, :, MAIN_ROLES].any(2) & (batch["allowed"].sum(2) > 1)
    lost = torch.nn.functional.softplus(outside - torch.where(open_set, inside.detach(), inside))
    roles = (lost * batch["weight"] * batch["mask"]).sum() / (batch["weight"] * batch["mask"]).sum()
    known = (batch["starts"] >= 0) & (batch["mask"] > 0)
    if not known.any():
        return roles
    wanted = batch["starts"][known].clamp(min=0)
    return roles + 0.5 * torch.nn.functional.binary_cross_entropy_with_logits(start[known], wanted)


def fit(real: Callable[[int], list[Example]], compose: Callable[[], list[Example]], seed: int) -> RoleNet:
    """Train one network from scratch on the real pages of each epoch and newly composed ones."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    examples = [*real(0), *compose()]
    sample = np.concatenate([ex.features.dense[:: max(1, len(ex.features) // 40)] for ex in examples])
    net = RoleNet(sample.mean(0), np.maximum(sample.std(0), 0.05), common_words(real(0)))
    optimiser = torch.optim.AdamW(net.parameters(), lr=PEAK_RATE, weight_decay=0.02)
    net.train()
    for epoch in range(EPOCHS):
        if epoch:
            examples = [*real(epoch), *compose()]
        steps = batches(examples, rng)
        for number, batch in enumerate(tqdm(steps, desc=f"epoch {epoch + 1}/{EPOCHS}", mininterval=10)):
            for group in optimiser.param_groups:
                group["lr"] = rate_at((epoch + number / len(steps)) / EPOCHS)
            loss = loss_of(net, collate(batch))
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
    return net.eval()


def rate_at(progress: float) -> float:
    """Learning rate after this share of the training: up to the peak and down to nothing, both along a cosine."""
    if progress < WARM_UP:
        return PEAK_RATE * (0.04 + 0.48 * (1 - math.cos(math.pi * progress / WARM_UP)))
    return PEAK_RATE * 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))


def common_words(examples: Sequence[Example]) -> np.ndarray:
    """Word buckets that real pages of at least WORD_SITES sites use. [WORD_BUCKETS] bool"""
    sites: dict[str, list[np.ndarray]] = {}
    for ex in examples:
        sites.setdefault(ex.domain, []).append(ex.features.words)
    count = np.zeros(WORD_BUCKETS, np.int32)
    for words in sites.values():
        count[np.unique(np.concatenate(words))] += 1
    return count >= WORD_SITES


def transitions(examples: Sequence[Example]) -> np.ndarray:
    """Scores of each step between roles: a quarter of the pointwise mutual information.

    The network has seen the neighbours already, so the decoder only breaks near-ties.
    """
    k = len(ROLES)
    step = np.full((k, k), 2.0)
    single = {1 << i: i for i in range(k)}
    for ex in examples:
        roles = [single.get(int(a), -1) for a in ex.allowed]
        for a, b in itertools.pairwise(roles):
            if a >= 0 and b >= 0:
                step[a, b] += 1
    share = step.sum(0) / step.sum()
    pmi = np.log(step / step.sum(1, keepdims=True)) - np.log(share)
    return (0.25 * np.clip(pmi, -4, 3)).astype(np.float32)


def train_one(stories: list[StoryText], pages: list[LabelledPage], fold: int | None) -> bytes:
    seen_pages = [p for p in pages if p.origin == "own" or fold is None or fold_of(p.domain) != fold]
    seen_stories = [s for s in stories if fold is None or fold_of(s.domain) != fold]
    seen_stories += own_stories([p for p in pages if p.origin == "own"])
    lexicon = fit_lexicon([[s.title, *(text for text, _ in s.parts)] for s in seen_stories], short_lines(seen_pages))
    inside = [example(p, lexicon) for p in tqdm(seen_pages, desc="features", unit="page", mininterval=10)]
    composer = Composer(seen_stories, collect_pools(seen_pages), SEED)
    varier, renderer = Varier(composer), Renderer(composer.rng)
    rng = random.Random(SEED)

    def as_html(pages: Sequence[LabelledPage], share: float) -> list[LabelledPage]:
        rendered = [renderer.html_page(page) for page in pages if rng.random() < share]
        return [page for page in rendered if page is not None]

    def shown(epoch: int) -> list[Example]:
        real = [
            example(varier.varied(page), lexicon) if epoch and rng.random() < VARIED[page.form] else ex
            for ex, page in zip(inside, seen_pages, strict=True)
        ]
        own = as_html([page for page in seen_pages if page.origin == "own"], RENDERED["own"])
        return [*real, *(example(page, lexicon) for page in own)]

    def composed() -> list[Example]:
        as_text = [composer.page() for _ in range(round(COMPOSED * (1 - RENDERED["composed"])))]
        rendered = as_html([composer.page() for _ in range(COMPOSED - len(as_text))], 1.0)
        return [example(page, lexicon) for page in (*as_text, *rendered)]

    net = fit(shown, composed, SEED)
    step = transitions([*(ex for ex in inside if ex.form != "html"), *composed()])
    card = {
        "fold_left_out": fold,
        "pages": len(inside),
        "composed_pages": EPOCHS * COMPOSED,
        "epochs": EPOCHS,
        "seed": SEED,
        "torch": torch.__version__,
    }
    return artefact(net, lexicon, step, card)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with gold/, wcxb/ and news/")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--out", type=Path, help="the artefact, fitted on all pages")
    target.add_argument("--folds", type=Path, help="folder for fold-0.npz ..: each fitted without one fold's sites")
    parser.add_argument("--only", type=int, nargs="+", choices=range(FOLDS), help="with --folds: these folds alone")
    args = parser.parse_args(argv)
    if not (args.data / "gold/roles.jsonl").exists():
        print(f"training: no gold/roles.jsonl under {args.data}; name the data with DATA=folder", file=sys.stderr)
        return 2
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # two threads gain little on batches this small, and fold by fold uses the cores better
    began = time.monotonic()
    threadpool_limits(1)  # numpy's products, likewise
    pages = load_pages(args.data)
    stories = load_stories(args.data)
    print(
        f"training: {len(pages)} pages, {sum(len(p.blocks) for p in pages)} blocks ({time.monotonic() - began:.0f} s)"
    )
    if args.out:
        save(args.out, train_one(stories, pages, None))
    else:
        for fold in args.only or range(FOLDS):
            save(args.folds / f"fold-{fold}.npz", train_one(stories, pages, fold))
    print(f"training: done in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
