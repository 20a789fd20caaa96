import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.core.lexical import (
    WEIGHT_STEPS,
    WORD_WEIGHT,
    normalise,
    packed_terms,
    shingle_sketch,
    terms,
    text_hash,
    unpacked_terms,
    word_weights,
)


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
    hashes = np.frombuffer(shingle_sketch(" ".join(f"word{i}" for i in range(300))), dtype="<u4")
    assert len(hashes) == 128
    assert (np.diff(hashes.astype(np.int64)) > 0).all()


def hashes_of(text):
    return set(np.frombuffer(shingle_sketch(text), dtype="<u4").tolist())


def test_shingles_are_three_words_in_a_row():
    assert len(hashes_of("a b c d e")) == 3
    assert len(hashes_of("a b c d e") & hashes_of("A, b; c! D f")) == 2
    assert len(hashes_of("a b")) == 1
    assert hashes_of("") == set()


def test_scripts_without_spaces_have_character_shingles():
    # {北京市, 京市长, 市长说} and {北京市, 京市长, 市长来}
    assert len(hashes_of("北京市长说") & hashes_of("北京市长来")) == 2


def test_terms_are_the_most_frequent_words_earlier_words_first():
    assert terms("Tide tables: the tide is up, the boat is in. Boat, tide!", limit=3) == (
        ("tide", 3),
        ("boat", 2),
        ("tables", 1),
    )


def test_terms_of_scripts_without_spaces_are_pairs_of_characters():
    assert terms("北京市 ferry") == (("北京", 1), ("京市", 1), ("ferry", 1))


@settings(max_examples=60, deadline=None)
@given(st.text())
def test_packed_terms_are_unpacked_as_they_were(text):
    assert tuple(unpacked_terms(packed_terms(terms(text)))) == terms(text)


def weights_of(text):
    """The weights of a text's words, in units of one plain word that occurs once."""
    packed = np.frombuffer(word_weights(text), dtype=WORD_WEIGHT)
    return (packed["weight"] / WEIGHT_STEPS).tolist()


def test_names_and_numbers_weigh_three_times_as_much():
    # Sallow and 12; then boat, the, left, with. The capital at the start says nothing.
    assert weights_of("The boat left Sallow with 12") == [3, 3, 1, 1, 1, 1]
    assert weights_of("Sallow waits. Boats left it") == [1, 1, 1, 1, 1]
    assert weights_of("Sallow waits: in Sallow") == [5.125, 1, 1]


def test_a_text_without_capitals_still_has_weights():
    assert weights_of("the boat left the quay") == [1.75, 1, 1, 1]
    assert len(weights_of("北京市长")) == 3
    assert word_weights("***") == b""


def test_case_and_punctuation_do_not_change_a_word():
    hashes = [np.frombuffer(word_weights(text), dtype=WORD_WEIGHT)["hash"].tolist() for text in ("don\u2019t", "DON'T")]
    assert hashes[0] == hashes[1]


def test_at_most_128_words_are_kept_and_the_heaviest_first():
    words = [f"w{i}" for i in range(200)]
    kept = np.frombuffer(word_weights(" ".join([*words, "w199"])), dtype=WORD_WEIGHT)
    twice, first = (np.frombuffer(word_weights(word), dtype=WORD_WEIGHT)["hash"][0] for word in ("w199", "w0"))
    assert len(kept) == 128
    assert kept["hash"][:2].tolist() == [twice, first]
