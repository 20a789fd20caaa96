from dataclasses import replace

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing.util import assert_that, equal_to

from transforms import embed
from transforms.core.encoders import EncoderError, EncoderInfo, load_encoder, quantise
from transforms.core.lexical import packed_terms, shingle_sketch, terms, text_hash, word_weights
from transforms.core.vector_cache import FILE, VectorCache, model_key, text_key, updated
from transforms.embed import EmbedItem, EmbedTexts, as_vector, story_item, teaser_item
from transforms.settings import EmbedSettings
from transforms.types import Failure, Source, Vector

TEXTS = ["Ferry hits breakwater\nIn thick fog.", "Council votes", "Harriers win", "Council votes"]
ITEMS = [
    EmbedItem(f"p{n}", "story", "stories-0", text, text.partition("\n")[0], "2026-11-24", Source("in.jsonl", n))
    for n, text in enumerate(TEXTS)
]


def expected(items):
    rows, _ = quantise(load_encoder("hashing").encode([item.text for item in items]))
    model = model_key("hashing (for tests only)", "none", 256)
    return [
        replace(as_vector(item, row.tobytes()), cache_key=text_key(item.text, model))
        for item, row in zip(items, rows, strict=True)
    ]


class CountingEncoder:
    name, weights_hash, dim = "counting", "none", 2

    def __init__(self):
        self.calls = []

    def encode(self, texts):
        self.calls.append(list(texts))
        if any("\ud800" in text for text in texts):
            raise ValueError("half of a pair")
        return np.array([[np.nan if "nan" in text else len(text), 1] for text in texts], dtype=np.float32)


def run_with(monkeypatch, encoder, items, buffer=100, cache=""):
    """Run the stage with an encoder in this process; returns vectors and failures."""
    monkeypatch.setattr(embed, "load_encoder", lambda *arguments: encoder)
    monkeypatch.setattr(embed, "resolve_encoder", lambda model: EncoderInfo(encoder.name, None, encoder.weights_hash))
    do_fn = embed._Encode(EmbedSettings(buffer=buffer), threads=1, cache=str(cache))
    do_fn.setup()
    do_fn.start_bundle()
    outputs = [output for item in items for output in do_fn.process(item)]
    outputs += [
        output.value.value if isinstance(output, beam.pvalue.TaggedOutput) else output.value
        for output in do_fn.finish_bundle()
    ]
    outputs = [getattr(output, "value", output) for output in outputs]
    return [o for o in outputs if isinstance(o, Vector)], [o for o in outputs if isinstance(o, Failure)]


@pytest.mark.parametrize("buffer", [1, 3, 100])
def test_every_item_becomes_one_vector_whatever_the_buffer(buffer):
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        result = pipeline | beam.Create(ITEMS) | EmbedTexts(EmbedSettings(model="hashing", buffer=buffer))
        assert_that(result.out, equal_to(expected(ITEMS)), label="vectors")
        assert_that(result.failures, equal_to([]), label="failures")


def test_a_vector_carries_what_clustering_needs():
    (vector,) = expected(ITEMS[:1])
    assert (vector.id, vector.kind, vector.file, vector.title, vector.published) == (
        "p0", "story", "stories-0", "Ferry hits breakwater", "2026-11-24",
    )  # fmt: skip
    assert len(vector.vector) == 384
    assert vector.text_hash == text_hash("ferry hits breakwater in thick fog")
    assert vector.sketch == shingle_sketch("Ferry hits breakwater In thick fog")
    assert vector.terms == packed_terms(terms("Ferry hits breakwater In thick fog"))
    assert vector.words == word_weights("Ferry hits breakwater\nIn thick fog.")


def test_an_item_without_words_is_a_failure():
    blank = EmbedItem("p9", "story", "stories-0", "***", "", None, Source("in.jsonl", 77))
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        result = pipeline | beam.Create([*ITEMS, blank]) | EmbedTexts(EmbedSettings(model="hashing"))
        assert_that(result.out, equal_to(expected(ITEMS)), label="vectors")
        detail = "the story has no letters or digits"
        failure = Failure("embed", Source("in.jsonl", 77), "no_vector", detail, "p9")
        assert_that(result.failures, equal_to([failure]), label="failures")


def test_each_distinct_text_is_encoded_once(monkeypatch):
    encoder = CountingEncoder()
    vectors, _ = run_with(monkeypatch, encoder, ITEMS, buffer=2)
    assert [vector.id for vector in vectors] == ["p0", "p1", "p2", "p3"]
    assert [len(texts) for texts in encoder.calls] == [2, 1]  # the last "Council votes" is remembered
    assert vectors[1].vector == vectors[3].vector


def left_for_the_next_run(directory, vectors):
    found = [(vector.cache_key, vector.vector) for vector in vectors]
    np.save(directory / FILE, updated(VectorCache.load(""), *zip(*found, strict=True), "", 0).rows)


def test_what_earlier_runs_have_encoded_is_not_encoded_again(monkeypatch, tmp_path):
    before, _ = run_with(monkeypatch, CountingEncoder(), ITEMS[:2])
    left_for_the_next_run(tmp_path, before)
    encoder = CountingEncoder()
    vectors, _ = run_with(monkeypatch, encoder, ITEMS, cache=tmp_path)
    assert encoder.calls == [["Harriers win"]]
    assert vectors == run_with(monkeypatch, CountingEncoder(), ITEMS)[0]
    monkeypatch.setattr(CountingEncoder, "weights_hash", "other weights")
    run_with(monkeypatch, encoder, ITEMS, cache=tmp_path)
    assert len(encoder.calls[1]) == 3


def test_the_model_is_not_loaded_for_texts_that_are_known(monkeypatch, tmp_path):
    before, _ = run_with(monkeypatch, CountingEncoder(), ITEMS)
    left_for_the_next_run(tmp_path, before)
    blank = EmbedItem("p9", "story", "stories-0", "***", "", None, Source("in.jsonl", 77))
    monkeypatch.setattr(embed._Encode, "_load", lambda self: pytest.fail("the model is loaded"))
    vectors, failures = run_with(monkeypatch, CountingEncoder(), [*ITEMS, blank], cache=tmp_path)
    assert vectors == before
    assert [failure.id for failure in failures] == ["p9"]


def test_only_so_many_vectors_are_remembered(monkeypatch):
    monkeypatch.setattr(embed, "REMEMBERED", 1)
    encoder = CountingEncoder()
    run_with(monkeypatch, encoder, [ITEMS[1], ITEMS[2], ITEMS[1]], buffer=1)
    assert encoder.calls == [["Council votes"], ["Harriers win"], ["Council votes"]]


def test_one_bad_text_fails_alone(monkeypatch):
    bad = [
        EmbedItem("nan", "story", "stories-0", "a nan text", "", None, Source("in")),
        EmbedItem("surrogate", "story", "stories-0", "a text with \ud800", "", None, Source("in")),
    ]
    vectors, failures = run_with(monkeypatch, CountingEncoder(), [*ITEMS, *bad])
    assert [vector.id for vector in vectors] == ["p0", "p1", "p2", "p3"]
    assert [(failure.id, failure.error, failure.detail) for failure in failures] == [
        ("nan", "no_vector", "the model's vector has no direction"),
        ("surrogate", "no_vector", "ValueError: half of a pair"),
    ]


def test_a_missing_model_stops_the_run():
    pipeline = beam.Pipeline(runner="FnApiRunner")
    pipeline | beam.Create(ITEMS) | EmbedTexts(EmbedSettings(model="nothing"))
    with pytest.raises((EncoderError, RuntimeError), match=r"embed\.model='nothing' is no model"):
        pipeline.run()


def test_items_join_what_is_there():
    story = {
        "id": "p",
        "title": None,
        "text": "Text.",
        "published": "2026-11-24",
        "source": {"file": "in", "offset": 7},
    }
    assert story_item(story, "f") == EmbedItem("p", "story", "f", "Text.", "", "2026-11-24", Source("in", 7))
    teaser = {"id": "p#t1", "title": "Title", "text": None, "caption": "Caption"}
    assert teaser_item(teaser, "f") == EmbedItem(
        "p#t1", "teaser", "f", "Title\nCaption", "Title", None, Source("teasers")
    )
