"""Word lists can be replaced by a file of the user's own; none of them is needed."""

import json
import os
from pathlib import Path

import pytest

from transforms.core import segment_page
from transforms.core.people import names_in_bylines
from transforms.core.words import _LISTS, WordsError, load_words, using_words
from transforms.settings import SegmentSettings
from transforms.types import Page, Source

OBSTACLES = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "data/obstacles.jsonl").read_text(encoding="utf-8").splitlines()
]
STORY = (
    "La ponto super la rivero restos fermita ĝis la fino de la monato, diris la urba konsilio lundon, ĉar inĝenieroj "
    "trovis fendojn en la feraj partoj kaj la riparo bezonas pli da tempo ol oni unue kredis."
)


def words_file(tmp_path, content):
    path = tmp_path / "words.toml"
    path.write_text(content, encoding="utf-8")
    return str(path)


def read(content, words="", form="html"):
    return segment_page(Page("p", form, content, Source("f")), SegmentSettings(words=words))


@pytest.mark.parametrize("name", _LISTS)
def test_a_list_left_empty_finds_nothing_and_breaks_nothing(tmp_path, name):
    path = words_file(tmp_path, f"[{name}]\n")
    for page in OBSTACLES[::6]:
        result = read(page["content"], path, page["form"])
        assert "".join("".join(s.text for s in result.segments).split()) == "".join(result.text.split())
    html = f"<title>B</title><h1>The bridge is shut</h1><p>By Ada Reed, Bo van Lin | 2 March 2026</p><p>{STORY}</p>" * 3
    assert read(html, path).text == read(html).text


def test_without_any_list_the_marks_of_all_languages_remain(tmp_path):
    path = words_file(tmp_path, "".join(f"{name} = []\n" for name in _LISTS))
    found = {page["id"] for page in OBSTACLES if page["flag"] in read(page["content"], path, page["form"]).page.flags}
    assert {"en-404", "en-403-bare", "en-502", "fr-404", "en-captcha"} <= found
    stories = [page for page in OBSTACLES if page["id"].startswith(("story", "short"))]
    assert all(read(page["content"], path, page["form"]).story for page in stories)
    with using_words(path):
        assert names_in_bylines(["Ada Reed, Bo Lin"]) == ("Ada Reed", "Bo Lin")


def test_a_list_is_replaced_by_another(tmp_path):
    path = words_file(tmp_path, "[not_found]\neo = ['ne trovit[ao]']\n[author]\neo = ['verkis']\n")
    page = (
        "<html lang=eo><title>La paĝo ne trovita</title><h1>La paĝo ne trovita</h1><p>Reiru al la komenco.</p></html>"
    )
    english = "<title>Page not found</title><h1>Page not found</h1><p>Go back to the front page, please.</p>"
    assert "http_error" in read(page, path).page.flags
    assert "http_error" not in read(page).page.flags
    assert "http_error" in read(english).page.flags
    assert "http_error" not in read(english, path).page.flags
    assert names_in_bylines(["verkis Ada"]) == ()
    with using_words(path):
        assert names_in_bylines(["verkis Ada"]) == ("Ada",)
        assert names_in_bylines(["by Ada"]) == ()
    assert names_in_bylines(["by Ada"]) == ("Ada",)
    assert load_words(path).hash != load_words().hash
    assert load_words(path).consent == load_words().consent


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not_fuond = []", r"words.toml: not_fuond is no list of words; the nearest name is not_found"),
        ("author = 'by'", r"words.toml: author must be a list"),
        ("[author]\nen = ['']", r"words.toml: author.en must be a list"),
        ("[author]\nen = ['(by']", r"words.toml: author.en: '\(by' is no regular expression"),
        ("author = [", r"words.toml: Invalid value"),
        ("date = ['a{99999999999}']", r"date: 'a\{9+\}' is no regular expression: the repetition number is too large"),
        (f"date = ['{'(' * 5_000}{')' * 5_000}']", r"is no regular expression: maximum recursion depth"),
        ("author = ['(?P<a>x)', '(?P<a>y)']", r"words.toml: the patterns of a list cannot be joined: redefinition"),
        ("author = ['(?i)x']", r"words.toml: the patterns of a list cannot be joined: global flags"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, content, message):
    with pytest.raises(WordsError, match=message):
        load_words(words_file(tmp_path, content))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(WordsError, match=r"none.toml: No such file or directory; segment.words names a TOML file"):
        load_words(str(tmp_path / "none.toml"))


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "words.toml")
    with pytest.raises(WordsError, match=r"words.toml: a pipe or a device"):
        load_words(str(tmp_path / "words.toml"))
