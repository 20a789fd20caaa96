import datetime
import gzip
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.sources import content_hash
from tests.pipeline.formats.inputs import contents, errors, noise, read, read_one, write
from transforms.types import Page, Source


def test_parquet_rows_are_records_with_any_other_fields(tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": [1, 2],
            "text": ["one", None],
            "html": pa.array([None, b"<p>caf\xe9"], pa.binary()),
            "date": [datetime.date(2026, 1, 2), None],
            "seen": pa.array([1_700_000_000_123_456_789, None], pa.timestamp("ns", "UTC")),
            "price": pa.array([datetime.timedelta(seconds=1), None]),
            "tags": [["a", "b"], []],
        }
    )
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)
    first, second = read(path)
    assert first == Page(
        "1",
        "text",
        "one",
        Source(str(path), 0),
        published="2026-01-02",
        metadata=(
            ("price", '"0:00:01"'),
            ("seen", '"2023-11-14T22:13:20.123456+00:00"'),
            ("tags", '["a","b"]'),
        ),
    )
    assert (second.id, second.kind, second.content, second.source.offset) == ("2", "html", b"<p>caf\xe9", 1)
    write(tmp_path / "b.parquet.gz", gzip.compress(path.read_bytes()))
    assert [page.id for page in read(tmp_path / "b.parquet.gz")] == ["1", "2"]


def test_missing_numbers_and_binary_columns_of_parquet(tmp_path: Path) -> None:
    table = pa.table({"id": [1.0, float("nan")], "text": pa.array([b"%PDF-1.4", b"caf\xe9"], pa.binary())})
    pq.write_table(table, tmp_path / "a.parquet")
    failure, page = read(tmp_path)
    assert (failure.error, failure.id) == ("not_text", "1.0")
    assert (page.id, page.content) == (content_hash(page).hex()[:16], b"caf\xe9")


def test_ids_and_titles_may_stand_in_binary_and_decimal_columns_of_parquet(tmp_path: Path) -> None:
    table = pa.table({"text": ["a"], "id": [Decimal("7.10")], "url": [b"https://example.org/1"], "title": [b"caf\xe9"]})
    pq.write_table(table, tmp_path / "a.parquet")
    page = read_one(tmp_path / "a.parquet")
    assert (page.id, page.url, page.title) == ("7.10", "https://example.org/1", "caf\ufffd")


def test_a_bad_parquet_row_is_one_failure(tmp_path: Path) -> None:
    raw = pa.array([b"good", b"caf\xe9 bad", b"good too"])
    text = pa.StringArray.from_buffers(3, raw.buffers()[1], raw.buffers()[2])
    pq.write_table(pa.table({"text": text}), tmp_path / "a.parquet")
    outcomes = read(tmp_path / "a.parquet")
    assert contents(outcomes) == ["good", "good too"]
    assert errors(outcomes) == [(1, "bad_record")]
    assert outcomes[1].detail.startswith("a field cannot be read: 'utf-8' codec can't decode byte 0xe9")


def test_damaged_parquet_files(tmp_path: Path) -> None:
    path = tmp_path / "good.parquet"
    pq.write_table(pa.table({"text": [noise(500, seed) for seed in range(400)]}), path, row_group_size=100)
    good = path.read_bytes()
    page = bytearray(good)
    page[len(good) // 2 : len(good) // 2 + 60_000] = b"\xff" * 60_000
    for name, content in (
        ("truncated.parquet", good[:-100]),
        ("foreign.parquet", b"no Parquet at all"),
        ("short.parquet", b"PA"),
        ("empty.parquet", b""),
        ("cut.parquet.gz", gzip.compress(good)[:-500]),
    ):
        expected = "truncated" if name.startswith(("trunc", "cut")) else "corrupt"
        assert errors(read(write(tmp_path / name, content))) == [(0, expected)], name
    outcomes = read(write(tmp_path / "page.parquet", bytes(page)))
    assert 100 <= len(contents(outcomes)) < 400
    assert errors(outcomes) == [(len(contents(outcomes)), "corrupt")]


def test_a_parquet_bomb_is_not_inflated(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet.gz", gzip.compress(b"\x00" * 30_000_000))
    failure = read_one(path)
    assert (failure.error, failure.detail) == ("too_large", "it inflates to more than 100 times its size")
