"""Text pages rendered as HTML keep their lines and labels."""

import random

import numpy as np
import pytest

from training.data import BIT, MAIN, LabelledPage, load_own_pages
from training.render import Renderer
from transforms.core.features import Hints
from transforms.core.lines import text_blocks


def page_of(rows):
    text = "\n".join(line for line, _, _ in rows)
    masks, numbers = ([row[k] for row in rows] for k in (1, 2))
    return LabelledPage(
        "x", "x.example", "main", "own", text_blocks(text), Hints(), np.array(masks, np.int32),
        np.ones(len(rows), np.float32), np.array(numbers, np.int32),
    )  # fmt: skip


ROWS = [
    ("Home & <Garden>", BIT["boilerplate"], 0),
    ('The "ferry" struck the pier', BIT["title"], 0),
    ("Nobody was hurt when the ferry struck the pier, its owner said & the police confirmed.", MAIN, 0),
    ("The ferry at Northmark", BIT["caption"], 0),
    ("Bakers report a record year", BIT["teaser_title"], 1),
    ("Rye is back.", BIT["teaser_text"], 1),
    ("School roof mended", BIT["teaser_title"], 2),
    ("Imprint", BIT["boilerplate"], 0),
]


@pytest.mark.parametrize("seed", range(12))
def test_each_line_is_a_block_with_the_label_it_had(seed):
    page = page_of(ROWS)
    rendered = Renderer(random.Random(seed)).html_page(page)
    assert rendered is not None and rendered.form == "rendered"
    assert [b.text for b in rendered.blocks] == [line for line, _, _ in ROWS]
    assert all(b.dom is not None for b in rendered.blocks)
    assert rendered.allowed is page.allowed and rendered.teaser is page.teaser


def test_headlines_of_other_stories_are_linked_and_the_storys_own_is_not():
    rendered = Renderer(random.Random(5)).html_page(page_of(ROWS))
    linked = {b.text for b in rendered.blocks if b.dom.links}
    assert {"Bakers report a record year", "School roof mended"} <= linked
    assert 'The "ferry" struck the pier' not in linked


def test_our_own_pages_render_in_every_language():
    renderer = Renderer(random.Random(1))
    pages = load_own_pages()
    assert sum(renderer.html_page(page) is not None for page in pages) > 0.98 * len(pages)


def test_the_same_seed_gives_the_same_markup():
    one, other = (Renderer(random.Random(9)).html_page(page_of(ROWS)) for _ in range(2))
    assert [b.dom for b in one.blocks] == [b.dom for b in other.blocks]
