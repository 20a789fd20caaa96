"""Reads the rules of the user's own, from files and from Python, and refuses what is wrong before a run begins."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import re2

from pipeline.config import CONFIG_DIRECTORIES, ConfigError, read_toml, suggestion
from transforms.core.selectors import SelectorError, Selectors
from transforms.core.site_rules import (
    ACTIONS,
    ALL_SITES,
    Rule,
    RuleFunction,
    SiteRules,
    compile_pattern,
    host_of,
    load_function,
    load_module,
)
from transforms.settings import SegmentSettings

ENTRY_POINTS = "copydesk.rules"  # the group in which a package names its rules
_FILE_KEYS = ("sites", "rule")
_RULE_KEYS = ("name", "action", "line", "contains", "selector")
_CONDITIONS = ("line", "contains", "selector")


def load_rules(settings: SegmentSettings) -> SiteRules:
    """Return the rules that ``segment.sites`` and ``segment.rules`` name.

    Raises:
        ConfigError: One cannot be used; the text says in which file, which key, and the nearest name that can.
    """
    rules = tuple(rule for path in _rule_files(settings.sites) for rule in read_rules(path))
    functions = tuple(_function(name) for part in settings.rules.split(",") if (name := part.strip()))
    if not rules and not functions:
        return SiteRules()
    content = json.dumps(
        [[asdict(rule) for rule in rules], [[asdict(function), _code_hash(function)] for function in functions]]
    )
    return SiteRules(rules, functions, hashlib.blake2b(content.encode(), digest_size=8).hexdigest())


def _rule_files(name: str) -> list[Path]:
    """The files of a directory of rules, by name; those in the package if none is named."""
    if not name:
        packaged = next((path for path in (d / "sites" for d in CONFIG_DIRECTORIES) if path.is_dir()), None)
        return sorted(packaged.glob("*.toml")) if packaged else []
    directory = Path(name)
    if directory.is_file():
        return [directory]
    files = sorted(directory.glob("*.toml"))
    if not files:
        what = "holds no *.toml" if directory.is_dir() else "is no directory"
        raise ConfigError(f"segment.sites: {name} {what}; it names a directory of files with rules, or one file")
    return files


def read_rules(path: Path) -> Iterator[Rule]:
    """Read the rules of one file.

    Raises:
        ConfigError: It holds something else than rules that can be used.
    """
    content = read_toml(path)
    _refuse_unknown(content, _FILE_KEYS, str(path))
    sites = [_site(site, path) for site in _texts(content.get("sites"), f"{path}: sites")]
    rules = content.get("rule")
    if not sites:
        raise ConfigError(f'{path}: sites is missing: write sites = ["example.com"], or ["*"] for all')
    if not isinstance(rules, list) or not rules or not all(isinstance(rule, Mapping) for rule in rules):
        raise ConfigError(f"{path}: rule is missing: begin each rule with a line [[rule]]")
    names: set[str] = set()
    for number, table in enumerate(rules, 1):
        name = table.get("name", str(number))
        where = f"{path}: rule {number}" + (f" ({name})" if "name" in table else "")
        _refuse_unknown(table, _RULE_KEYS, where)
        if not isinstance(name, str) or not name.strip():
            raise ConfigError(f"{where}: name must be a text in quotes, not {name!r}")
        if name in names:
            raise ConfigError(f"{where}: the name {name!r} is taken by another rule of this file")
        names.add(name)
        for site in sites:
            yield _rule(site, name, table, where)


def _rule(site: str, name: str, table: Mapping[str, Any], where: str) -> Rule:
    action = table.get("action")
    if action not in ACTIONS:
        near = suggestion(action, ACTIONS) if isinstance(action, str) else ""
        given = "is missing; it must be" if action is None else f"must not be {action!r}{near} but"
        raise ConfigError(f"{where}: action {given} one of {', '.join(ACTIONS)}")
    if not any(key in table for key in _CONDITIONS):
        raise ConfigError(f"{where}: no condition: give one of {', '.join(_CONDITIONS)}")
    line, contains = (_patterns(table.get(key), f"{where}: {key}") for key in ("line", "contains"))
    selector = table.get("selector", "")
    if "selector" in table:
        if not isinstance(selector, str) or not selector.strip():
            raise ConfigError(f"{where}: selector must be a CSS selector in quotes, not {selector!r}")
        try:
            Selectors([selector])
        except (SelectorError, RecursionError) as error:
            raise ConfigError(f"{where}: selector {selector[:200]!r}: {error}") from None
    return Rule(site, action, name, line, contains, selector)


def _refuse_unknown(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            near = suggestion(key, known) or f"; it may be {', '.join(known)}"
            raise ConfigError(f"{where}: unknown key {key!r}{near}")


def _texts(value: Any, where: str) -> tuple[str, ...]:
    """A text or a list of texts, none of them empty."""
    texts = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(texts, list) or not all(isinstance(text, str) and text.strip() for text in texts):
        raise ConfigError(f"{where} must be a text in quotes, or a list of them, none of them empty, not {value!r}")
    return tuple(texts)


def _patterns(value: Any, where: str) -> tuple[str, ...]:
    patterns = _texts(value, where)
    if value is not None and not patterns:
        raise ConfigError(f"{where} is an empty list")
    for pattern in patterns:
        try:
            compiled = compile_pattern(pattern)
        except re2.error as error:
            text = error.args[0]
            text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
            raise ConfigError(
                f"{where} {pattern!r} is no pattern: {text} (RE2's syntax: no look-around, no back references)"
            ) from None
        if where.endswith("contains") and compiled.search(b"") is not None:
            raise ConfigError(f"{where} {pattern!r} matches the empty text, and so is part of every line")
    return patterns


def _site(name: str, path: Path) -> str:
    """A domain as it is looked up: lower case, in ASCII."""
    if name == ALL_SITES:
        return name
    host = host_of(f"//{name}")
    if host and not set(name) & set("/:@*?# \t\r\n"):
        return host
    near = host_of(name) or host_of(f"//{name.removeprefix('*.')}")
    hint = f" (did you mean {near!r}?)" if near else ""
    raise ConfigError(f"{path}: sites: {name!r} is no domain such as example.com, and not * for all{hint}")


# Rules in Python


def _function(name: str) -> RuleFunction:
    """Find a function, and check that it can be called.

    Raises:
        ConfigError: It cannot be found or imported.
    """
    function = _located(name)
    try:
        found = load_function(function)
    except AttributeError:
        names = _callables(function)
        raise ConfigError(
            f"segment.rules: {name}: there is no {function.attribute!r}{suggestion(function.attribute, names)}"
        ) from None
    except (Exception, SystemExit) as error:
        raise ConfigError(f"segment.rules: {name} cannot be imported: {type(error).__name__}: {error}") from error
    if not callable(found):
        raise ConfigError(f"segment.rules: {name} is no function but {type(found).__name__}")
    return function


def _located(name: str) -> RuleFunction:
    module, colon, attribute = name.rpartition(":")
    if not colon:
        points = {point.name: point for point in importlib.metadata.entry_points(group=ENTRY_POINTS)}
        if name not in points:
            known = f"installed are {', '.join(sorted(points))}" if points else "none is installed"
            raise ConfigError(
                f"segment.rules: no rules named {name!r} in the group {ENTRY_POINTS} of installed packages; {known}"
                f"{suggestion(name, points)}. Else write package.module:function or FILE.py:function"
            )
        return RuleFunction(name, points[name].module, points[name].attr)
    if module.endswith(".py"):
        if Path(module).exists() and not Path(module).is_file():
            raise ConfigError(f"segment.rules: {module} cannot be read: it is no file")
        try:
            source = Path(module).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"segment.rules: {module} cannot be read: {error}") from None
        return RuleFunction(f"{Path(module).name}:{attribute}", Path(module).stem, attribute, source)
    return RuleFunction(name, module, attribute)


def _callables(function: RuleFunction) -> list[str]:
    """The names that could have been meant, where a module lacks the one that was asked for."""
    return [name for name, value in vars(load_module(function)).items() if callable(value) and not name.startswith("_")]


def _code_hash(function: RuleFunction) -> str:
    """Changes with the Python files of a function's package; what they import from others is not looked at."""
    if function.source:
        return ""  # it is part of what is hashed as it is
    spec = importlib.util.find_spec(function.module.partition(".")[0])
    digest = hashlib.blake2b(digest_size=8)
    for place in spec.submodule_search_locations or (spec.origin,) if spec else ():
        path = Path(place or "")
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path] if path.is_file() else []:
            digest.update(file.read_bytes())
    return digest.hexdigest()
