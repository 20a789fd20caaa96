"""Dates in text and addresses, in many languages; nothing is guessed where two readings are possible.

Names of months come from CLDR (Babel), in the language of the page and in English.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import get_month_names

_YEARS = range(1990, 2101)  # of pages; other numbers of four digits are no years
_ISO = re.compile(r"(?<!\d)(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")
_COMPACT = re.compile(r"(?<!\d)(20\d\d)(\d\d)(\d\d)(?:T?\d{4,6})?(?!\d)")
# Year first: 2026-03-02, 2026/3/2, 2026. 3. 2., 2026年3月2日, 2026년 3월 2일.
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})\s?[-/.年년]\s?(\d{1,2})\s?[-/.月월]\s?(\d{1,2})(?!\d)")
# Year last. A dot between means that the day comes first; with a slash or a hyphen the month may.
_YEAR_LAST = re.compile(r"(?<!\d)(\d{1,2})(?:(\.)\s?(\d{1,2})\.\s?|([-/])(\d{1,2})\4)(\d{4})(?!\d)")
_TOKEN = re.compile(r"\d+|[^\s\d.,;:/|()\[\]•·–—-]+")  # words with their combining marks, so not \w
_IN_URL = re.compile(r"/(20\d\d|199\d)[/-]?(0[1-9]|1[0-2])[/-]?(0[1-9]|[12]\d|3[01])(?=\D|$)")
_LEAST_PREFIX = 3  # letters from which the start of a month's name stands for it
_MONTH_FIRST = frozenset(["US", "PH", "FM", "GU", "MH", "PR"])  # regions that write 3/2/2026 for 2 March


def iso_date(value: str | None) -> str | None:
    """An ISO 8601 date or time from the forms that machines write, None if it is none.

    >>> iso_date("2025-3-7"), iso_date("2025-03-07T10:00:00Z"), iso_date("20250307"), iso_date("last week")
    ('2025-03-07', '2025-03-07T10:00:00+00:00', '2025-03-07', None)
    """
    if not value:
        return None
    value = value.strip()
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        match = _ISO.search(value) or _COMPACT.match(value)
        return _valid(*map(int, match.groups())) if match else None
    if moment.year not in _YEARS:
        return None
    return moment.isoformat() if len(value) > 10 else moment.date().isoformat()


def date_in_url(url: str | None) -> str | None:
    """The day that an address names, in the order year, month, day.

    >>> date_in_url("https://example.org/2026/03/02/pier"), date_in_url("https://example.org/2026/03/pier")
    ('2026-03-02', None)
    """
    match = _IN_URL.search(url or "")
    return _valid(*map(int, match.groups())) if match else None


def date_in_text(text: str, language: str | None = None, region: str | None = None) -> str | None:
    """The first date of a line as YYYY-MM-DD; None where there is none or it can be read in two ways.

    ``language`` is an ISO 639-1 code, ``region`` an ISO 3166 code; both help to read names and order.

    >>> date_in_text("Posted 2 March 2026 by Ada"), date_in_text("den 2. März 2026", "de"), date_in_text("3/2/2026")
    ('2026-03-02', '2026-03-02', None)
    """
    found = find_date(text, language, region)
    return found[0] if found else None


def find_date(text: str, language: str | None = None, region: str | None = None) -> tuple[str, int, int] | None:
    """The first date of a line with its span: (YYYY-MM-DD, start, end)."""
    found = [f for f in (_written(text, language), *_numeric(text, region)) if f is not None]
    return min(found, key=lambda f: f[1], default=None)


def _numeric(text: str, region: str | None) -> tuple[tuple[str, int, int] | None, ...]:
    out: list[tuple[str, int, int] | None] = []
    for match in _YEAR_FIRST.finditer(text):
        found = _valid(*map(int, match.groups()))
        if found:
            out.append((found, *match.span()))
            break
    for match in _YEAR_LAST.finditer(text):
        first, dot, second, _, other, year = match.groups()
        a, b = int(first), int(second if dot else other)
        if dot or a > 12 or a == b:
            found = _valid(int(year), b, a)
        elif b > 12 or region in _MONTH_FIRST:
            found = _valid(int(year), a, b)
        else:  # 3/2/2026: day first nearly everywhere, but only a region says so
            found = _valid(int(year), b, a) if region else None
        if found:
            out.append((found, *match.span()))
            break
    return tuple(out)


def _written(text: str, language: str | None) -> tuple[str, int, int] | None:
    """A date with the month as a word: the year within three tokens of it, the day beside it."""
    tokens = [(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(text[:400])]
    for i, (word, _, _) in enumerate(tokens):
        month = None if word[0].isdigit() else _month(word, language)
        if month is None:
            continue
        year = _number(tokens, (i + 1, i + 2, i + 3, i - 1, i - 2), 4)
        day = _number(tokens, (i - 1, i - 2, i + 1), 2)
        if year is None or day is None:
            continue
        found = _valid(int(tokens[year][0]), month, int(tokens[day][0]))
        if found:
            used = (i, year, day)
            return found, tokens[min(used)][1], tokens[max(used)][2]
    return None


def _number(tokens: list[tuple[str, int, int]], places: tuple[int, ...], digits: int) -> int | None:
    """The first of these places that holds a number of four, or of one or two digits."""
    for place in places:
        if 0 <= place < len(tokens):
            word = tokens[place][0]
            if word.isdigit() and (len(word) == 4 if digits == 4 else len(word) <= 2):
                return place
            if word.isdigit() and digits == 4 and len(word) > 2:
                return None
    return None


def _valid(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat() if year in _YEARS else None
    except ValueError:
        return None


def _folded(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(c))


def _month(word: str, language: str | None) -> int | None:
    """The number of the month that a word names; also by the start of its name, if only one fits."""
    folded = _folded(word)
    if not language or language == "en":
        return _months("en").get(folded)
    return _months(language).get(folded) or _months("en").get(folded)


@lru_cache(maxsize=64)
def _months(language: str) -> dict[str, int]:
    """Folded names of months, their abbreviations and unambiguous beginnings, with their numbers."""
    try:
        locale = Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return {}
    names: dict[str, set[int]] = {}
    for width in ("wide", "abbreviated"):
        for context in ("format", "stand-alone"):
            for number, name in get_month_names(width, context, locale).items():
                words = [_folded(w) for w in _TOKEN.findall(name) if not w.isdigit()]
                if len(words) != 1:  # languages whose months are numbers, or need two words
                    continue
                for size in range(min(_LEAST_PREFIX, len(words[0])), len(words[0]) + 1):
                    names.setdefault(words[0][:size], set()).add(number)
    return {name: min(numbers) for name, numbers in names.items() if len(numbers) == 1}


def is_month(word: str, language: str | None = None) -> bool:
    """Whether a word names a month in this language or in English."""
    return _month(word, language) is not None
