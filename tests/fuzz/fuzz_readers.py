"""Coverage-guided fuzzing of the readers: a file in, pages and failures out. Run by `make fuzz`; needs atheris."""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pipeline.formats", "pipeline.streams", "transforms.core.encoding"]):
    from tests.hostile.files import FORMATS, check_file, file_name

FOLDER = Path(tempfile.mkdtemp(prefix="copydesk-fuzz-"))


def one(data: bytes) -> None:
    """The first byte chooses the format, the rest is the file."""
    if data:
        kind, compression = FORMATS[data[0] % len(FORMATS)]
        path = FOLDER / file_name(kind, compression)
        path.write_bytes(data[1:])
        check_file(path, kind, compression)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
