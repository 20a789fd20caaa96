"""What a change of model or settings did over a run, page by page, worst first: ``copydesk diff OLD NEW``."""

from __future__ import annotations

import heapq
import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline import UsageError
from pipeline.explain import paint, printable
from pipeline.join_pages import Rows, join_pages
from pipeline.workspace import Workspace, exists, read_manifest
from transforms.core.compare import PageChange, PageView, bcubed_f1, compare_page
from transforms.types import LEVELS, ROLES

SIDES = ("old", "new")
F1_STEPS = (0.5, 0.9, 0.99)  # pages are counted below each
LISTED_IDS = 5  # pages of one run only that are named
SHOWN_PAIRS = 6  # of roles, for each page on a terminal
SHOWN_TEASERS = 3
SHOWN_HASH = 12
_COLUMNS = {
    "pages": ("id", ("id", "kind", "status")),
    "segments": ("page_id", ("page_id", "order", "role", "text")),
    "stories": ("id", ("id", "text", *(f"{level}_cluster" for level in LEVELS))),
    "teasers": ("page_id", ("id", "page_id", "title", "text", "caption", *(f"{level}_cluster" for level in LEVELS))),
}


@dataclass
class Difference:
    """What differs between two runs, added up, and the pages that changed most."""

    old: str
    new: str
    settings: dict[str, tuple[Any, Any]]  # of the manifests: settings, models, versions
    counts: dict[str, tuple[int, int]]
    pages_both: int = 0
    pages_changed: int = 0
    pages_old_only: int = 0
    pages_new_only: int = 0
    old_only: list[str] = field(default_factory=list)
    new_only: list[str] = field(default_factory=list)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    lines: int = 0
    roles: Counter[tuple[str, str]] = field(default_factory=Counter)
    stories: int = 0  # pages with a story in either run
    story_f1: float = 0.0  # summed; ``mean_f1`` is per page with a story
    below: Counter[float] = field(default_factory=Counter)
    teasers_gained: int = 0
    teasers_lost: int = 0
    items: int = 0  # stories and teasers of both runs
    clusters: dict[str, float] = field(default_factory=dict)  # level -> B-cubed F1 between the runs
    pages: list[PageChange] = field(default_factory=list)

    @property
    def mean_f1(self) -> float:
        return self.story_f1 / self.stories if self.stories else 1.0


def compare_runs(old: str, new: str, limit: int) -> Difference:
    """Compare the tables of two finished runs.

    Args:
        old: The output directory of the run before.
        new: That of the run after.
        limit: How many pages to keep; 0 for all that changed.

    Raises:
        UsageError: One of the two is no finished run with tables.
    """
    workspaces = [Workspace(old), Workspace(new)]
    manifests = [_manifest(workspace) for workspace in workspaces]
    difference = Difference(old, new, _settings(*manifests), _counts(*manifests))
    tables = {
        f"{side} {table}": (workspace.path(table), page_column, columns)
        for side, workspace in zip(SIDES, workspaces, strict=True)
        for table, (page_column, columns) in _COLUMNS.items()
        if exists(workspace.path(table))
    }
    together: dict[str, Counter[tuple[str, str]]] = {level: Counter() for level in LEVELS}
    changes = _changes(join_pages(tables), difference, together)
    ranked = sorted(changes, key=_rank) if limit == 0 else heapq.nsmallest(limit, changes, key=_rank)
    difference.pages = ranked
    difference.items = together[LEVELS[0]].total()
    clustered = all("clusters" in manifest["tables"] for manifest in manifests)
    difference.clusters = {level: bcubed_f1(pairs) for level, pairs in together.items()} if clustered else {}
    return difference


def _rank(change: PageChange) -> tuple[float, int, int, str]:
    return change.rank


def _manifest(workspace: Workspace) -> dict[str, Any]:
    manifest = read_manifest(workspace.root)
    if "pages" not in manifest["tables"]:
        raise UsageError(f"the run in {workspace.root} ended before its tables; its command without --until continues")
    return manifest


def _settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return what differs between two manifests in settings, models and versions."""
    before, after = _flat(old), _flat(new)
    keys = dict.fromkeys([*before, *after])
    return {key: (before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)}


def _flat(manifest: Mapping[str, Any]) -> dict[str, Any]:
    flat = {f"{section}.{key}": value for section, keys in manifest["settings"].items() for key, value in keys.items()}
    flat |= {f"{name} model": value for name, value in manifest["models"].items()}
    return flat | {f"{name} version": value for name, value in manifest["versions"].items()}


def _counts(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    keys = dict.fromkeys([*old["counts"], *new["counts"]])
    return {key: (old["counts"].get(key, 0), new["counts"].get(key, 0)) for key in keys}


def _changes(
    pages: Iterable[tuple[str, Rows]], difference: Difference, together: Mapping[str, Counter[tuple[str, str]]]
) -> Iterator[PageChange]:
    """Yield the pages that changed, and add all pages up on the way."""
    for id, rows in pages:
        views = [_view(rows, side) for side in SIDES]
        if views[0] is None or views[1] is None:
            _count_one_sided(id, views[1] is None, difference)
            continue
        _count_clusters(rows, together)
        change = compare_page(id, views[0], views[1])
        _count(change, difference, views[0].story is not None or views[1].story is not None)
        if change:
            yield change


def _view(rows: Rows, side: str) -> PageView | None:
    """Return a page as one run has it; None where it does not."""
    of = {table: rows.get(f"{side} {table}", []) for table in _COLUMNS}
    if not of["pages"]:
        return None
    lines = [
        (stripped, segment["role"])
        for segment in sorted(of["segments"], key=lambda row: row["order"])
        for line in segment["text"].splitlines()
        if (stripped := line.strip())
    ]
    teasers = [" · ".join(filter(None, (row["title"], row["text"], row["caption"]))) for row in of["teasers"]]
    story = of["stories"][0]["text"] if of["stories"] else None
    return PageView(of["pages"][0]["kind"], of["pages"][0]["status"], lines, story, teasers)


def _count_one_sided(id: str, is_old: bool, difference: Difference) -> None:
    if is_old:
        difference.pages_old_only += 1
        difference.old_only = sorted([*difference.old_only, id])[:LISTED_IDS]
    else:
        difference.pages_new_only += 1
        difference.new_only = sorted([*difference.new_only, id])[:LISTED_IDS]


def _count_clusters(rows: Rows, together: Mapping[str, Counter[tuple[str, str]]]) -> None:
    for table in ("stories", "teasers"):
        before = {row["id"]: row for row in rows.get(f"old {table}", [])}
        for after in rows.get(f"new {table}", []):
            for level, pairs in together.items() if after["id"] in before else ():
                pairs[str(before[after["id"]][f"{level}_cluster"]), str(after[f"{level}_cluster"])] += 1


def _count(change: PageChange, difference: Difference, has_story: bool) -> None:
    difference.pages_both += 1
    difference.pages_changed += bool(change)
    difference.lines += change.lines
    difference.roles.update(change.roles)
    if change.kind[0] != change.kind[1]:
        difference.kinds[change.kind] += 1
    if change.status[0] != change.status[1]:
        difference.statuses[change.status] += 1
    if has_story:
        difference.stories += 1
        difference.story_f1 += change.story_f1
        difference.below.update(step for step in F1_STEPS if change.story_f1 < step)
    difference.teasers_gained += len(change.teasers_gained)
    difference.teasers_lost += len(change.teasers_lost)


# For people and for machines


def as_json(difference: Difference) -> str:
    """Return the difference as one JSON object."""
    total = sum(difference.roles.values())
    record = {
        "old": difference.old,
        "new": difference.new,
        "settings": {key: dict(zip(SIDES, pair, strict=True)) for key, pair in difference.settings.items()},
        "counts": {key: dict(zip(SIDES, pair, strict=True)) for key, pair in difference.counts.items()},
        "pages": {
            "both": difference.pages_both,
            "changed": difference.pages_changed,
            "old_only": difference.pages_old_only,
            "new_only": difference.pages_new_only,
            "old_only_ids": difference.old_only,
            "new_only_ids": difference.new_only,
        },
        "kinds": _pairs(difference.kinds),
        "statuses": _pairs(difference.statuses),
        "lines": {"both": difference.lines, "changed": total, "roles": _pairs(difference.roles)},
        "story_text": {
            "pages": difference.stories,
            "mean_word_f1": round(difference.mean_f1, 4),
            "below": {str(step): difference.below[step] for step in F1_STEPS},
        },
        "teasers": {"gained": difference.teasers_gained, "lost": difference.teasers_lost},
        "clusters_bcubed_f1": {level: round(f1, 4) for level, f1 in difference.clusters.items()},
        "worst": [_page_as_dict(change) for change in difference.pages],
    }
    return json.dumps(record, ensure_ascii=False, indent=2)


def _pairs(counts: Mapping[tuple[str, str], int]) -> list[dict[str, Any]]:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"old": old or None, "new": new or None, "n": n} for (old, new), n in ranked]


def _page_as_dict(change: PageChange) -> dict[str, Any]:
    return {
        "id": change.id,
        "kind": dict(zip(SIDES, change.kind, strict=True)),
        "status": dict(zip(SIDES, change.status, strict=True)),
        "story_word_f1": round(change.story_f1, 4),
        "lines": change.lines,
        "lines_changed": change.lines_changed,
        "roles": [
            {"old": old or None, "new": new or None, "n": n, "examples": list(change.examples[old, new])}
            for (old, new), n in sorted(change.roles.items(), key=lambda item: (-item[1], item[0]))
        ],
        "teasers_gained": list(change.teasers_gained),
        "teasers_lost": list(change.teasers_lost),
    }


def render(difference: Difference, width: int, colour: bool) -> str:
    """Return the difference as lines for a terminal: first what it adds up to, then the pages, worst first.

    Args:
        difference: What to show.
        width: Columns of the terminal.
        colour: Whether to add ANSI colours.
    """
    return "\n".join(_lines(difference, max(width, 60), colour))


def _lines(difference: Difference, width: int, colour: bool) -> Iterator[str]:
    yield from _summary(difference)
    if not difference.pages_changed:
        yield ""
        yield "no page differs"
        return
    yield ""
    shown = len(difference.pages)
    title = f"the {shown} that changed most" if shown < difference.pages_changed else "what changed, worst first"
    yield paint(f"{title}: word F1 of the story, lines that changed role", "1", colour)
    for change in difference.pages:
        yield ""
        yield from _page_lines(change, width, colour)
    if shown < difference.pages_changed:
        yield ""
        yield f"{difference.pages_changed - shown:,} more pages changed: --limit 0 shows all, --json all that is known"


def _summary(difference: Difference) -> Iterator[str]:
    for key, (old, new) in difference.settings.items():
        yield f"{key}: {_known(old)} → {_known(new)}"
    if not difference.settings:
        yield "same settings, models and versions"
    yield ""
    rows = [(name, *pair) for name, pair in difference.counts.items()]
    names = max(len(name) for name, _, _ in rows)
    yield f"{'':<{names}}{'old':>12}{'new':>12}{'':>12}"
    for name, old, new in rows:
        change = f"{new - old:+,}" if new != old else ""
        yield f"{name.replace('_', ' '):<{names}}{old:>12,}{new:>12,}{change:>12}".rstrip()
    yield ""
    for side, n, ids in (
        (difference.old, difference.pages_old_only, difference.old_only),
        (difference.new, difference.pages_new_only, difference.new_only),
    ):
        if n:
            yield f"{n:,} pages only in {side}: {', '.join(ids)}{', ...' if n > len(ids) else ''}"
    changed = sum(difference.roles.values())
    yield f"{difference.pages_changed:,} of {difference.pages_both:,} pages differ"
    share = f" ({changed / difference.lines:.1%})" if changed else ""
    yield f"{changed:,} of {difference.lines:,} lines changed role{share}"
    for what, pairs in (("role", difference.roles), ("kind", difference.kinds), ("status", difference.statuses)):
        for (old, new), n in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:12]:
            yield f"  {n:>7,}  {what} {_named(old)} → {_named(new)}"
    below = ", ".join(f"{difference.below[step]:,} below {step}" for step in F1_STEPS if difference.below[step])
    below = f"; {below}" if below else ""
    yield f"story text: mean word F1 {difference.mean_f1:.4f} over {difference.stories:,} pages{below}"
    yield f"teasers: {difference.teasers_gained:,} gained, {difference.teasers_lost:,} lost"
    for level, f1 in difference.clusters.items():
        yield f"{level} clusters: B-cubed F1 {f1:.4f} over the {difference.items:,} stories and teasers of both"


def _page_lines(change: PageChange, width: int, colour: bool) -> Iterator[str]:
    marks = [f"{change.story_f1:.2f}", f"{change.lines_changed}/{change.lines} lines"]
    for pair in (change.kind, change.status):
        if pair[0] != pair[1]:
            marks.append(f"{pair[0]} → {pair[1]}".replace("_", " "))
    if change.teasers_gained or change.teasers_lost:
        marks.append(f"teasers +{len(change.teasers_gained)} −{len(change.teasers_lost)}")
    yield paint(printable(change.id), "1", colour) + "  " + ", ".join(marks)
    order = {role: place for place, role in enumerate(("", *ROLES))}
    ranked = sorted(change.roles.items(), key=lambda item: (-item[1], [order[role] for role in item[0]]))
    for (old, new), n in ranked[:SHOWN_PAIRS]:
        yield f"  {n:>4} {_named(old)} → {_named(new)}"
        for text in change.examples[old, new]:
            yield "       " + paint(_short(text, width - 7), "2", colour)
    if rest := sum(n for _, n in ranked[SHOWN_PAIRS:]):
        yield f"  {rest:>4} others"
    for sign, code, teasers in (("+", "32", change.teasers_gained), ("−", "31", change.teasers_lost)):
        for text in teasers[:SHOWN_TEASERS]:
            yield "     " + paint(f"{sign} {_short(text, width - 7)}", code, colour)


def _short(text: str, width: int) -> str:
    return textwrap.shorten(printable(text), width, placeholder=" …")


def _named(role: str) -> str:
    return role.replace("_", " ") or "(no such line)"


def _known(value: Any) -> str:
    text = "none" if value in (None, "") else str(value)
    return text[:SHOWN_HASH] if len(text) > 40 and text.isalnum() else text
