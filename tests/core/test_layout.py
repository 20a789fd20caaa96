"""The second look at the story of an HTML page, with the packaged weights, on pages of our own writing."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from transforms.core.layout import LAYOUT_NAMES, load_layout, without_what_stands_apart
from transforms.core.metadata import Metadata
from transforms.core.role_model import Label, ModelError
from transforms.core.segment import segment_page
from transforms.types import Block, Dom, Page, Source

PACKAGED = Path(__file__).parents[2] / "transforms/models/layout.json"
PARAGRAPHS = [
    "The harbour office closed the outer channel on Tuesday night after a buoy was found adrift near the wall.",
    "Two coasters that were due before dawn waited in the roads, and the ferry to Sallow ran an hour late.",
    "Engineers will inspect the chain at low water; the harbour master expects the channel to open on Thursday.",
    "It is the third buoy this winter that has broken loose, and the council has asked for a report by spring.",
    "Fishing boats were not held up, because they use the inner channel, which has no buoys at all.",
    "The lifeboat towed the buoy to the old slip, where it can be seen until the end of the week.",
]
STORY = Dom("p", ("main", "article", "p"), ("", "text", "page"), 0, (), 1)
APART = Dom("div", ("main", "div", "div"), ("label", "media", "page"), 0, (), 2)


def page(*apart: tuple[int, str]) -> tuple[list[Block], list[Label]]:
    """The paragraphs, with lines that stand elsewhere on the page before those of the given places."""
    lines = [(text, STORY) for text in PARAGRAPHS]
    for place, text in reversed(apart):
        lines.insert(place, (text, APART))
    blocks, start = [], 0
    for text, dom in lines:
        blocks.append(Block(text, start, start + len(text), dom))
        start += len(text) + 1
    labels = [Label("body", 0.99, 0.0, "its words", 0.99 if b.dom is STORY else 0.7, "caption") for b in blocks]
    return blocks, labels


def test_what_stands_apart_leaves_the_story_and_says_so():
    blocks, labels = page((3, "The buoy on the old slip"))
    after = without_what_stands_apart(blocks, labels, Metadata(), load_layout())
    assert [label.role for label in after] == ["body"] * 3 + ["caption"] + ["body"] * 3
    assert after[3].reason == "stands apart from the story's paragraphs; its words"
    assert 0.5 < after[3].confidence <= 1
    assert [after[i] for i in (0, 1, 2, 4, 5, 6)] == [labels[i] for i in (0, 1, 2, 4, 5, 6)]


def test_a_lone_line_of_a_teasers_text_makes_no_teaser():
    blocks, labels = page((3, "The buoy on the old slip"), (3, "Buoy towed to the slip"))
    alone = [replace(label, instead="teaser_text") for label in labels]
    after = without_what_stands_apart(blocks, alone, Metadata(), load_layout())
    assert [label.role for label in after[3:5]] == ["boilerplate", "boilerplate"]
    alone[3] = replace(alone[3], instead="teaser_title")
    after = without_what_stands_apart(blocks, alone, Metadata(), load_layout())
    assert [label.role for label in after[3:5]] == ["teaser_title", "teaser_text"]


def test_what_a_rule_has_settled_stays():
    blocks, labels = page((3, "The buoy on the old slip"))
    labels[3] = replace(labels[3], instead="body")
    assert without_what_stands_apart(blocks, labels, Metadata(), load_layout()) == labels


def test_a_page_of_one_layout_keeps_its_paragraphs():
    blocks, labels = page()
    assert without_what_stands_apart(blocks, labels, Metadata(), load_layout()) == labels


def test_a_story_never_vanishes():
    block = Block("Closed", 0, 6, APART)
    labels = [Label("body", 0.4, 0.0, "", 0.4, "boilerplate")]
    layout = load_layout()
    nothing_belongs = replace(layout, bias=layout.bias - 100)
    assert without_what_stands_apart([block], labels, Metadata(), nothing_belongs) == labels


def test_a_page_without_a_story_is_left_alone():
    labels = [Label("boilerplate", 0.9, 0.0, "")]
    assert without_what_stands_apart([Block("Menu", 0, 4, APART)], labels, Metadata(), load_layout()) == labels


def test_only_articles_in_html_are_looked_at_again(monkeypatch):
    asked = []
    monkeypatch.setattr("transforms.core.story_split.without_what_stands_apart", lambda *a: asked.append(a) or a[1])
    body = "".join(f"<p>{p}</p>" for p in PARAGRAPHS)
    html = f"<title>Buoy adrift</title><main><article><h1>Buoy adrift</h1>{body}</article></main>"
    assert segment_page(Page("a", "html", html, Source("a"))).page.kind == "article"
    assert len(asked) == 1
    segment_page(Page("a", "text", "\n\n".join(PARAGRAPHS), Source("a")))
    segment_page(Page("a", "html", "", Source("a")))
    assert len(asked) == 1


def test_a_model_of_ones_own_without_a_layout_has_no_second_look(tmp_path):
    assert load_layout(str(tmp_path / "mine.npz")) is None


@pytest.mark.parametrize("content", ["", "{}", "[]", "{", '{"format": 1}'])
def test_an_artefact_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "mine.layout.json").write_text(content)
    with pytest.raises(ModelError, match="make layout"):
        load_layout(str(tmp_path / "mine.npz"))


@pytest.mark.parametrize(
    "change", [{"columns": "0" * 16}, {"format": 0}, {"bias": [0.0]}, {"mean": [[0.0], [0.0]]}, {"std": "x"}]
)
def test_an_artefact_of_another_version_is_refused(tmp_path, change):
    card = json.loads(PACKAGED.read_text()) | change
    (tmp_path / "mine.layout.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="make layout"):
        load_layout(str(tmp_path / "mine.npz"))


def test_the_packaged_artefact_names_its_columns():
    assert json.loads(PACKAGED.read_text())["names"] == list(LAYOUT_NAMES)
    layout = load_layout()
    assert np.isfinite(layout.weights).all() and (layout.std > 0).all()
