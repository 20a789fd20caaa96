"""How long the report of a large run takes, and how large it is: ``python -m benchmarks.report --pages 100000``.

A run over the demo pages is made, and its rows are repeated with other ids and sites until there are so many pages. So
the tables are as long as those of a large run; their clusters are copies of each other.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

DEMO = Path(__file__).parents[1] / "tests/data/demo"
RENAMED = {
    "stories": ("id", "duplicate_cluster", "story_cluster", "topic_cluster"),
    "teasers": ("id", "page_id", "duplicate_cluster", "story_cluster", "topic_cluster"),
    "pages": ("id", "site"),
    "segments": ("id", "page_id"),
    "members": ("id", "cluster_id"),
    "clusters": ("cluster_id", "medoid_id"),
    "vectors": ("id",),
}
GROUP = 250  # copies in one row group


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=100_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        out = Path(work, "out")
        copydesk("run", DEMO, "-o", out)
        small = (out / "report.html").stat().st_size
        copies = -(-args.pages // sum(pq.read_metadata(file).num_rows for file in (out / "pages").iterdir()))
        rows = {name: repeat(file, RENAMED[name], copies) for file, name in tables(out)}
        began = time.monotonic()
        process = subprocess.Popen([sys.executable, "-m", "pipeline", "report", str(out)], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        if status:
            sys.exit("report: the command failed")
        large = (out / "report.html").stat().st_size
    print(", ".join(f"{number:,} {name}" for name, number in rows.items()))
    memory = usage.ru_maxrss / 1024
    print(f"report: {seconds:.0f} s, {memory:.0f} MB at most, {large / 1e6:.2f} MB; of the demo {small / 1e6:.2f} MB")


def copydesk(*arguments: object) -> None:
    """Run a command; what it prints is of no interest here."""
    command = [sys.executable, "-m", "pipeline", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)


def tables(out: Path) -> list[tuple[Path, str]]:
    """The files of a run's tables, with the names of the tables."""
    return [(file, file.parent.name) for file in sorted(out.rglob("*.parquet")) if file.parent.name in RENAMED]


def repeat(file: Path, renamed: tuple[str, ...], copies: int) -> int:
    """Write each row so many times, with another ending of each id; returns the number of rows."""
    table = pq.read_table(file)
    with pq.ParquetWriter(file, table.schema, compression="zstd") as writer:
        for start in range(0, copies, GROUP):
            group = []
            for copy in range(start, min(start + GROUP, copies)):
                one = table
                for name in renamed:
                    ids = pc.binary_join_element_wise(one[name].cast(pa.string()), pa.scalar(f"-{copy}"), "")
                    place = one.schema.get_field_index(name)
                    one = one.set_column(place, table.schema.field(place), ids.cast(table.schema.field(place).type))
                group.append(one)
            writer.write_table(pa.concat_tables(group))
    return table.num_rows * copies


if __name__ == "__main__":
    main()
