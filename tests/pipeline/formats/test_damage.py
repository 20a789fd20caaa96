import gzip
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from tests.pipeline.formats.inputs import LINES, RECORDS, WARC, read, write
from transforms.types import Failure, Page


@pytest.mark.parametrize(
    "name", ["a.html.gz", "a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.parquet", "a.warc", "a.warc.gz"]
)
def test_no_damage_raises_or_loses_the_run(tmp_path: Path, name: str) -> None:
    plain = "".join(LINES[:40]).encode()
    pq.write_table(pa.table({"text": [one["text"] for one in RECORDS[:40]]}), tmp_path / "whole", row_group_size=10)
    whole = {
        "a.html.gz": gzip.compress(plain),
        "a.jsonl": plain,
        "a.jsonl.gz": gzip.compress(plain),
        "a.jsonl.zst": zstandard.compress(plain),
        "a.parquet": (tmp_path / "whole").read_bytes(),
        "a.warc": b"".join(WARC),
        "a.warc.gz": b"".join(map(gzip.compress, WARC)),
    }[name]
    dice = random.Random(name)
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            start = dice.randrange(len(damaged))
            damaged[start : start + dice.randint(0, 9)] = dice.randbytes(dice.randint(0, 9))
        if dice.random() < 0.3:
            del damaged[dice.randrange(len(damaged)) :]
        outcomes = read(write(tmp_path / name, bytes(damaged)))
        assert all(isinstance(outcome, Page | Failure) for outcome in outcomes)
