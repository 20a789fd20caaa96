import numpy as np
import pytest

from transforms.core.vector_cache import FILE, VectorCache, model_key, text_key, updated

MINILM = model_key("minilm", "53aa", 256)
EMPTY = VectorCache.load("")


def keys(*texts, model=MINILM):
    return [text_key(text, model) for text in texts]


def test_vectors_are_found_by_their_text_alone(tmp_path):
    cache = updated(EMPTY, keys("a", "b", "a"), [b"\x01\x80", b"\x02\x00", b"\x01\x80"], "", 0)
    np.save(tmp_path / FILE, cache.rows)
    loaded = VectorCache.load(str(tmp_path))
    assert len(loaded) == 2
    assert loaded.find(keys("b", "c", "a")) == dict(zip(keys("b", "a"), [b"\x02\x00", b"\x01\x80"], strict=True))
    assert loaded.find([]) == {}


def test_half_a_key_is_not_enough():
    one, other, third = (bytes(8) + bytes(7) + bytes([n]) for n in (1, 2, 3))
    cache = updated(EMPTY, [other, one], [b"o", b"1"], "", 0)
    assert cache.find([one, other, third]) == {one: b"1", other: b"o"}


@pytest.mark.parametrize("other", [("lite", "53aa", 256), ("minilm", "77bb", 256), ("minilm", "53aa", 128)])
def test_vectors_of_another_model_are_never_found(other):
    cache = updated(EMPTY, keys("a"), [b"\x01"], "", 0)
    assert cache.find(keys("a", model=model_key(*other))) == {}


def test_what_no_run_has_had_for_long_is_forgotten():
    first = updated(EMPTY, keys("old", "again"), [b"1", b"2"], "2026-11-01", 30)
    undated = updated(first, keys("undated"), [b"3"], "", 30)
    assert len(undated) == 3
    later = updated(undated, keys("again", "new"), [b"2", b"4"], "2026-12-02", 30)
    assert later.find(keys("old", "again", "undated", "new")).keys() == set(keys("again", "undated", "new"))
    assert len(updated(undated, keys("new"), [b"4"], "2026-12-02", 0)) == 4
    assert len(updated(later, keys("again"), [b"2"], "2026-11-03", 30)) == 3  # an older day takes nothing back
    assert updated(later, [], [], "2027-01-02", 30).find(keys("again", "undated")).keys() == set(keys("undated"))


def test_the_file_is_the_same_whatever_the_order():
    one = updated(EMPTY, keys("a", "b"), [b"1", b"2"], "2026-11-01", 30)
    other = updated(EMPTY, keys("b", "a", "b"), [b"2", b"1", b"2"], "2026-11-01", 30)
    assert one.rows.tobytes() == other.rows.tobytes()
    assert updated(one, keys("b"), [b"2"], "2026-11-01", 30).rows.tobytes() == one.rows.tobytes()
