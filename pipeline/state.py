"""The state directory: what one run leaves for the next.

``STATE/state.json`` names the format, what the state was made with, the runs that are part of it, and the
current generation: a directory with one directory for each table. A run reads the current generation and
writes a new one beside it; when that is complete and on the disk, one rename of ``state.json`` makes it
the current one. So a run that is killed leaves the state as it was. A lock keeps a second run out.

A stage that wants to leave something for the next run reads ``State.table(name)`` and hands a new
directory of that name to ``State.commit``; tables that a run does not hand over go on as they are.
"""

from __future__ import annotations

import filecmp
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from pipeline import UsageError
from pipeline.files import copy_tree, is_local
from pipeline.locks import locked
from pipeline.sinks import CLUSTER_COLUMNS, read_table, row, vector_of
from pipeline.tables import TableError
from pipeline.workspace import fingerprint
from transforms.core.registry import Entry, Known, Registry
from transforms.types import Forward

TABLES = ("members", "clusters", "forwards")  # of the registry
FORMAT = 1  # of the directory and its tables; changes with what members are compared by, too
_POINTER = "state.json"
_GENERATION = re.compile(r"\d{6}-[0-9a-f]{16}(\.tmp)?")
_RUNS = 1000  # runs that are remembered


class StateError(Exception):
    """A state whose tables cannot be read."""


class State:
    """A state directory on this machine, and what is current in it. Use it under ``lock``."""

    def __init__(self, root: str) -> None:
        """Look at the directory, and write nothing.

        Raises:
            UsageError: It cannot be a state directory.
        """
        if not is_local(root):
            raise UsageError(
                f"--state {root} must be a directory on this machine: the state is locked and replaced as a whole, "
                "and object stores can do neither"
            )
        self.root = Path(root)
        if self.root.exists() and not self.root.is_dir():
            raise UsageError(f"--state {root} is a file; it must be a directory")
        self._content: dict[str, Any] = {"format": FORMAT, "generation": "", "made_with": {}, "runs": {}}

    @contextmanager
    def lock(self, made_with: Mapping[str, Any]) -> Iterator[None]:
        """Keep other runs out, and read what is current.

        Args:
            made_with: What the tables depend on, by names that users know. It must be what the state was made with.

        Raises:
            UsageError: Another run is at work, or this one cannot go on from this state.
        """
        self._refuse_foreign()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--state {self.root} cannot be made: {error.strerror}") from None
        busy = f"another run is using the state {self.root} ({{owner}}). Wait until it has ended"
        with locked(str(self.root / "lock"), busy):
            self._read(made_with)
            yield

    def _refuse_foreign(self) -> None:
        names = {path.name for path in self.root.iterdir()} if self.root.is_dir() else set()
        generations = {name for name in names if _GENERATION.fullmatch(name)}
        others = sorted(names - generations - {"lock", _POINTER, _POINTER + ".tmp"})
        if others or (generations and _POINTER not in names):
            what = f"it holds {others[0]}" if others else f"its {_POINTER} is gone"
            raise UsageError(
                f"--state {self.root} is not a state directory: {what}. Name another one, new or empty, "
                "or restore it from a backup"
            )

    def _read(self, made_with: Mapping[str, Any]) -> None:
        path = self.root / _POINTER
        if not path.exists():
            self._point(self._content)
        try:
            content: dict[str, Any] = json.loads(path.read_bytes()) if path.is_file() else {}
            format, generation = int(content["format"]), content["generation"]
            if format == FORMAT and not (
                (generation == "" or _GENERATION.fullmatch(generation))
                and isinstance(content["made_with"], dict)
                and isinstance(content["runs"], dict)
            ):
                raise ValueError
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            raise UsageError(f"{path} is damaged; restore the directory from a backup, or name a new one") from None
        if format != FORMAT:
            age, mend = ("a newer", "use that version") if format > FORMAT else ("an older", "go on with that version")
            raise UsageError(
                f"the state {self.root} was written by {age} version of Copydesk (format {format}, this version "
                f"has {FORMAT}): {mend}, or start a new state directory"
            )
        if generation and not (self.root / generation).is_dir():
            raise UsageError(
                f"the state {self.root} is damaged: {generation} is missing; restore the directory from a backup"
            )
        if generation:
            _refuse_other(self.root, content["made_with"], made_with)
        self._content = content | {"made_with": dict(made_with)}
        self._remove_others()

    # What is in it

    @property
    def generation(self) -> str:
        """The name of the current generation; empty before the first."""
        return str(self._content["generation"])

    def before(self, run: str) -> str:
        """Return the generation that a run starts, or has started, from."""
        return str(self._content["runs"].get(run, self.generation))

    def holds(self, run: str) -> bool:
        """Whether a run is part of the state."""
        return run in self._content["runs"]

    @property
    def directory(self) -> str:
        """The directory of the current generation, with one directory for each table; empty before the first."""
        return str(self.root / self.generation) if self.generation else ""

    def table(self, name: str) -> str:
        """Return the directory of a table of the current generation; there may be none."""
        return os.path.join(self.directory, name) if self.generation else ""

    # The next generation

    def commit(self, run: str, tables: Mapping[str, str]) -> None:
        """Make tables, by name, those of the state, and a run a part of it: all of it, or nothing.

        A table that is not among them goes on. If all are as they were, the generation stays.
        """
        if not self._is_current(tables):
            number = int(self.generation.partition("-")[0] or 0) + 1
            generation = f"{number:06}-{fingerprint(self.generation, run)}"
            self._write(generation, tables)
        else:
            generation = self.generation
        runs = {**self._content["runs"], run: self.before(run)}
        content = self._content | {"generation": generation, "runs": dict(list(runs.items())[-_RUNS:])}
        self._point(content)
        self._content = content
        self._remove_others()

    def _point(self, content: Mapping[str, Any]) -> None:
        """Write ``state.json`` as a whole; it is on the disk when this returns."""
        unfinished = self.root / (_POINTER + ".tmp")
        unfinished.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        _sync(unfinished)
        unfinished.replace(self.root / _POINTER)
        _sync(self.root)

    def _is_current(self, tables: Mapping[str, str]) -> bool:
        return bool(self.generation) and all(
            _equal(Path(directory), self.root / self.generation / name) for name, directory in tables.items()
        )

    def _write(self, generation: str, tables: Mapping[str, str]) -> None:
        """Write the tables of a generation, all on the disk when this returns."""
        target = self.root / generation
        unfinished = target.with_name(generation + ".tmp")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)  # complete, but never made the current one
        unfinished.mkdir()
        current = self.root / self.generation
        going_on = {path.name: str(path) for path in current.iterdir()} if self.generation else {}
        for name, directory in (going_on | dict(tables)).items():
            copy_tree(directory, unfinished / name)
        for path in [*unfinished.rglob("*"), unfinished]:
            _sync(path)
        unfinished.rename(target)

    def _remove_others(self) -> None:
        for path in self.root.iterdir():
            if _GENERATION.fullmatch(path.name) and path.name != self.generation:
                shutil.rmtree(path)


def _refuse_other(root: Path, earlier: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    changed = [name for name, value in now.items() if earlier.get(name) != value]
    differ = [f"{name} was {earlier.get(name)} and is {now[name]}" for name in changed]
    if differ:
        raise UsageError(
            f"the state {root} was made in another way: {'; '.join(differ)}. What is in it cannot be compared "
            "with what this run would make. Give the settings of before, or start a new state directory"
        )


def _equal(one: Path, other: Path) -> bool:
    """Whether two directories have the same files."""
    if not one.is_dir() or not other.is_dir():
        return False
    names = sorted(path.name for path in one.iterdir())
    if names != sorted(path.name for path in other.iterdir()):
        return False
    return all(filecmp.cmp(one / name, other / name, shallow=False) for name in names)


def _sync(path: Path) -> None:
    """Wait until a file or directory is on the disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


# The registry of clusters


def member_row(known: Known) -> dict[str, Any]:
    """Return a known member as a row of the table ``known_members``."""
    ids = dict(zip(CLUSTER_COLUMNS, known.clusters, strict=True))
    return row("known_members", known.vector, **ids, date=known.date, seen=known.seen)


def read_registry(directory: str) -> Registry:
    """Read the registry from the tables below a generation's directory; an empty one where there is none."""
    if not directory:
        return Registry()
    missing = [table for table in TABLES if not os.path.isdir(os.path.join(directory, table))]
    if missing:
        raise StateError(f"{directory} is damaged: {missing[0]} is missing; restore the state from a backup")
    try:
        return _read_registry(directory)
    except (TableError, pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        what = str(error).partition("\n")[0]
        raise StateError(f"{directory} is damaged; restore the state from a backup ({what})") from error


def _read_registry(directory: str) -> Registry:
    members = []
    for known in read_table(os.path.join(directory, "members"), "known_members"):
        duplicate, story, topic = (known.pop(column) for column in CLUSTER_COLUMNS)
        date, seen = known.pop("date"), known.pop("seen")
        members.append(Known(vector_of(known | {"file": ""}), (duplicate, story, topic), date, seen))
    return Registry(
        tuple(members),
        tuple(Entry(**entry) for entry in read_table(os.path.join(directory, "clusters"), "known_clusters")),
        tuple(Forward(**forward) for forward in read_table(os.path.join(directory, "forwards"))),
    )
