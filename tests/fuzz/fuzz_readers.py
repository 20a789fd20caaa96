"""Coverage-guided fuzzing of the readers: a file in, pages and failures out. Run by `make fuzz`; needs atheris."""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pipeline"]):
    from pipeline.formats import InputFile, read_file
    from transforms.settings import InputSettings
    from transforms.types import Failure, Page

FORMATS = (
    ("html", ""), ("html", "gz"), ("text", ""), ("jsonl", ""), ("jsonl", "gz"), ("jsonl", "zst"), ("parquet", ""),
    ("parquet", "gz"), ("warc", ""), ("warc", "gz"), ("wet", ""), ("wet", "gz"),
)  # fmt: skip
MOST_BYTES = 1 << 16
FILE = Path(tempfile.mkdtemp(prefix="copydesk-fuzz-")) / "input"


def one(data: bytes) -> None:
    """The first byte chooses the format, the rest is the file."""
    if not data:
        return
    kind, compression = FORMATS[data[0] % len(FORMATS)]
    FILE.write_bytes(data[1:])
    for outcome in read_file(
        InputFile(str(FILE), str(FILE.parent), len(data) - 1, kind, compression), InputSettings(max_bytes=MOST_BYTES)
    ):
        assert isinstance(outcome, Page | Failure)
        assert outcome.source.file == str(FILE) and outcome.source.offset >= 0
        if isinstance(outcome, Page):
            assert outcome.id and len(outcome.content) <= MOST_BYTES
        else:
            assert outcome.error and len(outcome.detail) <= 500


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
