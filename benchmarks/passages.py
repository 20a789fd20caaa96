"""Related passages that stand in the story: lines of other stories' teasers that an extractor leaves in the main text.

Whoever labelled a page by reading gave the lines of its teasers. Such a line stands in the story if its words stand
there one after the other; what the reference text has too is no fault.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from training.data import OWN_LABELS, read_jsonl, tokens, unpacked

_LEAST = 5  # words of a line that is not there by chance


def related_lines(data: Path, source: str) -> dict[str, list[list[str]]]:
    """For each labelled page of a source, the words of the lines of its teasers; pages without any are left out."""
    whole = {row["id"]: row["text"] for row in read_jsonl(data / source / "text_whole.jsonl")}
    rows = [row for row in read_jsonl(data / "gold/roles.jsonl") if row["source"] == source]
    rows += [unpacked(row, whole[row["id"]]) for row in read_jsonl(OWN_LABELS) if row["source"] == source]
    pages: dict[str, dict[tuple[str, ...], None]] = {}
    for row in rows:
        for line in row["lines"]:
            words = tuple(tokens(line["text"]))
            if line["role"].startswith("teaser") and len(words) >= _LEAST:
                pages.setdefault(row["id"].removesuffix("-whole"), {})[words] = None
    return {key: [list(words) for words in lines] for key, lines in pages.items()}


def left_in(lines: dict[str, list[list[str]]], gold: Iterable[dict], stories: Iterable[dict]) -> dict[str, float]:
    """Share of the related lines that stand in their page's story, and of the pages on which one does."""
    texts = {row["id"]: _joined(row["text"]) for row in stories}
    count = found = pages = touched = 0
    for page in gold:
        reference, story = _joined(page["text"]), texts.get(page["id"], "")
        related = [text for text in map(" ".join, lines.get(page["id"], ())) if f" {text} " not in reference]
        if related:
            standing = sum(f" {text} " in story for text in related)
            count, found = count + len(related), found + standing
            pages, touched = pages + 1, touched + (standing > 0)
    return {
        "pages": pages,
        "lines": count,
        "lines_left_in": found / max(count, 1),
        "pages_with_any": touched / max(pages, 1),
    }


def _joined(text: str | None) -> str:
    return f" {' '.join(tokens(text))} "
