"""Rules of the user's own, on labelled pages in memory."""

import pickle
from dataclasses import dataclass

import pytest

from transforms.core import PageError, segment_page
from transforms.core.role_model import Label
from transforms.core.segment import label_blocks, parse_page
from transforms.core.site_rules import NO_RULES, Rule, RuleFunction, SiteRules, host_of
from transforms.settings import SegmentSettings
from transforms.types import Block, Page, Source

SETTINGS = SegmentSettings(method="readability")
URL = "https://www.harbour.example/a"
BODY = "The ferry struck the pier at Northmark on Monday, and forty passengers were taken to hospital, witnesses said."
HTML = (
    f"<nav><a href=/>Home</a></nav><h1>Ferry</h1><p>{BODY}</p><p>Read more: the inquiry</p>"
    "<aside class=most-read><ul><li><a href=/b>Bridge to close</a></li></ul></aside>"
    f"<p>{BODY} <a class=x>Again</a>.</p>"
)


def roles(rules, url=URL, html=HTML):
    return labels_of(Page("p", "html", html.encode(), Source("p.html"), url), SiteRules(tuple(rules)))


def labels_of(page, rules):
    parsed = parse_page(page, rules)
    labels = label_blocks(parsed, SETTINGS, rules).labels
    return {b.text: (x.role, x.confidence, x.reason) for b, x in zip(parsed.blocks, labels, strict=True)}


def test_a_rule_decides_a_line_and_says_so():
    rule = Rule("harbour.example", "drop", "more", line=("(?i)read more: .*",))
    found = roles([rule])
    assert found["Read more: the inquiry"] == ("boilerplate", 1.0, "rule:harbour.example:drop:more")
    result = segment_page(Page("p", "html", HTML.encode(), Source("p.html"), URL), SETTINGS, SiteRules((rule,)))
    (segment,) = (s for s in result.segments if s.text == "Read more: the inquiry")
    assert (segment.role, segment.story, segment.confidence, segment.reason) == ("boilerplate", None, 1.0, rule.reason)
    before = roles([])
    assert {text for text in before if before[text] != found.get(text)} == {"Read more: the inquiry"}


@pytest.mark.parametrize(
    ("conditions", "matches"),
    [
        ({"line": ("Read more",)}, False),  # not the whole line
        ({"contains": ("Read more",)}, True),
        ({"contains": ("read more",)}, False),
        ({"line": ("x", "Read.*inquiry")}, True),
        ({"contains": ("Read",), "selector": "p"}, True),
        ({"contains": ("Read",), "selector": "aside *"}, False),
        ({"selector": "nav"}, False),
    ],
)
def test_all_conditions_must_hold(conditions, matches):
    reason = roles([Rule("*", "drop", "r", **conditions)])["Read more: the inquiry"][2]
    assert (reason == "rule:*:drop:r") is matches


def test_a_selector_inside_a_paragraph_leaves_the_paragraph_alone():
    found = roles([Rule("*", "drop", "x", selector="a.x"), Rule("*", "teaser_title", "most", selector=".most-read a")])
    assert found[f"{BODY} Again."][2] == "readability keeps it"
    assert found["Bridge to close"] == ("teaser_title", 1.0, "rule:*:teaser_title:most")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://harbour.example/", "domain"),
        ("http://WWW.harbour.example:8080/x", "domain"),
        ("https://live.sport.harbour.example/", "sport"),
        ("https://notharbour.example/", "all"),
        ("not an address", "all"),
        (None, "all"),
    ],
)
def test_the_longest_domain_comes_first_and_all_sites_last(url, name):
    hosts = {"*": "all", "harbour.example": "domain", "sport.harbour.example": "sport"}
    found = roles([Rule(site, "drop", name, contains=("Read",)) for site, name in hosts.items()], url)
    assert found["Read more: the inquiry"][2].endswith(f":drop:{name}")


def test_the_first_rule_that_matches_decides():
    keep = Rule("*", "keep", "exception", contains=("inquiry",))
    drop = Rule("*", "drop", "more", contains=("Read",))
    assert roles([keep, drop])["Read more: the inquiry"] == ("body", 1.0, "rule:*:keep:exception")
    assert roles([drop, keep])["Read more: the inquiry"][0] == "boilerplate"


def test_keep_leaves_roles_of_the_story_as_they_are():
    assert roles([])["Ferry"][0] == "heading"
    assert roles([Rule("*", "keep", "k", contains=(".",))])["Ferry"] == ("heading", 1.0, "rule:*:keep:k")


def test_a_title_by_rule_is_the_only_one():
    rules = SiteRules((Rule("*", "title", "t", contains=("forty passengers",)),))
    labels = [Label("title", 0.9, 0.0, "the model"), Label("body", 0.9, 0.0, "the model")]
    blocks = [Block("Ferry", 0, 5), Block(BODY, 7, 7 + len(BODY))]
    page = Page("p", "text", "", Source("p.txt"))
    first, second = rules.of(None).apply(page, None, blocks, labels)
    assert (first.role, second.role) == ("heading", "title")
    assert first.reason == "a rule names another title; the model"


def test_pages_are_known_by_the_address_that_they_name():
    html = f'<html><head><link rel="canonical" href="{URL}"></head><body>{HTML}</body></html>'
    found = roles([Rule("harbour.example", "drop", "more", contains=("Read",))], None, html)
    assert found["Read more: the inquiry"][0] == "boilerplate"


def test_text_pages_have_lines_and_no_selectors_and_clean_input_no_rules():
    rules = SiteRules((Rule("*", "drop", "s", selector="*"), Rule("*", "drop", "more", line=("Read more",))))
    page = Page("p", "text", f"Read more\n{BODY}\nRead more \ud800", Source("p.txt"))
    assert [text for text, label in labels_of(page, rules).items() if label[2] == "rule:*:drop:more"] == ["Read more"]
    result = segment_page(Page("p", "clean", f"Read more\n{BODY}", Source("p.jsonl")), SETTINGS, rules)
    assert result.story.text == f"Read more\n\n{BODY}"


def test_a_pattern_that_backtracking_would_never_end():
    found = roles([Rule("*", "drop", "slow", contains=("(x+x+)+y",))], html=f"<p>{'x' * 100_000}</p>")
    assert len(found) == 1


def test_hosts():
    assert host_of("https://[::1") == "" == host_of("http://" + "a" * 70 + "ü.example/")


# Functions


def function(source, name="rules.py:f"):
    return SiteRules(functions=(RuleFunction(name, "rules", "f", source),))


def applied(rules):
    found = labels_of(Page("p", "html", HTML.encode(), Source("p.html"), URL), rules)
    return {text: (role, reason) for text, (role, _, reason) in found.items()}


def test_a_function_sees_page_and_lines_and_has_the_last_word():
    source = (
        "def f(page, lines):\n"
        f"    assert (page.id, page.kind, page.url, page.site) == ('p', 'html', {URL!r}, 'harbour.example')\n"
        "    for n, line in enumerate(lines):\n"
        "        if line.role == 'boilerplate' and line.confidence == 1 and line.reason == 'rule:*:drop:more':\n"
        "            yield n, 'caption', line.dom.tag\n"
    )
    rules = SiteRules((Rule("*", "drop", "more", contains=("Read",)),), function(source).functions)
    assert applied(rules)["Read more: the inquiry"] == ("caption", "rule:rules.py:f:caption:p")


def test_a_function_may_decide_nothing():
    assert applied(function("f = lambda page, lines: None")) == applied(NO_RULES)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("return [(99, 'drop', 'x')]", "ValueError: (99, 'drop', 'x') is no (number of a line below"),
        ("return [(0, 'dorp', 'x')]", "ValueError: (0, 'dorp', 'x') is no"),
        ("return [0]", "ValueError: 0 is no"),
        ("return 7", "TypeError: 'int' object is not iterable"),
    ],
)
def test_a_function_that_fails_fails_its_page(code, message):
    with pytest.raises(PageError) as caught:
        applied(function(f"def f(page, lines):\n    {code}\n"))
    assert caught.value.error == "rule_failed"
    assert str(caught.value).startswith(f"rules.py:f: {message}")


@dataclass
class Unpicklable:
    def __reduce__(self):
        raise TypeError("compiled things stay in their process")


def test_rules_travel_as_plain_values():
    rules = SiteRules((Rule("*", "drop", "more", contains=("Read",), selector="p"),), hash="h")
    assert applied(rules)["Read more: the inquiry"][0] == "boilerplate"
    rules._compiled["x"] = Unpicklable()
    copy = pickle.loads(pickle.dumps(rules))
    assert copy == rules
    assert applied(copy)["Read more: the inquiry"][0] == "boilerplate"
