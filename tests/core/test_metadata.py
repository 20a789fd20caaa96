import orjson
import pytest

from transforms.core.dom import parse_html
from transforms.core.metadata import read_metadata

LD = """<script type="application/ld+json">{"@context":"https://schema.org","@graph":[{"@type":"WebSite","name":"x"},
{"@type":["NewsArticle"],"headline":"Ferry &amp; pier","datePublished":"2026-03-02T08:00:00+01:00",
"author":[{"@type":"Person","name":"Ada Reed"},{"name":"Bo Lin"}],"articleBody":"It was morning."}]}</script>"""


def test_json_ld_comes_first():
    meta = read_metadata(parse_html(f'<html lang="en-GB"><head><meta property="og:title" content="Other">{LD}</head>'))
    assert meta.title == "Ferry & pier"
    assert meta.authors == ("Ada Reed", "Bo Lin")
    assert meta.published == "2026-03-02T08:00:00+01:00"
    assert meta.body == "It was morning."
    assert meta.language == "en"


def test_meta_elements_and_title():
    html = """<head><title>Pier | Site</title><meta name=author content="By Ada Reed">
    <meta property="article:published_time" content="2026-03-02"><meta name=description content=" A  pier. ">
    <link rel=canonical href="/pier"></head>"""
    meta = read_metadata(parse_html(html), "https://example.org/a?b")
    assert (meta.title, meta.authors, meta.published) == ("Pier | Site", ("Ada Reed",), "2026-03-02")
    assert (meta.description, meta.url) == ("A pier.", "https://example.org/pier")


def test_broken_json_ld_is_passed_over():
    html = '<script type="application/ld+json">{"@type": "Article", </script><title>T</title>'
    assert read_metadata(parse_html(html)).title == "T"


def test_json_ld_with_line_breaks_inside_strings():
    html = '<script type="application/ld+json">{"@type": "Article", "headline": "two\nlines"}</script>'
    assert read_metadata(parse_html(html)).title == "two lines"


def test_a_page_that_says_nothing():
    meta = read_metadata(parse_html("<p>x</p>"), "https://example.org/")
    assert (meta.title, meta.authors, meta.published, meta.url) == (None, (), None, "https://example.org/")


def read(html, url=None):
    return read_metadata(parse_html(html), url)


def script(data):
    return f'<script type="application/ld+json">{orjson.dumps(data).decode()}</script>'


@pytest.mark.parametrize(
    ("author", "names"),
    [
        ("Ada Reed", ("Ada Reed",)),
        ("By Ada Reed and Bo Lin", ("Ada Reed", "Bo Lin")),
        ({"name": ["Ada Reed", "Bo Lin"]}, ("Ada Reed", "Bo Lin")),
        ({"@type": "Person", "givenName": "Ada", "familyName": "Reed"}, ("Ada Reed",)),
        ([{"@id": "#ada"}, {"@type": "Person", "name": "Bo Lin"}], ("Ada Reed", "Bo Lin")),
        ({"name": {"@value": "Ada Reed"}}, ("Ada Reed",)),
        ([{"name": "Ada Reed"}, {"name": "Ada Reed"}], ("Ada Reed",)),
        ({"@type": "Organization", "name": "Harbour Wire"}, ("Harbour Wire",)),
        ({"name": "https://a.example/ada"}, ()),
        ([[["Ada Reed"]]], ("Ada Reed",)),
        (7, ()),
    ],
)
def test_authors_in_json_ld_of_any_shape(author, names):
    graph = [{"@type": "Person", "@id": "#ada", "name": "Ada Reed"}, {"@type": "NewsArticle", "author": author}]
    assert read(script({"@graph": graph})).authors == names


@pytest.mark.parametrize(
    "html",
    [
        "<meta name=author content='Ada Reed'>",
        "<meta property=article:author content='https://a.example/ada'><meta name=author content='By Ada Reed'>",
        "<meta name=citation_author content='Ada Reed'>",
        "<a rel=author href=/ada>Ada Reed</a>",
        "<span itemprop=author><i>by</i> <span itemprop=name>Ada Reed</span></span>",
        "<p class='post-byline'>By Ada Reed</p>",
        "<div class=comment><a rel=author>Cy Oak</a></div><a rel=author>Ada Reed</a>",
    ],
)
def test_authors_in_meta_and_marked_elements(html):
    assert read(f"<body>{html}<p>Text.</p>").authors == ("Ada Reed",)


@pytest.mark.parametrize(
    ("html", "published"),
    [
        ("<meta name=pubdate content=20260302>", "2026-03-02"),
        ("<meta name='w-published-date' content='March 2, 2026'>", "2026-03-02"),
        ("<meta name=dc.date.issued content=2026-03-02>", "2026-03-02"),
        ("<meta itemprop=datePublished content=2026-03-02T10:00:00Z>", "2026-03-02T10:00:00+00:00"),
        ("<p><span itemprop=datePublished content=2026-03-02>2 March</span>", "2026-03-02"),
        ("<aside><time datetime=2020-01-01></time></aside><time datetime=2026-03-02>today</time>", "2026-03-02"),
        ("<meta property=article:modified_time content=2026-03-02>", None),
        ("<meta name=date content=soon>", None),
    ],
)
def test_published_in_meta_and_time_elements(html, published):
    assert read(html).published == published


def test_published_in_the_address_comes_before_time_elements():
    html = "<time datetime=2020-01-01></time>"
    assert read(html, "https://a.example/2026/03/02/pier").published == "2026-03-02"


def test_the_page_of_a_graph_dates_an_article_that_does_not():
    graph = [{"@type": "Article", "headline": "T"}, {"@type": "WebPage", "datePublished": "2026-03-02"}]
    assert read(script({"@graph": graph})).published == "2026-03-02"


def test_modified_section_site_name_publisher_region_and_types():
    data = {
        "@type": "NewsArticle",
        "headline": "Pier shut",
        "dateModified": "2026-03-03",
        "articleSection": ["Harbour", "Town"],
        "publisher": {"@id": "#us"},
    }
    graph = [data, {"@type": "NewsMediaOrganization", "@id": "#us", "name": "The Courier"}]
    html = f"<html lang=en-GB><meta property=og:type content=article>{script({'@graph': graph})}"
    meta = read(html)
    assert (meta.modified, meta.section, meta.site_name, meta.publisher) == (
        "2026-03-03",
        "Harbour",
        *["The Courier"] * 2,
    )
    assert (meta.language, meta.region) == ("en", "GB")
    assert meta.types == ("NewsArticle", "NewsMediaOrganization", "article")


def test_the_title_is_without_the_site_and_all_its_forms_are_kept():
    html = "<title>Pier shut | News | The Courier</title><meta property=og:title content='Pier shut - The Courier'>"
    meta = read(html + "<meta property=og:site_name content='The Courier'><h1>Pier shut</h1>")
    assert (meta.title, meta.titles, meta.headings) == ("Pier shut", ("Pier shut",), ("Pier shut",))
    assert read("<title>Pier shut | Courier</title>", "https://www.courier.example/a").title == "Pier shut"


def test_canonical_is_set_only_where_the_page_names_it():
    assert read("<link rel=canonical href='/b'>", "https://a.example/c?d").canonical == "https://a.example/b"
    assert read("<p>x", "https://a.example/c").canonical is None
