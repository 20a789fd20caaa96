import pytest

from transforms.core.dom import TooDeepError, html_blocks, name_words, parse_html


def blocks_of(html):
    text, blocks = html_blocks(parse_html(html))
    assert all(text[b.start : b.end] == b.text for b in blocks)
    assert "".join(text.split()) == "".join("".join(b.text for b in blocks).split())
    return blocks


def texts(html):
    return [b.text for b in blocks_of(html)]


def test_block_elements_divide_and_inline_elements_do_not():
    html = "<body><h1>Title</h1><p>One <b>bold</b> and <a href=/x>linked</a> line.</p>tail<div>two</div></body>"
    assert texts(html) == ["Title", "One bold and linked line.", "tail", "two"]


def test_a_line_break_divides_but_stays_one_paragraph_in_the_text():
    text, blocks = html_blocks(parse_html("<p>first<br>second</p><p>third</p>"))
    assert [b.text for b in blocks] == ["first", "second", "third"]
    assert text == "first\nsecond\n\nthird"


def test_what_nobody_reads_is_left_out():
    html = (
        "<body><script>var a</script><style>p{}</style><noscript>on</noscript>"
        "<p>seen</p><!-- no --><template>t</template>"
    )
    assert texts(html) == ["seen"]


def test_text_after_a_skipped_element_is_kept():
    assert texts("<p>before <script>x</script>after</p>") == ["before after"]


def test_link_share_hrefs_and_position_in_the_tree():
    html = (
        '<body><article><p class="lead-Text">Go <a href="/a">there</a> now</p></article>'
        "<aside><a href=/b>Other</a></aside>"
    )
    first, second = blocks_of(html)
    assert (first.dom.link_chars, first.dom.links) == (5, ("/a",))
    assert first.dom.path == ("body", "article", "p")
    assert first.dom.names[0] == "lead text"
    assert (second.dom.link_chars, second.dom.tag) == (5, "aside")
    assert first.dom.container != second.dom.container


def test_links_side_by_side_are_apart():
    assert texts("<nav><a href=1>Home</a><a href=2>News</a></nav>") == ["Home News"]


def test_links_in_one_sentence_add_no_space():
    assert texts("<p>注意報は<a href=1>高知</a>と<a href=2>宮崎</a>に出た</p>") == ["注意報は高知と宮崎に出た"]
    assert texts("<p>By <a href=1>Ann</a>/<a href=2>Bo</a></p>") == ["By Ann/Bo"]


def test_how_a_character_is_read_stands_in_its_sentence():
    ruby = "<ruby><rb>弾劾</rb><rp>（</rp><rt>だんがい</rt><rp>）</rp></ruby>"
    assert texts(f"<p>国会は{ruby}案を出した</p>") == ["国会は弾劾（だんがい）案を出した"]


def test_a_formula_stands_in_its_sentence_and_its_source_is_left_out():
    formula = "<math><semantics><msqrt><mi>x</mi></msqrt><annotation>\\sqrt x</annotation></semantics></math>"
    assert texts(f"<p>of {formula} here</p>") == ["of x here"]


def test_a_link_around_blocks_links_each_of_them():
    first, second = blocks_of("<a href='/story'><div>Headline</div><div>Summary</div></a>")
    assert first.dom.links == second.dom.links == ("/story",)
    assert first.dom.link_chars == len("Headline")


def test_hidden_elements_say_so():
    seen, hidden = blocks_of('<p>seen</p><div style="display: none"><p>hidden</p></div>')
    assert (seen.dom.hidden, hidden.dom.hidden) == (False, True)


def test_cells_of_a_row_are_one_line():
    assert texts("<table><tr><td>Team</td><td>Points</td></tr><tr><td>A</td><td>3</td></tr></table>") == [
        "Team Points",
        "A 3",
    ]


def test_deep_nesting_is_read_and_deeper_nesting_is_refused_not_lost():
    def nested(depth):
        return "<div>" * depth + "deep" + "</div>" * depth

    assert texts(nested(2_000)) == ["deep"]
    with pytest.raises(TooDeepError, match="elements nested deeper than 2,048 levels"):
        parse_html(nested(100_000))


def test_no_element_at_all():
    assert parse_html("<!-- nothing -->") is None or html_blocks(parse_html("<!-- nothing -->"))[1] == []


def test_name_words():
    assert name_words("RelatedPosts related-posts__item-12") == "related posts related posts item"
    assert name_words("") == ""


def test_noscript_is_read_where_the_page_shows_nothing_else():
    thread = "<p>" + "The ferry was late again, and nobody told us why. " * 10
    root = parse_html(f"<body><div id=app></div><noscript><h1>Late ferry</h1>{thread}</noscript></body>")
    assert [b.text[:10] for b in html_blocks(root)[1]] == ["Late ferry", "The ferry "]
    root = parse_html(f"<body>{thread}<noscript>Turn on JavaScript.</noscript></body>")
    assert "JavaScript" not in html_blocks(root)[0]


@pytest.mark.parametrize("first", ["main", "header", "nav", "article", "section"])
def test_a_page_without_tags_of_head_and_body_is_read_from_its_first_element_on(first):
    html = (
        f"<title>Late</title><meta name=a><{first}><h1>Late ferry</h1></{first}><p>It came at ten.<footer>End</footer>"
    )
    root = parse_html(html)
    assert [block.text for block in html_blocks(root)[1]] == ["Late ferry", "It came at ten.", "End"]
    assert [element.tag for element in root.find("head")] == ["title", "meta"]
