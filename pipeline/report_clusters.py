"""What a report says of clusters, the map of topics and the links of teasers, from the tables of a run.

The largest clusters are chosen first; then one pass over teasers and stories collects what is shown of them. All
that is kept is bounded by the constants below, whatever the size of the run.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np

from pipeline.report_counts import Best, Lines, Pages, Row, count_confidence, rows, short
from pipeline.sinks import read_columns
from pipeline.workspace import Workspace, exists
from transforms.core.topic_map import topic_map
from transforms.types import LEVELS

CLUSTERS_PER_LEVEL = 12
HEADLINES = 8  # for each cluster
MAP_TOPICS = 120
MAP_POINTS = 3_000
LINKS = 12
MOST_LINKED = 8
DOUBTFUL = 8
PERIODS = 62  # of the charts over time, at most

_CLUSTER_COLUMNS = ("cluster_id", "level", "size", "label", "keywords", "first_seen", "last_seen")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_OF_LEVELS = tuple(f"{level}_cluster" for level in LEVELS)


@dataclass
class Level:
    """The clusters of one level: how many there are, and the largest groups of two or more."""

    name: str
    groups: int = 0
    singles: int = 0
    largest: list[Row] = field(default_factory=list)


def largest_clusters(workspace: Workspace) -> tuple[list[Level], list[Row]]:
    """Return the levels with their largest groups, and the largest topics for the map, be they groups or not."""
    levels = {level: Level(level) for level in LEVELS}
    best = {level: Best(CLUSTERS_PER_LEVEL) for level in LEVELS}
    topics = Best(MAP_TOPICS)
    for values in rows(workspace, "clusters", _CLUSTER_COLUMNS):
        row = dict(zip(_CLUSTER_COLUMNS, values, strict=True))
        key = (-row["size"], row["cluster_id"])
        level = levels[row["level"]]
        level.groups += row["size"] > 1
        level.singles += row["size"] == 1
        if row["size"] > 1:
            best[level.name].add(key, row)
        if level.name == "topic":
            topics.add(key, row)
    for name, level in levels.items():
        level.largest = best[name].rows()
    return list(levels.values()), topics.rows()


class Items:
    """What stories and teasers tell: headlines and days of the largest clusters, the map's sample, links."""

    def __init__(self, levels: Sequence[Level], topics: Sequence[Row]) -> None:
        shown = [cluster["cluster_id"] for level in levels for cluster in level.largest]
        self.headlines = {id: Best(4 * HEADLINES) for id in shown}
        self.days: dict[str, Counter[str]] = {id: Counter() for id in shown}
        self.stories_by_day: Counter[str] = Counter()
        self.undated = 0
        self.sample = {id: Best(quota) for id, quota in _quotas(topics).items()}
        self.links = Best(LINKS)
        self.linked = 0
        self.teasers = 0
        self.linked_from: Counter[str] = Counter()
        self.doubtful = Best(DOUBTFUL)
        self.titles: dict[str, str] = {}  # of the stories that links lead to

    def read(self, workspace: Workspace, pages: Pages, lines: Lines) -> None:
        """Go through teasers, then stories; adds the sites' teasers to ``pages`` and the stories to ``lines``."""
        self._read_teasers(workspace, pages)
        wanted = {link["story"] for link in self.links.rows()} | {id for id, _ in self.most_linked()}
        columns = ("id", "site", "title", "published", "confidence", "teasers", *_OF_LEVELS)
        for id, site, title, published, confidence, teasers, *clusters in rows(workspace, "stories", columns):
            day = found[0] if (found := _DAY.match(published or "")) else ""
            item = {"id": id, "kind": "story", "title": short(title) or id, "site": site or "", "day": day, "page": id}
            pages.sites[site or ""]["teasers"] += len(teasers or ())
            count_confidence(lines, "page", confidence or 0.0)
            self.doubtful.add((confidence or 0.0, id), item | {"confidence": confidence or 0.0})
            if id in wanted:
                self.titles[id] = item["title"]
            if day:
                self.stories_by_day[day] += 1
            else:
                self.undated += 1
            self._add(item, clusters)

    def _read_teasers(self, workspace: Workspace, pages: Pages) -> None:
        columns = ("id", "page_id", "title", "text", "links_to", *_OF_LEVELS)
        for id, page, title, text, link, *clusters in rows(workspace, "teasers", columns):
            item = {
                "id": id,
                "kind": "teaser",
                "title": short(title or text) or id,
                "site": "",
                "day": "",
                "page": page,
            }
            self.teasers += 1
            if page in pages.without_story:
                pages.sites[pages.without_story[page]]["teasers"] += 1
            if link is not None:
                self.linked += 1
                self.linked_from[link["id"]] += 1
                found = {"story": link["id"], "similarity": link["similarity"]}
                self.links.add(_drawn(id), item | found)
            self._add(item, clusters)

    def _add(self, item: Row, clusters: Sequence[str | None]) -> None:
        for cluster in clusters:
            if cluster is not None and cluster in self.days:
                if item["day"]:
                    self.days[cluster][item["day"]] += 1
                # Stories before teasers, then the earliest: the first reports of an event.
                self.headlines[cluster].add((item["kind"], item["day"] or "9", item["id"]), item)
        if (topic := clusters[-1]) is not None and topic in self.sample:
            self.sample[topic].add(_drawn(item["id"]), item)

    def most_linked(self) -> list[tuple[str, int]]:
        """Return the stories that most teasers link to, with the number of those."""
        return sorted(self.linked_from.items(), key=lambda item: (-item[1], item[0]))[:MOST_LINKED]

    def headlines_of(self, cluster: str) -> list[Row]:
        """Return a cluster's headlines, stories first and the earliest first, each once."""
        found: dict[str, Row] = {}
        for item in self.headlines[cluster].rows():
            found.setdefault(item["title"].casefold(), item)
        return list(found.values())[:HEADLINES]


def _drawn(id: str) -> bytes:
    """Return the key by which samples are drawn: a hash of the id, so that a sample depends on nothing else."""
    return blake2b(id.encode("utf-8", "replace"), digest_size=8).digest()


def _quotas(topics: Sequence[Row]) -> dict[str, int]:
    """Return how many points each topic gets on the map: all its members, or its share of MAP_POINTS."""
    total = sum(topic["size"] for topic in topics)
    share = min(1.0, MAP_POINTS / max(total, 1))
    return {topic["cluster_id"]: max(1, int(topic["size"] * share)) for topic in topics}


# The map


def map_points(workspace: Workspace, topics: Sequence[Row], items: Items) -> Row | None:
    """Return the map's topics and points, or None where the run has no vectors any more.

    A point has its place, topic, kind and title, and for a story site and day; a topic its disc, size and words.
    """
    sample = {item["id"]: item for best in items.sample.values() for item in best.rows()}
    vectors = _vectors(workspace, sample)
    members = {topic: [item for item in best.rows() if item["id"] in vectors] for topic, best in items.sample.items()}
    placed = [topic for topic in topics if members[topic["cluster_id"]]]
    if not placed:
        return None
    sites = _sites(workspace, {item["page"] for item in sample.values() if item["kind"] == "teaser"})
    places, centres, radii = topic_map(
        [np.stack([vectors[item["id"]] for item in members[topic["cluster_id"]]]) for topic in placed]
    )
    discs, points = [], []
    for number, (topic, at, (x, y), r) in enumerate(zip(placed, places, centres, radii, strict=True)):
        words = ", ".join((topic["keywords"] or [])[:3])
        discs.append(
            {"t": number, "x": _round(x), "y": _round(y), "r": _round(r), "n": topic["size"], "words": words}
            | {"label": short(topic["label"], 100)}
        )
        for item, (px, py) in zip(members[topic["cluster_id"]], at, strict=True):
            point = {
                "x": _round(px),
                "y": _round(py),
                "t": number,
                "k": item["kind"],
                "title": short(item["title"], 120),
            }
            points.append(
                point | {"site": item["site"] or sites.get(item["page"], ""), "day": item["day"], "id": item["id"]}
            )
    return {"topics": discs, "points": points, "members": sum(topic["size"] for topic in placed)}


def _vectors(workspace: Workspace, wanted: Mapping[str, Row]) -> dict[str, Any]:
    path = workspace.work("embed", "vectors")
    found = {}
    for batch in read_columns(path, ["id", "vector"]) if wanted and exists(path) else ():
        for id, vector in zip(batch["id"].to_pylist(), batch["vector"], strict=True):
            if id in wanted:
                found[id] = np.frombuffer(vector.as_py(), dtype=np.int8)
    return found


def _sites(workspace: Workspace, wanted: set[str]) -> dict[str, str]:
    """Return the sites of pages."""
    return {id: site or "" for id, site in rows(workspace, "pages", ("id", "site")) if id in wanted}


def _round(value: float) -> float:
    return round(float(value), 2)


# Over time


def periods(days: Mapping[str, int], shape: str) -> Counter[str]:
    """Add days up to the periods of ``shape``, each named by its first day."""
    found: Counter[str] = Counter()
    for day, n in days.items():
        found[first_day(day, shape)] += n
    return found


def choose_shape(days: Iterable[str]) -> str:
    """Return the finest of "day", "month" and "year" that gives at most PERIODS from the first day to the last."""
    known = sorted(days)
    if not known:
        return "day"
    (y0, m0, d0), (y1, m1, d1) = (map(int, day.split("-")) for day in (known[0], known[-1]))
    if (y1 - y0) * 366 + (m1 - m0) * 31 + (d1 - d0) < PERIODS:
        return "day"
    return "month" if (y1 - y0) * 12 + (m1 - m0) < PERIODS else "year"


def first_day(day: str, shape: str) -> str:
    """Return the first day of the period of a day, all in ISO form.

    >>> first_day("2026-11-24", "month"), first_day("2026-11-24", "year")
    ('2026-11-01', '2026-01-01')
    """
    return {"day": day, "month": f"{day[:7]}-01", "year": f"{day[:4]}-01-01"}[shape]
