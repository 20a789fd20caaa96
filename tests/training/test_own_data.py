"""The labels and pages that are our own: they fit the texts that they are of, and nothing of others is among them."""

from pathlib import Path

import pytest

from training.data import OWN_LABELS, OWN_PAGES, load_own_pages, read_jsonl, unpacked
from transforms.core.lines import text_blocks
from transforms.types import ROLES, TEASER_ROLES

TESTS = Path(__file__).parents[1] / "data"


def test_own_labels_are_runs_of_roles_and_hold_no_text():
    rows = read_jsonl(OWN_LABELS)
    assert len(rows) > 500 and len({(row["source"], row["id"]) for row in rows}) == len(rows)
    for row in rows:
        assert set(row) == {"id", "source", "checksum", "runs"}
        for role, count, teaser in row["runs"]:
            assert role in ROLES and count > 0 and (teaser is not None) == (role in TEASER_ROLES)


@pytest.mark.shared
def test_own_labels_are_of_the_lines_that_the_data_has(development_data):
    texts = {
        (source, row["id"]): row["text"]
        for source in ("wcxb", "news")
        for row in read_jsonl(development_data / source / "text_whole.jsonl")
    }
    for own in read_jsonl(OWN_LABELS):
        lines = unpacked(own, texts[own["source"], own["id"]])["lines"]
        assert [line["role"] for line in lines].count("title") <= 1


def test_labels_of_another_text_are_refused():
    own = {"id": "x", "source": "wcxb", "checksum": 1, "runs": [["body", 1, None]]}
    with pytest.raises(ValueError, match="the labels of x are of another text"):
        unpacked(own, "A line.")


def test_own_pages_are_labelled_line_by_line():
    pages = load_own_pages()
    assert len({page.id for page in pages}) == len(pages) > 100
    for page, row in zip(pages, read_jsonl(OWN_PAGES), strict=True):
        lines = [line for line in row["lines"] if line is not None]
        assert [block.text for block in page.blocks] == [text for _, _, text in lines]
        assert [role for role, _, _ in lines].count("title") == 1
        assert all((teaser is not None) == (role in TEASER_ROLES) for role, teaser, _ in lines)


def test_no_page_of_the_tests_is_trained_on():
    trained = {block.text for page in load_own_pages() for block in page.blocks if len(block.text) > 60}
    assert len(trained) > 1000
    for name in ("roles.jsonl", "seed_variants.jsonl", "hard.jsonl"):
        for row in read_jsonl(TESTS / name):
            assert not trained & {block.text for block in text_blocks(row["text"])}, row["id"]
