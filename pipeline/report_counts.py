"""What a report says of pages, lines and failures, added up from the tables of a run a few rows at a time.

Counts are kept for as many keys as there are sites, reasons and causes; what is shown of them and of their examples
is bounded by the constants below. So the report of a large run is no larger than that of a small one.
"""

from __future__ import annotations

import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.sinks import read_columns
from pipeline.workspace import Workspace, exists
from transforms.core.reasons import main_reason
from transforms.types import PAGE_KINDS, ROLES, TEASER_ROLES

STATUSES = ("story", "doubtful", "no_story")
DROPPED_ROLES = ("comment", "boilerplate")  # in no table but segments
SITES = 200
REASONS = 15
EXAMPLES = 4  # for each reason
EXAMPLE_CHARS = 140
DISTINCT_EXAMPLES = 100_000  # dropped lines that are counted at a time
TITLE_CHARS = 160
CONFIDENCES = (0.5, 0.7, 0.9, 0.95, 0.99)
BINS = 20  # of the confidence chart

Row = dict[str, Any]


def rows(workspace: Workspace, table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield some columns of a table's rows as tuples; nothing where the run has no such table."""
    path = workspace.path(table)
    for batch in read_columns(path, columns) if exists(path) else ():
        yield from zip(*(batch[column].to_pylist() for column in columns), strict=True)


def short(text: str | None, chars: int = TITLE_CHARS) -> str:
    """Return text on one line, cut to a number of characters."""
    line = " ".join((text or "").split())
    return line if len(line) <= chars else line[: chars - 1].rstrip() + "…"


class Best:
    """Keeps the rows with the smallest keys; keys are not equal."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[tuple[Any, Row]] = []

    def add(self, key: Any, row: Row) -> None:
        self._kept.append((key, row))
        if len(self._kept) >= 4 * self._most + 64:
            self._kept = self._sorted()

    def rows(self) -> list[Row]:
        """Return them, those with the smallest key first."""
        return [row for _, row in self._sorted()]

    def _sorted(self) -> list[tuple[Any, Row]]:
        return sorted(self._kept, key=lambda entry: entry[0])[: self._most]


# Pages


@dataclass
class Pages:
    """Pages by kind, site and flag, and the stories that were least certain."""

    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)  # kind, status
    sites: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    flags: Counter[str] = field(default_factory=Counter)
    chars_in: int = 0
    chars_kept: int = 0
    without_story: dict[str, str] = field(default_factory=dict)  # page -> site, for the sites' teasers

    def by_kind(self) -> list[Row]:
        total = max(1, self.kinds.total())
        found = []
        for kind in PAGE_KINDS:
            by_status = [self.kinds[kind, status] for status in STATUSES]
            if n := sum(by_status):
                shares = [100 * m / total for m in by_status]
                found.append({"kind": kind, "by_status": by_status, "total": n, "shares": shares})
        return found

    def by_site(self) -> list[Row]:
        """Return the sites with most pages, and what they add up to with the rest as the last row if there is one."""
        ranked = sorted(self.sites.items(), key=lambda item: (-item[1]["pages"], item[0]))
        found = [{"site": site, **self._site(counts)} for site, counts in ranked[:SITES]]
        if rest := ranked[SITES:]:
            together: Counter[str] = Counter()
            for _, counts in rest:
                together.update(counts)
            found.append({"site": f"{len(rest):,} other sites", **self._site(together)})
        return found

    @staticmethod
    def _site(counts: Counter[str]) -> Row:
        kinds = {kind: counts[kind] for kind in PAGE_KINDS if counts[kind]}
        sums = {name: counts[name] for name in ("pages", "stories", "teasers", "chars_in", "chars_kept")}
        return sums | {"kinds": kinds, "kept": counts["chars_kept"] / max(1, counts["chars_in"])}


def count_pages(workspace: Workspace) -> Pages:
    """Add up the pages table."""
    pages = Pages()
    columns = ("id", "kind", "status", "site", "flags", "chars_in", "chars_kept")
    for id, kind, status, site, flags, chars_in, chars_kept in rows(workspace, "pages", columns):
        pages.kinds[kind, status] += 1
        pages.flags.update(flags or ())
        pages.chars_in += chars_in
        pages.chars_kept += chars_kept
        counts = pages.sites[site or ""]
        counts["pages"] += 1
        counts[kind] += 1
        counts["stories"] += status != "no_story"
        if status == "no_story":
            pages.without_story[id] = site or ""
        counts["chars_in"] += chars_in
        counts["chars_kept"] += chars_kept
    return pages


# Lines


class Frequent:
    """The most frequent texts for each key, in bounded memory: lossy counting (Manku and Motwani 2002).

    When too many texts are held, those seen least are forgotten, so counts of rare texts may be too low.
    """

    def __init__(self, most: int = DISTINCT_EXAMPLES) -> None:
        self._most = most
        self._held = 0
        self._texts: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, key: str, text: str) -> None:
        texts = self._texts[key]
        self._held += text not in texts
        texts[text] += 1
        least = 1
        while self._held > self._most:
            for key, some in self._texts.items():
                self._texts[key] = Counter({text: n for text, n in some.items() if n > least})
            self._held = sum(map(len, self._texts.values()))
            least *= 2

    def top(self, key: str, n: int) -> list[tuple[str, int]]:
        """Return the most frequent texts of a key with their counts; equal counts in the order of the alphabet."""
        return sorted(self._texts[key].items(), key=lambda item: (-item[1], item[0]))[:n]


@dataclass
class Lines:
    """Segments by role, dropped ones by reason, and how certain they are."""

    segments: Counter[str] = field(default_factory=Counter)
    chars: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    reason_chars: Counter[str] = field(default_factory=Counter)
    examples: Frequent = field(default_factory=Frequent)
    bins: defaultdict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    ranges: defaultdict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))

    def by_role(self) -> list[Row]:
        most = max(self.chars.values(), default=1) or 1
        return [
            {
                "role": role,
                "segments": self.segments[role],
                "chars": self.chars[role],
                "percent": 100 * self.chars[role] / most,
                "group": group(role),
            }
            for role in ROLES
            if self.segments[role]
        ]

    def by_reason(self) -> list[Row]:
        ranked = sorted(self.reasons.items(), key=lambda item: (-item[1], item[0]))
        return [
            {
                "reason": reason,
                "n": n,
                "chars": self.reason_chars[reason],
                "examples": self.examples.top(reason, EXAMPLES),
            }
            for reason, n in ranked[:REASONS]
        ]


def group(role: str) -> str:
    """Return what a role belongs to: story, teaser or dropped."""
    return "dropped" if role in DROPPED_ROLES else "teaser" if role in TEASER_ROLES else "story"


def count_lines(workspace: Workspace) -> Lines:
    """Add up the segments table."""
    lines = Lines()
    for role, text, confidence, reason in rows(workspace, "segments", ("role", "text", "confidence", "reason")):
        lines.segments[role] += 1
        lines.chars[role] += len(text)
        what = group(role)
        count_confidence(lines, what, confidence or 0.0)
        if what == "dropped":
            why = main_reason(reason or "")
            lines.reasons[why] += 1
            lines.reason_chars[why] += len(text)
            for line in text.splitlines():
                if example := textwrap.shorten(line, EXAMPLE_CHARS, placeholder=" …"):
                    lines.examples.add(why, example)
    return lines


def count_confidence(lines: Lines, what: str, confidence: float) -> None:
    """Count a confidence in [0, 1] in its bin of the chart and its range of the table."""
    lines.bins[what][min(int(confidence * BINS), BINS - 1)] += 1
    lines.ranges[what][sum(confidence >= bound for bound in CONFIDENCES)] += 1


# Failures


def count_failures(workspace: Workspace) -> list[Row]:
    """Count failures by stage and error; the example is the first by file and offset."""
    times: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], tuple[str, int, str]] = {}
    for stage, error, source, detail in rows(workspace, "failures", ("stage", "error", "source", "detail")):
        cause = (stage, error)
        times[cause] += 1
        example = (source["file"], source["offset"], detail)
        first[cause] = min(first.get(cause, example), example)
    return [
        {
            "stage": stage,
            "error": error,
            "times": n,
            "file": first[stage, error][0],
            "offset": first[stage, error][1],
            "detail": textwrap.shorten(first[stage, error][2], 300, placeholder=" …"),
        }
        for (stage, error), n in sorted(times.items(), key=lambda item: (-item[1], item[0]))
    ]
