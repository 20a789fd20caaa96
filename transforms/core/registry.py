"""What is known of earlier runs: members, the ids of their clusters, and what became of ids that are gone.

An id is given once, when a cluster is born, and goes on with most of its members. If clusters become one,
the oldest keeps its id and the others leave a forwarding record (``merge``). If members leave a cluster for
another, it leaves one for them (``split``). No cluster gets an id that another has or had: a new id is a hash of
the first member's id and text, so it can come again only where the same text comes again on the same page.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from hashlib import blake2b

from transforms.core.levels import SECONDS_PER_DAY, instant_of
from transforms.types import LEVELS, Forward, Vector

MERGE, SPLIT = "merge", "split"  # reasons of a Forward


@dataclass(frozen=True, slots=True)
class Known:
    """A member that is known.

    ``clusters`` are its ids in the order of LEVELS. ``date`` is its ``published`` or else the ``run.date`` of the
    run that brought it, ``seen`` the ``run.date`` of the last run that had it; "" where there is none.
    """

    vector: Vector
    clusters: tuple[str, str, str]
    date: str
    seen: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A cluster that is known. ``born`` numbers the runs that brought new clusters: the smaller, the older."""

    cluster_id: str
    level: str
    born: int
    first_seen: str | None
    last_seen: str | None


@dataclass(frozen=True, slots=True)
class Registry:
    """All that is known; members are sorted by id, clusters by level and id, forwards by level and both ids."""

    members: tuple[Known, ...] = ()
    clusters: tuple[Entry, ...] = ()
    forwards: tuple[Forward, ...] = ()


@dataclass(frozen=True, slots=True)
class Named:
    """The clusters of one level.

    ``ids`` has the id of each group and ``parts`` the known clusters that go on in it, the one that gave it its
    id first; both by label.
    """

    ids: Mapping[int, str]
    parts: Mapping[int, Sequence[Entry]]
    forwards: Sequence[Forward]


def forget(registry: Registry, run_date: str, keep_days: int) -> Registry:
    """Return the registry without stories that are too old, with all their members.

    A story is too old if the newest date of its members is more than ``keep_days`` before ``run_date``. What
    counts is the date of the last run that had the member, else its own date of publication. A
    story with a member that has neither is kept. Without a ``run_date`` or with 0 days nothing is forgotten.
    """
    today = instant_of(run_date) if run_date and keep_days else None
    if today is None:
        return registry
    oldest = today - keep_days * SECONDS_PER_DAY
    story = LEVELS.index("story")
    kept = set()
    for member in registry.members:
        date = instant_of(member.seen or member.date)
        if date is None or date >= oldest:
            kept.add(member.clusters[story])
    return without(registry, {member.vector.id for member in registry.members if member.clusters[story] not in kept})


def without(registry: Registry, gone: Set[str]) -> Registry:
    """Return the registry without some members, and without clusters and forwards that have none left."""
    if not gone:
        return registry
    members = tuple(member for member in registry.members if member.vector.id not in gone)
    living = {cluster_id for member in members for cluster_id in member.clusters}
    return Registry(
        members,
        tuple(entry for entry in registry.clusters if entry.cluster_id in living),
        tuple(forward for forward in registry.forwards if forward.to_id in living),
    )


def name(
    level: str, founders: Sequence[str], labels: Sequence[int], known: Sequence[str | None], registry: Registry
) -> Named:
    """Return the id of each group, and the forwards of known clusters that are part of others now.

    A known cluster goes on in the group that has most of its members. Of several that go on in one group the
    oldest gives it its id; of equally old ones the larger, then the one with the smaller id.

    Args:
        level: One of LEVELS.
        founders: What the id of a cluster is a hash of that has this member as its first one, [n].
        labels: The group of each member, as the place of its first member, [n].
        known: The id of the known cluster of each member, or None, [n].
        registry: What is known.
    """
    entries = {entry.cluster_id: entry for entry in registry.clusters if entry.level == level}
    spread: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for cluster_id, label in zip(known, labels, strict=True):
        if cluster_id is not None:
            spread[cluster_id][label] += 1
    home = {cluster_id: min(groups, key=lambda label: (-groups[label], label)) for cluster_id, groups in spread.items()}
    parts: defaultdict[int, list[Entry]] = defaultdict(list)
    for cluster_id in sorted(spread, key=lambda one: (entries[one].born, -spread[one].total(), one)):
        parts[home[cluster_id]].append(entries[cluster_id])
    used = {*entries, *(forward.from_id for forward in registry.forwards)}
    names: dict[int, str] = {}
    for label in sorted(set(labels)):
        names[label] = parts[label][0].cluster_id if label in parts else _mint(level, founders[label], used)
        used.add(names[label])
    forwards = [
        Forward(level, cluster_id, names[label], MERGE if label == home[cluster_id] else SPLIT)
        for cluster_id, groups in spread.items()
        for label in groups
        if names[label] != cluster_id
    ]
    return Named(names, dict(parts), forwards)


def _mint(level: str, founder: str, used: Set[str]) -> str:
    """Return a new id: the level's letter and 16 hex digits of a hash of its first member.

    If that is taken, because the member has founded a cluster before, a number is hashed with it.
    """
    number = 0
    while True:
        numbered = f"{founder}\n{number}" if number else founder
        minted = level[0] + blake2b(numbered.encode(), digest_size=8).hexdigest()
        if minted not in used:
            return minted
        number += 1


def followed(earlier: Iterable[Forward], now: Iterable[Forward], living: Set[str]) -> tuple[Forward, ...]:
    """Return all forwards, each to a living cluster, sorted; those that lead nowhere are left out."""
    now = tuple(now)
    merged = {forward.from_id: forward.to_id for forward in now if forward.reason == MERGE}
    found: dict[tuple[str, str, str], str] = {}
    for forward in (*(replace(old, to_id=merged.get(old.to_id, old.to_id)) for old in earlier), *now):
        key = (forward.level, forward.from_id, forward.to_id)
        if forward.to_id in living and forward.from_id != forward.to_id and found.get(key) != MERGE:
            found[key] = forward.reason
    return tuple(Forward(*key, reason) for key, reason in sorted(found.items()))
