import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from pipeline.sinks import (
    SCHEMAS,
    WriteTable,
    read_columns,
    read_file_rows,
    read_matching,
    read_table,
    row,
    table_files,
    write_rows,
)
from transforms.types import Cluster, Failure, Member, PageRecord, Segment, Source, Story, Teaser, Vector

STORY = Story(
    id="a/b",
    url="https://example.org/b",
    site="example.org",
    title="Título 😀",
    dek=None,
    authors=("A. Author", "B. Author"),
    published="2026-01-02",
    language="es",
    text="One.\n\nTwo.",
    captions=(),
    bio=None,
    confidence=0.75,
    teasers=("a/b#t1",),
    chars_in=100,
    chars_kept=10,
    source=Source("in/b.jsonl", 42),
    metadata=(("tags", '["x"]'), ("views", "7")),
    modified="2026-01-03",
    section="Harbour",
    site_name="Example",
    description="What the head says.",
)
STORY_ROW = {
    "id": "a/b",
    "url": "https://example.org/b",
    "site": "example.org",
    "title": "Título 😀",
    "dek": None,
    "authors": ["A. Author", "B. Author"],
    "published": "2026-01-02",
    "modified": "2026-01-03",
    "language": "es",
    "section": "Harbour",
    "site_name": "Example",
    "description": "What the head says.",
    "text": "One.\n\nTwo.",
    "captions": [],
    "bio": None,
    "confidence": 0.75,
    "teasers": ["a/b#t1"],
    "chars_in": 100,
    "chars_kept": 10,
    "duplicate_cluster": None,
    "story_cluster": None,
    "topic_cluster": None,
    "duplicate_of": None,
    "linked_from": None,
    "source": {"file": "in/b.jsonl", "offset": 42},
    "metadata": [{"key": "tags", "value": '["x"]'}, {"key": "views", "value": "7"}],
}
TEASER = Teaser("a/b#t1", "a/b", 1, "Other story", "Its text", None, "https://example.org/c")
PAGE = PageRecord("a", None, None, "index", 0.5, "no_story", ("deep_dom",), "utf-8", 10, 0, Source("in/a.html"))
SEGMENT = Segment("a", 3, "body", 0, "One.", 5, 9, 0.5, "long text")
VECTOR = Vector("a", "story", "part-0", b"\x00" * 16, b"\x01\xff", b"\x02" * 8, "T", None, "word 2", b"\x03", b"\x04")


def test_a_story_becomes_a_row_of_all_its_fields() -> None:
    assert row("stories", STORY) == STORY_ROW
    assert list(row("stories", STORY)) == SCHEMAS["stories"].names


@pytest.mark.parametrize(
    ("table", "noun", "expected"),
    [
        (
            "teasers",
            TEASER,
            {
                "id": "a/b#t1",
                "page_id": "a/b",
                "position": 1,
                "title": "Other story",
                "text": "Its text",
                "caption": None,
                "target_url": "https://example.org/c",
                "links_to": None,
                "duplicate_cluster": None,
                "story_cluster": None,
                "topic_cluster": None,
                "duplicate_of": None,
            },
        ),
        (
            "pages",
            PAGE,
            {
                "id": "a",
                "url": None,
                "canonical_url": None,
                "site": None,
                "title": None,
                "kind": "index",
                "kind_confidence": 0.5,
                "status": "no_story",
                "flags": ["deep_dom"],
                "encoding": "utf-8",
                "chars_in": 10,
                "chars_kept": 0,
                "source": {"file": "in/a.html", "offset": 0},
            },
        ),
        (
            "segments",
            SEGMENT,
            {
                "id": "a#s3",
                "page_id": "a",
                "order": 3,
                "role": "body",
                "story": 0,
                "text": "One.",
                "start": 5,
                "end": 9,
                "confidence": 0.5,
                "reason": "long text",
            },
        ),
        (
            "members",
            Member("a", "story", "s0", 0.5),
            {"id": "a", "level": "story", "cluster_id": "s0", "similarity": 0.5},
        ),
        (
            "clusters",
            Cluster("s0", "story", 2, "L", ("k",), "a", None, "2026-01-02", ("s1",)),
            {
                "cluster_id": "s0",
                "level": "story",
                "size": 2,
                "label": "L",
                "keywords": ["k"],
                "medoid_id": "a",
                "first_seen": None,
                "last_seen": "2026-01-02",
                "forwarded_from": ["s1"],
            },
        ),
        (
            "failures",
            Failure("read", Source("f", 3), "bad_record", "why"),
            {
                "stage": "read",
                "source": {"file": "f", "offset": 3},
                "id": None,
                "error": "bad_record",
                "detail": "why",
            },
        ),
        (
            "vectors",
            VECTOR,
            {
                "id": "a",
                "kind": "story",
                "file": "part-0",
                "text_hash": b"\x00" * 16,
                "vector": b"\x01\xff",
                "sketch": b"\x02" * 8,
                "title": "T",
                "published": None,
                "terms": [{"term": "word", "count": 2}],
                "words": b"\x03",
                "facts": b"\x04",
                "cache_key": b"",
            },
        ),
    ],
)
def test_each_noun_survives_its_table(tmp_path: Path, table: str, noun: Any, expected: dict[str, Any]) -> None:
    assert row(table, noun) == expected
    file = f"{tmp_path}/part-0.parquet"
    write_rows(file, table, [expected], "parquet")
    assert list(read_file_rows(file)) == [expected]
    assert pq.read_schema(file).equals(SCHEMAS[table])


def test_a_noun_of_another_table_is_refused_and_a_row_passes() -> None:
    with pytest.raises(AttributeError):
        row("stories", TEASER)
    link = {"teaser_id": "t", "story_id": "s", "similarity": 0.5}
    assert row("links", link) is link


# Writing and reading


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_write_table_writes_rows_that_read_table_gives_back(tmp_path: Path, format: str) -> None:
    path = f"{tmp_path}/el día 1/stories"
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        _ = pipeline | beam.Create([STORY]) | WriteTable("stories", path, format)
    assert table_files(path) == [f"{path}/part-00000-of-00001.{format}"]
    assert list(read_table(path)) == [STORY_ROW]


def test_write_table_refuses_a_path_that_beam_takes_for_a_pattern() -> None:
    with pytest.raises(ValueError) as error:
        WriteTable("stories", "out[1]/t")
    assert str(error.value) == "out[1]/t: no table can be written to a path with *?["


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_a_table_without_rows_is_one_file_without_rows(tmp_path: Path, format: str) -> None:
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        _ = pipeline | beam.Create([]) | WriteTable("stories", f"{tmp_path}/t", format)
    (file,) = table_files(f"{tmp_path}/t")
    assert file == f"{tmp_path}/t/part-00000-of-00001.{format}"
    assert list(read_table(f"{tmp_path}/t")) == []
    if format == "parquet":
        assert pq.read_schema(file).equals(SCHEMAS["stories"])


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_the_number_of_shards_does_not_change_the_rows(tmp_path: Path, format: str) -> None:
    members = [Member(str(number), "story", "s", 0.5) for number in range(1000)]
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        _ = pipeline | beam.Create(members) | WriteTable("members", f"{tmp_path}/t", format, 3)
    assert [Path(file).name for file in table_files(f"{tmp_path}/t")] == [
        f"part-0000{shard}-of-00003.{format}" for shard in range(3)
    ]
    found = sorted(read_table(f"{tmp_path}/t"), key=lambda one: int(one["id"]))
    assert found == [row("members", member) for member in members]


def test_parquet_tables_are_compressed_with_zstd(tmp_path: Path) -> None:
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        _ = pipeline | beam.Create([STORY]) | WriteTable("stories", f"{tmp_path}/t")
    write_rows(f"{tmp_path}/t/part-x.parquet", "stories", [STORY_ROW], "parquet")
    for file in table_files(f"{tmp_path}/t"):
        assert pq.read_metadata(file).row_group(0).column(0).compression == "ZSTD"


def test_json_lines_keep_the_order_of_fields_and_nulls(tmp_path: Path) -> None:
    write_rows(f"{tmp_path}/part-0.jsonl", "teasers", [row("teasers", TEASER)], "jsonl")
    line = (tmp_path / "part-0.jsonl").read_bytes()
    assert line.endswith(b'"duplicate_of":null}\n')
    assert list(json.loads(line)) == SCHEMAS["teasers"].names


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_write_rows_streams_and_leaves_nothing_half_written(tmp_path: Path, format: str) -> None:
    file = tmp_path / f"part-0.{format}"

    def rows(number: int) -> Iterator[dict[str, Any]]:
        for index in range(number):
            assert not file.exists()
            yield {"teaser_id": str(index), "story_id": "s" * 50_000, "similarity": 0.5}
        if number == 300:
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_rows(str(file), "links", rows(300), format)
    assert not file.exists()
    write_rows(str(file), "links", rows(1000), format)
    assert [one["teaser_id"] for one in read_file_rows(str(file))] == [str(index) for index in range(1000)]
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    if format == "parquet":
        assert pq.read_metadata(file).num_row_groups > 1


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_a_file_without_rows_can_be_read(tmp_path: Path, format: str) -> None:
    write_rows(f"{tmp_path}/part-0.{format}", "stories", [], format)
    assert list(read_file_rows(f"{tmp_path}/part-0.{format}")) == []


def test_reading_a_table_that_is_not_there_gives_nothing(tmp_path: Path) -> None:
    assert table_files(f"{tmp_path}/none") == []
    assert list(read_table(f"{tmp_path}/none")) == []


def test_tables_load_in_datasets_and_pandas_and_both_formats_agree(tmp_path: Path) -> None:
    linked = row("teasers", TEASER) | {"links_to": {"id": "c", "similarity": 0.9}}
    for format in ("parquet", "jsonl"):
        write_rows(f"{tmp_path}/{format}/stories/part-0.{format}", "stories", [STORY_ROW] * 2, format)
        write_rows(f"{tmp_path}/{format}/teasers/part-0.{format}", "teasers", [linked], format)
        loader = "json" if format == "jsonl" else format
        for table, expected in (("stories", STORY_ROW), ("teasers", linked)):
            data = load_dataset(
                loader,
                data_files=f"{tmp_path}/{format}/{table}/*.{format}",
                split="train",
                cache_dir=f"{tmp_path}/cache/{format}/{table}",
            )
            # Its JSON reader takes a column of dates for timestamps.
            undated = {"published": None, "modified": None} if table == "stories" and format == "jsonl" else {}
            assert data[0] | undated == expected | undated
    frame = pd.read_parquet(f"{tmp_path}/parquet/stories")
    assert frame["title"].tolist() == ["Título 😀"] * 2
    assert list(frame["metadata"][0]) == STORY_ROW["metadata"]
    assert frame["source"][0] == STORY_ROW["source"]


def test_every_table_has_a_schema_that_datasets_can_load() -> None:
    assert list(SCHEMAS) == [
        "stories",
        "teasers",
        "pages",
        "segments",
        "members",
        "clusters",
        "forwards",
        "failures",
        "vectors",
        "labelled",
        "profiles",
        "links",
        "sites",
        "known_clusters",
        "seen_files",
        "seen_pages",
        "known_members",
    ]
    assert not any(pa.types.is_map(field.type) for schema in SCHEMAS.values() for field in schema)


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_some_columns_and_some_rows_can_be_read(tmp_path: Path, format: str) -> None:
    rows = [STORY_ROW | {"id": f"id{n % 3}", "chars_in": n} for n in range(7)]
    write_rows(str(tmp_path / "stories" / f"part-00000-of-00001.{format}"), "stories", rows, format)
    path = str(tmp_path / "stories")
    (batch,) = read_columns(path, ["chars_in", "id", "source"])
    assert batch.schema.names == ["chars_in", "id", "source"]
    assert batch.to_pylist()[4] == {"chars_in": 4, "id": "id1", "source": {"file": "in/b.jsonl", "offset": 42}}
    assert list(read_matching(path, "id", "id1")) == [rows[1], rows[4]]
    assert list(read_matching(path, "id", "nowhere")) == []
