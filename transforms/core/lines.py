"""Text pages: one block per non-blank line."""

from __future__ import annotations

import re
import sys

from transforms.types import Block

_LINE = re.compile(r"[^\r\n]+")


def text_blocks(text: str, most: int = sys.maxsize) -> list[Block]:
    r"""Split text into blocks, one per line that is not blank, with code-point offsets.

    After ``most`` lines the rest of the text is one more block, however many lines it has.

    >>> [(b.text, b.start, b.end) for b in text_blocks("Home\n\n  A story. \n")]
    [('Home', 0, 4), ('A story.', 8, 16)]
    """
    blocks: list[Block] = []
    for match in _LINE.finditer(text):
        line = match.group()
        stripped = line.strip()
        if not stripped:
            continue
        start = match.start() + len(line) - len(line.lstrip())
        if len(blocks) == most:
            rest = text[start:].rstrip()
            blocks.append(Block(rest, start, start + len(rest)))
            break
        blocks.append(Block(stripped, start, start + len(stripped)))
    return blocks
