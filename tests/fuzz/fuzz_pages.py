"""Coverage-guided fuzzing of one page: bytes in, segments out. Run by `make fuzz`; needs atheris."""

import sys

import atheris

with atheris.instrument_imports(include=["transforms"]):
    from tests.fuzz.seeds import KINDS
    from tests.hostile.check import segment


def one(data: bytes) -> None:
    """The first byte chooses the kind, the rest is the page."""
    if data:
        segment(data[1:], KINDS[data[0] % len(KINDS)])


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
