"""Selectors: what lxml's XPath finds, in one walk."""

import random

import pytest
from lxml.cssselect import CSSSelector

from transforms.core.dom import html_blocks, parse_html
from transforms.core.selectors import SelectorError, Selectors

SELECTORS = [
    "*", "div p", "div > p", "li + li", "li ~ p", ".a .b", "div.a", "#x", "[data-k]", "[data-k=one]", "[data-k~=two]",
    "[data-k|=one]", "[data-k^=on]", "[data-k$=x]", "[data-k*=w]", "p:not(.a)", "div:not(#x):not(.a) .b",
    "div:first-child > p:last-child", "p:only-child", "ul li, #y > .c", "p + .a ~ li > span", "div div div > p.b",
    ":root > body div", "DIV P",
]  # fmt: skip


def element(rng: random.Random, depth: int = 0) -> str:
    attributes = ""
    if rng.random() < 0.5:
        attributes += f' class="{" ".join(rng.sample("abc", rng.randint(1, 2)))}"'
    if rng.random() < 0.3:
        attributes += f' id="{rng.choice("xyz")}"'
    if rng.random() < 0.3:
        attributes += f' data-k="{rng.choice(["one", "two three", "one-x"])}"'
    tag = rng.choice(["div", "p", "ul", "li", "span"])
    children = "".join(element(rng, depth + 1) for _ in range(rng.randint(0, 4))) if depth < 4 else ""
    return f"<{tag}{attributes}>t{children}</{tag}>"


@pytest.mark.parametrize("seed", range(5))
def test_each_selector_finds_what_xpath_finds(seed):
    rng = random.Random(seed)
    root = parse_html("<body>" + "".join(element(rng) for _ in range(4)))
    found = Selectors(SELECTORS).select(root)
    for number, selector in enumerate(SELECTORS):
        assert {e for e, numbers in found.items() if number in numbers} == set(
            CSSSelector(selector, translator="html")(root)
        ), selector
    assert len(found) > 20


def test_is_takes_any_of_a_list():
    root = parse_html("<body><h1>a</h1><h2 class=x>b</h2><p>c</p>")
    assert [e.text for e in Selectors([":is(h1, .x)"]).select(root)] == ["a", "b"]


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("p:nth-child(2)", ":nth-child is not supported"),
        ("p:has(a)", ":has is not supported"),
        ("p:hover", ":hover is not supported; of the pseudo-classes, :first-child"),
        ("p::before", "pseudo-element before"),
        ("div >", "no CSS selector: Expected selector"),
        ("a|b", "name space"),
        ("[x!=y]", "operator != is not supported"),
    ],
)
def test_what_cannot_be_told_in_one_walk_is_refused(selector, message):
    with pytest.raises(SelectorError, match=message.replace("(", r"\(")):
        Selectors([selector])


def test_a_page_of_nested_elements_takes_a_walk():
    """XPath takes minutes for this one; no clock here, but the suite would not end."""
    root = parse_html("<body>" + "<div>" * 1_500 + "<p>x</p>" * 50_000)
    assert len(Selectors(["div div p"]).select(root)) == 50_000


def test_a_block_is_selected_where_all_of_its_text_is():
    root = parse_html(
        "<body><div class=ad>one<p>two <b>three</b></p>four</div><p>five <span class=ad>six</span></p>"
        "<p><span class=ad>seven</span> <i class=ad>eight</i></p><p>nine</p><ul class=ad><li><br>ten</ul>eleven"
    )
    _, blocks = html_blocks(root, Selectors(["p.none", ".ad"]).select(root))
    assert [b.text for b in blocks if b.dom.selected] == ["one", "two three", "four", "seven eight", "ten"]
    assert {b.dom.selected for b in blocks} == {(1,), ()}


def test_the_elements_around_the_body_and_the_body_itself_can_be_selected():
    root = parse_html("<html class=live><body><p>one</p>two</body></html>")
    _, blocks = html_blocks(root, Selectors([".live", "body"]).select(root))
    assert [b.dom.selected for b in blocks] == [(0, 1), (0, 1)]
