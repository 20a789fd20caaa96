"""The output directory of a run: which phases are finished, which tables are where, and the lock.

Each phase writes below ``OUT/.work/<phase>/`` and is finished when ``done.json`` stands there with
the fingerprint of all that its result depends on. Tables move from there to ``OUT/<table>/`` once,
at the end, so that a reader never sees half a run. A reader that waits for ``_SUCCESS`` sees all of it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import NoneType
from typing import Any

import orjson
from apache_beam.io.filesystems import FileSystems

from pipeline import TABLES, UsageError
from pipeline.files import is_local, list_below, listable, remove_tree, rename_tree, write_json_atomically
from pipeline.locks import locked

WORK = ".work"
WORK_PHASES = ("survey", "segment", "embed", "cluster", "tables")
MARKS = ("_SUCCESS", "manifest.json", "report.html")  # files that a run writes beside its tables
_DAMAGED = "{} is damaged. Give the command of its run again, with --overwrite if that is refused too"
_PLAIN = (str, int, float)
# What readers of a manifest take for granted; "*" stands for every name.
_MANIFEST: dict[str, Any] = {
    "until": str,
    "inputs": list,
    "engine": str,
    "encoder": (str, NoneType),
    "tables": list,
    "settings": {"*": {"*": _PLAIN}, "run": {"*": _PLAIN, "date": str}, "output": {"*": _PLAIN, "format": str}},
    "versions": {"*": str, "copydesk": str},
    "models": {"*": str},
    "counts": {"*": int, "inputs": int},
    "phases": {"*": {"seconds": (int, float), "counts": {"*": int}}},
    "failures": {"*": int},
    "failure_share": (int, float),
}
PART = re.compile(r"part-\d{5,}-of-(\d{5,})\.(?:parquet|jsonl)")  # the only files in a table


def fingerprint(*parts: Any) -> str:
    """Return 16 hex digits that change with any of the parts (JSON values)."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Workspace:
    """One output directory, on any of Beam's filesystems."""

    root: str

    def path(self, *names: str) -> str:
        """Return the path of a file or directory below the output directory."""
        return FileSystems.join(self.root, *names)

    def work(self, phase: str, *names: str) -> str:
        """Return the path of a phase's own file or directory."""
        return self.path(WORK, phase, *names)

    # Whose directory is it?

    def claimed(self, or_none: bool = False) -> dict[str, Any] | None:
        """Return what the run that has the directory was claimed as; None where there is none."""
        run = read_json(self.path(WORK, "run.json"), or_none)
        if run is None or not _differs(run, {"version": str, "inputs": {}, "settings": {"*": {}}}, ""):
            return run
        if or_none:
            return None
        raise UsageError(_DAMAGED.format(self.path(WORK, "run.json")))

    def claim(self, run: Mapping[str, Any], overwrite: bool) -> None:
        """Make the directory that of ``run``, or refuse.

        Args:
            run: What makes this run another than the next: ``version``, ``inputs`` (path -> size and
                time) and ``settings`` (section -> key -> value).
            overwrite: Whether the results of another run may be replaced. Files that no run of ours
                writes are never touched.

        Raises:
            UsageError: The directory holds something else; the text says what, and what to do.
        """
        self.refuse_foreign(overwrite)
        earlier = self.claimed(or_none=overwrite)
        if earlier != run:
            if earlier is not None and not overwrite:
                raise UsageError(
                    f"{self.root} holds another run: {_difference(earlier, run)}. "
                    "Choose another directory, or give --overwrite to replace it"
                )
            self.refuse_others_files()
            if earlier is None:
                self.begin(WORK_PHASES[0])
                for name in TABLES:
                    remove_tree(self.path(name))
            write_json_atomically(self.path(WORK, "run.json"), dict(run))

    def refuse_foreign(self, overwrite: bool) -> None:
        """Refuse a directory that is not empty and does not belong to a run that can be continued."""
        holds = self._names()
        if overwrite or exists(self.path(WORK, "run.json")):
            return
        if set(_files_below(self.path(WORK))) <= {"lock"}:
            holds -= {WORK}  # of a run that has only locked the directory so far
        if holds and self._is_complete():
            raise UsageError(
                f"{self.root} holds a run that cannot be continued, because {WORK}/run.json is gone. "
                "Choose another directory, or give --overwrite to replace it"
            )
        if holds:
            some = ", ".join(sorted(holds)[:3]) + (", ..." if len(holds) > 3 else "")
            raise UsageError(
                f"{self.root} is not empty ({some}) and was not made by copydesk. "
                "Choose another directory, or give --overwrite to write into it all the same"
            )

    def refuse_others_files(self) -> None:
        """Refuse a directory with a file that no run has written where a run would remove it.

        Raises:
            UsageError: There is one; the text names it.
        """
        others = [
            self.path(table, file)
            for table in TABLES
            for file in _files_below(self.path(table))
            if PART.fullmatch(file) is None
        ]
        others += [self.path(table) for table in TABLES if is_local(self.root) and os.path.isfile(self.path(table))]
        if not exists(self.path(WORK, "run.json")) and not self._is_complete():
            others += [self.path(name) for name in MARKS if exists(self.path(name))]
            others += [self.path(WORK, file) for file in _files_below(self.path(WORK)) if file != "lock"]
        if others:
            raise UsageError(
                f"{others[0]} was not made by copydesk and stands where a run would remove it. "
                "Move it away, or choose another directory"
            )

    def _is_complete(self) -> bool:
        """Whether a run of ours has ended here."""
        manifest = read_json(self.path("manifest.json"), or_none=True)
        is_ours = manifest is not None and not _differs(manifest, {"versions": {"copydesk": str}}, "")
        return is_ours and exists(self.path("_SUCCESS"))

    def _names(self) -> frozenset[str]:
        if is_local(self.root):
            if os.path.isfile(self.root):
                raise UsageError(f"{self.root} is a file; -o needs a directory")
            return frozenset(os.listdir(self.root)) if os.path.isdir(self.root) else frozenset()
        prefix = self.root.rstrip("/") + "/"
        return frozenset(file.path[len(prefix) :].partition("/")[0] for file in list_below(self.root))

    # Phases

    def finished(self, phase: str, print_: str) -> dict[str, Any] | None:
        """Return the record of a phase that is finished with this fingerprint, else None."""
        record = read_json(self.work(phase, "done.json"), or_none=True)
        return record if record is not None and record.get("fingerprint") == print_ else None

    def begin(self, phase: str) -> None:
        """Remove what a phase and those after it have left."""
        for later in WORK_PHASES[WORK_PHASES.index(phase) :]:
            remove_tree(self.work(later))
        self.retract()

    def finish(self, phase: str, record: Mapping[str, Any]) -> None:
        """Mark a phase as finished."""
        write_json_atomically(self.work(phase, "done.json"), dict(record))

    # Tables

    def table(self, name: str) -> str:
        """Return the directory in which a table of the segment phase stands now."""
        before = self.work("segment", name)
        return before if exists(before) else self.path(name)

    def publish(self, tables: Mapping[str, str]) -> None:
        """Move tables (name -> directory) to their places; one that has gone there before is left.

        A run that dies in here is completed by the same calls: a directory is moved only after the
        one that it replaces is gone, and it is gone only when its successor is complete.
        """
        for name, directory in tables.items():
            if exists(directory):
                remove_tree(self.path(name))
                rename_tree(directory, self.path(name))
        for name in set(TABLES) - set(tables):
            remove_tree(self.path(name))

    def retract(self) -> None:
        """Take back the word that the tables are complete."""
        for name in MARKS:
            remove_tree(self.path(name))

    def succeed(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest, then ``_SUCCESS``."""
        write_json_atomically(self.path("manifest.json"), dict(manifest))
        with FileSystems.create(self.path("_SUCCESS"), mime_type="text/plain"):
            pass

    # Lock

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other runs out of the directory.

        The lock of a process that died is taken over. Object stores know no locks, so that a
        directory there is not locked.

        Raises:
            UsageError: Another run is at work in the directory.
        """
        if not is_local(self.root):
            yield
            return
        os.makedirs(self.path(WORK), exist_ok=True)
        busy = f"another run is writing to {self.root} ({{owner}}). Wait until it has ended"
        with locked(self.path(WORK, "lock"), busy):
            yield


def read_manifest(output: str) -> dict[str, Any]:
    """Return the manifest of the finished run in a directory.

    Raises:
        UsageError: There is none, or it is not as a run of this version writes it.
    """
    path = Workspace(output).path("manifest.json")
    manifest = read_json(path)
    if manifest is None:
        raise UsageError(f"{output} holds no finished run: there is no manifest.json in it")
    wrong = _differs(manifest, _MANIFEST, "manifest.json: ")
    if not wrong and (unknown := [table for table in manifest["tables"] if table not in TABLES]):
        wrong = f"manifest.json: a table {unknown[0]!r}"
    if not wrong and manifest["tables"]:
        wrong = _differs(manifest["counts"], {"pages": int, "stories": int}, "manifest.json: counts.")
    if not wrong:
        wrong = next(filter(None, (_lacks(Workspace(output).path(table)) for table in manifest["tables"])), "")
    if wrong:
        raise UsageError(
            f"{output} is damaged, or not of this version of Copydesk: {wrong}. Restore it, or give the command "
            "of its run again with another output directory"
        )
    return manifest


def _lacks(table: str) -> str:
    """Say which files of a table are gone; empty where all are there. Each has their number in its name."""
    parts = [match for file in _files_below(table) if (match := PART.fullmatch(file))]
    counts = {int(match[1]) for match in parts}
    if not parts:
        return f"the table {table} is missing"
    return "" if counts == {len(parts)} else f"{table} has {len(parts)} of {max(counts)} files"


def _differs(value: Any, form: Any, name: str) -> str:
    """Say where a value of JSON has another form; empty where it has not."""
    if not isinstance(form, dict):
        return "" if isinstance(value, form) else f"{name.rstrip('.')} must not be {str(value)[:60]!r}"
    if not isinstance(value, dict):
        return f"{name.rstrip('.')} must not be {str(value)[:60]!r}"
    forms = dict.fromkeys(value, form["*"]) if "*" in form else {}
    forms |= {key: of for key, of in form.items() if key != "*"}
    missing = (f"{name}{key} is missing" for key in forms if key not in value)
    wrong = (_differs(value[key], of, f"{name}{key}.") for key, of in forms.items() if key in value)
    return next(missing, "") or next(filter(None, wrong), "")


def exists(path: str) -> bool:
    """Whether a file, or a directory with anything in it, stands at ``path``."""
    if FileSystems.exists(path):
        return True
    return not is_local(path) and bool(list_below(path))  # object stores have no directories


def _files_below(directory: str) -> list[str]:
    """Return the names of all files below a directory, from there on."""
    prefix = listable(directory.rstrip("/") + "/")
    return [str(file.path)[len(prefix) :] for file in list_below(directory)]


def read_json(path: str, or_none: bool = False) -> dict[str, Any] | None:
    """Return the object in a JSON file, or None where there is no such file.

    Args:
        path: The file.
        or_none: Whether a damaged file, as after a power cut, counts as none.

    Raises:
        UsageError: The file is damaged.
    """
    if not exists(path):
        return None
    found = None
    if not is_local(path) or os.path.isfile(path):  # what is no file may be a pipe, to be waited on for ever
        with FileSystems.open(path) as file:
            content = file.read()
        with suppress(ValueError):
            found = orjson.loads(content)
    if isinstance(found, dict):
        return found
    if or_none:
        return None
    raise UsageError(_DAMAGED.format(path))


def _difference(earlier: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    """Say in a few words what distinguishes two runs."""
    if earlier["version"] != run["version"]:
        return f"it was made by copydesk {earlier['version']}, this is {run['version']}"
    settings = [
        f"{section}.{key} was {earlier['settings'][section].get(key)!r} and is {value!r}"
        for section, keys in run["settings"].items()
        for key, value in keys.items()
        if earlier["settings"].get(section, {}).get(key) != value
    ]
    if settings:
        return "; ".join(settings[:3]) + _more(settings[3:], "setting")
    if earlier.get("state") != run.get("state"):
        return f"it was made with {_state_flag(earlier)}, this is with {_state_flag(run)}"
    if earlier.get("named") != run.get("named"):
        return f"its inputs were {_listed(earlier)} and are {_listed(run)}"
    before, now = earlier["inputs"], run["inputs"]
    added, removed = now.keys() - before.keys(), before.keys() - now.keys()
    changed = [path for path in now.keys() & before.keys() if now[path] != before[path]]
    if added or removed or changed:
        return f"its inputs differ ({len(added)} files added, {len(removed)} removed, {len(changed)} changed)"
    return "its models differ" if earlier.get("rules") == run.get("rules") else "its rules for sites differ"


def _more(rest: Sequence[str], noun: str) -> str:
    return f" and {len(rest)} more {noun}{'s' * (len(rest) != 1)}" if rest else ""


def _listed(run: Mapping[str, Any]) -> str:
    return ", ".join(run.get("named", ["others"]))


def _state_flag(run: Mapping[str, Any]) -> str:
    return f"--state {run['state']}" if run.get("state") else "no --state"
