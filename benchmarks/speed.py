"""How fast Copydesk is, beside trafilatura and beside what the machine could do: ``make bench``.

Everything is measured in one run, on one core where not said otherwise, in rounds in which the candidates take turns;
medians are reported. Where a time is processor time, other work on the machine lengthens it little; the speed-up by
a second worker and times of waiting are true only on an idle machine, so the load stands beside them.
"""

from __future__ import annotations

import argparse
import cProfile
import gzip
import importlib.metadata
import json
import os
import platform
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import vl_convert

from benchmarks import encoder_speed, run_costs
from transforms.core.features import page_features
from transforms.core.role_model import load_model
from transforms.core.segment import label_blocks, parse_page, split_page
from transforms.settings import SegmentSettings
from transforms.types import Page, Source

DEMO = Path(__file__).parents[1] / "tests/data/demo"
VERSIONS = ("numpy", "lxml", "apache-beam", "torch", "tokenizers")
PARTS = ("runs", "workers", "memory", "encoders", "cache", "start", "steps")
TO_SEGMENT = ("--until", "segment", "--set", "run.workers=1")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with wcxb/; the demo pages if it is not there")
    parser.add_argument("--peers", type=Path, help="the Python of the peers' environment; without it none is measured")
    parser.add_argument("--pages", type=int, default=1500, help="pages of each kind (default 1500)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", type=int, nargs=2, default=(2_000, 20_000), metavar="PAGES", help="for peak memory")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS, help="parts; the others keep their results")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--chart", type=Path, default=Path("docs/speed.svg"))
    args = parser.parse_args(argv)
    pages, stories = _pages(args.data, args.pages)
    earlier = args.out / "speed.json"
    result: dict[str, Any] = json.loads(earlier.read_text()) if earlier.is_file() and args.only != PARTS else {}
    measure: dict[str, Callable[[], dict[str, Any]]] = {
        "runs": lambda: _runs(pages, args.peers, args.rounds),
        "workers": lambda: _workers(pages["html"], args.rounds),
        "memory": lambda: _memory(pages["html"], args.memory),
        "encoders": lambda: encoder_speed.measure(encoder_speed.mixed_texts(stories), args.rounds),
        "cache": lambda: _cache(pages["html"]),
        "start": lambda: _start(args.rounds),
        "steps": lambda: _all_steps(pages, args.rounds),
    }
    for part in PARTS:
        if part in args.only:
            print(f"{part} ...", file=sys.stderr, flush=True)
            before = os.getloadavg()[0]
            result[part] = measure[part]() | {"load": [round(before, 1), round(os.getloadavg()[0], 1)]}
    result |= {
        "date": date.today().isoformat(),
        "rounds": args.rounds,
        "cores": os.cpu_count(),
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in VERSIONS},
    }
    result = {name: result[name] for name in ("date", "rounds", "cores", "versions", *PARTS) if name in result}
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "speed.json").write_text(json.dumps(result, indent=1) + "\n")
    table = rows(result)
    text = _markdown(result, table, os.path.relpath(args.chart, args.out))
    (args.out / "speed.md").write_text(f"# Measured speed\n\n{text}")
    if "steps" in args.only:
        (args.out / "profile.txt").write_text(_profile(pages["html"]))
    args.chart.write_text(vl_convert.vegalite_to_svg(chart(table)))
    print(text)
    return 0


def _pages(data: Path | None, limit: int) -> tuple[dict[str, list[bytes]], list[tuple[str, str]]]:
    """HTML and text pages, decompressed, and stories as (title, text)."""
    if data is not None and (data / "wcxb/html").is_dir():
        files = sorted((data / "wcxb/html").glob("*.html.gz"))
        every = max(1, len(files) // limit)
        html = [gzip.decompress(f.read_bytes()) for f in files[::every][:limit]]
        with (data / "wcxb/text.jsonl").open(encoding="utf-8") as lines:
            text = [json.loads(line)["text"].encode() for line, _ in zip(lines, range(limit), strict=False)]
        with (data / "wcxb/gold.jsonl").open(encoding="utf-8") as lines:
            stories = [(row["title"] or "", row["text"]) for row in map(json.loads, lines)]
    else:
        html = [f.read_bytes() for f in sorted(DEMO.glob("**/*.htm*")) if f.suffix != ".gz"]
        text = [f.read_bytes() for f in sorted(DEMO.glob("**/*.txt"))]
        stories = [(page.decode().partition("\n")[0], page.decode()) for page in text]
    return {"html": html, "text": text}, stories


def _as_pages(kind: str, contents: Sequence[bytes]) -> list[Page]:
    return [Page(str(i), kind, content, Source(str(i))) for i, content in enumerate(contents)]


# Whole runs


def _runs(pages: dict[str, list[bytes]], peers: Path | None, rounds: int) -> dict[str, Any]:
    """Processor milliseconds per page of whole runs, of the same functions in a bare loop, and of trafilatura."""
    costs: dict[str, list[float]] = {}
    for _ in range(rounds):
        for kind, suffix in (("html", ".html"), ("text", ".txt")):
            with run_costs.folder_of(pages[kind], suffix) as folder:
                cost, manifest = run_costs.copydesk(folder, *TO_SEGMENT)
            assert manifest["counts"]["inputs"] == len(pages[kind])
            costs.setdefault(f"{kind} run", []).append(cost.processor / len(pages[kind]))
            costs.setdefault(f"{kind} loop", []).append(_loop(_as_pages(kind, pages[kind])))
        if peers:
            seconds = run_costs.trafilatura(peers, pages["html"])
            costs.setdefault("trafilatura", []).append(seconds / len(pages["html"]))
    return {"pages": len(pages["html"])} | {
        name: round(1e3 * statistics.median(seconds), 2) for name, seconds in costs.items()
    }


def _loop(pages: Sequence[Page]) -> float:
    settings = SegmentSettings()
    load_model()
    began = time.process_time()
    for page in pages:
        split_page(label_blocks(parse_page(page), settings), settings)
    return (time.process_time() - began) / len(pages)


def _workers(pages: Sequence[bytes], rounds: int) -> dict[str, Any]:
    """Seconds, by the clock, of the segment phase with one worker and with two, each with a core of its own."""
    seconds: dict[int, list[float]] = {1: [], 2: []}
    with run_costs.folder_of(pages, ".html", copies=4 * len(pages)) as folder:
        for _ in range(rounds):
            for workers, found in seconds.items():
                flags = ("--until", "segment", "--set", f"run.workers={workers}")
                _, manifest = run_costs.copydesk(folder, *flags, cores=range(workers))
                found.append(manifest["phases"]["segment"]["seconds"])
    one, two = (statistics.median(found) for found in seconds.values())
    return {"pages": 4 * len(pages), "one": round(one, 1), "two": round(two, 1), "speed-up": round(one / two, 2)}


def _memory(pages: Sequence[bytes], sizes: Sequence[int]) -> dict[str, Any]:
    peaks = []
    for size in sizes:
        with run_costs.folder_of(pages, ".html", copies=size) as folder:
            peaks.append(run_costs.copydesk(folder, *TO_SEGMENT)[0].peak)
    return {"pages": list(sizes), "peak MB": [peak // 2**20 for peak in peaks], "ratio": round(peaks[1] / peaks[0], 2)}


def _cache(pages: Sequence[bytes]) -> dict[str, Any]:
    """Seconds of the embed phase, and texts encoded, in two runs over the same pages with a state."""
    phases = []
    with run_costs.folder_of(pages[:50], ".html") as folder, tempfile.TemporaryDirectory() as state:
        for _ in range(2):
            _, manifest = run_costs.copydesk(folder, "--state", f"{state}/state", "--set", "run.workers=1")
            phases.append(manifest["phases"]["embed"])
    return {
        "texts": phases[0]["counts"]["texts"],
        "seconds": [round(phase["seconds"], 1) for phase in phases],
        "encoded": [phase["counts"]["encoded"] for phase in phases],
    }


def _start(rounds: int) -> dict[str, Any]:
    page = sorted(DEMO.glob("harbour-courier/*.html"))[0]
    commands = {"--help": ["--help"], "explain": ["explain", str(page)]}
    found: dict[str, list[run_costs.Cost]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, arguments in commands.items():
            found[name].append(run_costs.run([sys.executable, "-m", "pipeline", *arguments]))
    return {
        name: {
            "seconds": round(statistics.median(cost.seconds for cost in costs), 2),
            "processor": round(statistics.median(cost.processor for cost in costs), 2),
        }
        for name, costs in found.items()
    }


# Steps of one page


def _all_steps(pages: dict[str, list[bytes]], rounds: int) -> dict[str, Any]:
    return {kind: {"pages": len(p), **_steps(_as_pages(kind, p), rounds)} for kind, p in pages.items()}


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


def _profile(contents: Sequence[bytes], functions: int = 40) -> str:
    """Where the time of a page goes, function by function; the profiler makes small functions look dearer."""
    pages = _as_pages("html", contents)
    profiler = cProfile.Profile(time.process_time)
    profiler.runcall(_loop, pages)
    stats = pstats.Stats(profiler)
    total = sum(row[2] for row in stats.stats.values())  # type: ignore[attr-defined]
    lines = [
        f"{len(pages)} pages; milliseconds per page in a function itself and with all it calls, calls per page",
        "",
    ]
    found = sorted(stats.stats.items(), key=lambda item: -item[1][2])  # type: ignore[attr-defined]
    for (file, line, name), (_, calls, own, cumulative, _) in found[:functions]:
        place = f"{'/'.join(Path(file).parts[-2:])}:{line}" if line else "built in"
        each = 1e3 / len(pages)
        lines.append(
            f"{own * each:7.2f} {own / total:5.1%} {cumulative * each:7.2f} {calls / len(pages):9.1f}  {name} ({place})"
        )
    return "\n".join(lines) + "\n"


# The table


def rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    """What has a bar: ``value`` as measured, ``bar``, ``times`` the bar (1 and more holds it) and ``how``."""
    out: list[dict[str, Any]] = []

    def add(what: str, value: float, bar: float, unit: str, how: str, part: str, most: bool = False) -> None:
        times = bar / value if most and value else value / bar
        load = result[part]["load"]
        out.append(
            {"what": what, "value": value, "bar": f"{'<=' if most else '>='} {bar:g}{unit}", "unit": unit}
            | {"times": round(times, 2), "how": how, "load": max(load)}
        )

    if runs := result.get("runs"):
        if "trafilatura" in runs:
            ratio = round(runs["trafilatura"] / runs["html run"], 2)
            how = f"{1e3 / runs['html run']:.0f} and {1e3 / runs['trafilatura']:.0f} HTML pages a processor second"
            add("whole run to segment, against trafilatura's bare loop", ratio, 4, " x", how, "runs")
        rate = round(1e3 / runs["text run"])
        add("text pages per second, whole run to segment", rate, 300, "/s", "per processor second", "runs")
        for kind in ("html", "text"):
            ratio = round(runs[f"{kind} run"] / runs[f"{kind} loop"], 2)
            how = f"{runs[f'{kind} run']} and {runs[f'{kind} loop']} ms a page; start, survey and tables included"
            add(f"whole run against a bare loop, {kind}", ratio, 1.25, " x", how, "runs", most=True)
    if workers := result.get("workers"):
        how = f"{workers['one']} and {workers['two']} s for {workers['pages']:,} pages, by the clock"
        add("two workers against one", workers["speed-up"], 1.7, " x", how, "workers")
    if encoders := result.get("encoders"):
        share = round(100 * encoders["share of the matrix product"], 1)
        how = f"{encoders['tokens/s']:,} tokens/s; {encoders['GFLOP/s of a matrix product']} GFLOP/s"
        add("MiniLM, share of the fp32 matrix product", share, 70, " %", how, "encoders")
        how = f"{encoders['texts']} texts of {encoders['tokens per text']} tokens on average"
        add("MiniLM, padded to true tokens", encoders["padding"], 1.1, " x", how, "encoders", most=True)
        how = f"{encoders['lite texts/s']:,} and {encoders['minilm texts/s']} texts/s"
        add("lite against MiniLM", encoders["lite to minilm"], 50, " x", how, "encoders")
    if cache := result.get("cache"):
        how = f"{cache['seconds'][0]} and {cache['seconds'][1]} s, by the clock; {cache['encoded'][1]} texts encoded"
        share = round(100 * cache["seconds"][1] / cache["seconds"][0], 1)
        add("embed phase of a second run over the same pages", share, 10, " %", how, "cache", most=True)
    if memory := result.get("memory"):
        small, large = memory["pages"]
        how = f"{memory['peak MB'][0]} and {memory['peak MB'][1]} MB"
        add(f"peak memory, {large:,} pages against {small:,}", memory["ratio"], 1.3, " x", how, "memory", most=True)
    if start := result.get("start"):
        for name, bar in (("--help", 0.3), ("explain", 1.5)):
            how = f"{start[name]['seconds']} s by the clock"
            add(f"copydesk {name}", start[name]["processor"], bar, " s", how, "start", most=True)
    return out


def _markdown(result: dict[str, Any], table: Sequence[dict[str, Any]], picture: str) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    lines = [
        f"Measured {result['date']} by `make bench` on {result['cores']} cores, medians of {result['rounds']} rounds; "
        f"{versions}.",
        "Times are processor time of one core where not said otherwise. Beside each row stands the load of the machine",
        "while it was measured: a time by the clock is true only where that is hardly more than the row's own workers.",
        "",
        "| what | measured | bar | how | load |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in table:
        lines.append(f"| {row['what']} | {row['value']:g}{row['unit']} | {row['bar']} | {row['how']} | {row['load']} |")
    lines += ["", f"![Each measured value as a multiple of its bar]({picture})", ""]
    if steps := result.get("steps"):
        lines += [
            "Milliseconds per page from bytes to records, in a bare loop; `profile.txt` has them by function:",
            "",
            "| pages | parse | features | features and labels | split | all |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        for kind in ("html", "text"):
            cells = (steps[kind][k] for k in ("parse", "features", "features and labels", "split", "all"))
            lines.append(f"| {steps[kind]['pages']} {kind} | " + " | ".join(f"{c:.2f}" for c in cells) + " |")
    return "\n".join(lines) + "\n"


def chart(table: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A Vega-Lite chart of how many times each row is its bar, so that all that reaches the line holds."""
    order = [row["what"] for row in table]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 460,
        "data": {"values": list(table)},
        "encoding": {
            "y": {"field": "what", "type": "nominal", "sort": order, "title": None, "axis": {"labelLimit": 400}}
        },
        "layer": [
            {
                "mark": {"type": "bar", "tooltip": True},
                "encoding": {
                    "x": {
                        "field": "times",
                        "type": "quantitative",
                        "scale": {"type": "log", "base": 2},
                        "title": "times the bar: at the line or right of it, the bar holds",
                    },
                    "x2": {"datum": 1},
                    "color": {
                        "condition": {"test": "datum.times >= 1", "value": "#2a7f62"},
                        "value": "#c2571a",
                    },
                },
            },
            {"mark": {"type": "rule", "color": "#888"}, "encoding": {"x": {"datum": 1}}},
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
