"""What a large corpus would take, from figures measured on a small one: ``make scale``.

``--measure`` runs the product over pages of the development data (or, without it, the demo pages) and writes what a
page costs into ``results/scale.json``, in processor time and bytes. Without it only the sums are made: the tables are
printed and put into ``docs/scale.md``, between the marks there. Every figure in that document comes from here.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
DOCUMENT = ROOT / "docs" / "scale.md"
MARKS = "<!-- figures of benchmarks/scale.py -->", "<!-- end of the figures -->"
HOUR, GIB = 3600.0, 2.0**30


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is asked for: how many pages, on how many cores, at which price, over how many days of news."""

    pages: float = 1e9
    cores: int = 1_000
    price: float = 0.04  # of one core for one hour
    days: int = 3_650
    memory: float = 64 * GIB  # of the one worker that clusters


ASKED = Corpus()  # what docs/scale.md tells of


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="measure first, into results/scale.json")
    parser.add_argument("--data", type=Path, help="folder with wcxb/; the demo pages if it is not there")
    parser.add_argument("--sample", type=int, default=100, help="pages to measure (default 100)")
    parser.add_argument("--pages", type=float, default=ASKED.pages)
    parser.add_argument("--cores", type=int, default=ASKED.cores)
    parser.add_argument("--price", type=float, default=ASKED.price, help="dollars for a core and hour")
    parser.add_argument("--days", type=int, default=ASKED.days, help="days that the pages are of")
    parser.add_argument("--memory", type=float, default=ASKED.memory / GIB, help="GiB of the worker that clusters")
    args = parser.parse_args(argv)
    if args.measure:
        measured = measure(args.data, args.sample)
        (RESULTS / "scale.json").write_text(json.dumps(measured, indent=1) + "\n")
    corpus = Corpus(args.pages, args.cores, args.price, args.days, args.memory * GIB)
    text = render(corpus, *load())
    print(text)
    if corpus == ASKED:
        DOCUMENT.write_text(filled(DOCUMENT.read_text(encoding="utf-8"), text), encoding="utf-8")
    return 0


def load() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what was measured: per page of a corpus, and the steps of ``benchmarks/speed.py``."""
    return json.loads((RESULTS / "scale.json").read_text()), json.loads((RESULTS / "speed.json").read_text())


def filled(document: str, text: str) -> str:
    """Return the document with ``text`` between its marks."""
    head, _, rest = document.partition(MARKS[0])
    return f"{head}{MARKS[0]}\n\n{text}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}"


# Measuring


def measure(data: Path | None, sample: int) -> dict[str, Any]:
    """Run the pages up to their vectors, and count; then time the encoder and the comparison of pairs."""
    import platform

    import numpy

    from pipeline import config, runner
    from pipeline.request import Request
    from pipeline.sinks import read_table, table_files
    from transforms.core.components import UNIT, unit_rows
    from transforms.core.encoders import load_encoder
    from transforms.core.neighbours import pair_tiles
    from transforms.core.similarity import DAY_COLUMNS, LEXICAL_DIMENSIONS
    from transforms.embed import story_item, teaser_item

    inputs = ROOT / "tests" / "data" / "demo"
    if data is not None and (data / "wcxb" / "html").is_dir():
        inputs = data / "wcxb" / "html"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        files = sorted(path for path in inputs.rglob("*") if path.is_file())[:sample]
        settings = config.load(None, ["embed.model=hashing"])
        manifest = runner.run(Request([str(path) for path in files], str(out), settings))
        counts = manifest["counts"]
        pages = counts["pages"]
        stored = {
            table: sum(Path(file).stat().st_size for file in table_files(str(out / table)))
            for table in manifest["tables"]
        }
        vectors_folder = str(out / ".work" / "embed" / "vectors")
        stored["vectors"] = sum(Path(file).stat().st_size for file in table_files(vectors_folder))
        items = [story_item(row, "") for row in read_table(str(out / "stories"))]
        items += [teaser_item(row, "") for row in read_table(str(out / "teasers"))]
        moved = _moved(out, str(vectors_folder))
    texts = sorted({item.text for item in items})
    encoder = load_encoder("minilm", settings.embed.batch_size, settings.embed.max_tokens, 1)
    encoder.encode(texts[:8])
    began = time.process_time()
    encoder.encode(texts)
    encode = time.process_time() - began
    width = 384 + LEXICAL_DIMENSIONS + DAY_COLUMNS + 1  # what stories are compared by; teasers and topics take no more
    rows = unit_rows(numpy.random.default_rng(0).normal(size=(8_192, width)))
    scale = numpy.full(len(rows), float(UNIT))
    began = time.process_time()
    for _ in pair_tiles(rows, scale, 0.99):
        pass
    pairs = time.process_time() - began
    return {
        "date": date.today().isoformat(),
        "versions": {"python": platform.python_version(), "numpy": numpy.__version__},
        "inputs": "html" if inputs.name == "html" else "demo",
        "pages": pages,
        "input_bytes": round(sum(path.stat().st_size for path in files) / pages),
        "stories": round(counts["stories"] / pages, 3),
        "teasers": round(counts["teasers"] / pages, 3),
        "segments": round(counts["segments"] / pages, 3),
        "distinct_texts": round(len(texts) / len(items), 3),
        "stored_bytes": {table: round(size / pages, 1) for table, size in stored.items()},
        "moved_bytes": moved,
        "encode_ms_per_text": round(1e3 * encode / len(texts), 2),
        "pairs_per_second": round(len(rows) * (len(rows) + 1) / 2 / pairs),
    }


def _moved(out: Path, vectors_folder: str) -> dict[str, float]:
    """Return the bytes that cross a shuffle, as the stages' own coders write them: per page, and per vector."""
    import pyarrow
    from apache_beam import coders

    from pipeline.phases.cluster import read_vectors
    from pipeline.phases.survey import sight
    from pipeline.sinks import SCHEMAS, read_table, table_files
    from transforms.core.ids import Sighting
    from transforms.types import Page, Source, Vector

    sight_coder = coders.registry.get_coder(tuple[str, Sighting])
    rows = list(read_table(str(out / "pages")))
    pages = (Page(row["id"], "text", row["id"], Source(**row["source"])) for row in rows)
    sighted = [len(sight_coder.encode(sight(page))) for page in pages]
    vector_coder = coders.registry.get_coder(Vector)
    vectors = [
        len(vector_coder.encode(vector)) for file in table_files(vectors_folder) for vector in read_vectors(file)
    ]
    sharded = sum(
        pyarrow.RecordBatch.from_pylist(list(read_table(str(out / table))), SCHEMAS[table]).nbytes
        for table in ("stories", "teasers", "pages", "segments")
    )
    return {
        "survey_per_page": round(sum(sighted) / len(sighted), 1),
        "cluster_per_vector": round(sum(vectors) / len(vectors), 1),
        "shards_per_page": round(sharded / len(rows), 1),
    }


# Sums


def render(corpus: Corpus, measured: dict[str, Any], speed: dict[str, Any]) -> str:
    """Return the tables: what was measured, what each phase takes, how clusters grow."""
    parts = [_inputs(measured, speed), _phases(corpus, measured, speed), _clusters(corpus, measured)]
    return "\n".join(parts)


def _inputs(measured: dict[str, Any], speed: dict[str, Any]) -> str:
    stored = measured["stored_bytes"]
    tables = sum(size for table, size in stored.items() if table != "vectors")
    rows = [
        ("pages measured", f"{measured['pages']:,}, {measured['inputs']}"),
        ("`input_bytes` of a page, as stored", f"{measured['input_bytes']:,}"),
        ("`stories`, `teasers` of a page", f"{measured['stories']:.2f}, {measured['teasers']:.2f}"),
        ("`distinct_texts`, share", f"{measured['distinct_texts']:.2f}"),
        ("`segment_ms`: processor time of a page, HTML", f"{speed['steps']['html']['all']:.2f}"),
        ("`encode_ms`: processor time of a distinct text", f"{measured['encode_ms_per_text']:.2f}"),
        ("`pairs_per_second` and core", f"{measured['pairs_per_second'] / 1e6:,.1f} million"),
        ("tables of a page, bytes as Parquet", f"{tables:,.0f}"),
        ("vectors of a page, bytes as Parquet", f"{stored['vectors']:,.0f}"),
        ("`survey_bytes` of a page through a shuffle", f"{measured['moved_bytes']['survey_per_page']:,.0f}"),
        ("`shard_bytes` of a page through a shuffle, if `output.shards` is set",
         f"{measured['moved_bytes']['shards_per_page']:,.0f}"),
        ("`vector_bytes` of a vector through a shuffle", f"{measured['moved_bytes']['cluster_per_vector']:,.0f}"),
    ]  # fmt: skip
    when = f"Measured {measured['date']} by `make scale` and {speed['date']} by `make bench`, on one core."
    return f"{when}\n\n{_table(('a page costs', ''), rows)}"


def _phases(corpus: Corpus, measured: dict[str, Any], speed: dict[str, Any]) -> str:
    n, moved = corpus.pages, measured["moved_bytes"]
    texts = vectors(corpus, measured)
    segment = n * speed["steps"]["html"]["all"] / 1e3
    embed = texts * measured["distinct_texts"] * measured["encode_ms_per_text"] / 1e3
    window = windows(corpus, measured, corpus.days)
    rows = [
        ("`survey`", 0.0, n * moved["survey_per_page"]),
        ("`segment`", segment, 0.0),
        ("`embed`", embed, 0.0),
        ("`cluster`, one run for each day", window.seconds, texts * moved["cluster_per_vector"]),
    ]
    total = sum(seconds for _, seconds, _ in rows)
    rows.append(("all", total, sum(bytes_ for _, _, bytes_ in rows)))
    cells = [
        (
            name,
            f"{seconds / HOUR:,.0f}",
            f"{seconds / HOUR / corpus.cores:,.1f}",
            _size(bytes_),
            f"{seconds / HOUR * corpus.price / (n / 1e6):,.2f}",
        )
        for name, seconds, bytes_ in rows
    ]
    heads = ("phase", "core hours", f"hours on {corpus.cores:,} cores", "shuffled", "dollars per million pages")
    shards, stored = n * moved["shards_per_page"], n * sum(measured["stored_bytes"].values())
    return (
        f"For {n:,.0f} pages of {corpus.days:,} days, at {corpus.price:.2f} dollars for a core and hour "
        "(an assumption; put in yours):\n\n"
        f"{_table(heads, cells)}\n"
        f"They are {_size(n * measured['input_bytes'])} of input, {_size(stored)} of tables and vectors, and "
        f"{texts:,.0f} texts to compare. With `output.shards` set, another {_size(shards)} cross a shuffle.\n"
    )


@dataclass(frozen=True, slots=True)
class Window:
    """Clusters of the texts of one window, in as many windows as there are."""

    vectors: float  # of one window
    seconds: float  # of all windows, on one core each
    bytes: float  # of one window's vectors on its worker


def vectors(corpus: Corpus, measured: dict[str, Any]) -> float:
    """Return how many stories and teasers the pages have."""
    return corpus.pages * (measured["stories"] + measured["teasers"])


def windows(corpus: Corpus, measured: dict[str, Any], count: float) -> Window:
    """Return what comparing all pairs takes, if the texts are divided into ``count`` windows."""
    of_one = vectors(corpus, measured) / count
    compared = of_one * measured["distinct_texts"]
    seconds = count * compared * (compared + 1) / 2 / measured["pairs_per_second"]
    return Window(of_one, seconds, of_one * measured["moved_bytes"]["cluster_per_vector"])


def _clusters(corpus: Corpus, measured: dict[str, Any]) -> str:
    names = ((1, "one run for all"), (corpus.days / 365, "a year"), (corpus.days / 30, "30 days"),
             (corpus.days / 7, "7 days"), (corpus.days, "a day"))  # fmt: skip
    cells = []
    for count, name in names:
        window = windows(corpus, measured, count)
        cells.append(
            (
                name,
                f"{window.vectors:,.0f}",
                _size(window.bytes),
                "yes" if window.bytes <= corpus.memory else "no",
                f"{window.seconds / count / HOUR:,.1f}",
                f"{window.seconds / HOUR:,.0f}",
            )
        )
    room = f"fit {_size(corpus.memory)}"
    heads = ("a run covers", "texts", "their vectors", room, "core hours of a run", "core hours of all")
    fits = corpus.memory / measured["moved_bytes"]["cluster_per_vector"]
    in_a_day = (2 * measured["pairs_per_second"] * 24 * HOUR) ** 0.5 / measured["distinct_texts"]
    return (
        f"How `cluster` grows, for the same pages:\n\n{_table(heads, cells)}\n"
        f"One worker with {_size(corpus.memory)} holds the vectors of {fits:,.0f} texts, and one core compares "
        f"{in_a_day:,.0f} texts within a day.\n"
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (heads, ["---"] * len(heads), *rows)]
    return "\n".join(lines) + "\n"


def _size(bytes_: float) -> str:
    if not bytes_:
        return "names of files"
    power = next((power for power in range(5) if bytes_ < 1024 ** (power + 1)), 5)
    size = bytes_ / 1024**power
    return f"{size:,.{1 if size < 100 else 0}f} {('B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB')[power]}"


if __name__ == "__main__":
    sys.exit(main())
