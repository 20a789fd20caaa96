"""Seeds for the fuzzers, from the demo pages: `python -m tests.fuzz.seeds FOLDER`."""

import gzip
import io
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

DEMO = Path(__file__).parents[1] / "data" / "demo"
LARGEST = 1 << 14
# Numbers are those of FORMATS in fuzz_readers.py and of KINDS in fuzz_pages.py.
_NUMBERS = {".html": 0, ".htm": 0, ".txt": 2, ".jsonl": 3, ".warc.gz": 9}


def write(folder: Path) -> None:
    pages, readers = folder / "fuzz_pages", folder / "fuzz_readers"
    for directory in (pages, readers):
        directory.mkdir(parents=True, exist_ok=True)
    for path in sorted(path for path in DEMO.rglob("*") if path.is_file()):
        content, suffix = (
            path.read_bytes()[:LARGEST],
            "".join(path.suffixes[-2:] if path.suffix == ".gz" else [path.suffix]),
        )
        if suffix in _NUMBERS:
            (readers / path.name).write_bytes(bytes([_NUMBERS[suffix]]) + content)
        if suffix in (".html", ".htm", ".txt"):
            (pages / path.name).write_bytes(bytes([1 if suffix == ".txt" else 0]) + content)
            (readers / f"{path.name}.gz").write_bytes(bytes([1]) + gzip.compress(content, mtime=0))
    lines = b"".join(path.read_bytes() for path in sorted(DEMO.rglob("*.jsonl")))[:LARGEST]
    (readers / "packed.jsonl.gz").write_bytes(bytes([4]) + gzip.compress(lines, mtime=0))
    (readers / "packed.jsonl.zst").write_bytes(bytes([5]) + zstandard.compress(lines))
    table = io.BytesIO()
    pq.write_table(pa.table({"id": ["a", "b"], "text": ["One line.", None], "n": [1.5, float("nan")]}), table)
    (readers / "table.parquet").write_bytes(bytes([6]) + table.getvalue())


if __name__ == "__main__":
    write(Path(sys.argv[1]))
