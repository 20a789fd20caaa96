"""What two runs made of the same page, and how alike two groupings of the same items are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

EXAMPLE_LINES = 3  # changed lines that a page keeps for each pair of roles
EXAMPLE_CHARS = 200

# Scripts without spaces count by character; all others by words.
_UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")


@dataclass(frozen=True, slots=True)
class PageView:
    """One page as a run has it: lines in reading order with their roles, the story's text, each teaser's text."""

    kind: str
    status: str
    lines: Sequence[tuple[str, str]]  # text, role
    story: str | None
    teasers: Sequence[str]


@dataclass(frozen=True, slots=True)
class PageChange:
    """What differs between two views of a page.

    ``story_f1`` is that of the words of both story texts, 1 where neither view has a story. ``roles`` counts the
    lines that went from one role to another; "" stands for a line that one of the two does not have.
    """

    id: str
    kind: tuple[str, str]
    status: tuple[str, str]
    story_f1: float
    lines: int
    chars_changed: int
    roles: Mapping[tuple[str, str], int]
    examples: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)
    teasers_gained: Sequence[str] = ()
    teasers_lost: Sequence[str] = ()

    @property
    def lines_changed(self) -> int:
        return sum(self.roles.values())

    def __bool__(self) -> bool:
        """Whether anything differs."""
        two_sided = self.kind[0] != self.kind[1] or self.status[0] != self.status[1]
        return bool(two_sided or self.story_f1 < 1 or self.roles or self.teasers_gained or self.teasers_lost)

    @property
    def rank(self) -> tuple[float, int, int, str]:
        """Sorts the page that changed most to the front: by story text, then changed lines, then teasers."""
        teasers = len(self.teasers_gained) + len(self.teasers_lost)
        return (self.story_f1, -self.chars_changed, -teasers, self.id)


def compare_page(id: str, old: PageView, new: PageView) -> PageChange:
    """Compare two views of a page.

    A line is known by its text and how many like it stand before it, so that one that is new does not shift the rest.
    """
    before, after = _numbered(old.lines), _numbered(new.lines)
    roles: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], list[str]] = {}
    chars = 0
    for line in dict.fromkeys([*before, *after]):
        pair = (before.get(line, ""), after.get(line, ""))
        if pair[0] != pair[1]:
            roles[pair] += 1
            chars += len(line[0])
            if len(shown := examples.setdefault(pair, [])) < EXAMPLE_LINES:
                shown.append(_cut(line[0]))
    had, has = Counter(old.teasers), Counter(new.teasers)
    return PageChange(
        id=id,
        kind=(old.kind, new.kind),
        status=(old.status, new.status),
        story_f1=word_f1(old.story, new.story),
        lines=len(before.keys() | after.keys()),
        chars_changed=chars,
        roles=dict(roles),
        examples=examples,
        teasers_gained=[_cut(text) for text in (has - had).elements()],
        teasers_lost=[_cut(text) for text in (had - has).elements()],
    )


def _numbered(lines: Iterable[tuple[str, str]]) -> dict[tuple[str, int], str]:
    """Return the role of each line; equal lines are told apart by their number."""
    seen: Counter[str] = Counter()
    roles: dict[tuple[str, int], str] = {}
    for text, role in lines:
        roles[text, seen[text]] = role
        seen[text] += 1
    return roles


def _cut(text: str) -> str:
    return text if len(text) <= EXAMPLE_CHARS else text[: EXAMPLE_CHARS - 1].rstrip() + "…"


def word_f1(old: str | None, new: str | None) -> float:
    """Return the F1 of the words of two texts, in [0, 1]; two texts without words are equal.

    >>> word_f1("the ferry sank", "The ferry did not sink")
    0.5
    """
    a, b = (Counter(_WORD.findall((text or "").lower())) for text in (old, new))
    both, total = (a & b).total(), a.total() + b.total()
    return 2 * both / total if total else 1.0


def bcubed_f1(pairs: Mapping[tuple[str, str], int]) -> float:
    """Return how alike two groupings of the same items are: B-cubed F1 (Bagga and Baldwin 1998), in [0, 1].

    Args:
        pairs: How many items are in a group of the one and a group of the other.
    """
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    for (one, other), n in pairs.items():
        before[one] += n
        after[other] += n
    items = before.total()
    if not items:
        return 1.0
    precision = sum(n * n / after[other] for (_, other), n in pairs.items()) / items
    recall = sum(n * n / before[one] for (one, _), n in pairs.items()) / items
    return 2 * precision * recall / (precision + recall)
