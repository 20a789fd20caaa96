"""Every regular expression of the product, and texts on which a careless one would take for ever."""

import ast
import importlib
import itertools
import re
import re._parser as sre
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]
_SAMPLES = " \t\n\x00aAzZ09.,;:-_/\\|<>@#&?!§·'\"()é中\u0e01"
_MOST_TOKENS = 7  # of a pattern that are repeated alone and in pairs


def modules() -> Iterator[ModuleType]:
    for package in ("transforms", "pipeline"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            if not name.endswith("__main__"):
                yield importlib.import_module(name.removesuffix(".__init__"))


def patterns() -> dict[str, re.Pattern[Any]]:
    """All patterns by ``module:name``: those that modules keep, and those written where they are used."""
    found: dict[str, re.Pattern[Any]] = {}
    for module in modules():
        for name, value in vars(module).items():
            for place, pattern in _kept(name, value):
                found.setdefault(f"{module.__name__}:{place}", pattern)
        for call in _calls(module):
            place = f"{module.__name__}:line {call.lineno}"
            assert isinstance(call.args[0], ast.Constant), f"{place}: give the pattern a name, so that it can be tested"
            found[place] = re.compile(call.args[0].value)
    by_text = {(pattern.pattern, pattern.flags): name for name, pattern in reversed(found.items())}
    return {name: found[name] for name in sorted(by_text.values())}


def _kept(name: str, value: Any) -> Iterator[tuple[str, re.Pattern[Any]]]:
    if isinstance(value, re.Pattern):
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _kept(f"{name}[{key}]", inner)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _kept(f"{name}[{number}]", inner)


def _calls(module: ModuleType) -> Iterator[ast.Call]:
    """Calls such as ``re.sub("a", ...)``."""
    for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of_re = isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
            if of_re and node.func.attr not in ("compile", "escape"):
                yield node


def hostile_texts(pattern: re.Pattern[Any], size: int) -> Iterator[Any]:
    """Texts of ``size`` characters that the pattern all but matches: its own pieces, over and over.

    Quadratic and worse behaviour comes from what can be read in several ways: one piece repeated, two
    pieces in turn, one piece repeated behind another; each ends in what fails it.
    """
    tokens = list(dict.fromkeys(_tokens(pattern)))[:_MOST_TOKENS]
    bodies = [token * (size // len(token)) for token in tokens]
    bodies += [(a + b) * (size // len(a + b)) for a, b in itertools.permutations(tokens, 2)]
    bodies += [a + b * (size // len(b)) for a, b in itertools.permutations(tokens, 2)]
    for body in bodies:
        yield (body + "\x00").encode() if isinstance(pattern.pattern, bytes) else body + "\x00"


def _tokens(pattern: re.Pattern[Any]) -> Iterator[str]:
    text = pattern.pattern.decode("latin-1") if isinstance(pattern.pattern, bytes) else pattern.pattern
    yield from _of(sre.parse(text, pattern.flags & ~re.LOCALE))


def _of(parsed: Any) -> Iterator[str]:
    """Runs of literals, and a character of each class; what is repeated comes first."""
    later: list[str] = []
    run = ""
    for operation, argument in parsed:
        if operation == sre.LITERAL:
            run += chr(argument)
            continue
        if run:
            later.append(run)
            run = ""
        if operation in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            yield from _of(argument[2])
        elif operation == sre.SUBPATTERN:
            later += _of(argument[3])
        elif operation == sre.BRANCH:
            later += itertools.chain.from_iterable(itertools.zip_longest(*map(_of, argument[1]), fillvalue=""))
        elif operation in (sre.ASSERT, sre.ASSERT_NOT):
            later += _of(argument[1])
        elif operation == sre.ATOMIC_GROUP:
            yield from _of(argument)
        elif operation in (sre.IN, sre.ANY, sre.NOT_LITERAL):
            yield from _members(operation, argument)
    yield from filter(None, [*later, run])


def _members(operation: Any, argument: Any) -> list[str]:
    if operation != sre.IN:
        return ["a", " "]
    negated = argument[0][0] == sre.NEGATE
    plain = [chr(value) for kind, value in argument if kind == sre.LITERAL][:3]
    ends = [chr(value[0]) for kind, value in argument if kind == sre.RANGE][:2]
    classes = {sre.CATEGORY_SPACE: " ", sre.CATEGORY_DIGIT: "0", sre.CATEGORY_WORD: "a", sre.CATEGORY_NOT_WORD: "-"}
    named = [classes.get(value, "a") for kind, value in argument if kind == sre.CATEGORY]
    inside = plain + ends + named
    return [char for char in _SAMPLES if char not in inside][:3] if negated else inside
