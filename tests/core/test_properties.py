"""What holds for any page at all, tried on pages that Hypothesis makes up."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.check import segment, without_blanks
from transforms.core.encoding import decode, replace_unstorable
from transforms.core.ids import Sighting, settle
from transforms.settings import SegmentSettings
from transforms.types import ROLES

EXAMPLES = settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
WORDS = st.sampled_from(
    [
        "The ferry hit the breakwater at dawn.", "Read more", "By Ada Reed", "2 March 2026", "©", "Related", "a" * 300,
        "渡船が防波堤に衝突した",
        "ข่าวท้องถิ่น", "اصطدمت العبارة", "e\u0301", "\u202eabc", "\U0001f600", "\x00", "\x85", "\u2028",
        " ", "\t", "\r", "\n", "\n\n",
    ]
)  # fmt: skip
TEXT = st.lists(WORDS | st.text(max_size=20), max_size=25).map("".join)
TAGS = st.sampled_from(
    [
        "p", "div", "h1", "h2", "a href='/x'", "li", "ul", "article", "aside", "table", "td", "br", "span", "script",
        "style", "noscript", "svg", "template", "figure", "figcaption", "section hidden", "p style='display:none'",
        "select", "b", "x-y",
    ]
)  # fmt: skip
PIECES = st.sampled_from(["<!--", "-->", "&amp;", "&#0;", "&#xd800;", "&bogus;", "<", ">", "<title>", "<![CDATA["])
OPENING, CLOSING = TAGS.map("<{}>".format), TAGS.map(lambda tag: f"</{tag.split()[0]}>")
HTML = st.lists(WORDS | st.text(max_size=20) | OPENING | CLOSING | PIECES, max_size=50).map("".join)


@EXAMPLES
@given(TEXT)
def test_a_text_page_loses_nothing(text: str) -> None:
    result = segment(text.encode("utf-8", "surrogatepass"), "text")
    assert result is not None
    assert result.text == decode(text.encode("utf-8", "surrogatepass"), None, False)[0]


@EXAMPLES
@given(HTML)
def test_an_html_page_loses_nothing(html: str) -> None:
    segment(html.encode("utf-8", "surrogatepass"), "html")


@EXAMPLES
@given(st.binary(max_size=400), st.sampled_from(["html", "text", "clean"]))
def test_any_bytes_are_a_page(content: bytes, kind: str) -> None:
    segment(content, kind)


@EXAMPLES
@given(HTML, st.integers(1, 6))
def test_limits_lose_nothing(html: str, lines: int) -> None:
    limited = segment(html.encode("utf-8", "surrogatepass"), "html", SegmentSettings(max_lines=lines))
    whole = segment(html.encode("utf-8", "surrogatepass"), "html")
    assert limited is not None and whole is not None
    assert limited.text == whole.text
    assert ("many_lines" in limited.page.flags) == (len(list(filter(None, whole.text.split("\n")))) > lines)


@EXAMPLES
@given(TEXT)
def test_clean_text_comes_back_whole(text: str) -> None:
    text = replace_unstorable(text)
    result = segment(text, "clean")
    assert result is not None
    assert {item.role for item in result.segments} <= {"body"} < set(ROLES)
    story = "" if result.story is None else result.story.text
    assert without_blanks(story) == without_blanks(text)


@EXAMPLES
@given(st.lists(st.tuples(st.binary(min_size=1, max_size=1), st.integers(0, 3)), max_size=8, unique=True), st.randoms())
def test_ids_do_not_depend_on_the_order_of_the_input(places: list[tuple[bytes, int]], random: object) -> None:
    sightings = [Sighting(content, "file", offset) for content, offset in places]
    shuffled = list(sightings)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    def outcome(of: list[Sighting]) -> list[str]:
        return sorted(map(repr, settle("id", of)))

    assert outcome(sightings) == outcome(shuffled)
    ids = [conflict.id for conflict in settle("id", sightings) if conflict.id is not None]
    assert len(set(ids)) == len(ids) and "id" not in ids


@pytest.mark.parametrize("kind", ["html", "text", "clean"])
def test_nothing_is_a_page(kind: str) -> None:
    result = segment(b"", kind)
    assert result is not None
    assert (result.page.status, result.page.flags, result.segments) == ("no_story", ("empty",), ())
