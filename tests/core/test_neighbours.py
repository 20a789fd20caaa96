import numpy as np
import pytest

from transforms.core.neighbours import TILE, norms, pair_tiles, products


def similar_pairs(vectors, threshold, tile=TILE):
    """i, j and the cosine of all pairs of rows with cosine >= threshold, sorted by i, then j."""
    lengths = norms(vectors)
    i, j, product = (
        np.concatenate(parts) for parts in zip(*pair_tiles(vectors, lengths, threshold, tile), strict=True)
    )
    order = np.lexsort((j, i))
    return i[order], j[order], (product / (lengths[i] * lengths[j]))[order]


def test_similar_pairs_are_sorted_and_have_their_cosine():
    vectors = np.array([[127, 0], [0, 127], [127, 127], [100, 0]], dtype=np.int8)
    i, j, cosine = similar_pairs(vectors, 0.7)
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == [(0, 2), (0, 3), (1, 2), (2, 3)]
    assert cosine == pytest.approx([0.5**0.5, 1.0, 0.5**0.5, 0.5**0.5], abs=1e-12)


def test_pairs_at_the_threshold_count():
    vectors = np.array([[3, 4], [4, 3]], dtype=np.int8)  # cosine 24 / 25
    assert len(similar_pairs(vectors, 0.96)[0]) == 1
    assert len(similar_pairs(vectors, 0.9600001)[0]) == 0


@pytest.mark.parametrize("tile", [1, 7, 64, 1000])
def test_tiles_do_not_change_the_result(tile):
    vectors = np.random.default_rng(5).integers(-127, 128, size=(150, 12)).astype(np.int8)
    whole = similar_pairs(vectors, 0.4)
    tiled = similar_pairs(vectors, 0.4, tile)
    assert len(whole[0]) > 100
    for a, b in zip(whole, tiled, strict=True):
        assert np.array_equal(a, b)


def test_the_result_is_that_of_all_pairs():
    vectors = np.random.default_rng(6).integers(-127, 128, size=(80, 8)).astype(np.int8)
    wide = vectors.astype(int)
    expected = [
        (a, b)
        for a in range(80)
        for b in range(a + 1, 80)
        if wide[a] @ wide[b] / np.sqrt(wide[a] @ wide[a] * (wide[b] @ wide[b])) >= 0.5
    ]
    i, j, _ = similar_pairs(vectors, 0.5)
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == expected


def test_no_vectors_no_pairs():
    nothing = np.empty((0, 4), dtype=np.int8)
    assert list(pair_tiles(nothing, norms(nothing), 0.5)) == []


@pytest.mark.parametrize("size", [1, 1 << 12, 1 << 20])
def test_products_are_exact_whatever_the_size_of_the_groups(size):
    """Of groups of a million a product has more digits than a float."""
    rows = np.random.default_rng(7).integers(-127, 128, size=(40, 24)) * size + 1
    i, j = np.triu_indices(40, 1)
    wide = [[int(value) for value in row] for row in rows]
    expected = [sum(a * b for a, b in zip(wide[x], wide[y], strict=True)) for x, y in zip(i, j, strict=True)]
    assert products(rows, i, j).tolist() == [float(product) for product in expected]


@pytest.mark.parametrize("scale", [3, 5000])
def test_pairs_of_long_rows_are_found_as_exactly_as_of_short_ones(scale):
    """Rows of lengths beyond what single precision holds are compared at length 1, and then exactly."""
    rows = np.random.default_rng(8).integers(-127, 128, size=(90, 10))
    sizes = norms(rows)
    expected = [part.tolist() for part in similar_pairs(rows, 0.3)]
    i, j, product = (
        np.concatenate(part) for part in zip(*pair_tiles(rows * scale, sizes * scale, 0.3, 7), strict=True)
    )
    order = np.lexsort((j, i))
    assert [i[order].tolist(), j[order].tolist()] == expected[:2]
    assert (product[order] / scale**2 / (sizes[i] * sizes[j])[order]).tolist() == pytest.approx(expected[2], abs=1e-15)


def test_norms():
    assert norms(np.array([[3, 4], [0, -5]], dtype=np.int8)).tolist() == [5.0, 5.0]


def test_products_of_the_last_columns_can_be_subtracted():
    rows = np.array([[8, 6, 0], [6, 8, 4], [8, 6, 9]])
    ((i, j, product),) = pair_tiles(rows, np.full(3, 10.0), 0.55, subtracted=1)
    # Similarities: 0-1 and 0-2 are .96 and 1.0; 1-2 is .96 - .36.
    assert list(zip(i.tolist(), j.tolist(), product.tolist(), strict=True)) == [
        (0, 1, 96),
        (0, 2, 100),
        (1, 2, 60),
    ]
    ((i, j, _),) = pair_tiles(rows, np.full(3, 10.0), 0.61, subtracted=1)
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == [(0, 1), (0, 2)]
