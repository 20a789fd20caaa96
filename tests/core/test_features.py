import numpy as np

from transforms.core.dom import html_blocks, parse_html
from transforms.core.features import GROUPS, NAMES, Hints, _last, _next, page_features
from transforms.core.lines import text_blocks

STORY = (
    "Menu\n\nThe ferry struck the pier at Northmark\n\n"
    "The ferry struck the pier at Northmark on Monday, and forty passengers were taken to hospital.\n\n"
    "Passengers said that the ferry had turned towards the pier before it struck, witnesses added.\n\n"
    "Read more\n\nBakers report a record year for rye bread and crumble, a survey of kitchens has found."
)


def column(features, name):
    return features.dense[:, NAMES.index(name)]


def test_shape_and_names():
    features = page_features(text_blocks(STORY))
    assert features.dense.shape == (6, len(NAMES))
    assert features.dense.dtype == np.float32
    assert np.isfinite(features.dense).all()
    assert len(set(NAMES)) == len(NAMES) == sum(map(len, GROUPS.values()))
    assert len(features.word_offsets) == len(features.name_offsets) == 7


def test_surface_of_lines():
    features = page_features(text_blocks("Menu\n• One, two.\n“Quote?”\n2026-03-02\n全部で三つです。\nsmall…"))
    assert column(features, "ends_sentence").tolist() == [0, 1, 1, 0, 1, 0]
    assert column(features, "starts_bullet").tolist() == [0, 1, 0, 0, 0, 0]
    assert column(features, "starts_quote").tolist() == [0, 0, 1, 0, 0, 0]
    assert column(features, "starts_digit").tolist() == [0, 0, 0, 1, 0, 0]
    assert column(features, "ends_ellipsis").tolist() == [0, 0, 0, 0, 0, 1]
    assert column(features, "cjk")[4] == 1


def test_a_full_stop_inside_a_number_ends_no_sentence():
    one, two = column(page_features(text_blocks("It is 3.5 now.\nIt is. Now.")), "sentence_ends")
    assert (round(float(np.expm1(one))), round(float(np.expm1(two)))) == (1, 2)


def test_words_shared_with_the_story_tell_it_from_another():
    features = page_features(text_blocks(STORY))
    like = column(features, "like_core")
    assert min(like[1], like[2], like[3]) > like[5]
    assert column(features, "novel_words")[5] > column(features, "novel_words")[3]


def test_the_head_of_the_page_is_evidence():
    blocks = text_blocks(STORY)
    features = page_features(
        blocks, Hints(title="The ferry struck the pier at Northmark | Courier", authors=("Ada Reed",))
    )
    assert column(features, "is_meta_title").tolist() == [0, 1, 0, 0, 0, 0]
    assert column(features, "has_meta").all()


def test_dom_features():
    html = (
        "<nav><ul><li><a href=/>Home</a></li></ul></nav><article><p>"
        + "A sentence of the story. " * 5
        + "</p></article>"
    )
    features = page_features(html_blocks(parse_html(html))[1])
    assert column(features, "all_link").tolist() == [1, 0]
    assert column(features, "in_article").tolist() == [0, 1]
    assert column(features, "parent_text").tolist() == [0, 1]


def test_words_keep_the_shape_of_numbers():
    one = page_features(text_blocks("Published 12:30"))
    other = page_features(text_blocks("Published 07:45"))
    assert one.words.tolist() == other.words.tolist()


def test_one_block():
    assert np.isfinite(page_features(text_blocks("x")).dense).all()


def test_last_and_next():
    flag = np.array([False, True, False, False, True])
    assert _last(flag).tolist() == [-1, -1, 1, 1, 1]
    assert _next(flag).tolist() == [1, 4, 4, 4, 5]
