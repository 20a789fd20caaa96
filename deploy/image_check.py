"""Carry out the steps of ``deploy/Dockerfile`` without a container engine: ``make image-check``.

The steps run in a scratch environment in place of the image: COPY into a scratch folder, RUN with that
environment's ``pip`` and ``python``, ENV for the steps that follow. What is not checked is the base image
itself; only its name is compared with the Beam and the Python that are installed here.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
KNOWN = ("FROM", "ARG", "COPY", "RUN", "ENV")


class ImageError(Exception):
    """A step that fails or that this check does not know."""


def steps(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Yield the instructions of a Dockerfile with their arguments; continued lines are one."""
    lines = (line for line in dockerfile.splitlines() if not line.lstrip().startswith("#"))
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            instruction, _, arguments = line.strip().partition(" ")
            if instruction not in KNOWN:
                raise ImageError(f"this check knows no {instruction}: {line}")
            yield instruction, arguments.strip()


def check_base(image: str) -> None:
    """Compare the base image with the versions that are installed here."""
    expected = (
        f"apache/beam_python{sys.version_info[0]}.{sys.version_info[1]}_sdk:{importlib.metadata.version('apache-beam')}"
    )
    if image != expected:
        raise ImageError(f"FROM {image}, but what submits has {expected}")


def run(dockerfile: str, context: Path, scratch: Path) -> None:
    """Carry the steps out below ``scratch``."""
    subprocess.run([sys.executable, "-m", "venv", scratch / "venv"], check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["PATH"] = f"{scratch / 'venv' / 'bin'}{os.pathsep}{environment['PATH']}"
    copied: dict[str, str] = {}  # a folder of the image: its place below scratch
    for instruction, arguments in steps(dockerfile):
        print(f"image-check: {instruction} {arguments}", flush=True)
        if instruction == "FROM":
            check_base(arguments)
        elif instruction == "COPY":
            *sources, target = shlex.split(arguments)
            folder = scratch / "root" / target.strip("/")
            folder.mkdir(parents=True)
            copied[target.rstrip("/")] = str(folder)
            for source in sources:
                if not (context / source).is_file():
                    raise ImageError(f"COPY {source}: there is no such file in {context}")
                shutil.copy(context / source, folder)
        elif instruction == "ENV":
            environment |= dict(part.split("=", 1) for part in shlex.split(arguments))
        elif instruction == "RUN":
            for there, here in copied.items():
                arguments = re.sub(rf"(?<![\w/]){re.escape(there)}(?=/)", here, arguments)
            if subprocess.run(["sh", "-ec", arguments], env=environment, cwd=scratch).returncode:
                raise ImageError(f"RUN {arguments}: it failed")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--context", type=Path, default=ROOT, help="the folder that COPY copies from")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="copydesk-image-") as scratch:
        try:
            run((ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8"), args.context, Path(scratch))
        except ImageError as error:
            print(f"image-check: {error}", file=sys.stderr)
            return 1
    print("image-check: every step went well; the base image itself was not there to check")
    return 0


if __name__ == "__main__":
    sys.exit(main())
