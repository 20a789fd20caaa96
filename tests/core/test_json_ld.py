from transforms.core.dom import parse_html
from transforms.core.json_ld import first_string, node_types, read_json_ld


def read(*scripts):
    return read_json_ld(parse_html("".join(f'<script type="application/ld+json">{s}</script>' for s in scripts)))


def test_the_story_is_the_most_telling_node_and_of_equals_the_one_that_says_most():
    data = read(
        '{"@graph": [{"@type": "WebPage", "datePublished": "2026-01-01"}, {"@type": "NewsArticle", "headline": "a"}]}',
        '[{"@type": "NewsArticle", "headline": "b", "datePublished": "2026-01-02"}, {"@type": "Product"}]',
    )
    assert data.story()["headline"] == "b"
    assert data.story(3)["datePublished"] == "2026-01-01"
    assert data.types == ("WebPage", "NewsArticle", "NewsArticle", "Product")


def test_a_reference_is_resolved_to_the_node_that_says_more():
    data = read(
        '{"@graph": [{"@type": "Article", "author": {"@id": "#a"}}, {"@type": "Person", "@id": "#a", "name": "Ada"}]}'
    )
    assert data.resolved(data.story()["author"])["name"] == "Ada"
    assert data.resolved({"@id": "#nobody"}) == {"@id": "#nobody"}
    assert data.resolved("Ada") == "Ada"


def test_broken_scripts_are_read_where_they_can_be():
    assert read('<!-- {"@type": "Article", "headline": "a\tb"} -->;').story()["headline"] == "a b"
    assert read("{", "null", "[1, [2]]", '"text"').nodes == ()


def test_a_list_without_end_is_cut():
    assert len(read("[" + ",".join(['{"@type": "Thing"}'] * 2_000) + "]").nodes) <= 500


def test_types_and_strings_in_their_shapes():
    assert node_types({"@type": "http://schema.org/BlogPosting"}) == ("BlogPosting",)
    assert node_types({}) == ()
    assert [first_string(v) for v in (["a", "b"], {"@value": "c"}, "d", 5, [], {"x": "y"})] == [
        "a",
        "c",
        "d",
        None,
        None,
        None,
    ]
