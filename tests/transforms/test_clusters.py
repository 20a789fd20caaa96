from dataclasses import replace

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to

from pipeline.files import BlockFiles
from transforms.clusters import ClusterVectors, rows_by_file
from transforms.core.clustering import cluster
from transforms.core.encoders import load_encoder, quantise
from transforms.core.teaser_links import link_teasers
from transforms.embed import EmbedItem, as_vector
from transforms.links import LinkTeasers
from transforms.settings import ClusterSettings
from transforms.types import Cluster, Member, Source, Vector

SETTINGS = ClusterSettings(duplicate=0.55, overlap=0.25, story=0.5, topic=0.2)
TEXTS = {
    "ferry": "Night ferry hits breakwater off Sallow",
    "inquiry": "Ferry inquiry: night ferry hit the breakwater",
    "cup": "Harriers win the cup at Aldermoor",
    "cup#t1": "Night ferry hits breakwater",
    "ferry#t1": "Harriers win the cup at Aldermoor",
}
PLACES = [
    (place, event)
    for place in ("Sallow", "Aldermoor", "Northmark", "Lindow", "Quay", "Shionagi", "Tarn", "Hollin", "Wick")
    for event in ("ferry", "cup", "vote", "strike", "storm", "trial", "school", "bridge", "choir", "harvest")
]


@pytest.fixture(scope="module")
def vectors():
    rows, _ = quantise(load_encoder("hashing").encode(list(TEXTS.values())))
    kinds = {id: "teaser" if "#" in id else "story" for id in TEXTS}
    files = {"story": "stories-0", "teaser": "teasers-0"}
    items = [EmbedItem(id, kinds[id], files[kinds[id]], text, text, None, Source("in")) for id, text in TEXTS.items()]
    return [as_vector(item, row.tobytes()) for item, row in zip(items, rows, strict=True)]


@pytest.mark.parametrize("step", [1, -1])
def test_the_stage_is_the_function_in_any_order(vectors, step):
    members, clusters, _ = cluster(vectors, SETTINGS, "2026-11-24")
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        result = pipeline | beam.Create(vectors[::step]) | ClusterVectors(SETTINGS, "2026-11-24")
        assert_that(result.out, equal_to(members), label="members")
        assert_that(result.clusters, equal_to(clusters), label="clusters")
        assert_that(result.files, equal_to(rows_by_file(vectors, members, clusters)), label="files")


def test_no_vectors_no_output():
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        empty = pipeline | beam.Create([]).with_output_types(Vector)
        result = empty | ClusterVectors(SETTINGS, "")
        assert_that(result.out, equal_to([]), label="members")
        assert_that(result.clusters, equal_to([]), label="clusters")
        assert_that(result.files, equal_to([]), label="files")


def test_the_files_name_each_row_with_its_clusters(vectors):
    members = [
        Member(id, level, level[0] + group, 0.9)
        for id, group in [("ferry", "1"), ("inquiry", "2"), ("cup", "3"), ("cup#t1", "1"), ("ferry#t1", "3")]
        for level in ("duplicate", "story", "topic")
    ]
    clusters = [
        Cluster(f"d{group}", "duplicate", 2, "", (), medoid, None, None)
        for group, medoid in (("1", "ferry"), ("2", "inquiry"), ("3", "cup"))
    ]
    assert rows_by_file(vectors, members, clusters) == [
        (
            "stories-0",
            [
                ("cup", "d3", "s3", "t3", None, None),
                ("ferry", "d1", "s1", "t1", None, None),
                ("inquiry", "d2", "s2", "t2", None, None),
            ],
        ),
        (
            "teasers-0",
            [("cup#t1", "d1", "s1", "t1", "ferry", 0.9), ("ferry#t1", "d3", "s3", "t3", "cup", 0.9)],
        ),
    ]


def test_teasers_are_linked(vectors):
    links = link_teasers(vectors)
    assert [(link.teaser_id, link.story_id) for link in links] == [("cup#t1", "ferry"), ("ferry#t1", "cup")]
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        assert_that(pipeline | beam.Create(vectors[::-1]) | LinkTeasers(), equal_to(links))


class Kept:
    """Blocks in a directory."""

    def __init__(self, directory):
        self.directory = directory

    def write(self, number, content):
        (self.directory / str(number)).write_bytes(content)

    def read(self, number):
        return (self.directory / str(number)).read_bytes()


@pytest.mark.parametrize("again", [False, True])
def test_workers_that_compare_blocks_change_nothing(vectors, again, tmp_path, monkeypatch):
    monkeypatch.setattr("transforms.core.spread.BLOCK", 2)
    known = cluster(vectors[3:], SETTINGS, "2026-11-24").registry if again else None
    today = vectors[:4]
    members, clusters, registry = cluster(today, SETTINGS, "2026-11-25", known, 30)
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        stage = ClusterVectors(SETTINGS, "2026-11-25", (lambda: known) if again else None, 30, Kept(tmp_path))
        result = pipeline | beam.Create(today[::-1]) | stage
        assert_that(result.out, equal_to(members), label="members")
        assert_that(result.clusters, equal_to(clusters), label="clusters")
        assert_that(result.known_members, equal_to(registry.members), label="known members")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0", "1"]


def test_what_was_not_compared_is_counted(vectors):
    settings = replace(SETTINGS, all_pairs=1)
    told = {}
    found = cluster(vectors, settings, "", report=told.__setitem__)
    assert found.members == cluster(vectors, SETTINGS, "").members
    pipeline = beam.Pipeline(runner="FnApiRunner")
    pipeline | beam.Create(vectors) | ClusterVectors(settings, "")
    counted = {counter.key.metric.name: counter.committed for counter in pipeline.run().metrics().query()["counters"]}
    assert {name: number for name, number in counted.items() if "_pairs_" in name} == told
    assert told["story_pairs_found"] == told["story_pairs_audited"] > 0


@pytest.mark.soak
def test_worker_processes_that_compare_blocks_change_nothing(tmp_path):
    """More texts than a block holds, two processes, files between them."""
    texts = [f"{place} {event} {number % 1900}" for number in range(9_000) for place, event in [PLACES[number % 90]]]
    rows, _ = quantise(load_encoder("hashing").encode(texts))
    many = [
        as_vector(EmbedItem(f"v{number}", "story", "f", text, text, None, Source("in")), row.tobytes())
        for number, (text, row) in enumerate(zip(texts, rows, strict=True))
    ]
    members, clusters, _ = cluster(many, SETTINGS, "")
    flags = ["--direct_num_workers=2", "--direct_running_mode=multi_processing"]
    with beam.Pipeline(runner="FnApiRunner", options=PipelineOptions(flags)) as pipeline:
        vectors = pipeline | beam.Create(many)
        result = vectors | ClusterVectors(SETTINGS, "", blocks=BlockFiles(str(tmp_path / "rows")))
        assert_that(result.out, equal_to(members), label="members")
        assert_that(result.clusters, equal_to(clusters), label="clusters")
    assert len(list((tmp_path / "rows").iterdir())) == 2


@pytest.mark.parametrize("again", [False, True])
def test_the_stage_goes_on_from_what_is_known(vectors, again):
    known = cluster(vectors, SETTINGS, "2026-11-24").registry
    today = vectors[:2] if again else []
    members, clusters, registry = cluster(today, SETTINGS, "2026-11-25", known, 30)
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        created = pipeline | beam.Create(today).with_output_types(Vector)
        result = created | ClusterVectors(SETTINGS, "2026-11-25", lambda: known, 30)
        assert_that(result.out, equal_to(members), label="members")
        assert_that(result.clusters, equal_to(clusters), label="clusters")
        assert_that(result.known_members, equal_to(registry.members), label="known members")
        assert_that(result.known_clusters, equal_to(registry.clusters), label="known clusters")
        assert_that(result.forwards, equal_to(registry.forwards), label="forwards")


def test_teasers_are_linked_to_stories_of_earlier_runs(vectors):
    teasers = [vector for vector in vectors if vector.kind == "teaser"]
    stories = [vector for vector in vectors if vector.kind == "story"]
    links = link_teasers(teasers[:1], stories)
    assert [link.story_id for link in links] == ["ferry"]
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        assert_that(pipeline | beam.Create(teasers[:1]) | LinkTeasers(lambda: stories), equal_to(links))
