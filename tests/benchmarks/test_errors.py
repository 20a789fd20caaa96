"""What is counted as wrong: lines by role, and words of a story lost or added."""

import numpy as np
import pytest

from benchmarks.errors import Counts, confused, main, moved
from training.data import BIT, MAIN, LabelledPage
from transforms.core.features import Hints
from transforms.core.lines import text_blocks

ALL_BUT_MAIN = sum(BIT.values()) & ~MAIN


def page(*lines: tuple[str, int, float]) -> LabelledPage:
    blocks = text_blocks("\n".join(text for text, _, _ in lines))
    masks = np.array([mask for _, mask, _ in lines], np.int32)
    weights = np.array([weight for _, _, weight in lines], np.float32)
    return LabelledPage(
        "p", "p.example", "main", "wcxb", blocks, Hints(), masks, weights, np.zeros(len(lines), np.int32)
    )


def test_lines_with_another_role_are_counted_by_pair_and_page():
    counts = Counts()
    confused(counts, "a", ["body", "dek", "dek"], ["body", "body", "body"])
    confused(counts, "b", ["dek"], ["body"])
    assert counts.amounts == {("dek", "body"): 3}
    assert counts.pages["dek", "body"] == {"a", "b"}


def test_words_lost_and_added_are_shares_of_all_that_belong_or_are_kept():
    labelled = page(
        ("one two three", MAIN, 1),
        ("four five", BIT["body"], 1),
        ("six", BIT["dek"], 1),
        ("seven eight", ALL_BUT_MAIN, 1),
    )
    lost, added = Counts(), Counts()
    moved(lost, added, labelled, ["body", "caption", "heading", "body"], story=True)
    assert lost.amounts == {("body", "caption"): pytest.approx(2 / 8)}
    assert added.amounts == {("dek", "heading"): pytest.approx(1 / 8), ("not main", "body"): pytest.approx(2 / 8)}


def test_a_page_without_a_story_has_lost_all_its_words():
    lost, added = Counts(), Counts()
    moved(lost, added, page(("one two", MAIN, 1), ("three", BIT["dek"], 1)), ["body", "body"], story=False)
    assert lost.amounts == {("body or heading", "no story"): pytest.approx(1)} and not added.amounts


def test_blocks_of_which_nothing_is_known_do_not_count():
    lost, added = Counts(), Counts()
    moved(lost, added, page(("one two", MAIN, 0), ("three", MAIN, 1)), ["boilerplate", "body"], story=True)
    assert not lost.amounts and not added.amounts


def test_missing_data_and_missing_models_are_named(tmp_path, capsys):
    assert main(["--data", str(tmp_path), "--folds", str(tmp_path)]) == 2
    assert "no gold/roles.jsonl under" in capsys.readouterr().err
    (tmp_path / "gold").mkdir()
    (tmp_path / "gold" / "roles.jsonl").touch()
    assert main(["--data", str(tmp_path), "--folds", str(tmp_path), "--only", "3"]) == 2
    assert "no fold-3.npz" in capsys.readouterr().err
