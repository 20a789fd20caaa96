import random

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage

from transforms.core import spread
from transforms.core.clustering import cluster
from transforms.core.components import UNIT, average_linkage
from transforms.core.encoders import quantise
from transforms.core.levels import SUBTRACTED, prepared
from transforms.core.lexical import shingle_sketch, text_hash, word_weights
from transforms.settings import ClusterSettings
from transforms.types import Vector

WORDS = [f"W{number}" for number in range(60)]


def news(n, seed):
    """Vectors of a few events, some with dates, many of them alike."""
    rng, draw = np.random.default_rng(seed), random.Random(seed)
    events = rng.normal(size=(max(2, n // 9), 12))
    event_of = rng.integers(len(events), size=n)
    rows, _ = quantise((events[event_of] + 0.9 * rng.normal(size=(n, 12))).astype(np.float32))
    vectors = []
    for number, (row, event) in enumerate(zip(rows, event_of, strict=True)):
        text = " ".join(random.Random(int(event)).sample(WORDS, 6) + draw.sample(WORDS, 5) + [f"w{number}"])
        date = f"2026-11-{1 + (int(event) + draw.randrange(3)) % 28:02}" if draw.random() < 0.7 else None
        vectors.append(
            Vector(f"v{number:04}", "story", "", text_hash(text), row.tobytes(), shingle_sketch(text), text, date)
        )
    return [Vector(*(getattr(v, f) for f in v.__slots__[:-2]), word_weights(v.title)) for v in vectors]


class Kept(dict):
    write = dict.__setitem__
    read = dict.__getitem__


def found_by_many(vectors, settings, order):
    """What workers find that do the tasks in a random order."""
    kept = Kept()
    duplicate, tasks = spread.start(vectors, settings, kept)
    random.Random(order).shuffle(tasks)
    return spread.collected(duplicate, tasks[0].cut, [spread.similar(task, kept) for task in tasks]), len(kept)


@pytest.mark.parametrize("block", [1, 7, 64, 100])
@pytest.mark.parametrize("seed", [0, 1])
def test_any_blocks_in_any_order_give_the_groups_of_one_worker(monkeypatch, block, seed):
    vectors, settings = news(120, seed), ClusterSettings()
    alone = cluster(vectors, settings, "2026-11-25")
    monkeypatch.setattr(spread, "BLOCK", block)
    monkeypatch.setattr(spread, "TILE", 5)
    found, blocks = found_by_many(vectors, settings, seed)
    assert cluster(vectors, settings, "2026-11-25", found=found) == alone
    assert blocks == -(-len(np.unique(found.duplicate)) // block)
    assert 10 < sum(item.level == "story" for item in alone.clusters) < 100


@pytest.mark.parametrize("cut", [0.5, 0.28])
def test_the_groups_are_those_of_scipy(monkeypatch, cut):
    vectors, settings = news(90, 5), ClusterSettings(story=cut)
    monkeypatch.setattr(spread, "BLOCK", 20)
    found, _ = found_by_many(vectors, settings, 3)
    votes = prepared(vectors, settings).votes
    labels = average_linkage(votes, np.ones(len(votes), dtype=np.int64), cut, SUBTRACTED, found.compared)
    mirrored = votes.astype(np.float64)
    mirrored[:, -SUBTRACTED:] *= -1
    similarity = mirrored @ votes.T / UNIT**2
    distance = 2 - similarity[np.triu_indices(len(votes), 1)]  # SciPy wants none below 0
    expected = fcluster(linkage(distance, "average"), 2 - cut, "distance")
    first = {}
    assert labels.tolist() == [first.setdefault(group, row) for row, group in enumerate(expected)]
    assert 1 < len(first) < len(votes)


def test_where_too_many_pairs_are_similar_the_tasks_have_a_higher_cut(monkeypatch):
    vectors, settings = news(120, 2), ClusterSettings()
    alone = cluster(vectors, settings, "")
    monkeypatch.setattr(spread, "BLOCK", 30)
    monkeypatch.setattr("transforms.core.components.EDGES", 40)
    found, _ = found_by_many(vectors, settings, 0)
    assert found.compared.cut > settings.story
    assert cluster(vectors, settings, "", found=found) == alone


def test_one_block_is_no_task():
    kept = Kept()
    assert spread.start(news(20, 0), ClusterSettings(), kept) == (b"", [])
    assert not kept
