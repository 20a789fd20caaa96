"""Score the product on the development data, beside its peers, in one run: ``make eval``.

    python -m benchmarks.evaluate --data ../shared --folds build/folds --peers PYTHON --out benchmarks/results

Every page is read by the model that never saw its site (``training/`` fits one per fold), by way of
``copydesk run --set segment.model=FILE``, and scored by the data's own ``score/score.py``. Peers run in an
environment of their own (``--peers`` names its python), over the same files.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

import numpy
from resiliparse.parse.lang import detect_fast

from benchmarks.composed import composed_pages
from benchmarks.intervals import interval, load_score, page_word_f1
from benchmarks.passages import left_in, related_lines
from benchmarks.quality_tables import PEERS, tables
from training.data import FOLDS, domain_of, fold_of, load_pages, read_jsonl
from training.pools import load_stories
from transforms.core.lines import text_blocks

STORY_SETS = (
    # name, source, form, bar of word F1
    ("wcxb articles, HTML", "wcxb", "html", 0.955),
    ("wcxb articles, text", "wcxb", "text.jsonl", 0.92),
    ("news, HTML", "news", "html", 0.97),
    ("news, text", "news", "text.jsonl", 0.958),
)
OWN_PAGES = Path(__file__).parents[1] / "tests/data"
MARK = ".evaluation"  # stands in a working folder, which the next evaluation empties


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folds", type=Path, required=True, help="folder of fold-0.npz .. fold-4.npz")
    parser.add_argument("--peers", help="python of an environment with the peers; left out of the table if not given")
    parser.add_argument("--work", type=Path, default=Path("build/eval"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    args = parser.parse_args(argv)
    if not (args.data / "score/score.py").exists():
        print(f"evaluate: no score/score.py under {args.data}; name the data with DATA=folder", file=sys.stderr)
        return 2
    if args.work.exists() and any(args.work.iterdir()) and not (args.work / MARK).exists():
        print(f"evaluate: {args.work} holds something else; name an empty folder with --work", file=sys.stderr)
        return 2
    shutil.rmtree(args.work, ignore_errors=True)
    args.work.mkdir(parents=True)
    (args.work / MARK).touch()
    table = [_story_row(args, *entry) for entry in STORY_SETS]
    roles = _roles(args)
    composed = _composed(args)
    clusters = _clusters(args)
    own = {
        "the seed page": _packaged(args, args.data / "seed/roles.jsonl"),
        "variants of the seed page, of our own writing": _packaged(args, OWN_PAGES / "seed_variants.jsonl"),
        "other pages of our own writing": _packaged(args, OWN_PAGES / "roles.jsonl"),
    }
    result = {
        "date": date.today().isoformat(),
        "versions": _versions(args.peers),
        "stories": table,
        "roles": roles,
        "composed": composed,
        "own": own,
        "clusters": clusters,
    }
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "quality.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
    text = tables(result)
    (args.out / "quality.md").write_text(f"# Measured quality\n\n{text}")
    print(text)
    below = [row["set"] for row in table if row["copydesk"]["word_f1"] < row["bar"]]
    if below:
        print(f"evaluate: below the bar: {', '.join(below)}", file=sys.stderr)
    return 1 if below else 0


def _story_row(args: argparse.Namespace, name: str, source: str, form: str, bar: float) -> dict:
    gold = [g for g in read_jsonl(args.data / source / "gold.jsonl") if g.get("page_type", "article") == "article"]
    work = args.work / f"{source}-{form.split('.')[0]}"
    began = time.monotonic()
    folders = [_inputs(args.data, source, form, gold, fold, work) for fold in range(FOLDS)]
    stories = [_run(args, folder, fold, "stories") for fold, folder in enumerate(folders)]
    row = {"set": name, "pages": len(gold), "bar": bar, "seconds": round(time.monotonic() - began, 1)}
    gold_file = args.data / source / "gold.jsonl"
    only = ["--only", "page_type=article"] if source == "wcxb" else []
    found = {"copydesk": _joined(stories, work / "stories.jsonl")}
    if form != "html":
        found["untouched"] = args.data / source / form
    elif args.peers:
        for peer in PEERS:
            found[peer] = work / f"{peer}.jsonl"
            command = [args.peers, "benchmarks/peers.py", peer, str(found[peer]), *map(str, folders)]
            subprocess.run(command, check=True)
    score, related = load_score(args.data / "score/score.py"), related_lines(args.data, source)
    for tool, file in found.items():
        rows = read_jsonl(file)
        row[tool] = _score(args, "stories", gold_file, file, *only)
        values = page_word_f1(score, gold, rows)
        row[tool]["word_f1_interval"] = interval(values)
        row[tool]["related"] = left_in(related, gold, rows)
        if source == "news":
            row[tool]["languages"] = _by_language(gold, values)
    return row


def _by_language(gold: Sequence[dict], values: Sequence[float]) -> dict[str, tuple[int, float]]:
    """Pages and mean word F1 of English and of all other languages, by the language of the reference text."""
    english = [detect_fast(page["text"][:4000])[0] == "en" for page in gold]
    groups = {
        name: [value for value, is_english in zip(values, english, strict=True) if is_english == wanted]
        for name, wanted in (("English", True), ("other languages", False))
    }
    return {name: (len(found), sum(found) / max(len(found), 1)) for name, found in groups.items()}


def _inputs(data: Path, source: str, form: str, gold: list[dict], fold: int, work: Path) -> Path:
    """The pages of one fold as an input folder (links to the data's own files for HTML)."""
    folder = work / f"fold-{fold}"
    folder.mkdir(parents=True)
    ids = {g["id"] for g in gold if _fold(g, source) == fold}
    if form == "html":
        for key in sorted(ids):
            (folder / f"{key}.html.gz").symlink_to((data / source / "html" / f"{key}.html.gz").resolve())
    else:
        _write(folder / "pages.jsonl", (r for r in read_jsonl(data / source / form) if r["id"] in ids))
    return folder


def _fold(row: dict, source: str) -> int:
    return fold_of(domain_of(row.get("url"), row["id"].split("_")[0] if source == "news" else row["id"]))


def _run(args: argparse.Namespace, folder: Path, fold: int, table: str) -> Path:
    out = folder.with_name(folder.name + "-out")
    model = args.folds / f"fold-{fold}.npz"
    _copydesk(
        "run", str(folder), "-o", str(out), "--until", "segment", "--format", "jsonl", "--set", f"segment.model={model}"
    )
    return out / table


def _copydesk(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pipeline", *arguments], check=True, stdout=subprocess.DEVNULL)


def _joined(folders: Iterable[Path], out: Path) -> Path:
    _write(out, (row for folder in folders for f in sorted(folder.glob("*.jsonl")) for row in read_jsonl(f)))
    return out


def _write(path: Path, rows: Iterable[dict] | Iterator[dict]) -> None:
    with path.open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


def _score(args: argparse.Namespace, what: str, gold: Path, rows: Path, *more: str) -> dict[str, float]:
    option = {"stories": "--stories", "roles": "--segments", "clusters": "--members"}[what]
    command = [sys.executable, str(args.data / "score/score.py"), what, "--gold", str(gold), option, str(rows), *more]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {key: float(value) for key, value in (line.split() for line in printed.splitlines())}


def _roles(args: argparse.Namespace) -> dict:
    """Roles and teasers on the hand-labelled pages, by site folds."""
    urls = {g["id"]: g["url"] for g in read_jsonl(args.data / "news/gold.jsonl")}
    gold = read_jsonl(args.data / "gold/roles.jsonl")
    work = args.work / "roles"
    outs = []
    for fold in range(FOLDS):
        folder = work / f"fold-{fold}"
        folder.mkdir(parents=True)
        pages = []
        for row in gold:
            key = row["id"].removesuffix("-whole")
            if _fold({"id": key, "url": row["url"] or urls.get(key)}, row["source"]) == fold:
                pages.append({"id": row["id"], "text": row["text"]})
        _write(folder / "pages.jsonl", pages)
        outs.append(_run(args, folder, fold, "segments"))
    segments = _joined(outs, work / "segments.jsonl")
    bins = _reliability(gold, read_jsonl(segments))
    lines = sum(n for n, _, _ in bins)
    error = sum(n * abs(sure - right) for n, sure, right in bins) / lines
    score = _score(args, "roles", args.data / "gold/roles.jsonl", segments)
    return score | {"calibration_error": error, "reliability": bins}


def _composed(args: argparse.Namespace) -> dict[str, float]:
    """Roles and teasers on composed pages of stories and sites that the model never saw."""
    pages = composed_pages(load_pages(args.data), load_stories(args.data))
    work, outs = args.work / "composed", []
    for fold in range(FOLDS):
        folder = work / f"fold-{fold}"
        folder.mkdir(parents=True)
        _write(folder / "pages.jsonl", ({"id": p["id"], "text": p["text"]} for f, p in pages if f == fold))
        outs.append(_run(args, folder, fold, "segments"))
    gold = work / "gold.jsonl"
    _write(gold, (page for _, page in pages))
    return _score(args, "roles", gold, _joined(outs, work / "segments.jsonl"))


def _reliability(gold: Sequence[dict], segments: Iterable[dict], bins: int = 10) -> list[tuple[int, float, float]]:
    """Lines by confidence: how many, their mean confidence, and the share with the right role (Guo et al. 2017)."""
    by_page: dict[str, list[dict]] = {}
    for segment in segments:
        by_page.setdefault(segment["page_id"], []).append(segment)
    table = [[0, 0.0, 0] for _ in range(bins)]
    for page in gold:
        ordered = sorted(by_page.get(page["id"], ()), key=lambda s: s["start"])
        for block, line in zip(text_blocks(page["text"]), page["lines"], strict=True):
            segment = next((s for s in ordered if s["start"] <= block.start < s["end"]), None)
            if segment is None:
                continue  # a page that failed; it counts as wrong in the accuracy
            row = table[min(int(segment["confidence"] * bins), bins - 1)]
            row[0] += 1
            row[1] += segment["confidence"]
            row[2] += segment["role"] == line["role"]
    return [(n, sure / n, right / n) for n, sure, right in table if n]


def _packaged(args: argparse.Namespace, gold: Path) -> dict[str, float]:
    """Pages that no model was fitted on, read by the packaged one."""
    out = args.work / f"{gold.parent.name}-{gold.stem}-out"
    pages = args.work / f"{gold.parent.name}-{gold.stem}.jsonl"
    _write(pages, ({"id": row["id"], "text": row["text"]} for row in read_jsonl(gold)))
    _copydesk("run", str(pages), "-o", str(out), "--until", "segment", "--format", "jsonl")
    return _score(args, "roles", gold, _joined([out / "segments"], out.with_suffix(".jsonl")))


def _clusters(args: argparse.Namespace) -> dict[str, dict[str, float]]:
    out = args.work / "clusters-out"
    pages = args.data / "clusters/ecb_dev_pages.jsonl"
    _copydesk("run", str(pages), "-o", str(out), "--set", "input.clean=true", "--format", "jsonl")
    members = _joined([out / "members"], args.work / "members.jsonl")
    return {
        level: _score(args, "clusters", args.data / f"clusters/ecb_dev_{gold}.jsonl", members, "--level", level)
        for level, gold in (("story", "event"), ("topic", "topic"))
    }


def _versions(peers: str | None) -> dict[str, str]:
    versions = {"python": platform.python_version(), "numpy": numpy.__version__}
    if peers:
        code = f"import importlib.metadata as m, json; print(json.dumps({{p: m.version(p) for p in {PEERS!r}}}))"
        printed = subprocess.run([peers, "-c", code], check=True, capture_output=True, text=True).stdout
        versions |= json.loads(printed)
    return versions


if __name__ == "__main__":
    sys.exit(main())
