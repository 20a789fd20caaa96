"""What standard output is."""

from __future__ import annotations

import os
import shutil
import sys


def width_and_colour() -> tuple[int, bool]:
    """Return how many columns standard output has, and whether it is to have colours."""
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return shutil.get_terminal_size((110, 24)).columns, colour
