"""Pages in scripts without spaces between words and in scripts from right to left, of our own writing."""

import json
from pathlib import Path

import pytest

from transforms.core import segment_page
from transforms.types import Page, Source

PAGES = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "data/scripts.jsonl").read_text(encoding="utf-8").splitlines()
]
HTML = [pytest.param(*page.values(), id=page["language"]) for page in PAGES]
# The role model has hardly seen Thai without markup: it takes the first paragraph for a caption, and is unsure.
UNSURE = {"th": [pytest.mark.xfail(strict=True, raises=AssertionError)]}
TEXT = [pytest.param(*page.values(), id=page["language"], marks=UNSURE.get(page["language"], ())) for page in PAGES]


def html(language, title, byline, paragraphs):
    nav = "".join(f"<li><a href=/{i}>{text}</a></li>" for i, text in enumerate(["A", "B", "C"]))
    body = "".join(f"<p>{text}</p>" for text in paragraphs)
    direction = ' dir="rtl"' if language in ("ar", "he") else ""
    return (
        f"<!doctype html><html lang={language}{direction}><head><meta charset=utf-8><title>{title}</title></head><body>"
        f"<nav><ul>{nav}</ul></nav><article><h1>{title}</h1><p class=byline>{byline}</p>{body}</article>"
        "<footer><p>© 2026</p></footer></body></html>"
    )


@pytest.mark.parametrize(("language", "title", "byline", "paragraphs"), HTML)
def test_a_story_in_html(language, title, byline, paragraphs):
    result = segment_page(Page("p", "html", html(language, title, byline, paragraphs), Source("f")))
    assert result.story is not None
    assert (result.story.title, result.story.language) == (title, language)
    assert result.story.text == "\n\n".join(paragraphs)
    assert all(result.text[s.start : s.end] == s.text for s in result.segments)


@pytest.mark.parametrize(("language", "title", "byline", "paragraphs"), TEXT)
def test_a_story_in_text(language, title, byline, paragraphs):
    """With the marks of direction that copied text carries."""
    mark = "\u200f" if language in ("ar", "he") else ""
    text = "\n\n".join([title, byline, *(mark + paragraph for paragraph in paragraphs)])
    result = segment_page(Page("p", "text", text, Source("f")))
    assert result.story is not None
    assert result.story.language == language
    assert all(paragraph in result.story.text for paragraph in paragraphs)
    assert "".join("".join(s.text for s in result.segments).split()) == "".join(result.text.split())
