"""`make soak`: every attack at its full count, as one table in Markdown. Ends with status 1 where one has won.

An attack that is run alone replaces its own rows of the table, and leaves the others.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.soak import attacks

HEAD = """# Under attack

What `make soak` tried, and what came of it. Nothing here is written by hand. Seconds are of the processor; memory is
the peak of the process, with the models and libraries that any page needs.

| attack | tried | outcome | held |
| --- | --- | --- | --- |
"""
NAMES = ("kills", "disk", "mutants", "trees", "readers", "limits", "patterns")
_ROW = re.compile(r"\| (\w+) \|")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--out", type=Path, help="keep the table in this file")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--mutants", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, default=600, help="how long kills and mutants may take, each")
    parser.add_argument("--files", type=int, default=13_000)
    parser.add_argument("--data", type=Path, help="folder with wcxb/ and news/, for more pages to break")
    parser.add_argument("--trees", type=Path, help="folder with the tree-construction tests of html5lib")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    options = parser.parse_args()
    data = options.data if options.data is not None and options.data.is_dir() else None
    held = True
    with tempfile.TemporaryDirectory() as folder:
        makers: dict[str, Callable[[], Iterable[attacks.Line]]] = {
            "kills": lambda: attacks.kills(options.kills, options.minutes, Path(folder) / "kills"),
            "disk": lambda: attacks.disk(Path(folder) / "disk"),
            "mutants": lambda: attacks.broken_pages(options.mutants, options.minutes, data),
            "trees": lambda: attacks.tree_construction(options.trees),
            "readers": lambda: attacks.broken_readers(options.files),
            "limits": attacks.large_pages,
            "patterns": attacks.growing,
        }
        for name in options.only:
            rows = []
            for tried, outcome, won in makers[name]():
                rows.append(f"| {name} | {tried} | {outcome} | {'yes' if won else '**no**'} |")
                print(rows[-1], flush=True)
                held = held and won
            if options.out:
                keep(options.out, name, rows)
    return 0 if held else 1


def keep(path: Path, name: str, rows: list[str]) -> None:
    """Put an attack's rows into the table, in the place of its earlier ones."""
    before = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    others = [line for line in before if (found := _ROW.match(line)) and found[1] in NAMES and found[1] != name]
    table = sorted(others + rows, key=lambda row: NAMES.index(_ROW.match(row)[1]))  # type: ignore[index]
    where = f"\nOn {os.cpu_count()} cores with Python {platform.python_version()}.\n"
    path.write_text(HEAD + "\n".join(table) + "\n" + where, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
