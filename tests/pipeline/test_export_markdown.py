"""The pure parts of the exports: file names, escapes, page texts, dates, sizes."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pipeline.export_dolma import page_text, timestamp
from pipeline.export_huggingface import size_category
from pipeline.export_markdown import _are_headings, escape, file_name
from pipeline.front_matter import front_matter

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(TEXT, max_size=4).map("/".join))
def test_no_id_leads_out_of_the_directory(id: str) -> None:
    path = file_name(id)
    names = path.split("/")
    assert path.endswith(".md") and all(names)
    assert not any(name.startswith(".") or len(name.encode()) > 255 for name in names)
    assert not set(path) & set('\\\0:*?"<>|\n')
    assert not any(name.lower().endswith(".md") for name in names[:-1]), "a folder where a file may stand"


@given(TEXT, TEXT)
def test_two_ids_have_two_files(one: str, two: str) -> None:
    assert one == two or file_name(one) != file_name(two)


@pytest.mark.parametrize(
    ("id", "path"),
    [
        ("a/b", "a/b.md"),
        ("../../etc/passwd", "etc/passwd~830a08e2.md"),
        ("/etc/passwd", "etc/passwd~"),
        ("https://www.example.org/a?b=c", "www.example.org/a-b=c~"),
        ("a~12345678", "a~12345678~"),
        ("", "story~"),
        ("橋/板", "橋/板.md"),
        ("/".join("abcdefghijklmnopqrstuvwxyz"), "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/z~"),
    ],
)
def test_file_names(id: str, path: str) -> None:
    assert file_name(id).startswith(path)


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], include_characters="\n"), max_size=80))
def test_markdown_shows_a_paragraph_as_it_is(text: str) -> None:
    """Whatever a page says, no part of it becomes a heading, a list, a link, emphasis or HTML."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    expected = [line for line in lines if line]
    tokens = MarkdownIt().enable("table").enable("strikethrough").parse(escape(text))
    assert [token.type for token in tokens] == (["paragraph_open", "inline", "paragraph_close"] if expected else [])
    if expected:
        children = tokens[1].children
        assert {child.type for child in children} <= {"text", "hardbreak"}
        shown = "".join("\n" if child.type == "hardbreak" else child.content for child in children)
        assert shown.split("\n") == expected


@pytest.mark.parametrize(
    "text", ["# no", "1. no", "- no", "> no", "    no", "a\n---", "*a* _b_ `c`", "<b>&amp;</b>", "[a](b)"]
)
def test_marks_of_markdown_are_escaped(text: str) -> None:
    test_markdown_shows_a_paragraph_as_it_is.hypothesis.inner_test(text)


def test_headings_are_told_by_the_words_of_the_segments() -> None:
    runs = [("body", 3), ("heading", 3), ("body", 1)]
    assert list(_are_headings(["one two", "three", "A heading", "more", "end"], runs)) == [
        False,
        False,
        True,
        True,
        False,
    ]
    assert list(_are_headings(["x"], [])) == [False]


@given(
    st.dictionaries(
        st.from_regex(r"key_[a-z]{1,4}", fullmatch=True),
        st.one_of(TEXT, st.none(), st.integers(-(2**63), 2**63), st.lists(TEXT)),
    )
)
def test_front_matter_is_yaml(fields: dict[str, object]) -> None:
    content = front_matter(fields)
    assert content.count("\n") == len(fields) + 2, "one line for each field"
    assert (yaml.safe_load(content.removesuffix("---\n")) or {}) == fields


def test_a_page_text_keeps_offsets() -> None:
    text = "\n\tOne  two\n \n three\nfour"
    spans = [(2, 10), (14, 19), (20, 24)]
    rebuilt = page_text({"start": start, "end": end, "text": text[start:end]} for start, end in spans)
    assert rebuilt == "\n\nOne  two\n  \nthree\nfour"
    assert [rebuilt[start:end] for start, end in spans] == [text[start:end] for start, end in spans]


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        ("2026-03-14", "2026-03-14T00:00:00.000Z"),
        ("2026-03-14T09:30Z", "2026-03-14T09:30:00.000Z"),
        ("2026-03-14 09:30:15.25+0100", "2026-03-14T09:30:15.000+0100"),
        ("14 March 2026", None),
        (None, None),
    ],
)
def test_timestamps(published: str | None, expected: str | None) -> None:
    assert timestamp(published) == expected


def test_size_categories() -> None:
    assert [size_category(n) for n in (0, 999, 1_000, 10**6, 10**12)] == [
        "n<1K",
        "n<1K",
        "1K<n<10K",
        "1M<n<10M",
        "n>1T",
    ]
