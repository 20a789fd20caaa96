"""Milliseconds per page of each step from bytes to records: ``make bench``.

Runs the functions that the pipeline runs, in a bare loop on one core, over HTML and text pages of the development data
(or, without it, the demo pages), several rounds, and reports medians. For comparisons with other extractors see
``make eval``.
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import lxml.etree
import numpy

from transforms.core.features import page_features
from transforms.core.role_model import load_model
from transforms.core.segment import label_blocks, parse_page, split_page
from transforms.settings import SegmentSettings
from transforms.types import Page, Source

DEMO = Path(__file__).parents[1] / "tests/data/demo"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with wcxb/; the demo pages if it is not there")
    parser.add_argument("--pages", type=int, default=200, help="pages of each kind (default 200)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    args = parser.parse_args(argv)
    result: dict[str, Any] = {
        "date": date.today().isoformat(),
        "versions": {
            "python": platform.python_version(),
            "numpy": numpy.__version__,
            "lxml": lxml.etree.__version__,
        },
        "rounds": args.rounds,
        "steps": {},
    }
    for kind, pages in _pages(args.data, args.pages).items():
        result["steps"][kind] = {"pages": len(pages), **_steps(pages, args.rounds)}
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "speed.json").write_text(json.dumps(result, indent=1) + "\n")
    text = _markdown(result)
    (args.out / "speed.md").write_text(f"# Measured speed\n\n{text}")
    print(text)
    return 0


def _pages(data: Path | None, limit: int) -> dict[str, list[Page]]:
    """HTML and text pages, decompressed before the clock starts."""
    if data is not None and (data / "wcxb/html").is_dir():
        files = sorted((data / "wcxb/html").glob("*.html.gz"))[:limit]
        html = [gzip.decompress(f.read_bytes()) for f in files]
        with (data / "wcxb/text.jsonl").open(encoding="utf-8") as lines:
            text = [json.loads(line)["text"].encode() for line, _ in zip(lines, range(limit), strict=False)]
    else:
        html = [f.read_bytes() for f in sorted(DEMO.glob("**/*.htm*")) if f.suffix != ".gz"]
        text = [f.read_bytes() for f in sorted(DEMO.glob("**/*.txt"))]
    return {
        kind: [Page(str(i), kind, content, Source(str(i))) for i, content in enumerate(contents)]
        for kind, contents in (("html", html), ("text", text))
    }


def _steps(pages: list[Page], rounds: int) -> dict[str, float]:
    """Median milliseconds per page of each step, and of all of them."""
    settings = SegmentSettings()
    lexicon = load_model().lexicon
    parsed = [parse_page(page) for page in pages]
    with_blocks = [p for p in parsed if p.blocks]
    labelled = [label_blocks(p, settings) for p in parsed]
    steps: dict[str, tuple[Callable[[Any], object], Sequence[Any]]] = {
        "parse": (parse_page, pages),
        "features": (lambda p: page_features(p.blocks, lexicon), with_blocks),
        "features and labels": (lambda p: label_blocks(p, settings), parsed),
        "split": (lambda x: split_page(x, settings), labelled),
    }
    out = {}
    for name, (step, inputs) in steps.items():
        seconds = []
        for _ in range(rounds):
            began = time.process_time()
            for page in inputs:  # what a page gives is let go at once, as in a run
                step(page)
            seconds.append(time.process_time() - began)
        out[name] = round(1e3 * statistics.median(seconds) / len(pages), 2)
    out["all"] = round(out["parse"] + out["features and labels"] + out["split"], 2)
    return out


def _markdown(result: dict[str, Any]) -> str:
    versions = ", ".join(f"{k} {v}" for k, v in result["versions"].items())
    lines = [
        f"Measured {result['date']} by `make bench`: processor milliseconds per page on one core, median of "
        f"{result['rounds']} rounds; {versions}.",
        "",
        "| pages | parse | features | features and labels | split | all |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for kind, row in result["steps"].items():
        cells = (row[k] for k in ("parse", "features", "features and labels", "split", "all"))
        lines.append(f"| {row['pages']} {kind} | " + " | ".join(f"{c:.2f}" for c in cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
