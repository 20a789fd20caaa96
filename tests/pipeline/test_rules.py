"""Reading rules: what is refused, with file, key and nearest name, and what a run does with the others."""

import json
import os
import re
import sys
from pathlib import Path

import pytest

from pipeline import UsageError, cli, config
from pipeline.config import ConfigError
from pipeline.rules import load_rules, read_rules
from transforms.settings import SegmentSettings

ROOT = Path(__file__).parents[2]
STORY = "The ferry struck the pier at Northmark on Monday, and forty passengers were taken to hospital, witnesses said."
RULE = 'sites = ["a.example"]\n[[rule]]\nname = "more"\naction = "drop"\n'


def error_of(tmp_path, text):
    path = tmp_path / "a.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        list(read_rules(path))
    message = str(caught.value)
    assert message.startswith(str(path))
    return message.removeprefix(f"{path}").lstrip(": ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('sties = ["a.example"]', "unknown key 'sties' (did you mean 'sites'?)"),
        ("", "sites is missing: write sites ="),
        ("sites = []", "sites is missing"),
        ("sites = [7]", "sites must be a text in quotes, or a list of them"),
        ('sites = ["https://a.example/b"]', "sites: 'https://a.example/b' is no domain such as example.com, "
         "and not * for all (did you mean 'a.example'?)"),
        ('sites = ["*.a.example"]', "(did you mean 'a.example'?)"),
        ('sites = ["*"]', "rule is missing: begin each rule with a line [[rule]]"),
        ('sites = ["*"]\n[rule]\nname = "x"', "rule is missing"),
        (RULE + 'line = "x"\nacton = "x"', "rule 1 (more): unknown key 'acton' (did you mean 'action'?)"),
        (RULE + 'line = "x"\nxyzzy = 1', "unknown key 'xyzzy'; it may be name, action, line, contains, selector"),
        (RULE, "rule 1 (more): no condition: give one of line, contains, selector"),
        (RULE.replace("drop", "boilerplat") + 'line = "x"', "not be 'boilerplat' (did you mean 'boilerplate'?)"),
        (RULE.replace('"drop"', "[1]") + 'line = "x"', "action must not be [1] but one of keep, drop, title"),
        ('sites = "*"\n[[rule]]\nline = "x"', "rule 1: action is missing; it must be one of keep, drop"),
        (RULE + 'line = "(x"', "rule 1 (more): line '(x' is no pattern: missing ): (x"),
        (RULE + 'line = "(?=x)"', "no look-around"),
        (RULE + 'line = ""', "none of them empty"),
        (RULE + "line = []", "line is an empty list"),
        (RULE + 'contains = "x*"', "contains 'x*' matches the empty text"),
        (RULE + 'selector = "p:has(a)"', "selector 'p:has(a)': :has is not supported"),
        (RULE + "selector = 7", "selector must be a CSS selector in quotes"),
        (RULE + 'line = "x"\n[[rule]]\nname = "more"\naction = "keep"', "rule 2 (more): the name 'more' is taken"),
        (RULE.replace('"more"', "7") + 'line = "x"', "name must be a text"),
        ("sites = [", "is not valid TOML"),
        ('sites = ["a\\nb.example"]', "is no domain such as example.com"),
        (RULE + f'selector = "{":not(" * 2_000}a{")" * 2_000}"', "rule 1 (more): selector ':not("),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_refused(tmp_path, text, message):
    assert message in error_of(tmp_path, text)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "rules.toml")
    with pytest.raises(ConfigError, match=r"rules\.toml cannot be read: it is a pipe or a device"):
        load_rules(SegmentSettings(sites=str(tmp_path)))


def test_domains_are_looked_up_as_hosts_are(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(RULE.replace('["a.example"]', '["Bücher.Example", "*"]') + 'line = ["x", "y"]', encoding="utf-8")
    assert [(rule.site, rule.line) for rule in read_rules(path)] == [
        ("xn--bcher-kva.example", ("x", "y")),
        ("*", ("x", "y")),
    ]


def test_the_packaged_rules_can_be_used_and_are_the_default():
    assert {rule.site for rule in load_rules(SegmentSettings()).rules} == {"harbour-courier.example"}


def loaded(**settings):
    return load_rules(SegmentSettings(**settings))


def test_directories_and_files_of_rules(tmp_path):
    with pytest.raises(ConfigError, match=r"segment\.sites: .*none is no directory"):
        loaded(sites=str(tmp_path / "none"))
    with pytest.raises(ConfigError, match=r"holds no \*\.toml"):
        loaded(sites=str(tmp_path))
    (tmp_path / "b.toml").write_text(RULE + 'line = "b"')
    (tmp_path / "a.toml").write_text(RULE + 'line = "a"')
    assert [rule.line for rule in loaded(sites=str(tmp_path)).rules] == [("a",), ("b",)]
    assert [rule.line for rule in loaded(sites=str(tmp_path / "b.toml")).rules] == [("b",)]
    before = loaded(sites=str(tmp_path)).hash
    (tmp_path / "b.toml").write_text(RULE + 'line = "c"')
    assert loaded(sites=str(tmp_path)).hash != before


# Functions


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A package with a function, importable, that also offers it as an entry point."""
    package = tmp_path / "house_pkg"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "rules.py").write_text("def promotions(page, lines):\n    return []\n\nNUMBER = 7\n")
    info = tmp_path / "house_pkg-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: house_pkg\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[copydesk.rules]\nhouse = house_pkg.rules:promotions\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield package
    for name in [name for name in sys.modules if name.startswith("house_pkg")]:
        del sys.modules[name]


def test_the_three_ways_to_name_a_function(module, tmp_path):
    file = tmp_path / "own.py"
    file.write_text("f = lambda page, lines: []\n")
    rules = loaded(rules=f"house, house_pkg.rules:promotions, {file}:f")
    assert [(f.name, f.module, f.attribute) for f in rules.functions] == [
        ("house", "house_pkg.rules", "promotions"),
        ("house_pkg.rules:promotions", "house_pkg.rules", "promotions"),
        ("own.py:f", "own", "f"),
    ]
    hashes = {rules.hash}
    file.write_text("f = lambda page, lines: [ ]\n")
    hashes.add(loaded(rules=f"house, house_pkg.rules:promotions, {file}:f").hash)
    (module / "__init__.py").write_text("# another package\n")
    hashes.add(loaded(rules=f"house, house_pkg.rules:promotions, {file}:f").hash)
    assert len(hashes) == 3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hose", "in the group copydesk.rules of installed packages; installed are house (did you mean 'house'?)"),
        ("house_pkg.rules:promotion", "there is no 'promotion' (did you mean 'promotions'?)"),
        ("house_pkg.rules:NUMBER", "is no function but int"),
        ("house_pkg.rule:promotions", "cannot be imported: ModuleNotFoundError: No module named 'house_pkg.rule'"),
        ("missing.py:f", "missing.py cannot be read"),
    ],
)  # fmt: skip
def test_a_function_that_cannot_be_found_is_refused(module, name, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        loaded(rules=name)


def test_a_file_that_cannot_be_run_is_refused(tmp_path):
    file = tmp_path / "own.py"
    file.write_text("import sys\nsys.exit('no')\n")
    with pytest.raises(ConfigError, match="cannot be imported: SystemExit: no"):
        loaded(rules=f"{file}:f")


# In a run


@pytest.fixture
def pages(write_jsonl):
    return write_jsonl(
        "in.jsonl",
        [
            {"id": "a", "url": "https://www.a.example/1", "text": f"Read more\n\n{STORY}"},
            {"id": "b", "url": "https://b.example/1", "text": f"Read more\n\n{STORY}"},
        ],
    )


def test_rules_show_in_the_tables_and_another_rule_is_another_run(pages, tmp_path, run_pages, tables):
    rules, out = tmp_path / "rules.toml", tmp_path / "out"
    function = tmp_path / "own.py"
    function.write_text(
        "def f(page, lines):\n"
        "    if page.id == 'b':\n"
        "        raise LookupError('not b')\n"
        "    yield 1, 'keep', 'second'\n"
    )  # fmt: skip
    settings = (f"segment.sites={rules}", f"segment.rules={function}:f", "run.workers=2")
    rules.write_text(RULE + 'line = "Read more"')
    manifest = run_pages([pages], out, *settings, until="segment")
    found = tables(out)
    assert [(s["text"], s["role"], s["reason"]) for s in found["segments"]] == [
        (STORY, "body", "rule:own.py:f:keep:second"),
        ("Read more", "boilerplate", "rule:a.example:drop:more"),
    ]
    (failure,) = found["failures"]
    assert (failure["stage"], failure["error"], failure["id"]) == ("roles", "rule_failed", "b")
    assert failure["detail"] == "own.py:f: LookupError: not b"
    assert manifest["rules"]["files"] == 1
    assert manifest["rules"]["functions"] == ["own.py:f"]

    rules.write_text(RULE + 'line = "Read mor"')
    with pytest.raises(UsageError, match="its rules for sites differ"):
        run_pages([pages], out, *settings, until="segment")
    run_pages([pages], out, *settings, until="segment", overwrite=True)
    assert "rule:a.example:drop:more" not in {s["reason"] for s in tables(out)["segments"]}


# What the documentation shows


def test_the_document_shows_rules_that_work(tmp_path, monkeypatch, capsys):
    document = (ROOT / "docs" / "site-rules.md").read_text(encoding="utf-8")
    toml, python = (re.search(rf"```{kind}\n# (\S+)\n(.*?)```", document, re.DOTALL) for kind in ("toml", "python"))
    monkeypatch.chdir(tmp_path)
    for match in (toml, python):
        file = tmp_path / match[1]
        file.parent.mkdir(exist_ok=True)
        file.write_text(match[2], encoding="utf-8")
    page = tmp_path / "page.html"
    page.write_text(
        f"<h1>Ferry</h1><p>{STORY}</p><p>Sign up for our newsletter</p><p>Correction: it was Tuesday.</p><p>* * *</p>"
        f"<p>Advertisement by a friend</p><aside class=most-read><ul><li><a href=/b>Bridge</a></ul></aside>"
    )
    arguments = ["--set", "segment.sites=rules", "--set", "segment.rules=house_rules.py:promotions"]
    assert cli.main(["config", *arguments]) == 0
    capsys.readouterr()
    url = "https://www.harbour-courier.example/a"
    fast = ["--set", "segment.method=readability"]
    assert cli.main(["explain", str(page), "--json", "--url", url, *arguments[:2], *fast]) == 0
    reasons = {s["text"]: s["reason"] for s in json.loads(capsys.readouterr().out)["segments"]}
    of_site = "rule:harbour-courier.example"
    assert reasons["Sign up for our newsletter"] == f"{of_site}:drop:newsletter"
    assert reasons["Correction: it was Tuesday."] == f"{of_site}:keep:corrections"
    assert reasons["Bridge"] == f"{of_site}:teaser_title:most-read"
    assert cli.main(["explain", str(page), "--json", *arguments, *fast]) == 0
    reasons = {s["text"]: s["reason"] for s in json.loads(capsys.readouterr().out)["segments"]}
    assert reasons["* * *\n\nAdvertisement by a friend\n\nBridge"] == "rule:house_rules.py:promotions:drop:after-stars"


def test_the_refusal_that_the_document_shows(tmp_path, monkeypatch, capsys):
    document = (ROOT / "docs" / "site-rules.md").read_text(encoding="utf-8")
    shown = re.search(r"^copydesk: (.*acton.*)$", document, re.MULTILINE)[0]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "harbour-courier.toml").write_text(
        RULE.replace('"more"', '"newsletter"').replace("action", "acton") + 'line = "x"'
    )
    assert cli.main(["config", "--set", "segment.sites=rules"]) == 2
    assert capsys.readouterr().err.strip() == shown


def test_a_run_is_refused_before_it_reads_anything(tmp_path, run_pages):
    with pytest.raises(UsageError, match=r"segment\.sites"):
        run_pages([tmp_path / "missing"], tmp_path / "out", "segment.sites=nowhere")
    assert not (tmp_path / "out").exists()
    assert config.load(None, ["segment.sites=nowhere"]).segment.sites == "nowhere"  # only loading rules reads them
