"""Rules of the user's own: which lines of which site to keep, to drop, or to give a role.

``pipeline/rules.py`` reads them from files and refuses those that are wrong. They travel to the workers as plain
texts; patterns, selectors and functions are compiled there, once per process. A pattern is matched by RE2 and a
selector by ``selectors.py``: both in time that grows with the page and not faster, so that no page can hold up a run.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import ModuleType
from typing import Any, Protocol
from urllib.parse import urlsplit

import re2
from lxml import etree

from transforms.core.page_error import PageError
from transforms.core.role_model import Label
from transforms.core.selectors import Selectors
from transforms.core.story_split import registered_domain
from transforms.types import ROLES, TEASER_ROLES, Block, Dom, Page

ACTIONS = ("keep", "drop", *ROLES)
ALL_SITES = "*"
_OF_THE_STORY = frozenset(ROLES) - {*TEASER_ROLES, "comment", "boilerplate"}


@dataclass(frozen=True, slots=True)
class Rule:
    """What to do with the lines of a site that meet all conditions; at least one condition is given.

    ``line`` and ``contains`` hold RE2 patterns: one of ``line`` must match a whole line, one of ``contains`` some
    part of it. ``selector`` is a CSS selector: the whole line must stand in an element that it matches.
    """

    site: str  # a domain, for itself and its subdomains, or "*"
    action: str  # "keep", "drop" or a role
    name: str  # unique in its file
    line: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()
    selector: str = ""

    @property
    def reason(self) -> str:
        """What a line that the rule decides has as its reason."""
        return _reason(self.site, self.action, self.name)


def _reason(origin: str, action: str, name: str) -> str:
    return f"rule:{origin}:{action}:{name}"


@dataclass(frozen=True, slots=True)
class RuleFunction:
    """A rule in Python: an attribute of a module, or of ``source``, which is then run on each worker."""

    name: str  # as the user wrote it
    module: str
    attribute: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class RulePage:
    """What a rule in Python is told of the page."""

    id: str
    kind: str  # "html" | "text"
    url: str | None
    site: str | None  # registered domain


@dataclass(frozen=True, slots=True)
class RuleLine:
    """What a rule in Python is told of a line: what it is, and what has been made of it so far."""

    text: str
    role: str
    confidence: float
    reason: str
    dom: Dom | None  # None on text pages


class RuleCall(Protocol):
    """A rule in Python: yields the number of a line, an action and a name for the reason, for each line it decides."""

    def __call__(self, page: RulePage, lines: Sequence[RuleLine], /) -> Iterable[tuple[int, str, str]]: ...


@dataclass(frozen=True)
class SiteRules:
    """All rules of a run. ``hash`` changes with every one of them, and with the code of the functions."""

    rules: tuple[Rule, ...] = ()
    functions: tuple[RuleFunction, ...] = ()
    hash: str = ""

    def of(self, url: str | None) -> PageRules:
        """Return the rules for a page: those of the longest domain first, those of all sites last."""
        host = host_of(url) if self.rules else ""
        while host and host not in self._by_site:
            host = host.partition(".")[2]
        if host not in self._compiled:
            self._compiled[host] = PageRules(self._chain(host), self._calls)
        return self._compiled[host]

    def _chain(self, host: str) -> list[Rule]:
        """The rules of a domain, then of each domain above it, then of all sites."""
        chain: list[Rule] = []
        while host:
            chain.extend(self._by_site.get(host, ()))
            host = host.partition(".")[2]
        return chain + self._by_site.get(ALL_SITES, [])

    @cached_property
    def _by_site(self) -> dict[str, list[Rule]]:
        sites: dict[str, list[Rule]] = {}
        for rule in self.rules:
            sites.setdefault(rule.site, []).append(rule)
        return sites

    @cached_property
    def _compiled(self) -> dict[str, PageRules]:
        return {}  # one for each site with rules, and one for the others

    @cached_property
    def _calls(self) -> list[tuple[str, RuleCall]]:
        return [(function.name, load_function(function)) for function in self.functions]

    def __getstate__(self) -> dict[str, Any]:
        return {"rules": self.rules, "functions": self.functions, "hash": self.hash}  # and nothing compiled


NO_RULES = SiteRules()


class PageRules:
    """The rules that hold for the pages of one site, compiled.

    Raises:
        SelectorError, re2.error: A selector or pattern is none; rules that were read from files have been checked.
    """

    def __init__(self, rules: Sequence[Rule], calls: Sequence[tuple[str, RuleCall]] = ()) -> None:
        self._calls = calls
        selectors = list(dict.fromkeys(rule.selector for rule in rules if rule.selector))
        self._selectors = Selectors(selectors) if selectors else None
        self._rules = [
            (
                rule,
                [compile_pattern(pattern) for pattern in rule.line],
                [compile_pattern(pattern) for pattern in rule.contains],
                selectors.index(rule.selector) if rule.selector else None,
            )
            for rule in rules
        ]

    def select(self, root: etree._Element) -> dict[etree._Element, tuple[int, ...]]:
        """Return the elements that selectors of the rules match, for ``html_blocks``."""
        return self._selectors.select(root) if self._selectors else {}

    def apply(self, page: Page, url: str | None, blocks: Sequence[Block], labels: Sequence[Label]) -> list[Label]:
        """Return the labels as the rules want them.

        The first rule that a line meets decides it. Functions come after all rules of files, in their order, and
        each has the last word over what is before it.

        Raises:
            PageError: A function failed, or gave something that is no decision.
        """
        labels = list(labels)
        ruled: set[int] = set()
        for number, block in enumerate(blocks) if self._rules else ():
            rule = self._first(block)
            if rule is not None:
                labels[number] = _decided(labels[number], rule.action, rule.reason)
                ruled.add(number)
        for name, call in self._calls:
            about = RulePage(page.id, page.kind, url, registered_domain(url))
            lines = tuple(
                RuleLine(b.text, x.role, x.confidence, x.reason, b.dom) for b, x in zip(blocks, labels, strict=True)
            )
            try:
                decisions = [_checked(decision, len(lines)) for decision in call(about, lines) or ()]
            except (Exception, SystemExit) as error:  # whatever a user's code does, it fails one page and not the run
                raise PageError("rule_failed", f"{name}: {type(error).__name__}: {error}") from error
            for number, action, why in decisions:
                labels[number] = _decided(labels[number], action, _reason(name, action, why))
                ruled.add(number)
        return _with_one_title(labels, ruled)

    def _first(self, block: Block) -> Rule | None:
        text: bytes | None = None
        for rule, whole, parts, selector in self._rules:
            if selector is not None and (block.dom is None or selector not in block.dom.selected):
                continue
            if text is None and (whole or parts):
                text = block.text.encode("utf-8", "replace")  # what RE2 reads; a lone surrogate is no text
            if whole and not any(pattern.fullmatch(text) for pattern in whole):
                continue
            if parts and not any(pattern.search(text) for pattern in parts):
                continue
            return rule
        return None


def _decided(label: Label, action: str, reason: str) -> Label:
    if action == "keep":
        role = label.role if label.role in _OF_THE_STORY else "body"
    else:
        role = "boilerplate" if action == "drop" else action
    return replace(label, role=role, confidence=1.0, reason=reason, instead=role)


def _checked(decision: Any, lines: int) -> tuple[int, str, str]:
    """A decision of a function, if it is one.

    Raises:
        ValueError: It is none; the text says what one is.
    """
    match decision:
        case (int(number), str(action), str(name)) if 0 <= number < lines and action in ACTIONS:
            return number, action, name
    raise ValueError(f"{decision!r} is no (number of a line below {lines}, one of {', '.join(ACTIONS)}, name)")


def _with_one_title(labels: list[Label], ruled: set[int]) -> list[Label]:
    """Where a rule names the title, what the model took for it is a heading."""
    if any(labels[number].role == "title" for number in ruled):
        for number, label in enumerate(labels):
            if label.role == "title" and number not in ruled:
                labels[number] = replace(label, role="heading", reason=f"a rule names another title; {label.reason}")
    return labels


def host_of(url: str | None) -> str:
    """Return the host of an address in lower case, international names in their ASCII form; empty if it has none.

    >>> host_of("https://WWW.Bücher.example:8080/a")
    'www.xn--bcher-kva.example'
    """
    try:
        host = (urlsplit(url or "").hostname or "").rstrip(".")
        return host if host.isascii() else host.encode("idna").decode()
    except ValueError:
        return ""


def compile_pattern(pattern: str) -> Any:
    """Compile an RE2 pattern.

    Raises:
        re2.error: It is none.
    """
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def load_module(function: RuleFunction) -> ModuleType:
    """Import the module of a rule in Python, or make it of the source that it came with."""
    if not function.source:
        return importlib.import_module(function.module)
    module = ModuleType(function.module)
    exec(compile(function.source, f"{function.module}.py", "exec"), module.__dict__)
    return module


def load_function(function: RuleFunction) -> RuleCall:
    """Import a rule in Python, or run the source that it came with.

    Raises:
        Exception: Whatever the user's module raises; ``AttributeError`` if it lacks the function.
    """
    found: Any = load_module(function)
    for part in function.attribute.split("."):
        found = getattr(found, part)
    return found
