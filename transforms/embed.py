"""Stage ``embed``: stories and teasers -> Vectors.

Each worker process holds one model and remembers the vectors of the texts it saw last, so that a
teaser that stands on a thousand pages is encoded once; what earlier runs have encoded it looks up. Texts are
collected into a bounded buffer, which the encoder sorts by length. The model is loaded for the first text that
is not known.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.shared import Shared
from apache_beam.utils.windowed_value import WindowedValue

import transforms.coders  # noqa: F401  registers the coders of the nouns
from transforms.core import lexical
from transforms.core.encoders import Encoder, load_encoder, quantise, resolve_encoder
from transforms.core.vector_cache import VectorCache, model_key, text_key
from transforms.metrics import count
from transforms.settings import EmbedSettings
from transforms.types import Failure, Source, Vector

STAGE = "embed"
TEASERS = Source("teasers")  # stands for the page's source, which a row of teasers does not hold
READ = 1_000_000  # characters of a text that are read for its vector; its hash knows the whole
BUFFERED = 50_000_000  # characters that wait at most
REMEMBERED = 100_000  # vectors that a process remembers, at about 0.6 KB each


@dataclass(frozen=True, slots=True)
class EmbedItem:
    """One story or teaser to embed.

    ``text`` is all that the vector speaks for, title included. ``file`` holds the row, ``source`` is
    where its page stands in the input; ``TEASERS`` for a teaser.
    """

    id: str
    kind: str  # "story" | "teaser"
    file: str
    text: str
    title: str
    published: str | None
    source: Source


def story_item(row: Mapping[str, Any], file: str) -> EmbedItem:
    """Return the item of a row of the stories table that stands in ``file``."""
    text = _joined(row["title"], row["text"])
    return EmbedItem(row["id"], "story", file, text, row["title"] or "", row["published"], Source(**row["source"]))


def teaser_item(row: Mapping[str, Any], file: str) -> EmbedItem:
    """Return the item of a row of the teasers table; the story it points to has no date on this page."""
    text = _joined(row["title"], row["text"], row["caption"])
    return EmbedItem(row["id"], "teaser", file, text, row["title"] or "", None, TEASERS)


def _joined(*parts: str | None) -> str:
    return "\n".join(part for part in parts if part)


@dataclass(eq=False)
class EmbedTexts(beam.PTransform):
    """EmbedItem -> Vector; items from which no vector can be made go to ``failures``.

    ``threads`` is the number of processor threads of each worker process, ``cache`` the directory with the vectors
    that earlier runs have left, or empty.
    """

    settings: EmbedSettings
    threads: int = 1
    cache: str = ""

    def expand(self, items: beam.PCollection[EmbedItem]) -> beam.pvalue.DoOutputsTuple:
        encode = _Encode(self.settings, self.threads, self.cache)
        return items | "Encode" >> beam.ParDo(encode).with_outputs("failures", main="out")


class _RememberingEncoder:
    """An encoder and the quantised vectors of the last texts; shared by the threads of a process."""

    def __init__(self, load: Callable[[], Encoder], model: bytes, cache: VectorCache) -> None:
        self._load = load
        self._model = model
        self._cache = cache
        self._encoder: Encoder | None = None
        self._lock = threading.Lock()
        self._vectors: dict[bytes, bytes | str] = {}

    def encode(self, texts: Sequence[str]) -> list[tuple[bytes, bytes | str]]:
        """Return the key of each text and its int8 vector or, as a str, the reason why it has none."""
        keys = [text_key(text, self._model) for text in texts]
        with self._lock:
            new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._vectors}
            cached = self._cache.find(list(new))
            count(STAGE, "from_cache", len(cached))
            self._vectors.update(cached)
            if new := {key: text for key, text in new.items() if key not in cached}:
                count(STAGE, "encoded", len(new))
                self._encoder = self._encoder or self._load()
                self._vectors.update(zip(new, self._encode(self._encoder, list(new.values())), strict=True))
            found = [(key, self._vectors[key]) for key in keys]
            while len(self._vectors) > REMEMBERED:
                del self._vectors[next(iter(self._vectors))]  # the oldest
        return found

    def _encode(self, encoder: Encoder, texts: list[str]) -> list[bytes | str]:
        try:
            rows, valid = quantise(encoder.encode(texts))
        except Exception as error:
            if len(texts) == 1:
                return [f"{type(error).__name__}: {error}"]
            # One text must not fail the others.
            return [result for text in texts for result in self._encode(encoder, [text])]
        return [
            row.tobytes() if ok else "the model's vector has no direction" for row, ok in zip(rows, valid, strict=True)
        ]


class _Encode(beam.DoFn):
    def __init__(self, settings: EmbedSettings, threads: int, cache: str = "") -> None:
        self._settings = settings
        self._threads = threads
        self._cache = cache
        self._shared = Shared()

    def setup(self) -> None:
        self._encoder = self._shared.acquire(self._prepare)

    def _prepare(self) -> _RememberingEncoder:
        info = resolve_encoder(self._settings.model)
        model = model_key(info.name, info.weights_hash, self._settings.max_tokens)
        return _RememberingEncoder(self._load, model, VectorCache.load(self._cache))

    def _load(self) -> Encoder:
        settings = self._settings
        return load_encoder(settings.model, settings.batch_size, settings.max_tokens, self._threads)

    def start_bundle(self) -> None:
        self._buffer: list[EmbedItem] = []
        self._chars = 0

    def process(self, item: EmbedItem) -> Iterator[Vector | beam.pvalue.TaggedOutput]:
        self._buffer.append(item)
        self._chars += len(item.text)
        if len(self._buffer) >= self._settings.buffer or self._chars >= BUFFERED:
            yield from self._flush()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for output in self._flush():
            window = GlobalWindow()
            if isinstance(output, beam.pvalue.TaggedOutput):
                value = WindowedValue(output.value, window.max_timestamp(), (window,))
                yield beam.pvalue.TaggedOutput(output.tag, value)
            else:
                yield WindowedValue(output, window.max_timestamp(), (window,))

    def _flush(self) -> Iterator[Vector | beam.pvalue.TaggedOutput]:
        items, self._buffer, self._chars = self._buffer, [], 0
        texts = [item.text[:READ] for item in items]
        have_words = [bool(lexical.normalise(text)) for text in texts]
        encoded = iter(self._encoder.encode(list(compress(texts, have_words))))
        for item, has_words in zip(items, have_words, strict=True):
            key, result = next(encoded) if has_words else (b"", f"the {item.kind} has no letters or digits")
            if isinstance(result, bytes):
                count(STAGE, "vectors")
                yield replace(as_vector(item, result), cache_key=key)
            else:
                count(STAGE, "failures")
                failure = Failure(STAGE, item.source, "no_vector", result[:500], item.id)
                yield beam.pvalue.TaggedOutput("failures", failure)


def as_vector(item: EmbedItem, vector: bytes) -> Vector:
    """Return the Vector of an item and its int8 embedding."""
    text = item.text[:READ]
    return Vector(
        id=item.id,
        kind=item.kind,
        file=item.file,
        text_hash=lexical.text_hash(item.text),
        vector=vector,
        sketch=lexical.shingle_sketch(text),
        title=item.title,
        published=item.published,
        terms=lexical.packed_terms(lexical.terms(text)),
        words=lexical.word_weights(text),
        facts=lexical.fact_sketch(text),
    )
