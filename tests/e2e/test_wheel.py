"""The wheel in an environment of its own: what users get is what the checkout is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("wheel_check.sh")


@pytest.mark.slow
def test_the_wheel_works_in_a_clean_environment_from_another_directory(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", str(SCRIPT), sys.executable],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
