from transforms.core.dom import parse_html
from transforms.core.metadata import iso_date, read_metadata

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


def test_iso_date():
    assert iso_date("2025-3-7 10:00") == "2025-03-07"
    assert iso_date("2025-13-40") is None
    assert iso_date("") is None
