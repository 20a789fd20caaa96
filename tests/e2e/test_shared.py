"""The command over pages that others wrote: the page the product was conceived from, and some of a benchmark."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.shared

FAST = ("--set", "embed.model=hashing")
LABELLED = (
    "gold/roles.jsonl", "wcxb/gold.jsonl", "wcxb/text.jsonl", "wcxb/text_whole.jsonl", "news/gold.jsonl",
    "news/text.jsonl", "news/text_whole.jsonl",
)  # fmt: skip


@pytest.fixture
def seed_scores(development_data: Path, copydesk: Callable[..., Any], tmp_path: Path) -> Any:
    """What the scorer says of the page that the product was conceived from."""
    work = tmp_path
    (work / "in").mkdir()
    (work / "in" / "page.txt").write_bytes((development_data / "seed" / "page.txt").read_bytes())
    copydesk("run", "in", "-o", "out", "--until", "segment", cwd=work)
    scored = subprocess.run(
        [sys.executable, development_data / "score" / "score.py", "roles",
         "--gold", development_data / "seed" / "roles.jsonl", "--segments", work / "out" / "segments"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {key: float(value) for key, value in (line.split() for line in scored.stdout.splitlines())}


def test_the_seed_page_comes_out_right(seed_scores: dict[str, float]) -> None:
    assert seed_scores["pages"] == 1
    assert (seed_scores["accuracy"], seed_scores["teaser_exact"]) == (1.0, 1.0)


def test_no_labelled_page_holds_a_line_of_the_seed_page(development_data: Path) -> None:
    seed = (development_data / "seed" / "page.txt").read_text(encoding="utf-8")
    telling = [line.strip() for line in seed.splitlines() if len(line.strip()) > 60]
    assert len(telling) > 10
    for name in LABELLED:
        with (development_data / name).open(encoding="utf-8") as rows:
            texts = [json.loads(row)["text"] for row in rows]
        assert len(texts) > 100, name
        found = [line for line in telling if any(line in text for text in texts)]
        assert found == [], name
    own = (Path(__file__).parents[2] / "training" / "pages.jsonl").read_text(encoding="utf-8")
    assert [line for line in telling if line in own] == []


def test_pages_of_a_benchmark_are_all_accounted_for(
    development_data: Path, copydesk: Callable[..., Any], tables: Callable[[Path], Any], tmp_path: Path
) -> None:
    pages = sorted((development_data / "wcxb" / "html").iterdir())[::37][:40]
    assert len(pages) == 40
    copydesk("run", *pages, "-o", tmp_path / "out", *FAST)
    found = tables(tmp_path / "out")
    failed = [row["source"]["file"] for row in found["failures"] if row["stage"] != "embed"]
    read = [row["source"]["file"] for row in found["pages"]]
    assert sorted(read + failed) == [str(page) for page in pages]
    assert {row["id"] for row in found["pages"]} <= {page.name.partition(".")[0] for page in pages}
    assert len(found["stories"]) > 20, "hardly any page has a story"
