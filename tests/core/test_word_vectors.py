"""Static word vectors: words of a kind are near, unknown words are nothing."""

import numpy as np

from transforms.core.word_vectors import line_vectors, word_vectors


def cosine(one: str, other: str) -> float:
    a, b = line_vectors([one.split(), other.split()])
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def test_a_row_per_line_and_zeros_without_known_words():
    rows = line_vectors([["ferry", "captain"], [], ["zzxqy", "."], ["harbour"]])
    assert rows.shape == (4, word_vectors().table.shape[1]) and rows.dtype == np.float32
    assert np.abs(rows).sum(1).astype(bool).tolist() == [True, False, False, True]


def test_lines_about_the_same_thing_are_alike_without_a_shared_word():
    near = cosine("the ship sank near the harbour", "a boat was lost at sea")
    assert near > 0.3 > cosine("the ship sank near the harbour", "she plays the piano and the violin")


def test_frequent_words_weigh_less():
    vectors = word_vectors()
    lengths = np.sqrt((vectors.table**2).sum(1))
    assert lengths[vectors.rows["the"]] < 0.3 * lengths[vectors.rows["ferry"]]


def test_words_are_told_apart_by_their_own_rows():
    vectors = word_vectors()
    assert len(vectors.rows) == len(vectors.table) and len(vectors.hash) == 64
    row = line_vectors([["ferry"]])[0]
    assert np.array_equal(row, vectors.table[vectors.rows["ferry"]])
