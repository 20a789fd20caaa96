"""Likeness of lines: what is read off the matrix of cosines equals the sums of rows that it stands for."""

import numpy as np
import pytest

from transforms.core.coherence import SIMILARITIES, similarities, unit, word_rows
from transforms.core.lexicon import IDF_BUCKETS, Lexicon

LONG = np.array([False, True, False, True, True, False, True, True, True, True, True, False])
CHARS = np.linspace(20, 400, len(LONG))


def cosine(a, b):
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size > 1e-9 else 0.0


def summed(rows, which):
    return sum((rows[j] for j in which if 0 <= j < len(rows)), np.zeros(rows.shape[1]))


def directly(rows, name, i):
    """The definition, one line at a time."""
    n, long = len(rows), np.flatnonzero(LONG)
    weighted = rows * np.sqrt(CHARS)[:, None]
    before, after = long[long < i], long[long > i]
    paragraphs = {"before": before, "after": after, "core": long[long != i]}
    if name in paragraphs:
        return cosine(rows[i], summed(weighted, paragraphs[name]))
    if name == "lead":
        return cosine(rows[i], summed(rows, [j for j in long[:6] if j != i]))
    if name == "seam":
        return cosine(summed(rows, range(i - 4, i)), summed(rows, range(i, min(i + 4, n))))
    lines = {"prev": [i - 1], "next": [i + 1], "prev3": range(i - 3, i), "next3": range(i + 1, i + 4)}
    if name in lines:
        return cosine(rows[i], summed(rows, lines[name]))
    single = {"prev_long": before[-1:], "next_long": after[:1], "first_long": long[:1][long[:1] != i]}
    if name in single:
        return cosine(rows[i], summed(rows, single[name]))
    side = before if name == "nearest_before" else after
    return max((cosine(rows[i], rows[j]) for j in side), default=0.0)


@pytest.mark.parametrize("name", SIMILARITIES)
def test_a_similarity_is_the_cosine_that_its_name_says(name):
    rows = unit(np.abs(np.random.default_rng(3).normal(size=(len(LONG), 9))).astype(np.float32))
    rows[5] = 0
    found = similarities(rows, LONG, CHARS)[name]
    wanted = [max(0.0, directly(rows, name, i)) for i in range(len(rows))]
    assert found == pytest.approx(wanted, abs=2e-3)
    assert len(set(np.round(found, 3))) > 5


@pytest.mark.parametrize("n", [1, 2, 3])
def test_short_pages_have_every_similarity(n):
    for long in (np.zeros(n, bool), np.ones(n, bool)):
        found = similarities(unit(np.ones((n, 4), np.float32)), long, np.full(n, 90.0))
        assert set(found) == set(SIMILARITIES)
        assert all(len(values) == n and np.isfinite(values).all() for values in found.values())


def lexicon(**rare):
    idf = np.full(IDF_BUCKETS, 0.1, np.float32)
    plain = Lexicon(idf, {}, np.zeros((0, 2), np.float32))
    for word, value in rare.items():
        idf[plain.words([word]).topic] = value
    return plain


def test_rare_words_make_lines_alike_and_common_ones_do_not():
    words = lexicon(thruster=1.0, breakwater=1.0)
    lines = ["every thruster failed there", "their thruster again", "every other there again"]
    rows, _ = word_rows(words.words(lines), 3, words)
    like = rows.matrix @ rows.matrix.T
    assert like[0, 1] > 0.8 > 0.3 > like[0, 2]
    assert rows.likeness("A thruster.", words)[:2].min() > 0.8 > 0.2 > rows.likeness("breakwater", words).max()


def test_words_are_new_once_and_come_again_until_the_last():
    words = lexicon()
    rows, shares = word_rows(words.words(["ferry harbour", "ferry", "nothing", "harbour"]), 4, words)
    assert rows.matrix.shape == (4, 3)
    assert shares["novel_words"].round(3).tolist() == [1, 0, 1, 0]
    assert shares["reused_later"].round(3).tolist() == [1, 0, 0, 0]


def test_more_words_than_columns_share_them():
    words, rng = lexicon(), np.random.default_rng(5)
    lines = ["".join(chr(97 + c) if c < 26 else " " for c in rng.integers(0, 30, 4_000)) for _ in range(12)]
    rows, _ = word_rows(words.words(lines), len(lines), words)
    assert len(rows.topics) > 2048 == rows.matrix.shape[1]
    assert np.sqrt((rows.matrix**2).sum(1)) == pytest.approx(np.ones(len(lines)), abs=1e-3)


def test_on_a_long_page_nothing_follows_the_last_paragraph():
    rows = unit(np.abs(np.random.default_rng(6).normal(size=(1_000, 300))).astype(np.float32))
    found = similarities(rows, np.ones(1_000, bool), np.full(1_000, 200.0))
    assert found["before"][0] == found["after"][-1] == 0
    assert found["after"][-2] == pytest.approx(rows[-1] @ rows[-2], abs=1e-4)
