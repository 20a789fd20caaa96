"""The role model's network in torch, the twin of ``transforms/core/role_model.py``."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from training.lexicon import DIMENSIONS, lexicon_arrays
from transforms.core.dom_features import NAME_BUCKETS
from transforms.core.features import NAMES
from transforms.core.lexicon import WORD_BUCKETS, Lexicon
from transforms.core.role_model import DILATIONS, FORMAT, MEMORIES, features_hash
from transforms.types import ROLES

WIDTH, WORD_DIM, NAME_DIM = 112, 16, 24


class Conv(nn.Module):
    """One residual step of context: norm, dilated convolution over three blocks, mix."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.norm = nn.LayerNorm(WIDTH)
        self.conv = nn.Linear(3 * WIDTH, WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.drop = nn.Dropout(0.15)

    def forward(self, h: Tensor, mask: Tensor) -> Tensor:
        u = self.norm(h) * mask
        pad = u.new_zeros(u.shape[0], self.dilation, u.shape[2])
        padded = torch.cat((pad, u, pad), 1)
        n = u.shape[1]
        wide = torch.cat((padded[:, :n], u, padded[:, 2 * self.dilation :]), 2)
        return h + self.out(self.drop(torch.relu(self.conv(wide))))


class GatedSum(torch.autograd.Function):
    """state[t] = keep[t] * state[t - 1] + new[t] along the first axis; by hand, for torch would record every step."""

    @staticmethod
    def forward(ctx, keep: Tensor, new: Tensor) -> Tensor:
        gates, states = keep.numpy(), new.numpy().copy()
        for t in range(1, len(states)):
            states[t] += gates[t] * states[t - 1]
        out = torch.from_numpy(states)
        ctx.save_for_backward(keep, out)
        return out

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor]:
        keep, states = (x.numpy() for x in ctx.saved_tensors)
        to_new = gradient.numpy().copy()
        for t in range(len(to_new) - 1, 0, -1):
            to_new[t - 1] += keep[t] * to_new[t]
        to_keep = np.zeros_like(to_new)
        to_keep[1:] = to_new[1:] * states[:-1]
        return torch.from_numpy(to_keep), torch.from_numpy(to_new)


class Memory(nn.Module):
    """What has been seen before and after each block: a gated sum that forgets (QRNN, Bradbury et al. 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.gate = nn.Linear(WIDTH, WIDTH)  # one half looks back, the other ahead
        self.value = nn.Linear(WIDTH, WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)
        nn.init.constant_(self.gate.bias, 1.0)  # remember, to begin with

    def forward(self, h: Tensor, mask: Tensor) -> Tensor:
        u = self.norm(h)
        keep = torch.sigmoid(self.gate(u)) * mask + (1 - mask)  # what is no block changes nothing
        new = (1 - keep) * torch.tanh(self.value(u))
        half = WIDTH // 2

        def turned(x: Tensor) -> Tensor:  # the half that looks ahead reads the page backwards
            return torch.cat((x[..., :half], x[..., half:].flip(x.ndim - 2)), -1)

        seen = GatedSum.apply(*(turned(x).transpose(0, 1).contiguous() for x in (keep, new)))
        return h + self.out(turned(seen.transpose(0, 1)))


class RoleNet(nn.Module):
    """Scores of every role and of a teaser's start for each block of a batch of pages."""

    def __init__(self, mean: np.ndarray, std: np.ndarray, common: np.ndarray) -> None:
        """``common`` marks the word buckets of several sites; the rest stay zero and cannot be learned by heart."""
        super().__init__()
        self.register_buffer("common", torch.tensor(common, dtype=torch.float32).unsqueeze(1))
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))
        self.words = nn.Embedding(WORD_BUCKETS, WORD_DIM)
        self.names = nn.Embedding(NAME_BUCKETS, NAME_DIM)
        nn.init.normal_(self.words.weight, std=0.1)
        nn.init.normal_(self.names.weight, std=0.1)
        self.enter = nn.Linear(len(NAMES) + WORD_DIM + NAME_DIM + DIMENSIONS, WIDTH)
        self.convs = nn.ModuleList(Conv(d) for d in DILATIONS)
        self.memories = nn.ModuleList(Memory() for _ in MEMORIES)
        self.page = nn.Linear(2 * WIDTH, WIDTH)
        self.past = nn.Linear(2 * WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        self.out = nn.Linear(WIDTH, len(ROLES))
        self.start = nn.Linear(WIDTH, 1)
        self.direct_dense = nn.Linear(len(NAMES), len(ROLES), bias=False)
        self.direct_words = nn.Linear(WORD_DIM, len(ROLES), bias=False)
        self.direct_names = nn.Linear(NAME_DIM, len(ROLES), bias=False)
        self.direct_sense = nn.Linear(DIMENSIONS, len(ROLES), bias=False)
        self.drop = nn.Dropout(0.1)

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        mask = batch["mask"].unsqueeze(2)
        b, n = batch["mask"].shape
        dense = ((batch["dense"] - self.mean) / self.std).clamp(-5, 5)
        words = self._bag(self.words.weight * self.common, batch["words"], batch["word_offsets"]).view(b, n, -1)
        names = self._bag(self.names.weight, batch["names"], batch["name_offsets"]).view(b, n, -1)
        sense = batch["sense"]
        if self.training:  # whole views go missing, so that none is leant on: unknown languages, unknown sites
            words = words * (torch.rand(b, 1, 1) > 0.4) * (torch.rand(b, n, 1) > 0.3)
            names = names * (torch.rand(b, 1, 1) > 0.3)
            sense = sense * (torch.rand(b, 1, 1) > 0.3) * (torch.rand(b, n, 1) > 0.2)
            dense = dense + 0.15 * torch.randn_like(dense)
        x = self.drop(torch.cat((dense, words, names, sense), 2))
        h = torch.relu(self.enter(x))
        for i, conv in enumerate(self.convs):
            if i == len(DILATIONS) // 2:
                u = conv.norm(h)
                mean = (u * mask).sum(1) / mask.sum(1)
                top = u.masked_fill(mask == 0, -1e4).max(1).values
                h = h + self.page(torch.cat((mean, top), 1)).unsqueeze(1)
                seen = torch.relu(u) * mask
                before = seen.cummax(1).values
                after = seen.flip(1).cummax(1).values.flip(1)
                h = h + self.past(torch.cat((before, after), 2))
            h = conv(h, mask)
            if i in MEMORIES:
                h = self.memories[MEMORIES.index(i)](h, mask)
        h = self.norm(h)
        context = self.out(h)
        if self.training:
            context = context * (torch.rand(b, 1, 1) > 0.1)
        direct = self.direct_dense(dense) + self.direct_words(words) + self.direct_names(names)
        scores = context + direct + self.direct_sense(sense)
        return scores, self.start(h).squeeze(2)

    @staticmethod
    def _bag(table: Tensor, ids: Tensor, offsets: Tensor) -> Tensor:
        sums = nn.functional.embedding_bag(ids, table, offsets, mode="sum", include_last_offset=True)
        sizes = (offsets[1:] - offsets[:-1]).clamp(min=1).float()
        return sums / sizes.sqrt().unsqueeze(1)


def artefact(net: RoleNet, lexicon: Lexicon, step: np.ndarray, card: dict) -> bytes:
    """The trained network as the bytes of an ``.npz``: float16 arrays and a JSON card, equal for equal weights."""
    weights = {
        "mean": net.mean, "std": net.std, "words": net.words.weight * net.common, "names": net.names.weight,
        "in.w": net.enter.weight.T, "in.b": net.enter.bias,
        "page.w": net.page.weight.T, "page.b": net.page.bias,
        "past.w": net.past.weight.T, "past.b": net.past.bias,
        "out.g": net.norm.weight, "out.s": net.norm.bias, "out.w": net.out.weight.T, "out.b": net.out.bias,
        "start.w": net.start.weight[0], "start.b": net.start.bias,
        "direct.dense": net.direct_dense.weight.T, "direct.words": net.direct_words.weight.T,
        "direct.names": net.direct_names.weight.T, "direct.sense": net.direct_sense.weight.T,
    }  # fmt: skip
    for i, conv in enumerate(net.convs):
        weights |= {
            f"conv{i}.g": conv.norm.weight, f"conv{i}.s": conv.norm.bias, f"conv{i}.w": conv.conv.weight.T,
            f"conv{i}.b": conv.conv.bias, f"conv{i}.o": conv.out.weight.T,
        }  # fmt: skip
    for i, memory in enumerate(net.memories):
        weights |= {
            f"memory{i}.g": memory.norm.weight, f"memory{i}.s": memory.norm.bias,
            f"memory{i}.keep.w": memory.gate.weight.T, f"memory{i}.keep.b": memory.gate.bias,
            f"memory{i}.new.w": memory.value.weight.T, f"memory{i}.new.b": memory.value.bias,
            f"memory{i}.o": memory.out.weight.T,
        }  # fmt: skip
    arrays = {k: v.detach().numpy().astype(np.float16) for k, v in weights.items()}
    arrays |= {"mean": net.mean.numpy(), "std": net.std.numpy(), "step": step}
    arrays |= lexicon_arrays(lexicon)
    card = {"format": FORMAT, "features": features_hash(), **card}
    arrays["card"] = np.frombuffer(json.dumps(card, sort_keys=True).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{k: np.ascontiguousarray(v) for k, v in sorted(arrays.items())})
    return buffer.getvalue()


def save(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
