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

from training.data import FOLDS, domain_of, fold_of, read_jsonl
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
PEERS = ("trafilatura", "readability-lxml")


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
        "own": own,
        "clusters": clusters,
    }
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "quality.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
    text = _markdown(result)
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
    row["copydesk"] = _score(args, "stories", gold_file, _joined(stories, work / "stories.jsonl"), *only)
    if form != "html":
        row["untouched"] = _score(args, "stories", gold_file, args.data / source / form, *only)
    elif args.peers:
        for peer in PEERS:
            out = work / f"{peer}.jsonl"
            subprocess.run([args.peers, "benchmarks/peers.py", peer, str(out), *map(str, folders)], check=True)
            row[peer] = _score(args, "stories", gold_file, out, *only)
    return row


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


def _roles(args: argparse.Namespace) -> dict[str, float]:
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
    return _score(args, "roles", args.data / "gold/roles.jsonl", segments) | {"calibration_error": error}


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


def _markdown(result: dict) -> str:
    versions = result["versions"]
    lines = [
        f"Measured {result['date']} by `make eval`; "
        + ", ".join(f"{k} {v}" for k, v in sorted(versions.items()))
        + ". Each page is read by a model that never saw its site.",
        "",
        "| main story, word F1 | pages | copydesk | bar | trafilatura | readability-lxml | text untouched |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in result["stories"]:
        cells = [
            f"{row[s]['word_f1']:.3f}" if s in row else "" for s in ("trafilatura", "readability-lxml", "untouched")
        ]
        lines.append(
            f"| {row['set']} | {row['pages']} | **{row['copydesk']['word_f1']:.3f}** | {row['bar']:.3f} | "
            + " | ".join(cells)
            + " |"
        )
    lines += [
        "",
        "| the same pages | 4-gram precision | recall | F1 | token-exact pages |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in result["stories"]:
        for tool in ("copydesk", *PEERS):
            if tool in row:
                score = row[tool]
                lines.append(
                    f"| {row['set']}, {tool} | {score['shingle_p']:.3f} | {score['shingle_r']:.3f} | "
                    f"{score['shingle_f1']:.3f} | {score['exact']:.0%} |"
                )
    roles, clusters = result["roles"], result["clusters"]
    lines += [
        "",
        "| roles and teasers, text pages | accuracy | macro F1 | teasers F1 | teasers F1, mean over pages |",
        "| --- | --- | --- | --- | --- |",
        _role_row(f"hand-labelled pages, by site folds ({roles['pages']:.0f})", roles),
        *(_role_row(f"{name} ({score['pages']:.0f})", score) for name, score in result["own"].items()),
        "",
        "Expected calibration error of the confidence of a line's role, hand-labelled pages: "
        f"{roles['calibration_error']:.3f}.",
        "",
        "| clusters, ECB+ (483 texts) | B-cubed P | R | F1 |",
        "| --- | --- | --- | --- |",
    ]
    for level, score in clusters.items():
        lines.append(f"| {level} | {score['bcubed_p']:.3f} | {score['bcubed_r']:.3f} | {score['bcubed_f1']:.3f} |")
    return "\n".join(lines) + "\n"


def _role_row(name: str, score: dict[str, float]) -> str:
    keys = ("accuracy", "macro_f1", "teaser_f1", "teaser_page_f1")
    return f"| {name} | " + " | ".join(f"{score[key]:.3f}" for key in keys) + " |"


if __name__ == "__main__":
    sys.exit(main())
