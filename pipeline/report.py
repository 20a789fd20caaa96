"""A run for people: one static HTML file made from its tables, and the summary at the end of a run."""

from __future__ import annotations

import heapq
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import tomli_w

from pipeline import UsageError, html
from pipeline.files import write_atomically
from pipeline.progress import duration
from pipeline.sinks import read_table
from pipeline.workspace import Workspace, exists, read_json
from transforms.types import LEVELS, PAGE_KINDS, ROLES

STATUSES = ("story", "doubtful", "no_story")
DROPPED_ROLES = ("comment", "boilerplate")  # in no table but segments
EXAMPLES_PER_ROLE = 5
EXAMPLE_CHARS = 140
DISTINCT_EXAMPLES = 20_000  # texts counted per role; bounds the memory of the report
CLUSTERS_PER_LEVEL = 12


def rewrite(output: str) -> str:
    """Write ``OUT/report.html`` of a finished run again and return its path.

    Raises:
        UsageError: The directory holds no finished run.
    """
    workspace = Workspace(output)
    manifest = read_json(workspace.path("manifest.json"))
    if manifest is None:
        raise UsageError(f"{output} holds no finished run: there is no manifest.json in it")
    return write(workspace, manifest)


def write(workspace: Workspace, manifest: Mapping[str, Any]) -> str:
    """Write ``OUT/report.html`` and return its path."""
    path = workspace.path("report.html")
    write_atomically(path, render(workspace, manifest).encode("utf-8"), "text/html")
    return path


def render(workspace: Workspace, manifest: Mapping[str, Any]) -> str:
    """Return the report as HTML; everything that comes from a page is escaped."""
    counts = manifest["counts"]
    return html.render(
        "report.html.jinja",
        manifest=manifest,
        counts=counts,
        figures=[
            (name, counts[name]) for name in ("pages", "stories", "teasers", "segments", "failures") if name in counts
        ],
        statuses=[status.replace("_", " ") for status in STATUSES],
        **_pages(_rows(workspace, "pages")),
        roles=_roles(_rows(workspace, "segments")),
        levels=_levels(workspace) if exists(workspace.path("clusters")) else [],
        failures=_failures(_rows(workspace, "failures")),
        phases=[
            {"name": name, "time": duration(phase["seconds"]), "counts": listed(phase["counts"])}
            for name, phase in manifest["phases"].items()
        ],
        seconds_total=duration(sum(phase["seconds"] for phase in manifest["phases"].values())),
        settings=tomli_w.dumps(manifest["settings"]),
    )


def _rows(workspace: Workspace, table: str) -> Iterable[dict[str, Any]]:
    return read_table(workspace.path(table)) if exists(workspace.path(table)) else ()


def _pages(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    counts: Counter[tuple[str, str]] = Counter()
    chars_in = chars_kept = 0
    for row in rows:
        counts[row["kind"], row["status"]] += 1
        chars_in += row["chars_in"]
        chars_kept += row["chars_kept"]
    all_pages = counts.total()
    kinds = []
    for kind in PAGE_KINDS:
        by_status = [counts[kind, status] for status in STATUSES]
        if total := sum(by_status):
            kinds.append(
                {
                    "kind": kind,
                    "by_status": by_status,
                    "total": total,
                    "percent": round(100 * total / all_pages, 1),
                }
            )
    return {"kinds": kinds, "chars_in": chars_in, "chars_kept": chars_kept}


def _roles(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Count segments and characters per role, with the most frequent texts of the dropped ones."""
    segments: Counter[str] = Counter()
    chars: Counter[str] = Counter()
    texts: dict[str, Counter[str]] = {role: Counter() for role in DROPPED_ROLES}
    for row in rows:
        role, text = row["role"], row["text"]
        segments[role] += 1
        chars[role] += len(text)
        if role in texts:
            for line in text.splitlines():
                example = textwrap.shorten(line, EXAMPLE_CHARS, placeholder=" …")
                if example and (example in texts[role] or len(texts[role]) < DISTINCT_EXAMPLES):
                    texts[role][example] += 1
    return [
        {
            "role": role,
            "segments": segments[role],
            "chars": chars[role],
            "dropped": role in DROPPED_ROLES,
            "examples": _most_frequent(texts[role], EXAMPLES_PER_ROLE) if role in texts else [],
        }
        for role in ROLES
        if segments[role]
    ]


def _most_frequent(texts: Counter[str], n: int) -> list[tuple[str, int]]:
    return heapq.nsmallest(n, texts.items(), key=lambda item: (-item[1], item[0]))


def _levels(workspace: Workspace) -> list[dict[str, Any]]:
    groups: Counter[str] = Counter()
    singles: Counter[str] = Counter()
    largest: dict[str, list[tuple[int, str, dict[str, Any]]]] = {level: [] for level in LEVELS}
    for row in read_table(workspace.path("clusters")):
        level = row["level"]
        if row["size"] < 2:
            singles[level] += 1
            continue
        groups[level] += 1
        heapq.heappush(largest[level], (row["size"], row["cluster_id"], row))
        if len(largest[level]) > CLUSTERS_PER_LEVEL:
            heapq.heappop(largest[level])
    return [
        {
            "name": level,
            "groups": groups[level],
            "singles": singles[level],
            "clusters": [
                row | {"seen": _span(row["first_seen"], row["last_seen"])}
                for *_, row in sorted(largest[level], key=lambda item: (-item[0], item[1]))
            ],
        }
        for level in LEVELS
    ]


def _span(first: str | None, last: str | None) -> str:
    """Return the days from first to last, of dates or times in ISO form."""
    days = dict.fromkeys(time[:10] for time in (first, last) if time)
    return " to ".join(days)


def _failures(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Count failures by stage and error; the example is the first by file and offset."""
    times: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], tuple[str, int, str]] = {}
    for row in rows:
        cause = (row["stage"], row["error"])
        times[cause] += 1
        example = (row["source"]["file"], row["source"]["offset"], row["detail"])
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


def listed(counts: Mapping[str, int]) -> str:
    """Return counts as words.

    >>> listed({"pages": 1497, "ids_repeated": 2})
    '1,497 pages, 2 ids repeated'
    """
    return ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in counts.items())


def summary(manifest: Mapping[str, Any], output: str) -> str:
    """Return what a run printed at its end says: what came out, where it is, what to look at next.

    Args:
        manifest: That of the run.
        output: The directory, as the user named it.
    """
    counts = manifest["counts"]
    lines = [f"{'inputs':<12}{counts['inputs']:>12,}"]
    for name in ("pages", "stories", "teasers"):
        if name in counts:
            lines.append(f"{name:<12}{counts[name]:>12,}")
    for cause, n in manifest["failures"].items():
        lines.append(f"{'failures':<12}{n:>12,}  {cause}")
    for level in LEVELS:
        if f"{level}_clusters" in counts:
            size, groups = counts[f"{level}_clusters"], counts[f"{level}_groups"]
            lines.append(f"{level:<12}{size:>12,}  clusters, {groups:,} of them with two or more members")
    lines.append(f"{'time':<12}{duration(sum(phase['seconds'] for phase in manifest['phases'].values())):>12}")
    lines.append("")
    until = manifest["until"]
    if until == "survey":
        lines.append(f"surveyed; the same command without --until continues: {output}")
    else:
        format = manifest["settings"]["output"]["format"]
        lines.append(f"tables in {output}: {', '.join(manifest['tables'])} ({format})")
    if until == "report":
        lines.append(f"next: open {output}/report.html, or ask about one page: copydesk explain PAGE")
    elif until != "survey":
        lines.append(f"next: the same command without --until continues, copydesk report {output} shows what is there")
    return "\n".join(lines)
