import pytest

from transforms.core import PageError, segment_page
from transforms.core.segment import parse_page
from transforms.settings import SegmentSettings
from transforms.types import Page, Source

STORY = [
    "The ferry struck the pier at Northmark on Monday morning, and forty passengers were taken to hospital.",
    "Passengers said that the ferry had turned towards the pier before it struck, and that nobody gave a warning.",
    "An inquiry into the accident has been opened, a spokesman for the harbour office said on Tuesday evening.",
]
HTML = (
    "<html lang=en><head><title>Ferry strikes pier - Courier</title></head><body><nav><ul><li><a href=/>Home</a></li>"
    "<li><a href=/sport>Sport</a></li></ul></nav><article><h1>Ferry strikes pier</h1>"
    + "".join(f"<p>{p}</p>" for p in STORY)
    + "</article><footer><p>© 2026 Courier. All rights reserved.</p></footer></body></html>"
)


def page(kind, content, **fields):
    return Page("id", kind, content, Source("file"), **fields)


def test_html_page():
    result = segment_page(page("html", HTML.encode(), url="https://courier.example/ferry"))
    assert result.story.title == "Ferry strikes pier"
    assert result.story.text == "\n\n".join(STORY)
    assert (result.page.kind, result.page.encoding, result.story.language) == ("article", "utf-8", "en")
    assert result.story.site == "courier.example"


def test_text_page():
    text = "\n\n".join(["Home", "Ferry strikes pier", "By Ada Reed, 3 March", *STORY, "Share this"])
    result = segment_page(page("text", text))
    assert "\n\n".join(STORY) in result.story.text
    assert not {"Home", "Share this"} & set(result.story.text.split("\n\n"))


def test_the_readability_baseline():
    result = segment_page(page("html", HTML), SegmentSettings(method="readability"))
    assert result.story.text == "\n\n".join(STORY)
    assert result.story.title == "Ferry strikes pier"
    assert {s.reason for s in result.segments} == {
        "readability: the title",
        "readability keeps it",
        "readability drops it",
    }


def test_readability_reads_text_pages_as_paragraphs():
    result = segment_page(page("text", "\n".join(STORY)), SegmentSettings(method="readability"))
    assert result.story.text == "\n\n".join(STORY)


def test_clean_input_keeps_every_line():
    result = segment_page(page("clean", "Menu\nRead more", title="T"))
    assert result.story.text == "Menu\n\nRead more"
    assert result.story.confidence == 1.0


@pytest.mark.parametrize("content", [b"", b" \n ", b"<!-- -->", b"\x00"])
def test_nothing_to_read_is_a_record(content):
    result = segment_page(page("html", content))
    assert (result.page.status, result.story) == ("no_story", None)


def test_nesting_too_deep_for_the_parser_loses_no_text():
    html = f"<p>{STORY[0]}</p>" + "<div>" * 50_000 + STORY[1] + "</div>" * 50_000 + f"<p>{STORY[2]}</p>"
    result = segment_page(page("html", html))
    assert "deep_dom" in result.page.flags
    assert all(p in result.text for p in STORY)


def test_a_story_below_the_least_confidence_is_doubtful():
    result = segment_page(page("html", HTML), SegmentSettings(min_confidence=1.0))
    assert result.page.status == "doubtful"
    assert result.story is not None
    exactly = SegmentSettings(min_confidence=result.story.confidence)
    assert segment_page(page("html", HTML), exactly).page.status == "story"
    assert segment_page(page("html", "<h1>404</h1>"), SegmentSettings(min_confidence=1.0)).page.status == "no_story"


def test_offsets_index_the_text_as_given():
    text = "\ufeffHome\r\n\r\n" + "\r\n".join(STORY)
    parsed = parse_page(page("text", text))
    assert all(parsed.text[b.start : b.end] == b.text for b in parsed.blocks)
    assert parsed.text == text


def test_a_page_of_very_many_lines_is_read_in_windows():
    lines = [*STORY, *(f"Item {i}" for i in range(12_000))]
    result = segment_page(page("text", "\n".join(lines)))
    assert sum(s.text.count("\n") + 1 for s in result.segments) == len(lines)


def test_a_page_that_is_one_long_line_is_read():
    result = segment_page(page("text", " ".join(STORY * 2_000)))
    assert [s.text for s in result.segments] == [" ".join(STORY * 2_000)]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text", "\n\n".join(f"Line {i} of the log." for i in range(40))),
        ("html", "".join(f"<p>Line {i} of<br>the log.</p>" for i in range(20))),
        ("clean", "\n".join(f"Line {i} of the log." for i in range(40))),
    ],
)
def test_lines_beyond_the_limit_are_kept_in_one_piece_with_a_flag(kind, content):
    whole = segment_page(page(kind, content))
    result = segment_page(page(kind, content), SegmentSettings(max_lines=10))
    assert "many_lines" in result.page.flags and "many_lines" not in whole.page.flags
    assert result.text == whole.text
    assert all(result.text[s.start : s.end] == s.text for s in result.segments)
    assert "".join("".join(s.text for s in result.segments).split()) == "".join(result.text.split())
    if kind == "clean":
        assert "".join(result.story.text.split()) == "".join(content.split())
    else:
        last = result.segments[-1]
        assert (last.role, last.reason) == ("boilerplate", "not read: beyond the first 10 lines of the page")
        assert len(last.text.split("\n")) >= 30


def test_elements_are_counted_before_a_page_is_parsed():
    content = "<p>a</p><!-- 1 < 2 < 3 -->" * 5
    assert segment_page(page("html", content), SegmentSettings(max_elements=5)).text.split() == ["a"] * 5
    with pytest.raises(PageError, match=r"more than 4 elements; raise segment\.max_elements") as caught:
        segment_page(page("html", content), SegmentSettings(max_elements=4))
    assert caught.value.error == "too_large"
