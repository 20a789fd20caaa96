import json
from pathlib import Path

import pytest

from pipeline.sources import content_hash
from tests.pipeline.formats.inputs import CLEAN, HTML_IS_NOT_CLEAN, read, read_one, write
from transforms.settings import InputSettings
from transforms.types import Page, Source


def test_a_record_gives_its_fields_and_passes_the_others_on(tmp_path: Path) -> None:
    record = {
        "id": 7,
        "text": "One.\nTwo.",
        "url": "https://example.org/a",
        "title": " T ",
        "date": "2026-01-02",
        "z": None,
        "a": {"k": [1, 2.5, "é"]},
        "n": 3,
    }
    path = write(tmp_path / "a.jsonl", json.dumps(record) + "\n")
    assert read_one(path) == Page(
        "7",
        "text",
        "One.\nTwo.",
        Source(str(path), 0),
        url="https://example.org/a",
        title="T",
        published="2026-01-02",
        metadata=(("a", '{"k":[1,2.5,"é"]}'), ("n", "3"), ("z", "null")),
    )


def test_other_keys_can_be_named(tmp_path: Path) -> None:
    keys = InputSettings(
        text_key="body", html_key="raw", id_key="key", url_key="link", title_key="headline", date_key="when"
    )
    record = {"body": "B", "key": "k", "link": "l", "headline": "h", "when": "w", "text": "other"}
    page = read_one(write(tmp_path / "a.jsonl", json.dumps(record)), keys)
    assert (page.id, page.content, page.url, page.title, page.published) == ("k", "B", "l", "h", "w")
    assert page.metadata == (("text", '"other"'),)


def test_html_wins_over_text_unless_it_is_blank(tmp_path: Path) -> None:
    lines = [
        '{"id":"1","text":"t","html":"<p>h"}',
        '{"id":"2","text":"t","html":" "}',
        '{"id":"3","html":""}',
    ]
    pages = read(write(tmp_path / "a.jsonl", "\n".join(lines)))
    assert [(page.kind, page.content) for page in pages] == [("html", "<p>h"), ("text", "t"), ("html", "")]


def test_without_an_id_the_url_counts_and_else_the_content(tmp_path: Path) -> None:
    lines = [
        '{"text":"a","url":"https://example.org/1"}',
        '{"text":"a"}',
        '{"text":"a","id":null}',
        '{"text":"b","id":" "}',
        '{"text":"b","id":[1]}',
        '{"text":"b","id":0}',
    ]
    pages = read(write(tmp_path / "a.jsonl", "\n".join(lines)))
    by_content = content_hash(Page("", "text", "a", Source("elsewhere", 5))).hex()[:16]
    assert [page.id for page in pages[:3]] == ["https://example.org/1", by_content, by_content]
    assert pages[3].id == pages[4].id != by_content
    assert len(pages[3].id) == 16
    assert pages[5].id == "0"


def test_an_address_is_an_id_without_its_fragment(tmp_path: Path) -> None:
    page = read_one(write(tmp_path / "a.jsonl", '{"text":"a","url":"https://example.org/1#t1"}'))
    assert (page.id, page.url) == ("https://example.org/1", "https://example.org/1#t1")


@pytest.mark.parametrize(
    "record",
    ['{"id":"x","body":1}', '{"id":"x","text":null,"body":1}', '{"id":"x","text":5,"body":1,"html":{}}'],
)
def test_a_record_without_text_is_bad_and_says_which_fields_it_has(tmp_path: Path, record: str) -> None:
    failure = read_one(write(tmp_path / "a.jsonl", record))
    fields = ", ".join(sorted(json.loads(record)))
    assert (failure.error, failure.id) == ("bad_record", "x")
    assert failure.detail == f"neither 'text' nor 'html' is text; its fields are: {fields}"


def test_clean_records_need_a_text_or_a_title(tmp_path: Path) -> None:
    lines = [
        '{"id":"1","text":"t","html":"<p>h"}',
        '{"id":"2","text":null,"title":"T"}',
        '{"id":"3","text":" ","title":""}',
        '{"id":"4","title":"T","html":"<p>h"}',
    ]
    first, second, third, fourth = read(write(tmp_path / "a.jsonl", "\n".join(lines)), CLEAN)
    assert (first.kind, first.content) == ("clean", "t")
    assert (second.kind, second.content, second.title) == ("clean", "", "T")
    assert (third.error, third.id, third.detail) == ("bad_record", "3", "both 'text' and 'title' are empty")
    assert (fourth.error, fourth.id, fourth.detail) == ("bad_record", "4", HTML_IS_NOT_CLEAN)


def test_the_content_hash_knows_kind_title_and_content_and_nothing_else() -> None:
    page = Page("a", "text", "body", Source("f", 1), title="t")
    same = Page("b", "text", b"body", Source("g", 2), title="t", url="u", metadata=(("k", "v"),))
    others = [
        Page("a", "html", "body", Source("f", 1), title="t"),
        Page("a", "text", "body", Source("f", 1)),
        Page("a", "text", "tbody", Source("f", 1)),
    ]
    assert len(content_hash(page)) == 16
    assert content_hash(page) == content_hash(same)
    assert len({content_hash(one) for one in [page, *others]}) == 4
