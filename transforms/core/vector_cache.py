"""Vectors of texts that were encoded before, by the text and the model that read it.

A text's key is a hash that is keyed with all its vector depends on besides the text, so the vectors of another
model, or of one that reads fewer tokens, are not even found. The file is one array, sorted by key, which the worker
processes of a machine map into memory together: it costs each of them no more than what it looks up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

KEY_BYTES = 16
FILE = "vectors.npy"


def model_key(name: str, weights_hash: str, max_tokens: int) -> bytes:
    """Return 32 bytes that stand for a model and how much of a text it reads."""
    return blake2b("\n".join((name, weights_hash, str(max_tokens))).encode(), digest_size=32).digest()


def text_key(text: str, model: bytes) -> bytes:
    """Return the key of a text, all of it as it stands, for the model of a ``model_key``."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES, key=model).digest()


class VectorCache:
    """Vectors by key: ``rows`` are of ``row_type`` and ascending."""

    def __init__(self, rows: NDArray[np.void]) -> None:
        self._rows = rows
        self._high = np.ascontiguousarray(rows["high"])

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def rows(self) -> NDArray[np.void]:
        return self._rows

    @classmethod
    def load(cls, directory: str) -> VectorCache:
        """Map the file in ``directory`` into memory; without a directory or a file there is nothing in it."""
        path = Path(directory, FILE)
        there = bool(directory) and path.is_file()
        return cls(np.load(path, mmap_mode="r", allow_pickle=False) if there else np.empty(0, dtype=row_type(0)))

    def find(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the vectors of those keys that are there."""
        if not keys or not len(self._rows):
            return {}
        wanted = _halves(keys)
        found = {}
        places = np.searchsorted(self._high, wanted[:, 0])
        for key, place, low in zip(keys, places.tolist(), wanted[:, 1].tolist(), strict=True):
            for row in self._rows[place : place + 2]:  # half of a key is hardly ever that of two texts
                if (row["high"], row["low"]) == (int.from_bytes(key[:8]), low):
                    found[key] = row["vector"].tobytes()
        return found


def row_type(dimensions: int) -> np.dtype[Any]:
    """Return one vector: both halves of its key, the day (0 if unknown) of the last run that had it, and itself."""
    return np.dtype([("high", "<u8"), ("low", "<u8"), ("seen", "<i4"), ("vector", "i1", (dimensions,))])


def updated(
    cache: VectorCache, keys: Sequence[bytes], vectors: Sequence[bytes], run_date: str, keep_days: int
) -> VectorCache:
    """Return the cache after a run that had these texts; a text may stand there more than once.

    What no run had for more than ``keep_days`` before ``run_date`` is forgotten; without a date, or with 0 days,
    nothing is. Vectors of another length than the run's, which are another model's, go as well.
    """
    today = _day(run_date)
    rows = cache.rows
    if keys:
        added = np.zeros(len(keys), dtype=row_type(len(vectors[0])))
        added["high"], added["low"] = _halves(keys).T
        added["vector"] = np.frombuffer(b"".join(vectors), dtype=np.int8).reshape(len(keys), -1)
        added["seen"] = today
        rows = np.concatenate((rows, added)) if rows.dtype == added.dtype else added
    if today and keep_days:
        rows = rows[(rows["seen"] == 0) | (rows["seen"] >= today - keep_days)]
    rows = rows[np.lexsort((-rows["seen"], rows["low"], rows["high"]))]  # of one key, the newest is first
    first = np.ones(len(rows), dtype=bool)
    first[1:] = (rows["high"][1:] != rows["high"][:-1]) | (rows["low"][1:] != rows["low"][:-1])
    return VectorCache(rows[first])


def _day(text: str) -> int:
    return date.fromisoformat(text).toordinal() if text else 0


def _halves(keys: Iterable[bytes]) -> NDArray[np.uint64]:
    """Return the keys as two numbers each, [n, 2]."""
    return np.frombuffer(b"".join(keys), dtype=">u8").reshape(-1, 2).astype(np.uint64)
