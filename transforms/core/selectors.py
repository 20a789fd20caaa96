"""CSS selectors on a page, in time that grows with the page and not faster.

cssselect parses a selector; the usual next step, XPath in libxml2, takes minutes for ``div p`` on a page of a
thousand nested ``<div>``, so one hostile page would hold up a run. Here a selector is a chain of compounds with
combinators between them, and one walk over the tree carries how far each chain has come: at an element, a compound
counts if it matches and the one before it has matched at an ancestor, the parent or an earlier sibling. That is
exact for chains without ``:nth-child`` and ``:has``, which are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cssselect import parser
from cssselect.parser import SelectorError as CssError
from lxml import etree

Test = Callable[[etree._Element], bool]

_PSEUDO_CLASSES: dict[str, Test] = {
    "first-child": lambda e: e.getprevious() is None,
    "last-child": lambda e: e.getnext() is None,
    "only-child": lambda e: e.getprevious() is None and e.getnext() is None,
    "root": lambda e: e.getparent() is None,
}
_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda has, wants: has == wants,
    "~=": lambda has, wants: wants in has.split(),
    "|=": lambda has, wants: has == wants or has.startswith(f"{wants}-"),
    "^=": lambda has, wants: bool(wants) and has.startswith(wants),
    "$=": lambda has, wants: bool(wants) and has.endswith(wants),
    "*=": lambda has, wants: bool(wants) and wants in has,
}


class SelectorError(ValueError):
    """A selector that cannot be used; the text says why."""


@dataclass(slots=True)
class _Compound:
    """Conditions on one element: all must hold. ``key`` is one of them by which candidates are looked up."""

    key: str = ""  # "p", "#main", ".teaser"; empty where there is none
    tests: list[Test] = field(default_factory=list)

    def matches(self, element: etree._Element) -> bool:
        return all(test(element) for test in self.tests)


@dataclass(frozen=True, slots=True)
class _Step:
    """A compound in its chain; ``number`` is its bit in the walk's masks."""

    compound: _Compound
    number: int
    combinator: str  # between it and the step before: " ", ">", "+" or "~"; empty for the first
    selector: int  # of the last step, the number of the selector; else -1


class Selectors:
    """Selectors, compiled once.

    Args:
        texts: The selectors; each may be a list with commas.

    Raises:
        SelectorError: One is no selector, or uses what cannot be told in one walk.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._steps: dict[str, list[_Step]] = {}
        count = 0
        for number, text in enumerate(texts):
            for chain in _chains(text):
                for place, (combinator, compound) in enumerate(chain):
                    last = place == len(chain) - 1
                    step = _Step(compound, count, combinator, number if last else -1)
                    self._steps.setdefault(compound.key, []).append(step)
                    count += 1

    def select(self, root: etree._Element) -> dict[etree._Element, tuple[int, ...]]:
        """Return the elements of a tree that selectors match, each with the numbers of those, ascending."""
        found: dict[etree._Element, tuple[int, ...]] = {}
        # One frame per open element: what itself, its ancestors, its last child and its children have matched.
        stack = [[0, 0, 0, 0]]
        for event, element in etree.iterwalk(root, events=("start", "end")):
            if not isinstance(element.tag, str):
                continue
            if event == "end":
                stack.pop()
                continue
            parent = stack[-1]
            above = parent[0] | parent[1]
            seen = {" ": above, ">": parent[0], "+": parent[2], "~": parent[3]}
            own, numbers = self._at(element, seen)
            if numbers:
                found[element] = tuple(sorted(numbers))
            parent[2] = own
            parent[3] |= own
            stack.append([own, above, 0, 0])
        return found

    def _at(self, element: etree._Element, seen: dict[str, int]) -> tuple[int, set[int]]:
        keys = ["", element.tag]
        if id_ := element.get("id"):
            keys.append(f"#{id_}")
        if classes := element.get("class"):
            keys.extend(f".{name}" for name in dict.fromkeys(classes.split()))
        own, numbers = 0, set()
        for key in keys:
            for step in self._steps.get(key, ()):
                if step.combinator and not seen[step.combinator] >> (step.number - 1) & 1:
                    continue
                if step.compound.matches(element):
                    own |= 1 << step.number
                    if step.selector >= 0:
                        numbers.add(step.selector)
        return own, numbers


def _chains(text: str) -> list[list[tuple[str, _Compound]]]:
    """The chains of a selector, one for each part between commas."""
    try:
        selectors = parser.parse(text)
    except CssError as error:
        raise SelectorError(f"no CSS selector: {error}") from None
    chains = []
    for selector in selectors:
        if selector.pseudo_element is not None:
            raise SelectorError(f"it selects the pseudo-element {selector.pseudo_element}, which no page's text has")
        chain: list[tuple[str, _Compound]] = []
        tree = selector.parsed_tree
        while isinstance(tree, parser.CombinedSelector):
            chain.append((tree.combinator, _compound(tree.subselector)))
            tree = tree.selector
        chain.append(("", _compound(tree)))
        chains.append(chain[::-1])
    return chains


def _compound(tree: parser.Tree) -> _Compound:
    compound = _Compound()
    _conditions(tree, compound)
    return compound


def _conditions(tree: parser.Tree, compound: _Compound) -> None:
    """Add what a parsed compound asks of an element to ``compound``."""
    if isinstance(tree, parser.Element):
        if tree.namespace:
            raise SelectorError("names with a name space (a|b) do not occur in HTML")
        if tree.element:
            compound.key = compound.key or tree.element.lower()
            compound.tests.append(_is_tag(tree.element.lower()))
        return
    if isinstance(tree, parser.Hash):
        compound.key = f"#{tree.id}"
        compound.tests.append(_attribute("id", "=", tree.id))
    elif isinstance(tree, parser.Class):
        compound.key = compound.key or f".{tree.class_name}"
        compound.tests.append(_attribute("class", "~=", tree.class_name))
    elif isinstance(tree, parser.Attrib):
        if tree.namespace:
            raise SelectorError("attributes with a name space do not occur in HTML")
        value = "" if tree.value is None else tree.value.value or ""
        compound.tests.append(_attribute(tree.attrib.lower(), tree.operator, value))
    elif isinstance(tree, parser.Pseudo) and tree.ident in _PSEUDO_CLASSES:
        compound.tests.append(_PSEUDO_CLASSES[tree.ident])
    elif isinstance(tree, parser.Negation):
        compound.tests.append(_not(_compound(tree.subselector)))
    elif isinstance(tree, parser.Matching | parser.SpecificityAdjustment):
        compound.tests.append(_any([_compound(part) for part in tree.selector_list]))
    else:
        name = getattr(tree, "ident", None) or getattr(tree, "name", None)
        name = "has" if isinstance(tree, parser.Relation) else name
        what = f":{name}" if name else "a combinator in brackets"
        known = ", ".join(f":{name}" for name in (*_PSEUDO_CLASSES, "not()", "is()", "where()"))
        raise SelectorError(f"{what} is not supported; of the pseudo-classes, {known} are")
    _conditions(tree.selector, compound)


def _is_tag(name: str) -> Test:
    return lambda element: element.tag == name


def _attribute(name: str, operator: str, wanted: str) -> Test:
    if operator == "exists":
        return lambda element: element.get(name) is not None
    if operator not in _OPERATORS:
        raise SelectorError(f"the operator {operator} is not supported; {', '.join(_OPERATORS)} are")
    compare = _OPERATORS[operator]
    return lambda element: (has := element.get(name)) is not None and compare(has, wanted)


def _not(compound: _Compound) -> Test:
    return lambda element: not compound.matches(element)


def _any(compounds: list[_Compound]) -> Test:
    return lambda element: any(compound.matches(element) for compound in compounds)
