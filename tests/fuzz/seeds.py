"""Seeds for the fuzzers, made of the demo pages: `python -m tests.fuzz.seeds FOLDER`."""

import sys
from pathlib import Path

from tests.hostile.files import FORMATS, file_name, packed, sample
from tests.hostile.mutants import DEMO, pages

KINDS = ("html", "text", "clean")
LARGEST = 1 << 14


def write(folder: Path) -> None:
    """Write one directory of seeds for each fuzzer; the first byte of a seed says what the rest is."""
    of_pages, of_readers = folder / "fuzz_pages", folder / "fuzz_readers"
    for directory in (of_pages, of_readers):
        directory.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(pages(DEMO)):
        kind = KINDS.index("html" if b"<" in content[:200] else "text")
        (of_pages / f"demo-{number:02}").write_bytes(bytes([kind]) + content[:LARGEST])
    for number, (kind, compression) in enumerate(FORMATS):
        (of_readers / file_name(kind, compression)).write_bytes(bytes([number]) + packed(sample(kind), compression))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
