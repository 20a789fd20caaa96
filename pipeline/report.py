"""A run for people: one static HTML file made from its tables, and the summary at the end of a run."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import tomli_w

from pipeline import html
from pipeline.charts import runtime as charts_runtime
from pipeline.explain import printable
from pipeline.files import write_atomically
from pipeline.progress import duration
from pipeline.report_clusters import Items, Level, choose_shape, largest_clusters, map_points, periods
from pipeline.report_counts import (
    BINS,
    CONFIDENCES,
    STATUSES,
    Lines,
    Pages,
    count_failures,
    count_lines,
    count_pages,
    short,
)
from pipeline.workspace import Workspace, exists, read_manifest
from transforms.types import LEVELS


def rewrite(output: str) -> str:
    """Write ``OUT/report.html`` of a finished run again and return its path.

    Raises:
        UsageError: The directory holds no finished run.
    """
    manifest = read_manifest(output)
    workspace = Workspace(output)
    write(workspace, manifest)
    return workspace.path("report.html")


def write(workspace: Workspace, manifest: Mapping[str, Any]) -> list[str]:
    """Write ``OUT/report.html`` and return the ids of the stories that the run was least certain of."""
    content, doubtful = render(workspace, manifest)
    write_atomically(workspace.path("report.html"), content.encode("utf-8"), "text/html")
    return doubtful


def render(workspace: Workspace, manifest: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the report as HTML, and the ids of the stories that the run was least certain of.

    Everything that comes from a page is escaped.
    """
    pages = count_pages(workspace)
    lines = count_lines(workspace)
    levels, topics = largest_clusters(workspace) if exists(workspace.path("clusters")) else ([], [])
    items = Items(levels, topics)
    items.read(workspace, pages, lines)
    shape = choose_shape(items.stories_by_day)
    charts: dict[str, Any] = {
        "map": map_points(workspace, topics, items),
        "days": _by_day(items, shape),
        "clusters": {level.name: _cluster_days(level, items, shape) for level in levels},
        "confidence": {name: [bins[n] for n in range(BINS)] for name, bins in sorted(lines.bins.items())},
    }
    scripts = [charts_runtime(), (html.TEMPLATES / "report.js").read_text(encoding="utf-8")]
    counts = manifest["counts"]
    content = html.render(
        "report.html.jinja",
        policy=html.policy(scripts),
        scripts=scripts,
        charts=charts,
        charts_json=html.as_json(charts),
        manifest=manifest,
        output=workspace.root,
        counts=counts,
        figures=_figures(counts, pages),
        statuses=[status.replace("_", " ") for status in STATUSES],
        pages=pages,
        sites=pages.by_site(),
        lines=lines,
        levels=[
            {
                "name": level.name,
                "groups": level.groups,
                "singles": level.singles,
                "clusters": [_cluster(cluster, items) for cluster in level.largest],
            }
            for level in levels
        ],
        first_level=next((name for name in ("story", "topic") if charts["clusters"].get(name)), "story"),
        items=items,
        shape=shape,
        confidence=_confidence(lines),
        ranges=_range_names(),
        failures=count_failures(workspace),
        phases=_phases(manifest),
        seconds_total=duration(sum(phase["seconds"] for phase in manifest["phases"].values())),
        settings=tomli_w.dumps(manifest["settings"]),
    )
    return content, [story["id"] for story in items.doubtful.rows()]


def _figures(counts: Mapping[str, int], pages: Pages) -> list[tuple[str, str, str]]:
    """Return the numbers at the top: what is counted, how many, and a note."""
    found = [("inputs", f"{counts['inputs']:,}", "")]
    notes = {"failures": f"{counts.get('failures', 0) / max(1, counts['inputs']):.1%} of the inputs"}
    if pages.chars_in:
        notes["stories"] = f"{pages.chars_kept / pages.chars_in:.0%} of the pages' text"
    for level in ("story", "topic"):
        if f"{level}_groups" in counts:
            notes[f"{level}_groups"] = f"of two or more; {counts[f'{level}_clusters']:,} with singles"
    names = {"pages": "pages", "stories": "stories", "teasers": "teasers", "failures": "failures"}
    names |= {"story_groups": "groups by story", "topic_groups": "groups by topic"}
    return found + [(words, f"{counts[key]:,}", notes.get(key, "")) for key, words in names.items() if key in counts]


def _cluster(cluster: Mapping[str, Any], items: Items) -> dict[str, Any]:
    id = cluster["cluster_id"]
    found = items.headlines_of(id)
    # A topic's label is its words, which have a column of their own.
    name = found[0]["title"] if cluster["level"] == "topic" and found else cluster["label"]
    return {**cluster, "seen": _span(cluster["first_seen"], cluster["last_seen"]), "headlines": found, "name": name}


def _by_day(items: Items, shape: str) -> list[dict[str, Any]]:
    return [{"day": day, "n": n} for day, n in sorted(periods(items.stories_by_day, shape).items())]


def _cluster_days(level: Level, items: Items, shape: str) -> list[dict[str, Any]]:
    """Return, for each of a level's largest clusters, its stories in each period."""
    return [
        {"row": row, "label": short(cluster["label"], 60), "size": cluster["size"], "day": day, "n": n}
        for row, cluster in enumerate(level.largest)
        for day, n in sorted(periods(items.days[cluster["cluster_id"]], shape).items())
    ]


def _confidence(lines: Lines) -> list[dict[str, Any]]:
    """Return how many stories and lines lie in each range of confidence, as numbers and shares."""
    names = {"page": "stories", "story": "lines of stories", "teaser": "lines of teasers", "dropped": "dropped lines"}
    found = []
    for name, words in names.items():
        if total := lines.ranges[name].total():
            counts = [lines.ranges[name][n] for n in range(len(CONFIDENCES) + 1)]
            found.append({"name": words, "total": total, "counts": [(n, n / total) for n in counts]})
    return found


def _range_names() -> list[str]:
    bounds = [f"{bound:g}"[1:] for bound in CONFIDENCES]
    return [
        f"below {bounds[0]}",
        *(f"{a} to {b}" for a, b in itertools.pairwise(bounds)),
        f"{bounds[-1]} up",
    ]


def _phases(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    longest = max((phase["seconds"] for phase in manifest["phases"].values()), default=0) or 1
    return [
        {
            "name": name,
            "time": duration(phase["seconds"]),
            "percent": 100 * phase["seconds"] / longest,
            "counts": listed(phase["counts"]),
        }
        for name, phase in manifest["phases"].items()
    ]


def _span(first: str | None, last: str | None) -> str:
    """Return the days from first to last, of dates or times in ISO form."""
    days = dict.fromkeys(time[:10] for time in (first, last) if time)
    return " to ".join(days)


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
        lines.append("surveyed; no tables yet")
    else:
        format = manifest["settings"]["output"]["format"]
        lines.append(f"tables in {output}: {', '.join(manifest['tables'])} ({format})")
    lines += [f"{'next:' if not n else '':<6}{step}" for n, step in enumerate(_next_steps(manifest, output))]
    return "\n".join(lines)


def _next_steps(manifest: Mapping[str, Any], output: str) -> Iterator[str]:
    """Yield what to look at after a run, or how to go on."""
    until, failures = manifest["until"], manifest["failures"]
    if until == "survey":
        yield f"the same command without --until continues: {output}"
        return
    if until == "report":
        yield f"open {output}/report.html"
    else:
        yield f"the same command without --until continues, copydesk report {output} shows what is there"
    if failures:
        cause, n = max(failures.items(), key=lambda item: item[1])
        yield f"see why {sum(failures.values()):,} failed in {output}/failures, most often {cause} ({n:,})"
    for id in manifest.get("least_certain", [])[:1]:
        yield f"copydesk explain {shlex.quote(output)} --id {shlex.quote(printable(id))}   (the least certain story)"
