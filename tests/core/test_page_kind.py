import json
from pathlib import Path

import pytest

from transforms.core import segment_page
from transforms.core.kind_features import kind_features
from transforms.core.kind_model import KindModelError, load_kind_model
from transforms.core.lines import text_blocks
from transforms.core.metadata import Metadata
from transforms.core.page_kind import has_several_articles, page_kind
from transforms.types import PAGE_KINDS, Page, Source

SENTENCE = "The harbour council closed the old swing bridge on Monday after engineers found cracks in its bearings. "
DATA = Path(__file__).parents[1] / "data"
OBSTACLES, SEVERAL = (
    [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]
    for name in ("obstacles.jsonl", "several.jsonl")
)


def kind_of(lines, form="text", url=None):
    """The kind of a page given as (role, text) lines."""
    blocks = text_blocks("\n".join(text for _, text in lines))
    return page_kind(blocks, [role for role, _ in lines], Metadata(), url, form)


def read(html, url=None):
    return segment_page(Page("p", "html", html, Source("f"), url=url))


def test_a_text_page_with_a_story_is_an_article():
    found = kind_of([("title", "Bridge shut"), ("byline", "By Ada Reed"), *[("body", SENTENCE * 3)] * 6])
    assert (found.kind, found.flags) == ("article", ())
    assert 0.5 < found.confidence <= 1


def test_a_text_page_of_headlines_is_an_index():
    assert kind_of([("teaser_title", f"Headline number {i}") for i in range(8)]).kind == "index"


def test_clean_input_is_an_article_and_an_empty_page_is_other():
    assert kind_of([], "clean").kind == "article"
    assert (kind_of([]).kind, kind_of([], "html").kind) == ("other", "other")


@pytest.mark.parametrize("page", [p for p in OBSTACLES if p["flag"]], ids=lambda page: page["id"])
def test_an_obstacle_yields_no_story_and_no_teasers_and_says_so(page):
    result = segment_page(Page(page["id"], page["form"], page["content"], Source("f")))
    assert (result.page.kind, result.page.status) == ("error", "no_story")
    assert page["flag"] in result.page.flags
    assert (result.story, result.teasers) == (None, ())
    assert "".join("".join(s.text for s in result.segments).split()) == "".join(result.text.split())
    assert all(s.story in (None, 0) for s in result.segments)


@pytest.mark.parametrize(
    "page", [p for p in OBSTACLES if not p["flag"] and p["id"] != "empty"], ids=lambda page: page["id"]
)
def test_a_short_story_is_no_obstacle(page):
    result = segment_page(Page(page["id"], page["form"], page["content"], Source("f")))
    assert result.story is not None
    assert result.page.kind not in ("index", "error")


def test_what_a_shop_a_forum_and_a_front_page_declare():
    product = """<html lang=en><head><meta property=og:type content=product><title>Oilskin coat</title></head><body>
    <div itemscope itemtype="https://schema.org/Product"><h1 itemprop=name>Oilskin coat</h1><img src=a.jpg>
    <span itemprop=price content=149>£149.00</span><form><select><option>S<option>M</select><button>Add</button></form>
    <p itemprop=description>Waxed cotton, two pockets, made in the harbour for fifty years.</p></div>
    <ul><li><a href=/p/1>Boots £80.00</a><li><a href=/p/2>Hat £20.00</a><li><a href=/p/3>Socks £9.00</a></ul></body>"""
    assert read(product, "https://shop.example/product/oilskin-coat").page.kind == "product"
    post = '<div class="post message" itemprop=comment itemscope itemtype="https://schema.org/Comment">'
    posts = "".join(
        f"{post}<a class=username>reader{i}</a><time>2 March</time><p>{SENTENCE}</p></div>" for i in range(6)
    )
    forum = f"""<html><head><title>Bridge?</title><script type="application/ld+json">
    {{"@type": "DiscussionForumPosting", "headline": "Bridge?"}}</script></head><body class=forum>
    <h1>Bridge?</h1><div class="thread posts">{posts}</div><form><textarea></textarea></form></body>"""
    result = read(forum, "https://forum.example/threads/bridge.123/")
    assert result.page.kind == "forum"
    card = (
        "<li class='card product'><a href=/a{0}><img src={0}.jpg><h3>Coat number {0}</h3></a><span>£{0}9.00</span></li>"
    )
    cards = "".join(card.format(i) for i in range(1, 25))
    index = f"<html><title>Coats</title><body><h1>Coats</h1><ul class='grid products'>{cards}</ul></body>"
    front = read(index, "https://shop.example/collections/coats")
    assert (front.page.kind, front.story) == ("index", None)


def article(number, byline=True):
    text = [("body", f"{SENTENCE} Number {number}, paragraph {i}. {SENTENCE * 3}") for i in range(4)]
    return [("title", f"Story number {number}"), *([("byline", "By Ada Reed")] if byline else []), *text]


@pytest.mark.parametrize(
    ("lines", "several"),
    [
        ([*article(1), *article(2)], True),
        ([*article(1), *article(2, byline=False)], False),
        (article(1), False),
        ([*article(1), *article(1)], False),
        ([*article(1), ("title", "Story number 2"), ("byline", "By Bo Lin"), ("body", "Read on.")], False),
        ([], False),
    ],
)
def test_two_full_articles_on_one_page(lines, several):
    blocks = text_blocks("\n".join(text for _, text in lines))
    assert has_several_articles(blocks, [role for role, _ in lines]) is several
    assert not lines or ("multi_article" in kind_of(lines).flags) is several


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page["id"], marks=[pytest.mark.xfail(strict=True)] if page.get("fails") else [])
        for page in SEVERAL
    ],
)
def test_pages_with_several_articles_say_so_and_no_others_do(page):
    result = segment_page(Page(page["id"], page["form"], page["content"], Source("f")))
    assert ("multi_article" in result.page.flags) is page["several"]
    assert result.page.kind == "article"


def test_probabilities_are_of_the_kinds_and_sum_to_one():
    blocks = text_blocks(SENTENCE)
    features = kind_features(blocks, ["body"], Metadata(), "https://a.example/b")
    for form in ("html", "text"):
        chances = load_kind_model(form).probabilities(features)
        assert set(chances) == set(PAGE_KINDS) - {"error"}
        assert sum(chances.values()) == pytest.approx(1)


def test_words_of_the_address_but_not_of_a_slug():
    features = kind_features([], [], Metadata(), "https://forum.example/board/why-is-the-bridge-shut")
    assert features.words == {"h:forum", "u:board"}
    assert kind_features([], [], Metadata(), "http://[bad").words == frozenset()


def test_no_word_of_the_text_is_read():
    lines = [("title", "Bridge shut"), ("body", SENTENCE * 5)]
    other = [("title", "Xxxxxx xxxx"), ("body", "".join(c if c in " ." else "x" for c in SENTENCE * 5))]
    assert kind_of(lines) == kind_of(other)


def test_a_page_of_very_many_lines_is_read_in_part():
    blocks = text_blocks("\n".join(f"Line {i}" for i in range(20_000)))
    assert kind_features(blocks, ["body"] * 20_000, Metadata(), None).dense["blocks"] < 9


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"kinds": [], "forms": {"html": {}}}', None])
def test_an_artefact_that_is_none_is_refused(tmp_path, content):
    path = tmp_path / "kinds.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(KindModelError, match="make train"):
        load_kind_model("html", str(path))


def test_an_artefact_of_other_features_is_refused(tmp_path):
    packaged = Path(__file__).parents[2] / "transforms/models/kinds.json"
    card = json.loads(packaged.read_text(encoding="utf-8"))
    for form in card["forms"].values():
        form["names"] = [*form["names"][1:], "something_else"]
    (tmp_path / "kinds.json").write_text(json.dumps(card))
    with pytest.raises(KindModelError, match="other features"):
        load_kind_model("html", str(tmp_path / "kinds.json"))
