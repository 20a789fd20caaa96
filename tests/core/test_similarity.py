import numpy as np
import pytest

from transforms.core.components import UNIT, average_linkage
from transforms.core.lexical import word_weights
from transforms.core.similarity import DAY_PENALTY, DAYS, day_columns, document_frequencies, event_rows

QUAKE = "A quake struck Sallow on Monday and 12 people were hurt in Sallow"
OTHER = "A quake struck Aldermoor on Friday and 30 people were hurt in Aldermoor"
SAME = [[127, 0], [127, 0]]  # embeddings that cannot tell two texts apart


def rows(texts, embeddings):
    words = [word_weights(text) for text in texts]
    return event_rows(np.array(embeddings, dtype=np.int8), words, document_frequencies(words))


def cosines(vectors):
    wide = vectors.astype(float) / UNIT
    return wide @ wide.T


def test_names_tell_apart_what_the_embedding_does_not():
    found = cosines(rows([QUAKE, "On Monday Sallow was struck by a quake: 12 hurt", OTHER], [[127, 0]] * 3))
    assert found[0, 1] > 0.75 > 0.65 > found[0, 2]


def test_without_words_the_embedding_decides_alone():
    assert cosines(rows(["", ""], [[100, 0], [60, 80]]))[0, 1] == pytest.approx(0.6, abs=1e-3)


def test_the_fewer_words_the_more_the_embedding_counts():
    alone = [f"Alpha{n} beta{n} gamma{n}" for n in range(2)]
    longer = [" ".join(f"word{n}x{i}" for i in range(60)) for n in range(2)]
    assert cosines(rows(alone, SAME))[0, 1] == pytest.approx(15 / 18, abs=1e-3)
    assert cosines(rows(longer, SAME))[0, 1] == pytest.approx(15 / 75, abs=1e-3)


def test_words_of_one_document_only_have_no_column_but_their_weight():
    found = rows([QUAKE, "entirely different"], SAME)
    assert not found[:, 2:].any()
    assert found[0, 0] == pytest.approx(UNIT * (15 / (12 + 15)) ** 0.5, abs=1)  # QUAKE has twelve words


def test_a_vector_depends_on_no_other_row_of_its_block(monkeypatch):
    texts = [QUAKE, OTHER, "Harriers win the cup at Aldermoor", ""]
    whole = rows(texts, [[127, n] for n in range(4)])
    monkeypatch.setattr("transforms.core.similarity._ROWS", 1)
    assert np.array_equal(rows(texts, [[127, n] for n in range(4)]), whole)


def test_frequencies_count_documents():
    words = [word_weights("ferry ferry fog"), word_weights("Fog at sea"), word_weights("")]
    frequencies = document_frequencies(words)
    fog = np.frombuffer(word_weights("fog"), dtype="<u4,u1")["f0"]
    assert (frequencies.documents, frequencies.of(fog).tolist()) == (3, [2])
    assert frequencies.of(np.array([7], dtype=np.uint32)).tolist() == [0]
    assert document_frequencies([b""]).of(fog).tolist() == [0]


@pytest.mark.parametrize(("apart", "penalty"), [(0, 0.0), (1, 0.02), (3, 0.06), (8, 0.16), (20, 0.16), (55, 0.16)])
def test_each_day_between_two_dates_costs_the_same_for_a_while(apart, penalty):
    columns = day_columns([20000, 20000 + apart]).astype(float) / UNIT
    columns_of_other = columns * [*[1] * (columns.shape[1] - 1), -1]
    assert (columns @ columns_of_other.T)[0, 1] == pytest.approx(-penalty, abs=1e-3)
    assert pytest.approx(0.16) == DAY_PENALTY * DAYS


def test_an_unknown_date_costs_nothing():
    assert not day_columns([None]).any()


def test_dates_part_what_words_and_meaning_would_join():
    same = np.repeat([[UNIT // 2, 0]], 3, axis=0)  # similarity 0.25
    dated = np.hstack([same, day_columns([20000, 20001, 20010])]).astype(np.int64)
    ones = np.ones(3, dtype=np.int64)
    assert average_linkage(dated, ones, 0.2, subtracted=1).tolist() == [0, 0, 2]
    undated = np.hstack([same, day_columns([20000, None, 20001])]).astype(np.int64)
    assert average_linkage(undated, ones, 0.2, subtracted=1).tolist() == [0, 0, 0]
