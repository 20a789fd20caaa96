"""The inputs of html5lib-tests' tree construction, which those who write browsers' parsers test them with.

They are not in the repository; `make soak` takes them from the source distribution of html5lib.
"""

from collections.abc import Iterator
from pathlib import Path


def inputs(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Each input below a folder of ``.dat`` files, with a name that says where it stands."""
    for path in sorted(folder.rglob("tree-construction/**/*.dat")):
        for number, test in enumerate(path.read_bytes().removeprefix(b"#data\n").split(b"\n\n#data\n")):
            yield f"{path.name} {number}", test.partition(b"\n#errors")[0]
