"""Fit the second look at the story of HTML pages: ``python -m training.layout --data ../shared --folds build/folds``.

Logistic regressions on the blocks that role models take for the story, on pages of sites that those models never saw:
where they are right says nothing of where they go wrong. ``--folds`` is the folder of the models fitted by site
folds. For each of them the weights are fitted without its own fold and written beside it, for ``make eval``;
``--out`` gets those fitted on all pages, for the package.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from training.data import FOLDS, Aligned, domain_of, fold_of, read_jsonl
from transforms.core.layout import LAYOUT_FORMAT, LAYOUT_NAMES, layout_columns, layout_hash, standardised, story_blocks
from transforms.core.segment import label_blocks, parse_page
from transforms.settings import SegmentSettings
from transforms.types import Page, Source

PENALTY = 0.05  # inverse strength of the L2 penalty
WEIGHTS = {"wcxb": 1.0, "news": 3.0}  # of a page: there are six times fewer news pages, of many more layouts


@dataclass(frozen=True)
class LayoutExample:
    """What a role model took for the story of one page.

    ``columns`` is [n, k]; ``heading``, ``belongs`` and ``weight`` are [n].
    """

    fold: int
    columns: NDArray[np.float64]
    heading: NDArray[np.bool_]
    belongs: NDArray[np.int8]
    weight: NDArray[np.float64]


def load_examples(data: Path, folds: Path) -> Iterator[LayoutExample]:
    """Read each article of ``wcxb`` and ``news`` with the role model that never saw its site."""
    for source in WEIGHTS:
        for gold in tqdm(read_jsonl(data / source / "gold.jsonl"), desc=source, disable=None):
            if gold.get("page_type", "article") != "article":
                continue
            fallback = gold["id"].split("_")[0] if source == "news" else gold["id"]
            fold = fold_of(domain_of(gold.get("url"), fallback))
            content = gzip.decompress((data / source / "html" / f"{gold['id']}.html.gz").read_bytes())
            parsed = parse_page(Page(gold["id"], "html", content, Source("")))
            labels = label_blocks(parsed, SegmentSettings(model=str(folds / f"fold-{fold}.npz"))).labels
            story = story_blocks(labels)
            if not story:
                continue
            heading = np.array([labels[i].role == "heading" for i in story])
            belongs = Aligned(gold["text"]).labels([parsed.blocks[i] for i in story])
            columns = layout_columns(parsed.blocks, labels, parsed.metadata)
            # The pages of a source count alike, and in each long blocks for more than short ones.
            weight = np.sqrt([len(parsed.blocks[i].text) for i in story])
            weight *= WEIGHTS[source] / weight.sum()
            known = belongs >= 0
            yield LayoutExample(fold, columns[known], heading[known], belongs[known], weight[known])


def fit(examples: Sequence[LayoutExample]) -> dict[str, object]:
    """Fit the weights of paragraphs and of headings; returns the artefact."""
    of_roles = [_fit_role(examples, heading) for heading in (False, True)]
    return {
        "format": LAYOUT_FORMAT,
        "columns": layout_hash(),
        "pages": len(examples),
        "names": list(LAYOUT_NAMES),
        **{name: [of_role[name] for of_role in of_roles] for name in of_roles[0]},
    }


def _fit_role(examples: Sequence[LayoutExample], heading: bool) -> dict[str, Any]:
    rows = [x.heading == heading for x in examples]
    columns = np.concatenate([x.columns[row] for x, row in zip(examples, rows, strict=True)])
    belongs = np.concatenate([x.belongs[row] for x, row in zip(examples, rows, strict=True)])
    weight = np.concatenate([x.weight[row] for x, row in zip(examples, rows, strict=True)])
    mean, std = columns.mean(0).round(5), columns.std(0).round(5)
    std[std < 1e-4] = 1.0
    model = LogisticRegression(C=PENALTY, max_iter=2_000, tol=1e-6)
    model.fit(standardised(columns, mean, std), belongs, sample_weight=weight / weight.mean())
    return {
        "mean": mean.tolist(),
        "std": std.tolist(),
        "weights": model.coef_[0].round(4).tolist(),
        "bias": round(float(model.intercept_[0]), 4),
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with wcxb/ and news/")
    parser.add_argument("--folds", type=Path, required=True, help="folder of role models fitted by site folds")
    parser.add_argument("--out", type=Path, help="the artefact of all pages")
    args = parser.parse_args(argv)
    for fold in range(FOLDS):
        (args.folds / f"fold-{fold}.layout.json").unlink(missing_ok=True)
    examples = list(load_examples(args.data, args.folds))
    for fold in range(FOLDS):
        _save(args.folds / f"fold-{fold}.layout.json", fit([x for x in examples if x.fold != fold]))
    if args.out:
        _save(args.out, fit(examples))
    print(f"training: layout of {len(examples)} pages")
    return 0


def _save(path: Path, artefact: dict[str, object]) -> None:
    text = json.dumps(artefact, separators=(",", ":")).replace(',"', ',\n"').replace("],[", "],\n[")
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
