"""Which lines belong to one teaser: a run of teaser lines cut so that its teasers are alike.

A site prints its teasers by one template, so what tells where the next one begins is less the single line than the
pattern that comes again: category, headline, date; or picture, headline, two paragraphs, "read more". The cuts are
those with the highest sum, over the teasers, of the model's belief that one begins there and of what it gains by being
like the teaser before it: a semi-Markov segmentation (Sarawagi and Cohen 2004), found by dynamic programming.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from transforms.types import TEASER_ROLES

_LONGEST = 24  # lines of a teaser
_BETWEEN = 2  # other lines ("read more", a button) that may stand inside a run one after the other
_ENDS = ("body", "heading", "title")  # no run goes on across the story's own text
_LONG = 60  # characters from which a line is a paragraph and no date or category

# In nats. The gains decide only where the model is in doubt: its own belief reaches from -2.8 to 2.8.
_BELIEF = 0.6  # weight of the log odds that a teaser begins at a line
_EACH = 0.5  # cost of a teaser
_NO_TITLE = 4.0  # cost of a teaser without a headline in a run that has headlines
_NO_TITLES = 0.5  # the same in a run that has none
_SECOND_TITLE = 4.0  # cost of each further headline
_SAME_LINES = 3.5  # gain of a teaser whose kinds of lines are those of the one before
_SAME_TITLE = 1.5  # gain of one whose headline only stands in the same place
_SURE = 0.01  # no belief is nearer to 0 or 1


def teaser_runs(roles: Sequence[str]) -> list[list[int]]:
    """Indices of lines in runs of teaser lines, each with the few other lines that stand between.

    >>> teaser_runs(["body", "teaser_title", "boilerplate", "teaser_title", "boilerplate", "body", "teaser_text"])
    [[1, 2, 3], [6]]
    """
    runs: list[list[int]] = []
    end = None  # where the open run's last teaser line stands
    for i, role in enumerate(roles):
        if role in TEASER_ROLES:
            if end is None:
                runs.append([])
                end = i - 1
            runs[-1] += range(end + 1, i + 1)
            end = i
        elif role in _ENDS or (end is not None and i - end > _BETWEEN):
            end = None
    return runs


def teaser_starts(roles: Sequence[str], texts: Sequence[str], beliefs: Sequence[float]) -> list[int]:
    """Where teasers begin in a run: indices, ascending, the first of them 0.

    Args:
        roles: of the run's lines, the first of them a teaser's.
        texts: the lines.
        beliefs: the model's probability that another story begins at each.

    >>> roles = ["teaser_text", "teaser_title"] * 3
    >>> teaser_starts(roles, ["News", "A headline", "Sport", "Another one", "News", "A third"], [0.4] * 6)
    [0, 2, 4]
    """
    kinds = [_kind(role, text) for role, text in zip(roles, texts, strict=True)]
    no_title = _NO_TITLE if "t" in kinds else _NO_TITLES
    odds = [_BELIEF * math.log(p / (1 - p)) for p in (min(max(b, _SURE), 1 - _SURE) for b in beliefs)]
    n = len(kinds)
    # For each line at which a teaser may end: the best sum so far and where its last teaser begins; over all, by the
    # last teaser's kinds of lines, and by the place of its headline.
    best: list[tuple[float, int] | None] = [(0.0, -1), *[None] * n]
    alike: list[dict[str | int, tuple[float, int]]] = [{} for _ in range(n + 1)]
    came_from: dict[tuple[int, int], int] = {}
    for start in range(n):
        so_far = best[start]
        if so_far is None or kinds[start] == "-":
            continue
        pattern, place, titles, title = "", -1, 0, ""
        for end in range(start + 1, min(n, start + _LONGEST) + 1):
            pattern += kinds[end - 1]
            if kinds[end - 1] == "t" and texts[end - 1] != title:
                title, titles = texts[end - 1], titles + 1
                place = end - 1 - start if titles == 1 else place
            if end < n and kinds[end] == "-":
                continue  # what stands between goes with the teaser before it
            own = odds[start] - _EACH - (no_title if titles == 0 else _SECOND_TITLE * (titles - 1))
            lines = pattern.rstrip("-")
            total, before = so_far
            for key, gain in ((lines, _SAME_LINES), (place, _SAME_TITLE)):
                found = alike[start].get(key)
                if found and found[0] + gain > total:
                    total, before = found[0] + gain, found[1]
            came_from[start, end] = before
            reached = (total + own, start)
            for key in (lines, place):
                alike[end][key] = max(alike[end].get(key, reached), reached)
            best[end] = max(best[end] or reached, reached)
    starts: list[int] = []
    end, last = n, best[n]
    start = last[1] if last else 0
    while start >= 0:
        starts.append(start)
        start, end = came_from.get((start, end), -1), start
    return starts[::-1]


def _kind(role: str, text: str) -> str:
    """A letter for what a line is in its teaser: headline, caption, paragraph, date or number, other short text."""
    if role not in TEASER_ROLES:
        return "-"
    if role != "teaser_text":
        return "t" if role == "teaser_title" else "c"
    if len(text) > _LONG:
        return "p"
    return "d" if any(c.isdigit() for c in text) else "s"
