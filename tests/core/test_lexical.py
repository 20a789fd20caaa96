import numpy as np
import pytest

from transforms.core.lexical import normalise, shingle_sketch, sketch_overlap, terms, text_hash


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Mayor\nsaid: “No.”", "the mayor said no"),
        ("ﬁne STRASSE Straße", "fine strasse strasse"),
        ("Ａ１ half-time 3:2", "a1 half time 3 2"),
        ("हिन्दी समाचार", "हिन्दी समाचार"),  # vowel signs are part of their words
        ("...", ""),
    ],
)
def test_normalise_keeps_letters_marks_and_digits(text, expected):
    assert normalise(text) == expected


def test_text_hash_ignores_case_punctuation_and_spacing_only():
    same = text_hash("Ferry hits breakwater.")
    assert len(same) == 16
    assert text_hash("FERRY hits\n break-water") == same
    assert text_hash("Ferry hits breakwaters.") != same
    assert text_hash("Ferry 2 hits breakwater.") != same


def test_text_hash_is_the_same_in_every_process():
    assert text_hash("a").hex() == "27c35e6e9373877f29e562464e46497e"


def test_sketch_is_sorted_and_bounded():
    hashes = np.frombuffer(shingle_sketch(" ".join(f"word{i}" for i in range(300))), dtype="<u8")
    assert len(hashes) == 64
    assert (np.diff(hashes.astype(object)) > 0).all()


def test_overlap_of_short_texts_is_their_jaccard_similarity():
    # Shingles: {a b c, b c d, c d e} and {a b c, b c d, c d f}: 2 common of 4.
    assert sketch_overlap(shingle_sketch("a b c d e"), shingle_sketch("a b c d f")) == 0.5
    assert sketch_overlap(shingle_sketch("a b c"), shingle_sketch("A, b; c!")) == 1.0
    assert sketch_overlap(shingle_sketch("a b"), shingle_sketch("a c")) == 0.0
    assert sketch_overlap(shingle_sketch(""), shingle_sketch("")) == 0.0


def test_overlap_of_long_texts_is_estimated():
    words = [f"word{i}" for i in range(2000)]
    whole, three_quarters = shingle_sketch(" ".join(words)), shingle_sketch(" ".join(words[:1500]))
    assert sketch_overlap(whole, three_quarters) == pytest.approx(0.75, abs=0.15)


def test_scripts_without_spaces_have_character_shingles():
    # {北京市, 京市长, 市长说} and {北京市, 京市长, 市长来}
    assert sketch_overlap(shingle_sketch("北京市长说"), shingle_sketch("北京市长来")) == 0.5


def test_terms_are_the_most_frequent_words_earlier_words_first():
    assert terms("Tide tables: the tide is up, the boat is in. Boat, tide!", limit=3) == (
        ("tide", 3),
        ("boat", 2),
        ("tables", 1),
    )


def test_terms_of_scripts_without_spaces_are_pairs_of_characters():
    assert terms("北京市 ferry") == (("北京", 1), ("京市", 1), ("ferry", 1))
