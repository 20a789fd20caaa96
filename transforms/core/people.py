"""Names of authors: cleaned, told apart, and read out of bylines.

What the page marks as a name is only cleaned. A byline is prose, so that a name is taken from it only where its
shape leaves little doubt; where it does, there is no name.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence

from transforms.core.dates import find_date, is_month
from transforms.core.words import words as word_lists

_GLUED_MONTH = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z][a-z]{2,9}\.? \d)")  # "Ada ReedMar 5, 2026"
_TAG = re.compile(r"<[^<>]+>")
# A pattern begins where a run of characters begins, so that a long run is not tried from each of them.
_EMAIL = re.compile(r"(?<!\S)\S[^\s@]*@\S+\.\S+")
_ADDRESS = re.compile(r"^(?:https?:|www\.|//)|^(?=\S+$)\S+\.[a-z]{2,6}(?:/|$)", re.IGNORECASE)
_PIECES = re.compile(r"(?<!\s)\s*[|•·∙●⋅・;／\t\n]\s*|(?<!\s)\s+[-–—~/]\s+|(?<!\s)\s{2,}")
_NUMBERS = re.compile(r"^[\d\s./,-]+(?=\D)")
_COMMA = re.compile(r"(?<!\s)\s*[,、،]\s*")
_LEAST, _MOST = 2, 60  # characters of a name
_MOST_READ = 2_000  # characters of a value or a line that are read for names
_DATE_AT = 20  # characters before a date that opens a line


def clean_name(value: str) -> str | None:
    """One name without markup, announcement, address and quotes; None where nothing is left.

    >>> clean_name("By  Ada Reed &amp; Co"), clean_name("https://example.org/ada"), clean_name("262588213843476")
    ('Ada Reed & Co', None, None)
    """
    text = " ".join(_TAG.sub(" ", html.unescape(value[:_MOST_READ])).replace("\u200b", "").split())
    if _ADDRESS.match(text) and " " not in text and not text[:1].isupper():
        return None
    text = _EMAIL.sub("", text)
    text = _announced(text)[0]
    text = text.strip(' \t,;:|·•-–—/"“”„«»‹›@()[]')
    if not _LEAST <= len(text) <= 200 or not any(c.isalpha() for c in text):
        return None
    return text


def split_names(value: str) -> tuple[str, ...]:
    """The names in a string that the page marks as its author or authors.

    A comma parts two names only where all its parts look like full names: "Ada Reed, Ph.D." is one.

    >>> split_names("Ada Reed and Bo Lin"), split_names("Ada Reed, Ph.D."), split_names("Ada Reed, Bo Lin")
    (('Ada Reed', 'Bo Lin'), ('Ada Reed, Ph.D.',), ('Ada Reed', 'Bo Lin'))
    """
    cleaned = clean_name(value)
    if cleaned is None:
        return ()
    first = _PIECES.split(cleaned)[0]
    if first != cleaned and ";" not in cleaned and looks_like_name(first):
        cleaned = first  # "Ada Reed - Courier", "Ada Reed | 2 March 2026"
    names: list[str] = []
    for piece in word_lists().joined.split(cleaned):
        parts = [p for p in _COMMA.split(piece) if p]
        if len(parts) > 1 and all(looks_like_name(p) for p in parts):
            names.extend(parts)
        else:
            names.append(piece)
    if any(len(n.split()) < 2 for n in names) and not cleaned.count(";"):
        # "Food and Drug Administration", "Morgan & Morgan": one name that holds the word
        names = [cleaned] if not all(looks_like_name(p) for p in names) else names
    return tuple(dict.fromkeys(n for name in names if (n := clean_name(name))))


def looks_like_name(text: str, least: int = 2) -> bool:
    """Whether a text has the shape of a person's name: 2 to 5 capitalised words, or short without capital letters.

    >>> looks_like_name("Ada van der Reed"), looks_like_name("Reading time"), looks_like_name("松岡大地")
    (True, False, False)
    """
    words = text.split()
    if not least <= len(words) <= 5 or not _LEAST <= len(text) <= _MOST:
        return False
    capital = 0
    for word in words:
        bare = word.strip(".,'’\"()")
        if not bare or any(not (c.isalpha() or c in "-'’.\u00ad" or unicodedata.combining(c)) for c in bare):
            return False
        if bare != bare.lower() or _uncased(bare):
            capital += 1
        elif not _is_particle(bare):
            return False
    return capital >= least and not _is_particle(words[-1].lower())


def _is_particle(word: str) -> bool:
    return word_lists().particle.fullmatch(word) is not None


def names_in_bylines(lines: Sequence[str], language: str | None = None) -> tuple[str, ...]:
    """The author's names in the byline lines of a page, given in reading order.

    A line with an announcing word wins over one that only looks like a name. Dates, times, roles after a comma
    and addresses are no part of a name.
    """
    bare: tuple[str, ...] = ()
    for number, line in enumerate(lines):
        rest, announced = _after_announcement(line.strip()[:_MOST_READ], language)
        if announced and not rest and number + 1 < len(lines):
            rest = lines[number + 1][:_MOST_READ]
        found = _names(rest, language, 1 if announced else 2)
        if found and announced:
            return found
        bare = bare or found
    return bare


def _after_announcement(line: str, language: str | None) -> tuple[str, bool]:
    """What follows the announcing word of a line, at its start or behind a date or a sign; else the whole line."""
    rest, announced = _announced(line)
    if announced:
        return rest, True
    found = find_date(line, language)
    behind = line[found[2] :] if found and found[1] <= _DATE_AT else _NUMBERS.sub("", line)
    for piece in (behind.strip(" |•·,-–—"), *_PIECES.split(line)[1:]):
        rest, announced = _announced(piece)
        if announced:
            return rest, True
    return line, False


def _announced(text: str) -> tuple[str, bool]:
    match = word_lists().author_glued.match(text) or word_lists().author.match(text)
    return (text[match.end() :].strip(), True) if match else (text, False)


def _names(text: str, language: str | None, least: int) -> tuple[str, ...]:
    """Names at the start of a text; a single word counts only where the line was announced (``least`` 1)."""
    text = _GLUED_MONTH.sub(" ", text)
    found = find_date(text, language)
    if found is not None:
        before = word_lists().date.sub("", text[: found[1]]).strip()
        text = before if len(before) > 1 else text[found[2] :]
    text = _EMAIL.sub("", text)
    for piece in _PIECES.split(text):
        names: list[str] = []
        for joined in word_lists().joined.split(piece):
            for place, part in enumerate(_COMMA.split(joined)):
                name = _without_tail(part.strip(" .:,-–—()"), language)
                single = least == 1 and not names and place == 0 and _single(name, part)
                label = least > 1 and part.strip().startswith(f"{name}:")  # "Reading Time: 8 minutes"
                if not single and (label or not looks_like_name(name) or _is_label(name, language)):
                    break  # a role, a place: nothing behind it is a name
                names.append(name)
        if names:
            return tuple(dict.fromkeys(names))
        if least == 1:
            return ()  # what an announcement is followed by is the name, or there is none
    return ()


def _is_label(name: str, language: str | None) -> bool:
    """Whether words in the shape of a name are part of a date or announce one ("Last Updated")."""
    first, last = name.split()[0], name.split()[-1]
    return is_month(first, language) or word_lists().date.sub("", f" {last}") == "" or _announced(f"{last} ")[1]


def _without_tail(text: str, language: str | None) -> str:
    """Cut what no name holds: digits, a month, words in lower case that are no particles."""
    words: list[str] = []
    for word in text.split():
        bare = word.strip(".,:")
        lower = bare[:1].islower() and not _is_particle(bare.lower()) and bare == bare.lower()
        if any(c.isdigit() for c in bare) or (words and (lower or is_month(bare, language))):
            break
        words.append(word)
    while words and _is_particle(words[-1].lower()):
        words.pop()
    return " ".join(words).strip(" .:,") if not words or len(words[-1]) > 2 else " ".join(words)


def _single(name: str, part: str) -> bool:
    return bool(name) and " " not in name and part.strip() == name and name.replace("-", "").isalnum()


def _uncased(word: str) -> bool:
    return not word[0].isupper() and not word[0].islower()


def is_weak(name: str) -> bool:
    """Whether a name is a login, an address or the like rather than what a reader sees as the author.

    >>> is_weak("a.reed"), is_weak("mdr.de"), is_weak("Ada Reed"), is_weak("AFP")
    (True, True, False, False)
    """
    login = name == name.lower() and name[:1].islower()
    return " " not in name and (login or _ADDRESS.match(name) is not None)


def best_authors(marked: Iterable[str], byline: Sequence[str], publishers: Iterable[str | None]) -> tuple[str, ...]:
    """The authors of a story: those whom the page's head marks, unless they are its publisher or a login.

    Args:
        marked: names in the head of the page.
        byline: names in its bylines.
        publishers: names of the site and of its publisher, and its host.
    """
    known = {_squashed(p) for p in publishers if p} - {""}
    others = tuple(n for n in marked if _squashed(n) not in known)
    if any(not is_weak(n) for n in others):
        return others
    return tuple(byline) or others or tuple(marked)


def _squashed(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())
