"""The figures of ``docs/scale.md`` are those that the script prints, and the sums are right."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import scale

MEASURED = {
    "date": "2026-01-01", "inputs": "demo", "pages": 10, "input_bytes": 1_000, "stories": 1.0, "teasers": 1.0,
    "distinct_texts": 0.5, "stored_bytes": {"stories": 100, "vectors": 50}, "encode_ms_per_text": 36.0,
    "pairs_per_second": 1_000_000,
    "moved_bytes": {"survey_per_page": 10, "shards_per_page": 2_000, "cluster_per_vector": 1_000},
}  # fmt: skip
SPEED = {"date": "2026-01-01", "steps": {"html": {"all": 36.0}}}
CORPUS = scale.Corpus(pages=1_000_000, cores=10, price=0.1, days=100, memory=2**30)


def test_the_document_holds_what_the_script_prints() -> None:
    document = scale.DOCUMENT.read_text(encoding="utf-8")
    assert scale.filled(document, scale.render(scale.ASKED, *scale.load())) == document, "stale: run make scale"


def test_the_sums() -> None:
    text = scale.render(CORPUS, MEASURED, SPEED)
    assert "| `segment` | 10 | 1.0 | names of files | 1.00 |" in text  # 10^6 x 36 ms = 10 hours; x 0.1 dollars
    assert "| `embed` | 10 | 1.0 | names of files | 1.00 |" in text  # 2 x 10^6 texts, half of them distinct
    # A day has 20,000 texts, 10,000 of them distinct: 5 x 10^7 pairs, 50 seconds; 100 days are 5,000 seconds.
    assert scale.windows(CORPUS, MEASURED, 100).seconds == pytest.approx(5_000.5)
    assert "| a day | 20,000 | 19.1 MiB | yes | 0.0 | 1 |" in text
    assert "| one run for all | 2,000,000 | 1.9 GiB | no | 138.9 | 139 |" in text


def test_twice_the_pages_are_twice_the_work_but_four_times_the_pairs() -> None:
    double = replace(CORPUS, pages=2 * CORPUS.pages)
    assert scale.vectors(double, MEASURED) == 2 * scale.vectors(CORPUS, MEASURED)
    ratio = scale.windows(double, MEASURED, 1).seconds / scale.windows(CORPUS, MEASURED, 1).seconds
    assert ratio == pytest.approx(4, rel=1e-3)


def test_the_document_explains_each_figure_that_the_sums_use() -> None:
    document = Path(scale.DOCUMENT).read_text(encoding="utf-8")
    for name in ("segment_ms", "encode_ms", "pairs_per_second", "survey_bytes", "shard_bytes", "vector_bytes"):
        assert f"| `{name}`" in document and f"{name}" in document.partition("## The sums")[2]
