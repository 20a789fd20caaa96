"""Fit the page-kind model: ``python -m training.kinds --data ../shared --out transforms/models/kinds.json``.

Logistic regression on pages of ``wcxb`` (page types mapped to kinds) and ``news`` (articles), each in two forms:
as HTML, and as the text that is left of it without its structure. Roles come from the packaged role model, so it is
fitted after that one; ``--roles FOLDER`` takes for each page the role model that was fitted without its site.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from training.data import domain_of, fold_of, read_jsonl
from transforms.core.kind_features import KindFeatures, kind_features
from transforms.core.kind_model import KIND_FORMAT, KindModel, kind_names_hash, standardised
from transforms.core.metadata import Metadata
from transforms.core.segment import label_blocks, parse_page
from transforms.settings import SegmentSettings
from transforms.types import Block, Page, Source

# WCXB's page types as kinds. A page that lists others (things for sale, articles) is an index; one that describes a
# service, and one of technical documentation, is none of the kinds that have a name.
KIND_OF = {
    "article": "article",
    "collection": "index",
    "listing": "index",
    "forum": "forum",
    "product": "product",
    "service": "other",
    "documentation": "other",
}
KINDS = ("article", "forum", "index", "other", "product")
FORMS = ("html", "text")
PENALTY = 0.03  # inverse strength of the L2 penalty
LEAST_SITES = {"html": 40, "text": 15}  # sites on which a word must occur: a convention, not one site's name
STRIPPED = 1.0  # weight of a stripped copy beside its page
STRIPPED_KINDS = ("article",)
_FEW = (1, 8)  # paragraphs that a stripped page keeps, from and to
_CHROME_LOST = 0.8  # share of the boilerplate that it loses
BALANCE = 0.5  # exponent of the class weights: 0 as frequent as in the data, 1 all classes alike


@dataclass(frozen=True)
class KindExample:
    """One page in one form, with all that ``page_kind`` asks for."""

    id: str
    domain: str
    page_type: str
    url: str | None
    form: str
    blocks: list[Block]
    roles: list[str]
    metadata: Metadata
    features: KindFeatures

    @property
    def kind(self) -> str:
        return KIND_OF[self.page_type]


def load_examples(data: Path, roles: Path | None) -> list[KindExample]:
    """Read and label every page of ``wcxb`` and ``news`` in both forms."""
    examples = []
    for source in ("wcxb", "news"):
        for row in tqdm(read_jsonl(data / source / "gold.jsonl"), source, mininterval=10):
            domain = domain_of(row.get("url"), row["id"].split("_")[0] if source == "news" else row["id"])
            html = gzip.decompress((data / source / "html" / f"{row['id']}.html.gz").read_bytes())
            model = str(roles / f"fold-{fold_of(domain)}.npz") if roles else ""
            content: bytes | str = html
            for form in FORMS:
                page = Page(row["id"], form, content, Source(row["id"]), url=row.get("url"))
                labelled = label_blocks(parse_page(page), SegmentSettings(model=model))
                parsed = labelled.parsed
                content = "\n".join(b.text for b in parsed.blocks)  # the text form of what was just read
                names = [x.role for x in labelled.labels]
                found = kind_features(parsed.blocks, names, parsed.metadata, page.url)
                page_type = row.get("page_type", "article")
                examples.append(
                    KindExample(
                        row["id"], domain, page_type, page.url, form, list(parsed.blocks), names,
                        parsed.metadata, found,
                    )
                )  # fmt: skip
    return examples


def stripped(x: KindExample) -> KindExample:
    """The page as a small site would have it: hardly any chrome, a few paragraphs, a head that says nothing.

    Pages of the data are of large sites, which all have markup in plenty; without these the model would take its
    absence for a kind.
    """
    chance = random.Random(f"{x.form}:{x.id}")
    paragraphs = chance.randint(_FEW[0], _FEW[1])
    kept = []
    for i, role in enumerate(x.roles):
        paragraphs -= role == "body"
        if (role == "body" and paragraphs < 0) or (role == "boilerplate" and chance.random() < _CHROME_LOST):
            continue
        kept.append(i)
    blocks, roles = [x.blocks[i] for i in kept], [x.roles[i] for i in kept]
    metadata = Metadata(title=x.metadata.title, headings=x.metadata.headings)
    url = x.url if chance.random() < 0.5 else None
    return replace(x, features=kind_features(blocks, roles, metadata, url))


def fit(examples: Sequence[KindExample], form: str) -> KindModel:
    """Fit the weights of one form on its examples, and on stripped copies of those whose kind still shows."""
    real = [x for x in examples if x.form == form]
    examples = [*real, *(stripped(x) for x in real if x.kind in STRIPPED_KINDS)]
    names = tuple(examples[0].features.dense)
    dense = np.array([[x.features.dense[name] for name in names] for x in examples])
    mean, std = dense[: len(real)].mean(0).round(5), dense[: len(real)].std(0).round(5)
    std[std < 1e-4] = 1.0
    sites: dict[str, set[str]] = defaultdict(set)
    for x in examples:
        for word in x.features.words:
            sites[word].add(x.domain)
    words = {w: i for i, w in enumerate(sorted(w for w, s in sites.items() if len(s) >= LEAST_SITES[form]))}
    bags = np.zeros((len(examples), len(words)))
    for row, x in enumerate(examples):
        bags[row, [words[w] for w in x.features.words if w in words]] = 1
    kinds = np.array([x.kind for x in examples])
    counts = {kind: int((kinds == kind).sum()) for kind in KINDS}
    weight = {kind: (len(examples) / len(KINDS) / count) ** BALANCE for kind, count in counts.items()}
    model = LogisticRegression(C=PENALTY, max_iter=2_000, tol=1e-6, class_weight=weight)
    share = np.repeat((1.0, STRIPPED), (len(real), len(examples) - len(real)))
    model.fit(np.concatenate((standardised(dense, mean, std), bags), axis=1), kinds, sample_weight=share)
    assert tuple(model.classes_) == KINDS
    return KindModel(KINDS, names, mean, std, words, model.coef_.T.round(4), model.intercept_.round(4))


def save(path: Path, models: dict[str, KindModel], pages: int) -> None:
    """Write the artefact: one line per number or word, so that a change can be read."""
    card = {
        "format": KIND_FORMAT,
        "kinds": list(KINDS),
        "pages": pages,
        "forms": {
            form: {
                "hash": kind_names_hash(m.names),
                "names": list(m.names),
                "mean": m.mean.tolist(),
                "std": m.std.tolist(),
                "words": list(m.words),
                "bias": m.bias.tolist(),
                "weights": m.weights.tolist(),
            }
            for form, m in models.items()
        },
    }
    path.write_text(json.dumps(card, separators=(",", ":")).replace("],[", "],\n[") + "\n", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with wcxb/ and news/")
    parser.add_argument("--roles", type=Path, help="folder of role models fitted by site folds")
    parser.add_argument("--out", type=Path, required=True, help="the artefact")
    args = parser.parse_args(argv)
    examples = load_examples(args.data, args.roles)
    save(args.out, {form: fit(examples, form) for form in FORMS}, len(examples) // len(FORMS))
    print(f"training: page kinds of {len(examples) // len(FORMS)} pages in {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
