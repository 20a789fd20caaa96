"""Quality of duplicates, events, topics and links: ``python -m benchmarks.clusters --data FOLDER``.

Duplicates and links are composed from real stories (``benchmarks/corpora.py``), the duplicates beside MinHash at the
threshold that suits it best. Events and topics are those of ECB+, with the settings that ship and with a cut chosen
by cross-validation over topics. Everything is seeded; the same data give the same numbers.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers.util import community_detection

from benchmarks.corpora import Text, distinct, duplicate_corpus, link_corpus, paragraphs
from transforms.core.clustering import cluster
from transforms.core.components import stars
from transforms.core.encoders import load_encoder, quantise
from transforms.core.levels import int8_rows
from transforms.core.lexical import normalise
from transforms.core.registry import Registry
from transforms.core.teaser_links import link_teasers
from transforms.embed import EmbedItem, as_vector
from transforms.settings import ClusterSettings
from transforms.types import LEVELS, Forward, Source, Vector

SHORTEST = 60  # words of a story from which duplicates are made
FOLDS = 7
SMOOTH = 2  # neighbouring cuts on each side whose mean F1 decides in cross-validation
SEEDS = 10  # ways to divide the texts among runs
# Least size of a cluster, samples that make a core, method; with a least distance scikit-learn 1.9.1 fails on ECB+.
HDBSCAN_SETTINGS = [(size, samples, way) for size in (2, 3, 4, 5) for samples in (1, 2, 3) for way in ("eom", "leaf")]
COMMUNITY_THRESHOLDS = np.arange(0.2, 0.9, 0.02)
PERMUTATIONS = 128  # of MinHash, the default of datasketch


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with wcxb/ and clusters/")
    parser.add_argument(
        "--only",
        nargs="*",
        choices=tuple(PARTS),
        default=list(PARTS),
        help="parts to measure (default: all)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the composed corpora (default 0)")
    parser.add_argument("--peers", help="python of an environment with the peers; left out of the tables if not given")
    parser.add_argument("--out", type=Path, help="folder for clusters.md and clusters.json")
    parser.add_argument("--model", default="minilm", help="of events, links and days (default minilm)")
    args = parser.parse_args(argv)
    peers = Peers(args.peers)
    parts, scores = [], {}
    for part in args.only:
        model = {} if part == "duplicates" else {"model": args.model}  # which are told by their words alone
        lines, scores[part] = PARTS[part](args.data, args.seed, peers, **model)
        parts.append("\n".join(lines))
        print(parts[-1], "", sep="\n", flush=True)
    scale = _read(Path("benchmarks/results/scale_clusters.json"))
    summary = "\n".join(bars(scores, scale))
    print(summary)
    if args.out is not None:
        result = {"date": date.today().isoformat(), "seed": args.seed, "versions": peers.versions, "parts": scores}
        (args.out / "clusters.json").write_text(json.dumps(result, indent=1) + "\n")
        made = (
            f"Measured {result['date']} by `make eval-clusters` ({', '.join(args.only)}), seed {args.seed}; "
            + ", ".join(sorted(set(peers.versions.values())))
        )
        text = "\n\n".join(["# Measured clusters", f"{made}.", summary, *parts])
        (args.out / "clusters.md").write_text(f"{text}\n")
    return 0


class Peers:
    """Other tools, in an environment of their own; ``versions`` are those that have run."""

    def __init__(self, python: str | None) -> None:
        self.python = python
        self.versions: dict[str, str] = {}

    def run(self, name: str, given: dict) -> dict[str, NDArray]:
        """What ``cluster_peers.py`` returns."""
        with tempfile.TemporaryDirectory() as directory:
            files = Path(directory) / "in.json", Path(directory) / "out.npz"
            files[0].write_text(json.dumps(given))
            subprocess.run([self.python, "benchmarks/cluster_peers.py", name, *map(str, files)], check=True)
            with np.load(files[1]) as found:
                arrays = dict(found)
        self.versions[name] = str(arrays.pop("version"))
        return arrays


def bars(scores: dict[str, dict], scale: dict | None) -> list[str]:
    """What the project asks of itself, what was measured, and what the best peer reached."""
    rows = []
    if events := scores.get("events"):
        rows = [
            ("events of ECB+, B-cubed F1, settings by cross-validation", ">= .90", "story", "validated", "validated"),
            ("topics of ECB+, B-cubed F1, as shipped; peers at their best setting", ">= .87", "topic", "f1", "best"),
            ("the same, settings by cross-validation", "", "topic", "validated", "validated"),
        ]
    lines = ["| what | bar | copydesk | HDBSCAN | community detection | MinHash |", "| --- " * 6 + "|"]
    for what, bar, level, ours, theirs in rows:
        peers = (events.get(f"{level} {peer}", {}).get(theirs) for peer in ("hdbscan", "community"))
        mine = events[f"{level} whole"][ours]
        lines.append(f"| {what} | {bar} | {mine:.3f} | {' | '.join(_score(peer) for peer in peers)} | |")
    lines.append("| three unseen event sets, B-cubed F1 | >= .88, .965, .87 | not in the data | | | |")
    if found := scores.get("duplicates"):
        ours, peer = (found.get(name) for name in ("copydesk", "minhash"))
        text = [f"{one['recall']:.3f} at {one['precision']:.3f}" if one else "" for one in (ours, peer)]
        lines.append(f"| duplicates, recall at precision | >= .98 at .99 | {text[0]} | | | {text[1]} |")
    if found := scores.get("links"):
        lines.append(
            f"| links, precision and recall | >= .97, .90 | {found['precision']:.3f}, {found['recall']:.3f} | | | |"
        )
    for row in scale["sizes"] if scale else []:
        lines.append(
            f"| {row['vectors']:,} vectors, processor minutes and peak MB ({scale['date']}) | 200,000: <= 30, 4,000 | "
            f"{row['processor'] / 60:.1f}, {row['peak_mb']:,} | | | |"
        )
    return lines


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _read(path: Path) -> dict | None:
    return json.loads(path.read_text()) if path.exists() else None


def read_jsonl(path: Path) -> list[dict]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def duplicates(data: Path, seed: int, peers: Peers) -> tuple[list[str], dict]:
    """Recall and precision of copies of stories among all other stories and decoys."""
    corpus = sorted(duplicate_corpus(*_stories_and_wrappers(data), seed=seed), key=lambda text: text.id)
    vectors = [_vector(text.id, text.text, "", np.ones(8, dtype=np.int8)) for text in corpus]
    members = cluster(vectors, ClusterSettings(story=1.0, topic=1.0), "").members
    found = {member.id: member.cluster_id for member in members if member.level == "duplicate"}
    truth = {text.id: text.group for text in corpus}
    sizes = Counter(text.kind for text in corpus)
    lines = [
        f"## Duplicates: {sizes['original']:,} stories, {len(corpus):,} texts (seed {seed})",
        "",
        "| method | precision | recall |",
        "| --- | --- | --- |",
    ]
    lines.append(_pair_row("**copydesk**", truth, found))
    groupings = {"copydesk": found}
    if peers.python:
        threshold, groupings["minhash"] = _best_minhash(corpus, truth, peers)
        name = f"MinHash, {PERMUTATIONS} permutations, best threshold {threshold:.2f}"
        lines.append(_pair_row(name, truth, groupings["minhash"]))
    lines += ["", f"| variant | texts | in the group of the original: {' | '.join(groupings)} |"]
    lines += ["| --- " * (2 + len(groupings)) + "|"]
    for kind in sizes:
        if kind != "original":
            rows = [text for text in corpus if text.kind == kind]
            shares = [
                sum(groups[text.id] == groups[f"{text.id.split('.')[0]}.original"] for text in rows) / len(rows)
                for groups in groupings.values()
            ]
            lines.append(f"| {kind} | {len(rows)} | {' | '.join(f'{share:.3f}' for share in shares)} |")
    scores = {
        name: dict(zip(("precision", "recall"), pair_scores(truth, groups), strict=True))
        for name, groups in groupings.items()
    }
    return lines, scores


def _stories_and_wrappers(data: Path) -> tuple[list[tuple[str, str]], list[list[str]]]:
    """The distinct stories of WCXB, and the lines around each on its page."""
    texts = {row["id"]: row["text"] for row in read_jsonl(data / "wcxb/gold.jsonl") if row["page_type"] == "article"}
    stories = distinct([(id, text) for id, text in texts.items() if len(text.split()) >= SHORTEST])
    wrappers = []
    for row in read_jsonl(data / "wcxb/text_whole.jsonl"):
        if row["id"] in texts:
            story = normalise(texts[row["id"]])
            around = [line for line in paragraphs(row["text"]) if normalise(line) and normalise(line) not in story]
            wrappers += [around] if len(around) >= 8 else []
    return stories, wrappers


def _pairs(labels: Iterable[object]) -> int:
    return sum(size * (size - 1) // 2 for size in Counter(labels).values())


def pair_scores(truth: dict[str, str], found: dict[str, str]) -> tuple[float, float]:
    """Precision and recall of the pairs of texts in one group."""
    common = _pairs((truth[id], found[id]) for id in truth)
    return common / max(1, _pairs(found[id] for id in truth)), common / max(1, _pairs(truth.values()))


def _pair_row(name: str, truth: dict[str, str], found: dict[str, str]) -> str:
    precision, recall = pair_scores(truth, found)
    return f"| {name} | {precision:.4f} | {recall:.4f} |"


def _best_minhash(corpus: Sequence[Text], truth: dict[str, str], peers: Peers) -> tuple[float, dict[str, str]]:
    """The threshold and the groups at which MinHash has its best F1, grouped in the same stars.

    MinHash over 3-shingles of words (Broder 1997), all pairs compared, so that no candidate is missed.
    """
    shingles = []
    for text in corpus:
        words = normalise(text.text).split()
        shingles.append(sorted({" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))}))
    signatures = peers.run("minhash", {"shingles": shingles, "permutations": PERMUTATIONS})["signatures"]
    i, j, similarity = _similar_signatures(signatures, 0.1)
    nothing = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    best, best_f1, best_threshold = {}, -1.0, 0.0
    for threshold in np.arange(0.1, 0.96, 0.025):
        near = similarity >= threshold
        labels = stars(len(corpus), (i[near], j[near]), nothing)
        groups = {text.id: str(label) for text, label in zip(corpus, labels.tolist(), strict=True)}
        precision, recall = pair_scores(truth, groups)
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        if f1 > best_f1:
            best, best_f1, best_threshold = groups, f1, float(threshold)
    return best_threshold, best


def _similar_signatures(
    signatures: NDArray[np.uint32], least: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    parts = []
    for row in range(len(signatures)):
        equal = (signatures[row + 1 :] == signatures[row]).mean(axis=1)
        later = np.flatnonzero(equal >= least)
        parts.append((np.full(len(later), row), later + row + 1, equal[later]))
    i, j, similarity = (np.concatenate(part) for part in zip(*parts, strict=True))
    return i, j, similarity


def events(data: Path, seed: int, peers: Peers, model: str = "minilm") -> tuple[list[str], dict]:
    """B-cubed scores of events and topics on ECB+, at the shipped cuts and by cross-validation over topics."""
    pages = sorted(read_jsonl(data / "clusters/ecb_dev_pages.jsonl"), key=lambda page: page["id"])
    gold = {level: _gold(data, name, pages) for level, name in (("story", "event"), ("topic", "topic"))}
    shipped = ClusterSettings()
    lines = [
        f"## Events and topics: ECB+, {len(pages)} texts, {model}",
        "",
        "| level | texts | B-cubed P | R | F1 | F1, cut by cross-validation | cuts chosen |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    found: dict[str, dict] = {}
    for form, texts in (
        ("whole", [(page["title"] or "", page["text"] or "") for page in pages]),
        ("title", [(page["title"] or page["text"].split(". ")[0], "") for page in pages]),
    ):
        vectors = _embedded([page["id"] for page in pages], texts, model)
        for level, cuts in (("story", np.arange(0.15, 0.45, 0.01)), ("topic", np.arange(0.05, 0.25, 0.01))):
            tried = [replace(shipped, **{level: float(cut)}) for cut in cuts]
            if level == "story":
                tried = [replace(settings, topic=min(settings.story, shipped.topic)) for settings in tried]
            scores = [_bcubed(vectors, settings, level, gold[level]) for settings in tried]
            validated, chosen = _cross_validated(scores, cuts, gold["topic"], seed)
            precision, recall = (part.mean() for part in _bcubed(vectors, shipped, level, gold[level]))
            lines.append(
                f"| {level} | {form} | {precision:.3f} | {recall:.3f} | {_f1(precision, recall):.3f} | "
                f"{validated:.3f} | {', '.join(f'{cut:.2f}' for cut in chosen)} |"
            )
            found[f"{level} {form}"] = {
                "precision": precision,
                "recall": recall,
                "f1": _f1(precision, recall),
                "validated": validated,
            }
        if form == "whole":
            grouped = {"community": _communities(vectors)}
            if peers.python:
                grouped["hdbscan"] = _densities(vectors, peers)
    lines += ["", "| level | peer, whole texts | F1 at its best setting | F1, setting by cross-validation |"]
    lines += ["| --- " * 4 + "|"]
    for level, truth in gold.items():
        for peer, (smooth, groupings) in grouped.items():
            scores = [_scores(labels, truth) for labels in groupings]
            best = max(_f1(p.mean(), r.mean()) for p, r in scores)
            validated, _ = _cross_validated(scores, np.arange(len(scores)), gold["topic"], seed, smooth)
            found[f"{level} {peer}"] = {"best": best, "validated": validated}
            lines.append(f"| {level} | {peer} | {best:.3f} | {validated:.3f} |")
    return lines, found


def _communities(vectors: Sequence[Vector]) -> tuple[int, list[list[int]]]:
    """The groups of sentence-transformers' community detection at each threshold; what is in none stands alone."""
    rows = torch.tensor(int8_rows(vectors).astype(np.float32))
    groupings = []
    for threshold in COMMUNITY_THRESHOLDS:
        labels = list(range(len(vectors)))
        for group in community_detection(rows, threshold=float(threshold), min_community_size=2):
            for row in group:
                labels[row] = min(group)
        groupings.append(labels)
    return SMOOTH, groupings


def _densities(vectors: Sequence[Vector], peers: Peers) -> tuple[int, list[list[int]]]:
    """The groups of HDBSCAN at each of its settings; what it calls noise stands alone, as singletons do with us."""
    labels = peers.run("hdbscan", {"rows": int8_rows(vectors).tolist(), "settings": HDBSCAN_SETTINGS})["labels"]
    alone = -1 - np.arange(labels.shape[1])
    return 0, np.where(labels < 0, alone, labels).tolist()


def links(data: Path, seed: int, peers: Peers, model: str = "minilm") -> tuple[list[str], dict]:
    """Precision and recall of links from teasers, half of them to stories that are not there."""
    stories, teasers = link_corpus(read_jsonl(data / "clusters/ecb_dev_pages.jsonl"), seed)
    vectors = [
        replace(vector, kind=kind)
        for kind, rows in (("story", stories), ("teaser", teasers))
        for vector in _embedded([row["id"] for row in rows], [(row["title"], row["text"]) for row in rows], model)
    ]
    found = {link.teaser_id: link.story_id for link in link_teasers(vectors)}
    there = sum(bool(teaser["story"]) for teaser in teasers)
    lines = [
        f"## Links by {model}: {len(stories)} stories, {len(teasers)} teasers, {there} of them to one of these",
        "",
        "| teasers | precision | recall | links to another story |",
        "| --- | --- | --- | --- |",
    ]
    scores: dict[str, dict[str, float]] = {}
    for kind in ("all", *dict.fromkeys(teaser["kind"] for teaser in teasers)):
        rows = [teaser for teaser in teasers if kind in ("all", teaser["kind"])]
        linked = [row for row in rows if row["id"] in found]
        right = sum(found[row["id"]] == row["story"] for row in linked)
        there = sum(bool(row["story"]) for row in rows)
        scores[kind] = {"precision": right / max(1, len(linked)), "recall": right / max(1, there)}
        lines.append("| {} | {precision:.3f} | {recall:.3f} | {} |".format(kind, len(linked) - right, **scores[kind]))
    return lines, scores["all"]


def days(data: Path, seed: int, peers: Peers, model: str = "minilm") -> tuple[list[str], dict]:
    """Events and topics of ECB+ whose texts come in several runs with a state between them, beside one run."""
    pages = sorted(read_jsonl(data / "clusters/ecb_dev_pages.jsonl"), key=lambda page: page["id"])
    gold = {level: _gold(data, name, pages) for level, name in (("story", "event"), ("topic", "topic"))}
    vectors = _embedded(
        [page["id"] for page in pages], [(page["title"] or "", page["text"] or "") for page in pages], model
    )
    lines = [
        f"## Days: ECB+, {len(pages)} texts in one run, and divided by chance among several ({SEEDS} times)",
        "",
        "| level | runs | F1 in one run | F1 after the last | least | texts moved per run | left without a record |",
        "| --- " * 7 + "|",
    ]
    for level in gold:
        one = _f1(*(part.mean() for part in _bcubed(vectors, ClusterSettings(), level, gold[level])))
        for runs in (2, 5):
            found, moved, lost = [], [], 0
            for number in range(SEEDS):
                run_of = np.random.default_rng((seed, number)).integers(runs, size=len(vectors))
                history = _histories(vectors, run_of, level)
                labels = [history[-1][0][vector.id] for vector in vectors]
                found.append(_f1(*(part.mean() for part in _scores(labels, gold[level]))))
                for (before, _), (after, forwards) in itertools.pairwise(history):
                    leads = {(f.from_id, f.to_id): f.reason for f in forwards}
                    changed = [(old, after[id]) for id, old in before.items() if after[id] != old]
                    moved.append(sum(leads.get(pair) != "merge" for pair in changed) / len(before))
                    lost += sum(pair not in leads for pair in changed)
            lines.append(
                f"| {level} | {runs} | {one:.3f} | {np.mean(found):.3f} | {min(found):.3f} | "
                f"{np.mean(moved):.3f} | {lost} |"
            )
    return lines, {}


def _histories(
    vectors: Sequence[Vector], run_of: NDArray[np.int64], level: str
) -> list[tuple[dict[str, str], list[Forward]]]:
    """After each run the cluster of each known text at a level, and the forwards of that level."""
    registry = Registry()
    history = []
    for run in range(run_of.max() + 1):
        part = [vector for vector, its_run in zip(vectors, run_of, strict=True) if its_run == run]
        registry = cluster(part, ClusterSettings(), "", registry).registry
        clusters = {member.vector.id: member.clusters[LEVELS.index(level)] for member in registry.members}
        history.append((clusters, [forward for forward in registry.forwards if forward.level == level]))
    return history


def _gold(data: Path, name: str, pages: Sequence[dict]) -> list[str]:
    gold = {row["id"]: row["cluster"] for row in read_jsonl(data / f"clusters/ecb_dev_{name}.jsonl")}
    return [gold[page["id"]] for page in pages]


def _bcubed(
    vectors: Sequence[Vector], settings: ClusterSettings, level: str, gold: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """B-cubed precision and recall of each text (Bagga and Baldwin 1998); ``vectors`` and ``gold`` have one order."""
    members = cluster(vectors, settings, "").members
    found = {member.id: member.cluster_id for member in members if member.level == level}
    return _scores([found[vector.id] for vector in vectors], gold)


def _scores(labels: Sequence[str], gold: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """B-cubed precision and recall of each text, whose cluster and whose true cluster are given."""
    both, ours, theirs = Counter(zip(labels, gold, strict=True)), Counter(labels), Counter(gold)
    pairs = list(zip(labels, gold, strict=True))
    return (
        np.array([both[pair] / ours[pair[0]] for pair in pairs]),
        np.array([both[pair] / theirs[pair[1]] for pair in pairs]),
    )


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall)


def _cross_validated(
    scores: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    cuts: NDArray[np.float64],
    topics: Sequence[str],
    seed: int,
    near: int = SMOOTH,
) -> tuple[float, list[float]]:
    """F1 of texts whose cut was chosen on the texts of other topics, and the cuts chosen.

    Of each cut counts the mean F1 of it and its neighbours: a single cut's F1 moves by whole clusters.
    """
    names = np.random.default_rng(seed).permutation(sorted(set(topics)))
    precision, recall = np.empty(len(topics)), np.empty(len(topics))
    chosen = []
    for fold in range(FOLDS):
        held_out = np.isin(topics, names[fold::FOLDS])
        f1 = np.array([_f1(p[~held_out].mean(), r[~held_out].mean()) for p, r in scores])
        smooth = [f1[max(0, k - near) : k + near + 1].mean() for k in range(len(f1))]
        best = int(np.argmax(smooth))
        chosen.append(round(float(cuts[best]), 2))
        precision[held_out], recall[held_out] = (part[held_out] for part in scores[best])
    return _f1(precision.mean(), recall.mean()), sorted(set(chosen))


def _embedded(ids: Sequence[str], texts: Sequence[tuple[str, str]], model: str = "minilm") -> list[Vector]:
    """The vectors of stories, each a title and a text, as the pipeline makes them."""
    joined = ["\n".join(part for part in parts if part) for parts in texts]
    new = sorted(set(joined) - _ENCODED.keys())
    _ENCODED.update(zip(new, load_encoder(model).encode(new), strict=True))
    rows, _ = quantise(np.array([_ENCODED[text] for text in joined], dtype=np.float32))
    return [_vector(*parts) for parts in zip(ids, joined, (title for title, _ in texts), rows, strict=True)]


def _vector(id: str, text: str, title: str, row: NDArray[np.int8], kind: str = "story") -> Vector:
    return as_vector(EmbedItem(id, kind, "", text, title, None, Source("")), row.tobytes())


_ENCODED: dict[str, NDArray[np.float32]] = {}

PARTS = {"duplicates": duplicates, "events": events, "links": links, "days": days}

if __name__ == "__main__":
    sys.exit(main())
