"""Words looked up once: their buckets, rarity and vectors."""

import numpy as np
import pytest

from transforms.core.lexicon import IDF_BUCKETS, Lexicon
from transforms.core.role_model import load_model


def small():
    vectors = np.array([[1, 0], [0, 2]], np.float32)
    return Lexicon(np.ones(IDF_BUCKETS, np.float32), {"ferry": 0, "pier": 1}, vectors)


def test_words_of_lines_in_order():
    words = small().words(["The Ferry, 12:30", "", "pier"])
    assert words.line.tolist() == [0, 0, 0, 0, 0, 0, 2]
    assert words.vector.tolist() == [-1, 0, -1, -1, -1, -1, 1]
    assert (words.topic >= 0).tolist() == [False, True, False, False, False, False, True]
    assert len(words.shape) == len(words.opening) == len(words.closing) == 7


def test_digits_count_by_their_form():
    one, other = small().words(["12:30"]), small().words(["07:45"])
    assert one.shape.tolist() == other.shape.tolist()


def test_inflected_and_accented_forms_share_a_rarity():
    words = small().words(["Elections election élections"])
    assert len(set(words.topic.tolist())) == 1
    assert len(set(words.shape.tolist())) == 3


def test_a_script_without_spaces_gives_pairs_of_characters():
    assert len(small().words(["全部で三つ"]).topic) == 4
    assert len(small().words(["全"]).topic) == 1
    assert len(small().words(["ข่าววันนี้ ferry"]).topic) > 5


def test_punctuation_and_letters_with_marks_are_no_pairs():
    words = small().words(["“quoted” — and … more"])
    assert (words.topic >= 0).tolist() == [False, True, False, False, False, False, True]
    assert len(small().words(["Việt Nam"]).topic) == 2
    assert len(small().words(["საქართველო ሰላም हिन्दी में"]).topic) == 4
    assert len(small().words(["ភាសាខ្មែរ"]).topic) > 4


def test_composed_and_decomposed_letters_are_the_same_word():
    one, other = small().words(["Caf\u00e9s"]), small().words(["Cafe\u0301s"])
    assert one.shape.tolist() == other.shape.tolist()


def test_line_vectors_are_sums_over_the_square_root_of_their_number():
    lexicon = small()
    rows = lexicon.line_vectors(lexicon.words(["ferry pier", "nothing", "pier", ""]), 4)
    assert rows == pytest.approx(np.array([[2**-0.5, 2**0.5], [0, 0], [0, 2], [0, 0]]), abs=1e-6)
    assert rows.dtype == np.float32


def test_the_words_remembered_are_bounded(monkeypatch):
    monkeypatch.setattr("transforms.core.lexicon._REMEMBERED", 50)
    lexicon = small()
    for i in range(20):
        words = lexicon.words([" ".join(f"word{chr(97 + j % 26)}{i}x{j}" for j in range(30)) + " ferry"])
        assert words.vector.tolist()[-1] == 0
    assert len(lexicon._known) <= 50 + 31
    lexicon.words(["x" * 20_000])
    assert max(map(len, lexicon._known)) <= 64


def cosine(one: str, other: str) -> float:
    lexicon = load_model().lexicon
    a, b = lexicon.line_vectors(lexicon.words([one, other]), 2)
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def test_lines_about_the_same_thing_are_alike_without_a_shared_word():
    near = cosine("the ship sank near the harbour", "a boat was lost at sea")
    assert near > 0.25 > cosine("the ship sank near the harbour", "she plays the piano and the violin")


def test_frequent_words_weigh_less():
    lexicon = load_model().lexicon
    lengths = np.sqrt((lexicon.vectors**2).sum(1))
    assert lengths[lexicon.rows["the"]] < 0.3 * lengths[lexicon.rows["ferry"]]
    common, rare = lexicon.idf[lexicon.words(["with ferry"]).topic]
    assert common < 0.5 * rare
