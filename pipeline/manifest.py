"""What a run says of itself: settings, versions, models, counts and failures."""

from __future__ import annotations

import importlib.metadata
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline import __version__
from pipeline.identity import Run
from pipeline.sinks import SCHEMA_VERSION, read_table

DISTRIBUTIONS = (
    "apache-beam",
    "numpy",
    "scipy",
    "lxml",
    "pyarrow",
    "torch",
    "sentence-transformers",
    "transformers",
)

Records = Mapping[str, Mapping[str, Any]]  # of the phases that are done: fingerprint, seconds, counts


def manifest_of(run: Run, records: Records, tables: Sequence[str]) -> dict[str, Any]:
    """Return the manifest of a run that has published tables."""
    counts = {"inputs": records["survey"]["counts"]["inputs"]}
    for phase in ("segment", "cluster"):
        if phase in records:
            counts |= records[phase]["counts"]
    if "embed" in records:  # apart, because of inputs = pages + failures
        counts["embed_failures"] = records["embed"]["counts"]["failures"]
    causes = _causes(run) if tables else Counter()
    return {
        "until": run.request.until,
        "inputs": list(run.request.inputs),
        "engine": run.engine.name,
        "encoder": run.encoder.name if run.encoder else None,
        "settings": run.config.as_dict(),
        "state": str(run.state.root) if run.state else None,
        "versions": _versions(),
        "models": {**run.models, **({"encoder": run.encoder.weights_hash} if run.encoder else {})},
        "rules": {
            "files": len(run.rules.rules),
            "functions": [function.name for function in run.rules.functions],
            "hash": run.rules.hash,
        },
        "tables": list(tables),
        "schema": SCHEMA_VERSION,
        "counts": counts,
        "phases": {phase: {key: record[key] for key in ("seconds", "counts")} for phase, record in records.items()},
        "failures": {f"{stage}: {error}": n for (stage, error), n in sorted(causes.items())},
        "failure_share": _failure_share(records, causes),
    }


def _causes(run: Run) -> Counter[tuple[str, str]]:
    return Counter((row["stage"], row["error"]) for row in read_table(run.workspace.path("failures")))


def _failure_share(records: Records, causes: Counter[tuple[str, str]]) -> float:
    """Return the share of inputs, or of texts to embed where that is larger, that failed.

    A record that stands twice in the input is in the failures table, but nothing has failed.
    """
    embed = sum(n for (stage, _), n in causes.items() if stage == "embed")
    repeated = sum(n for (_, error), n in causes.items() if error == "repeated_record")
    inputs = records["survey"]["counts"]["inputs"]
    texts = records["embed"]["counts"]["texts"] if "embed" in records else 0
    shares = ((causes.total() - embed - repeated) / max(inputs, 1), embed / max(texts, 1))
    return round(max(shares), 4)


def _versions() -> dict[str, str]:
    """Return the versions of copydesk, Python and the libraries that results depend on."""
    libraries = {name: importlib.metadata.version(name) for name in DISTRIBUTIONS}
    return {"copydesk": __version__, "python": platform.python_version(), **libraries}
