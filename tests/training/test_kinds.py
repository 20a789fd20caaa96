"""Fitting the page-kind model on pages of our own making."""

import numpy as np
import pytest

from training.kinds import KIND_OF, KINDS, KindExample, fit, save, stripped
from transforms.core.kind_features import kind_features
from transforms.core.kind_model import load_kind_model
from transforms.core.lines import text_blocks
from transforms.core.metadata import Metadata

TYPES = {kind: page_type for page_type, kind in KIND_OF.items()}
ROLE = {"article": "body", "forum": "comment", "index": "teaser_title", "other": "boilerplate", "product": "caption"}


def example(kind, number):
    """A page whose kind shows in its roles."""
    blocks = text_blocks(
        "\n".join(f"Line {i} of page {number}, {'long ' * (i + number)}" for i in range(6 + number % 3))
    )
    roles = ["title", *[ROLE[kind]] * (len(blocks) - 1)]
    url = f"https://{kind}{number}.example/{kind}/a"
    features = kind_features(blocks, roles, Metadata(), url)
    return KindExample(
        str(number), f"{kind}{number}.example", TYPES[kind], url, "text", blocks, roles, Metadata(), features
    )


@pytest.fixture(scope="module")
def examples():
    return [example(kind, number) for kind in KINDS for number in range(8)]


def test_what_shows_is_learned_and_survives_the_artefact(examples, tmp_path):
    model = fit(examples, "text")
    save(tmp_path / "kinds.json", {"text": model}, len(examples))
    loaded = load_kind_model("text", str(tmp_path / "kinds.json"))
    for kind in KINDS:
        chances = loaded.probabilities(example(kind, 11).features)
        assert max(chances, key=chances.get) == kind
        assert chances == model.probabilities(example(kind, 11).features)


def test_the_same_pages_give_the_same_weights(examples):
    first, second = fit(examples, "text"), fit(examples, "text")
    assert np.array_equal(first.weights, second.weights)
    assert first.words == second.words


def test_a_stripped_page_has_few_paragraphs_and_keeps_its_headline(examples):
    page = next(x for x in examples if x.kind == "article")
    features = stripped(page).features
    assert features.dense["blocks_body"] <= np.log1p(8)
    assert features.dense["blocks_title"] == page.features.dense["blocks_title"]
    assert stripped(page).features == features


def test_every_page_type_of_the_data_has_a_kind_of_the_product():
    assert set(KIND_OF.values()) == set(KINDS)
