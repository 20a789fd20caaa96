import numpy as np

from transforms.core.dom import html_blocks, parse_html
from transforms.core.features import GROUPS, NAMES, Hints, _last, _next, page_features
from transforms.core.lexicon import address_words
from transforms.core.lines import text_blocks
from transforms.core.role_model import load_model

STORY = (
    "Menu\n\nThe ferry struck the pier at Northmark\n\n"
    "The ferry struck the pier at Northmark on Monday, and forty passengers were taken to hospital.\n\n"
    "Passengers said that the ferry had turned towards the pier before it struck, witnesses added.\n\n"
    "Read more\n\nBakers report a record year for rye bread and crumble, a survey of kitchens has found."
)


def features_of(blocks, hints=None):
    return page_features(blocks, load_model().lexicon, hints)


def column(features, name):
    return features.dense[:, NAMES.index(name)]


def test_shape_and_names():
    features = features_of(text_blocks(STORY))
    assert features.dense.shape == (6, len(NAMES))
    assert features.dense.dtype == np.float32
    assert np.isfinite(features.dense).all()
    assert len(set(NAMES)) == len(NAMES) == sum(map(len, GROUPS.values()))
    assert len(features.word_offsets) == len(features.name_offsets) == 7


def test_surface_of_lines():
    features = features_of(text_blocks("Menu\n• One, two.\n“Quote?”\n2026-03-02\n全部で三つです。\nsmall…"))
    assert column(features, "ends_sentence").tolist() == [0, 1, 1, 0, 1, 0]
    assert column(features, "starts_bullet").tolist() == [0, 1, 0, 0, 0, 0]
    assert column(features, "starts_quote").tolist() == [0, 0, 1, 0, 0, 0]
    assert column(features, "starts_digit").tolist() == [0, 0, 0, 1, 0, 0]
    assert column(features, "ends_ellipsis").tolist() == [0, 0, 0, 0, 0, 1]
    assert column(features, "cjk")[4] == 1


def test_a_full_stop_inside_a_number_ends_no_sentence():
    one, two = column(features_of(text_blocks("It is 3.5 now.\nIt is. Now.")), "sentence_ends")
    assert (round(float(np.expm1(one))), round(float(np.expm1(two)))) == (1, 2)


def test_words_shared_with_the_story_tell_it_from_another():
    features = features_of(text_blocks(STORY))
    like = column(features, "like_core")
    assert min(like[1], like[2], like[3]) > like[5]
    assert column(features, "novel_words")[5] > column(features, "novel_words")[3]


def test_the_head_of_the_page_is_evidence():
    blocks = text_blocks(STORY)
    features = features_of(
        blocks, Hints(title="The ferry struck the pier at Northmark | Courier", authors=("Ada Reed",))
    )
    assert column(features, "is_meta_title").tolist() == [0, 1, 0, 0, 0, 0]
    assert column(features, "has_meta").all()


def test_the_address_of_the_page_is_evidence():
    blocks = text_blocks(STORY)
    url = "https://courier.example/2026/the-ferry-struck-the-pier-at-northmark.html?from=home"
    assert address_words(url) == "2026 the ferry struck the pier at northmark html"
    named = column(features_of(blocks, Hints(url=url)), "in_address")
    assert named[1] > 0.7 > 0.6 > max(named[i] for i in (0, 2, 3, 4, 5))
    assert not column(features_of(blocks, Hints(url="https://courier.example/")), "has_address").any()


def test_a_headline_is_named_by_its_link_and_a_menu_entry_is_not():
    html = (
        "<ul><li><a href=/islands/>Islands</a></li><li><a href=/2026/bakers-report-a-record-year-for-rye?x>"
        "Bakers report a record year for rye bread</a></li><li><a href=/item/48213>Ferries return to Lund Vale</a></li>"
        "<li>Bakers <a href=/2026/bakers-report-a-record-year-for-rye>report</a> a record year</li></ul>"
    )
    named = column(features_of(html_blocks(parse_html(html))[1]), "link_names_it")
    assert named[1] > 0.7
    assert named[[0, 2, 3]].tolist() == [0, 0, 0]


def test_dom_features():
    html = (
        "<nav><ul><li><a href=/>Home</a></li></ul></nav><article><p>"
        + "A sentence of the story. " * 5
        + "</p></article>"
    )
    features = features_of(html_blocks(parse_html(html))[1])
    assert column(features, "all_link").tolist() == [1, 0]
    assert column(features, "in_article").tolist() == [0, 1]
    assert column(features, "parent_text").tolist() == [0, 1]


def test_words_keep_the_shape_of_numbers():
    one = features_of(text_blocks("Published 12:30"))
    other = features_of(text_blocks("Published 07:45"))
    assert one.words.tolist() == other.words.tolist()


def test_one_block():
    assert np.isfinite(features_of(text_blocks("x")).dense).all()


def test_last_and_next():
    flag = np.array([False, True, False, False, True])
    assert _last(flag).tolist() == [-1, -1, 1, 1, 1]
    assert _next(flag).tolist() == [1, 4, 4, 4, 5]
