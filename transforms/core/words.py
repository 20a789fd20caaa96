"""Lists of words that help where a page has no mark that all languages share. None of them is needed.

They stand in ``transforms/models/words.toml``; ``segment.words`` names a file whose lists take the place of those of
the same name. Functions that read a page far below ask ``words()`` for the lists in use, as one asks ``decimal`` for
its context: what is in use is set per page, by the two functions of ``segment.py`` that know the settings.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

_PACKAGED = Path(__file__).parents[1] / "models" / "words.toml"
_LISTS = (
    "not_found", "consent", "robot", "script", "author", "author_glued", "date", "and", "and_last", "particle",
)  # fmt: skip
_NO_PATTERN = (re.error, OverflowError, RecursionError)  # what `re` says of what is none
_NOTHING = r"(?!)"  # what an empty list matches


class WordsError(ValueError):
    """A file of word lists cannot be used."""


@dataclass(frozen=True, slots=True)
class Words:
    """The lists, each as one pattern, and the hash of them all."""

    not_found: re.Pattern[str]
    consent: re.Pattern[str]
    robot: re.Pattern[str]
    script: re.Pattern[str]
    author: re.Pattern[str]  # at the start of a line, with what follows it up to the name
    author_glued: re.Pattern[str]  # likewise, right before a capital letter
    date: re.Pattern[str]  # at the end of a text, before a date
    joined: re.Pattern[str]  # between two names
    particle: re.Pattern[str]  # a whole word, in lower case
    hash: str


def words() -> Words:
    """Return the lists in use."""
    return _in_use.get() or load_words()


@contextmanager
def using_words(path: str) -> Iterator[None]:
    """Use the lists of a file, or the packaged ones, within the block."""
    token = _in_use.set(load_words(path))
    try:
        yield
    finally:
        _in_use.reset(token)


_in_use: ContextVar[Words | None] = ContextVar("words", default=None)


@lru_cache(maxsize=8)
def load_words(path: str = "") -> Words:
    """Load the packaged lists, with those of a file in the place of the ones of the same name; once per process.

    Raises:
        WordsError: The file cannot be read, or holds something else; the text says what, and where.
    """
    lists = _read(str(_PACKAGED)) | (_read(path) if path else {})
    digest = hashlib.blake2b(repr(sorted(lists.items())).encode(), digest_size=8).hexdigest()
    of = {name: "|".join(patterns) or _NOTHING for name, patterns in lists.items()}
    try:
        return _compiled(of, digest)
    except _NO_PATTERN as error:  # each is a pattern, and they cannot stand side by side
        raise WordsError(f"word lists {path}: the patterns of a list cannot be joined: {error}") from error


def _compiled(of: dict[str, str], digest: str) -> Words:
    ignore = re.IGNORECASE
    joined = rf"(?<!\s)(?:\s*;\s*|\s*[,、،]\s*(?:{of['and_last']})\s+|\s+(?:{of['and']})\s+|\s+&\s+)"
    return Words(
        not_found=re.compile(of["not_found"], ignore),
        consent=re.compile(of["consent"], ignore),
        robot=re.compile(of["robot"], ignore),
        script=re.compile(of["script"], ignore),
        author=re.compile(rf"^\W*(?:{of['author']})(?=[\s:：/]|$)\s*[:：/]?\s*", ignore),
        author_glued=re.compile(rf"^(?:{of['author_glued']})(?=[A-Z])"),
        date=re.compile(rf"(?<!\s)\s*+\b(?:{of['date']})?(?:\s*+:)?\s*+$", ignore),
        joined=re.compile(joined, ignore),
        particle=re.compile(of["particle"]),
        hash=digest,
    )


def _read(path: str) -> dict[str, list[str]]:
    """Return the lists of a file, each with the patterns of all of its keys."""
    try:
        if Path(path).exists() and not Path(path).is_file() and not Path(path).is_dir():
            raise WordsError(f"word lists {path}: a pipe or a device, and no file; segment.words names a TOML file")
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise WordsError(f"word lists {path}: {error.strerror}; segment.words names a TOML file") from error
    except WordsError:
        raise
    except (ValueError, RecursionError) as error:
        raise WordsError(f"word lists {path}: {error}") from error
    return {name: _patterns(f"word lists {path}: {name}", name, value) for name, value in content.items()}


def _patterns(where: str, name: str, value: Any) -> list[str]:
    if name not in _LISTS:
        near = difflib.get_close_matches(name, _LISTS, 1, 0)[0]
        raise WordsError(f"{where} is no list of words; the nearest name is {near}")
    keys = value if isinstance(value, dict) else {"": value}
    found: list[str] = []
    for key, patterns in keys.items():
        at = f"{where}.{key}" if key else where
        if not isinstance(patterns, list) or not all(isinstance(pattern, str) and pattern for pattern in patterns):
            raise WordsError(f"{at} must be a list of words or regular expressions")
        for pattern in patterns:
            try:
                re.compile(pattern)
            except _NO_PATTERN as error:
                raise WordsError(f"{at}: {pattern[:200]!r} is no regular expression: {error}") from error
        found += patterns
    return found
