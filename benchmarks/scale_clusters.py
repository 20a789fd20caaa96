"""Processor time and memory of clustering many vectors: ``python -m benchmarks.scale_clusters --data FOLDER``.

The vectors are made of real ones. An event is a mixture of two real texts, of ECB+ or WCXB: of their embeddings, their
words, their titles and their most frequent words, with a few names of its own. A report of it mixes in a little of a
third text. So embeddings and word counts are spread as those of real texts are, and reports of one event are about as
alike as those of ECB+. Of all texts 15 % are copies of an earlier one (some words changed) and 10 % are equal to one.
An event has one to 300 reports, most have one; 70 % of all texts have a date, within a month.

The largest size is clustered in cells too, for the share of pairs that is compared and what that misses.
Each size runs in a process of its own, whose processor time and peak memory are reported, the making of the vectors
left out of the first and the vectors themselves contained in the second.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transforms.coders import NounCoder
from transforms.core.clustering import cluster
from transforms.core.encoders import load_encoder, quantise
from transforms.core.levels import int8_rows
from transforms.core.lexical import FACT, SKETCH_SIZE, WORD_WEIGHT, packed_terms, unpacked_terms
from transforms.embed import EmbedItem, as_vector
from transforms.settings import ClusterSettings
from transforms.types import Source, Vector

LEAD = 600  # characters of a real text that are embedded
SIZES = (20_000, 50_000, 200_000)
IN_CELLS = (200_000,)
COPIES, EQUAL = 0.15, 0.10  # shares of texts that are copies of an earlier one, and that equal one
DATED = 0.7
DAYS = 30
MOST = 300  # reports of an event
NAMES = 6  # words that an event shares with no other
SECOND, THIRD = 0.35, 0.2  # share of the second text in an event, of the third in a report
COMMON = 0.1  # of a text's shingles, those that stand in texts of other events too


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with wcxb/ and clusters/")
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--cells", type=int, nargs="*", default=list(IN_CELLS), help="sizes clustered in cells too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for scale_clusters.json")
    parser.add_argument("--real", type=Path, help="file that keeps the vectors of the real texts")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--all-pairs", type=int, default=ClusterSettings().all_pairs, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.one is not None:
        print(json.dumps(measured(args.real, args.one, args.seed, ClusterSettings(all_pairs=args.all_pairs))))
        return 0
    rows: list[dict[str, float]] = []
    for row in all_sizes(args.data, args.sizes, args.cells, args.seed, args.real):
        rows.append(row)
        if args.out is not None:  # after each size: the largest takes long
            result = {"date": date.today().isoformat(), "threads": os.environ.get("OMP_NUM_THREADS", ""), "sizes": rows}
            (args.out / "scale_clusters.json").write_text(json.dumps(result, indent=1) + "\n")
    print(table(rows))
    return 0


def all_sizes(
    data: Path, sizes: Sequence[int], in_cells: Sequence[int], seed: int, real: Path | None = None
) -> Iterator[dict[str, float]]:
    """Measure each size in a process of its own: with all pairs, or as ``ClusterSettings`` have it, then in cells."""
    all_pairs = ClusterSettings().all_pairs
    with tempfile.TemporaryDirectory() as directory:
        real = real or Path(directory) / "real"
        if not real.exists():
            real.write_bytes(pickle.dumps(real_vectors(data)))
        for n, limit in [*((n, all_pairs) for n in sizes), *((n, 0) for n in in_cells)]:
            command = [sys.executable, "-m", "benchmarks.scale_clusters", "--data", str(data), "--real", str(real)]
            command += ["--one", str(n), "--seed", str(seed), "--all-pairs", str(limit)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            yield json.loads(done.stdout.splitlines()[-1])


def table(rows: Sequence[dict[str, float]]) -> str:
    lines = [
        "| vectors | seconds | processor seconds | peak MB | MB of vectors | duplicate groups | stories | topics |",
        "| --- " * 8 + "|",
    ]
    lines += [
        f"| {row['vectors']:,} | {row['seconds']:,.0f} | {row['processor']:,.0f} | {row['peak_mb']:,} | "
        f"{row['vectors_mb']:,} | {row['duplicate']:,} | {row['story']:,} | {row['topic']:,} |"
        for row in rows
    ]
    for row in rows:
        if "story_pairs_compared" in row:
            share = row["story_pairs_compared"] / (row["duplicate"] * (row["duplicate"] - 1) / 2)
            recall = row["story_pairs_found"] / max(1, row["story_pairs_audited"])
            lines += [
                "",
                f"{row['vectors']:,} vectors in cells: {share:.2%} of all pairs, recall {recall:.4f} of stories",
            ]
    return "\n".join(lines)


def measured(real: Path, n: int, seed: int, settings: ClusterSettings) -> dict[str, float]:
    vectors = news(pickle.loads(real.read_bytes()), n, seed)
    vectors_mb = _resident_mb()
    began, used = time.perf_counter(), time.process_time()
    told: Counter[str] = Counter()
    clusters = cluster(vectors, settings, "", report=lambda name, number: told.update({name: number})).clusters
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    levels = Counter(item.level for item in clusters)
    return {
        "vectors": n,
        "seconds": round(seconds, 1),
        "processor": round(processor, 1),
        "peak_mb": peak,
        "vectors_mb": vectors_mb,
        **levels,
        **told,
    }


def _resident_mb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def real_texts(data: Path) -> list[tuple[str, str]]:
    """Title and text of real pages: news of ECB+, articles of WCXB."""
    texts = []
    for file in (data / "clusters/ecb_dev_pages.jsonl", data / "wcxb/gold.jsonl"):
        with file.open(encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        texts += [
            ((row.get("title") or "")[:300], row["text"] or "")
            for row in rows
            if row.get("page_type", "article") == "article" and len((row["text"] or "").split()) >= 60
        ]
    return texts


def real_vectors(data: Path) -> list[Vector]:
    """The vectors of the real texts."""
    texts = real_texts(data)
    rows, _ = quantise(load_encoder("minilm").encode([f"{title}\n{text}"[:LEAD] for title, text in texts]))
    return [
        as_vector(EmbedItem(f"r{n:04}", "story", "", f"{title}\n{text}", title, None, Source("")), row.tobytes())
        for n, ((title, text), row) in enumerate(zip(texts, rows, strict=True))
    ]


def news(base: Sequence[Vector], n: int, seed: int) -> list[Vector]:
    """``n`` vectors of a month's news, made of real ones; see above."""
    embeddings = int8_rows(base).astype(np.float32)
    units = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    rng = np.random.default_rng(seed)
    coder = NounCoder(Vector)
    common = np.concatenate([np.frombuffer(vector.sketch, dtype="<u4") for vector in base])
    vectors: list[Vector] = []
    waiting: list[tuple] = []
    while len(vectors) + len(waiting) < n:
        first, second = rng.integers(len(base), size=2)
        names = rng.integers(1 << 32, size=NAMES, dtype=np.uint32)
        start = date(2026, 11, 1) + timedelta(days=int(rng.integers(DAYS)))
        event = units[first] * np.sqrt(1 - SECOND) + units[second] * np.sqrt(SECOND)
        event += 0.6 * _direction(rng)
        words = _mixed(rng, base[first].words, base[second].words, SECOND)
        for _ in range(min(MOST, int(rng.zipf(2.2)))):
            third = rng.integers(len(base))
            row = event / np.linalg.norm(event) * np.sqrt(1 - THIRD) + units[third] * np.sqrt(THIRD)
            published = (start + timedelta(days=int(rng.integers(3)))).isoformat() if rng.random() < DATED else None
            waiting.append((row, base[first], base[third], words, names, published))
        while waiting and (len(waiting) >= 4096 or len(vectors) + len(waiting) >= n):
            rows, _ = quantise(np.array([report[0] for report in waiting[:4096]], dtype=np.float32))
            for row, (_, one, other, words, names, published) in zip(rows, waiting[:4096], strict=True):
                made = _report(rng, f"v{len(vectors):08}", row, one, other, words, names, published, common)
                if vectors and rng.random() < COPIES + EQUAL:
                    earlier = vectors[int(rng.integers(len(vectors)))]
                    made = _copy(rng, made, earlier, equal=rng.random() < EQUAL / (COPIES + EQUAL))
                # Through the coder, so that no two share a string, as in a run.
                vectors.append(coder.decode(coder.encode(made)))
            del waiting[:4096]
    return vectors[:n]


def _direction(rng: np.random.Generator) -> NDArray[np.float32]:
    row = rng.normal(size=384).astype(np.float32)
    return row / np.linalg.norm(row)


def _mixed(rng: np.random.Generator, one: bytes, other: bytes, share: float) -> NDArray[np.void]:
    """Words of two texts: each of the first with probability 1 - share, of the second with share."""
    first, second = (np.frombuffer(words, dtype=WORD_WEIGHT) for words in (one, other))
    both = np.concatenate([first[rng.random(len(first)) >= share], second[rng.random(len(second)) < share]])
    return both[np.unique(both["hash"], return_index=True)[1]]


def _report(
    rng: np.random.Generator,
    id: str,
    row: NDArray[np.int8],
    one: Vector,
    other: Vector,
    words: NDArray[np.void],
    names: NDArray[np.uint32],
    published: str | None,
    common: NDArray[np.uint32],
) -> Vector:
    own = np.empty(NAMES, dtype=WORD_WEIGHT)
    own["hash"], own["weight"] = names, 24
    weights = np.concatenate([own, _mixed(rng, words.tobytes(), other.words, THIRD)])[:128]
    shingles = int(rng.integers(20, 800))
    hashes = rng.integers(1 << 32, size=shingles, dtype=np.uint32)
    hashes[rng.random(shingles) < COMMON] = 0
    hashes[hashes == 0] = rng.choice(common, size=int((hashes == 0).sum()))
    facts = np.empty(min(60, shingles // 4), dtype=FACT)
    facts["place"] = np.sort(rng.integers(1 << 32, size=len(facts), dtype=np.uint32))
    facts["fact"] = rng.integers(1 << 16, size=len(facts))
    return Vector(
        id=id if published else f"{id}#t1",
        kind="story" if published else "teaser",
        file="stories-0",
        text_hash=rng.bytes(16),
        vector=row.tobytes(),
        sketch=np.unique(hashes)[:SKETCH_SIZE].astype("<u4").tobytes(),
        title=one.title,
        published=published,
        terms=packed_terms([*unpacked_terms(one.terms)[:28], *unpacked_terms(other.terms)[:12]]),
        words=weights.tobytes(),
        facts=facts.tobytes(),
    )


def _copy(rng: np.random.Generator, made: Vector, earlier: Vector, equal: bool) -> Vector:
    """The earlier text once more with the id of ``made``: all of it, or a tenth of its shingles changed."""
    sketch = np.frombuffer(earlier.sketch, dtype="<u4").copy()
    changed = np.zeros(len(sketch), dtype=bool) if equal else rng.random(len(sketch)) < 0.1
    sketch[changed] = rng.integers(1 << 32, size=int(changed.sum()), dtype=np.uint32)
    return Vector(
        id=made.id,
        kind=made.kind,
        file=made.file,
        text_hash=earlier.text_hash if equal else made.text_hash,
        vector=earlier.vector,
        sketch=np.unique(sketch).astype("<u4").tobytes(),
        title=earlier.title,
        published=made.published and (earlier.published or made.published),
        terms=earlier.terms,
        words=earlier.words,
        facts=earlier.facts,
    )


if __name__ == "__main__":
    sys.exit(main())
