"""Page kinds on ``wcxb`` by site folds: ``python -m benchmarks.kinds --data ../shared [--roles build/folds]``.

Each page is told by a page-kind model that never saw its site, by the way that every page goes (``page_kind``: marks
of an error first, then the model, then the caution with which a page loses its story). WCXB's page types are mapped
to kinds by ``training/kinds.py``; ``news`` is in the fit and not in the score. Error pages are in neither: the tests
hold them to pages of our own writing.

Without ``--roles`` the roles come from the packaged role model, which has seen these pages: the shares of roles are
then somewhat cleaner than on new pages.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.metrics import f1_score

from training.data import FOLDS, fold_of
from training.kinds import FORMS, KINDS, KindExample, fit, load_examples
from transforms.core.kind_features import kind_features
from transforms.core.page_kind import page_kind

BAR = 0.80
NO_STORY = ("index", "error")


def scored(examples: Sequence[KindExample], form: str) -> dict:
    """Truth, answer and confidence of each page of wcxb in one form."""
    rows = []
    for fold in range(FOLDS):
        model = fit([x for x in examples if fold_of(x.domain) != fold], form)
        for x in examples:
            if x.form == form and fold_of(x.domain) == fold and x.id.isdigit():
                start = time.process_time()
                model.probabilities(kind_features(x.blocks, x.roles, x.metadata, x.url))
                seconds = time.process_time() - start
                found = page_kind(x.blocks, x.roles, x.metadata, x.url, form, model)
                rows.append((x, found, seconds))
    truth, answer = [x.kind for x, _, _ in rows], [found.kind for _, found, _ in rows]
    each = f1_score(truth, answer, labels=KINDS, average=None)
    articles = [(x, found) for x, found, _ in rows if x.kind == "article"]
    return {
        "form": form,
        "pages": len(rows),
        "macro_f1": float(np.mean(each)),
        "f1": dict(zip(KINDS, map(float, each), strict=True)),
        "confusion": {f"{t} {a}": n for (t, a), n in sorted(Counter(zip(truth, answer, strict=True)).items())},
        "articles": len(articles),
        "articles_without_story": sum("body" in x.roles and found.kind in NO_STORY for x, found in articles),
        "articles_flagged_multi": sum("multi_article" in found.flags for _, found in articles),
        "errors": sum(found.kind == "error" for _, found, _ in rows),
        "confidence": _calibration(rows),
        "ms": 1000 * sum(seconds for _, _, seconds in rows) / len(rows),
    }


def _calibration(rows: list) -> list[tuple[str, int, float, float]]:
    """For each range of confidence: pages, mean confidence, share that is right."""
    out = []
    for low, high in ((0.0, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.01)):
        inside = [(found.confidence, found.kind == x.kind) for x, found, _ in rows if low <= found.confidence < high]
        if inside:
            sure, right = np.mean(inside, axis=0)
            out.append((f"{low:.1f} to {min(high, 1.0):.1f}", len(inside), float(sure), float(right)))
    return out


def table(result: dict) -> str:
    """One form's results as Markdown."""
    answers = (*KINDS, "error")
    bar = f" (bar {BAR:.2f})" if result["form"] == "html" else ""
    lines = [
        f"{result['form']}: macro F1 {result['macro_f1']:.3f} on {result['pages']:,} pages{bar}, "
        f"{result['ms']:.2f} ms per page",
        "",
        f"| page is | {' | '.join(answers)} | F1 |",
        f"| --- |{' ---: |' * (len(answers) + 1)}",
    ]
    for kind in KINDS:
        counts = [result["confusion"].get(f"{kind} {a}", 0) for a in answers]
        lines.append(f"| {kind} | {' | '.join(map(str, counts))} | {result['f1'][kind]:.3f} |")
    lines += [
        "",
        f"Articles that would lose their story: {result['articles_without_story']} of {result['articles']}. "
        f"Articles flagged multi_article: {result['articles_flagged_multi']}.",
        "",
        "| confidence | pages | mean | right |",
        "| --- | ---: | ---: | ---: |",
        *(f"| {name} | {n} | {sure:.2f} | {right:.2f} |" for name, n, sure, right in result["confidence"]),
        "",
    ]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--roles", type=Path, help="folder of role models fitted by site folds")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    args = parser.parse_args(argv)
    examples = load_examples(args.data, args.roles)
    results = [scored(examples, form) for form in FORMS]
    print("\n".join(table(result) for result in results))
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    return int(results[0]["macro_f1"] < BAR)


if __name__ == "__main__":
    sys.exit(main())
