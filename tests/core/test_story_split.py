import pytest

from transforms.core.lines import text_blocks
from transforms.core.metadata import Metadata
from transforms.core.role_model import Label
from transforms.core.story_split import registered_domain, split_story
from transforms.types import Page, Source


def split(lines, page_title=None, kind="text", starts=()):
    """Split a page given as (role, text) lines, every label with confidence 0.9."""
    text = "\n".join(t for _, t in lines)
    labels = [Label(role, 0.9, float(i in starts), f"because {role}") for i, (role, _) in enumerate(lines)]
    page = Page("a/b", kind, text, Source("a/b.txt"), title=page_title)
    return split_story(page, text, text_blocks(text), labels, Metadata(), None)


PAGE = [
    ("boilerplate", "Menu"),
    ("title", "Ferry strikes pier"),
    ("dek", "Forty in hospital"),
    ("byline", "By Ada Reed"),
    ("body", "The ferry struck the pier on Monday."),
    ("caption", "The pier"),
    ("heading", "The inquiry"),
    ("body", "An inquiry was opened."),
    ("bio", "Ada Reed"),
    ("boilerplate", "Related"),
    ("teaser_title", "Council votes"),
    ("teaser_caption", "The council"),
    ("teaser_text", "It voted on Friday."),
    ("boilerplate", "Read more"),
    ("teaser_title", "Harriers win"),
    ("comment", "Nice ship"),
]


def test_fields_of_the_story():
    story = split(PAGE).story
    assert story.title == "Ferry strikes pier"
    assert story.dek == "Forty in hospital"
    assert story.authors == ("Ada Reed",)
    assert story.text == "The ferry struck the pier on Monday.\n\nThe inquiry\n\nAn inquiry was opened."
    assert (story.captions, story.bio) == (("The pier",), "Ada Reed")
    assert story.teasers == ("a/b#t1", "a/b#t2")
    assert story.chars_kept == len(story.text)
    assert story.confidence == 0.9


def test_teasers_are_records():
    first, second = split(PAGE).teasers
    assert (first.id, first.title, first.caption, first.text) == (
        "a/b#t1",
        "Council votes",
        "The council",
        "It voted on Friday.",
    )
    assert (second.id, second.title, second.text, second.position) == ("a/b#t2", "Harriers win", None, 2)


def test_segments_cover_the_page_once_and_carry_reasons():
    result = split(PAGE)
    covered = "".join(s.text for s in result.segments)
    assert "".join(covered.split()) == "".join(result.text.split())
    assert all(result.text[s.start : s.end] == s.text for s in result.segments)
    assert [s.order for s in result.segments] == list(range(len(result.segments)))
    assert {s.reason for s in result.segments if s.role == "boilerplate"} == {"because boilerplate"}
    assert [s.story for s in result.segments if s.role.startswith("teaser")] == [1, 1, 1, 2]
    assert [s.story for s in result.segments if s.role in ("boilerplate", "comment")] == [None] * 4


def test_adjacent_blocks_with_one_role_and_reason_are_one_segment():
    result = split([("body", "One."), ("body", "Two."), ("boilerplate", "Share")])
    assert [s.text for s in result.segments] == ["One.\nTwo.", "Share"]
    assert result.story.text == "One.\n\nTwo."


def test_a_date_before_the_headline_belongs_to_its_teaser():
    teasers = split(
        [("body", "B."), ("teaser_text", "3 May"), ("teaser_title", "One"), ("teaser_title", "Two")]
    ).teasers
    assert [(t.title, t.text) for t in teasers] == [("One", "3 May"), ("Two", None)]


def test_the_model_can_start_a_teaser_without_a_headline():
    lines = [("body", "B."), ("teaser_text", "One story."), ("teaser_text", "Another story.")]
    assert len(split(lines).teasers) == 1
    assert len(split(lines, starts={2}).teasers) == 2


def test_a_story_shown_twice_is_one_teaser():
    teasers = split([("teaser_title", "One"), ("teaser_title", "Two"), ("body", "B."), ("teaser_title", "One")]).teasers
    assert [t.title for t in teasers] == ["One", "Two"]


def test_a_second_copy_of_the_title_is_boilerplate():
    result = split([("title", "T"), ("title", "t"), ("body", "B."), ("title", "Another")])
    assert [s.role for s in result.segments] == ["title", "boilerplate", "body", "heading"]
    assert result.segments[1].reason == "the title again; because title"


def test_an_index_page_has_teasers_and_no_story():
    result = split([("teaser_title", f"Headline number {i}") for i in range(6)])
    assert (result.page.kind, result.page.status, result.story) == ("index", "no_story", None)
    assert len(result.teasers) == 6


def test_an_empty_page_is_recorded():
    result = split([])
    assert (result.page.flags, result.page.status, result.segments) == (("empty",), "no_story", ())


def test_clean_input_is_a_story_with_its_own_title():
    result = split([("body", "One."), ("body", "Two.")], page_title="T", kind="clean")
    assert (result.story.title, result.story.text) == ("T", "One.\n\nTwo.")
    assert split([], page_title="T", kind="clean").story.text == ""


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://news.example.co.uk/a", "example.co.uk"),
        ("http://localhost/x", "localhost"),
        ("http://127.0.0.1:80/", "127.0.0.1"),
        (None, None),
        ("https://northmark.example/", "northmark.example"),
    ],
)
def test_registered_domain(url, site):
    assert registered_domain(url) == site
