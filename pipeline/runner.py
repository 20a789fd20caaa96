"""Runs the phases of a command: engine, resume, progress, checks, manifest."""

from __future__ import annotations

import importlib.metadata
import logging
import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.io.filesystems import FileSystems

from pipeline import PHASES, TABLES, RunError, UsageError, __version__, inbox, logs, phases, progress, report
from pipeline.config import Config
from pipeline.engine import (
    Engine,
    choose_engine,
    refuse_to_leave,
    run_pipeline,
    set_filesystem_options,
    signals_interrupt,
)
from pipeline.files import is_local, remove_tree
from pipeline.plan import (
    Amount,
    Plan,
    amount_of,
    memory_limit,
    too_large,
    vectors_in_memory,
    workers_that_pay,
)
from pipeline.plan import make as make_plan
from pipeline.rules import load_rules
from pipeline.sinks import SCHEMA_VERSION, read_columns, read_table, table_files, write_rows
from pipeline.sources import InputError, InputFile, match_inputs, require_filesystem
from pipeline.state import State
from pipeline.workspace import Workspace, exists, fingerprint, read_json
from transforms.core.encoders import EncoderError, EncoderInfo, resolve_encoder
from transforms.core.layout import load_layout
from transforms.core.role_model import ModelError, load_model
from transforms.core.site_rules import SiteRules
from transforms.core.vector_cache import FILE as VECTOR_FILE
from transforms.core.vector_cache import VectorCache, updated
from transforms.core.words import WordsError, load_words
from transforms.embed import TEASERS
from transforms.settings import SegmentSettings
from transforms.types import LEVELS

log = logging.getLogger("copydesk")

COMPARED = [f"{level}_pairs_{what}" for level in LEVELS[1:] for what in ("compared", "audited", "found")]

_UNITS = {"survey": "inputs", "segment": "inputs", "embed": "texts"}  # whose rate a phase's last line gives

DISTRIBUTIONS = (
    "apache-beam",
    "numpy",
    "scipy",
    "lxml",
    "pyarrow",
    "torch",
    "sentence-transformers",
    "transformers",
)


def run(
    inputs: Sequence[str],
    output: str,
    config: Config,
    until: str = PHASES[-1],
    overwrite: bool = False,
    state: str | None = None,
    beam_flags: Sequence[str] = (),
    no_wait: bool = False,
) -> dict[str, Any]:
    """Run the phases up to ``until`` that are not finished yet, and return the manifest.

    Args:
        inputs: Folders, files and patterns.
        output: The output directory.
        config: The settings.
        until: The last phase.
        overwrite: Whether the results of another run in the output directory may be replaced.
        state: The directory with what earlier runs have left for this one; None for a run by itself.
        beam_flags: Flags for Beam.
        no_wait: Whether to hand the next pipeline over to a job service and return while it is at work.

    Raises:
        UsageError: The command cannot be run as it is.
        RunError: Records were lost.
        HandedOver: A job is at work; the same call goes on when it has ended.
    """
    start, amount = _prepared(inputs, output, config, until, overwrite, state, beam_flags, no_wait)
    one = start()
    # How much of it is new is not known yet where a run takes only that; the clusters are looked at once more.
    if (reason := one.plan(amount).refusal) and not config.input.only_new:
        raise UsageError(reason)
    with signals_interrupt(), one.workspace.lock(), ExitStack() as locks:
        if one.state is not None:
            locks.enter_context(one.state.lock(_made_with(config, one.encoder)))
            one = start()  # now that it is known what the state holds
        if config.input.only_new and one.state is not None:
            overwrite = one.take_new(inputs, overwrite)
        return one.run(inputs, overwrite)


def plan(
    inputs: Sequence[str],
    output: str,
    config: Config,
    until: str = PHASES[-1],
    overwrite: bool = False,
    state: str | None = None,
    beam_flags: Sequence[str] = (),
) -> Plan:
    """Return what ``run`` would do with the same arguments; nothing is written.

    Raises:
        UsageError: The command cannot be run as it is.
    """
    start, amount = _prepared(inputs, output, config, until, overwrite, state, beam_flags)
    return start().plan(amount)


def _prepared(
    inputs: Sequence[str],
    output: str,
    config: Config,
    until: str,
    overwrite: bool,
    state: str | None,
    beam_flags: Sequence[str],
    no_wait: bool = False,
) -> tuple[Callable[[], _Run], Amount]:
    """Check all that can be checked before any work; return what makes the run, and how much it has to read."""
    rules = load_rules(config.segment)
    engine = choose_engine(beam_flags, config.run.workers)
    if no_wait:
        refuse_to_leave(engine)
    set_filesystem_options(engine)
    require_filesystem(output)
    workspace = Workspace(output)
    kept = None if state is None else State(state)
    if state is not None and _stand_in_each_other(state, output):
        raise UsageError(f"--state {state} and the output {output} stand in each other. Choose two directories")
    workspace.refuse_foreign(overwrite)
    try:
        files = _readable(match_inputs(inputs, config.input.only_new), inputs, output, "output")
        if state is not None:
            files = _readable(files, inputs, state, "state")
        load_words(config.segment.words)
        models = _segment_models(config.segment)
        encoder = resolve_encoder(config.embed.model) if PHASES.index(until) >= PHASES.index("embed") else None
    except (InputError, EncoderError, ModelError, WordsError) as error:
        raise UsageError(str(error)) from error
    amount = amount_of(files, config)
    if engine.is_local and not engine.workers:
        engine = replace(engine, workers=workers_that_pay(amount, config, os.cpu_count() or 1))
    return partial(_Run, files, config, rules, workspace, engine, models, encoder, until, kept, no_wait), amount


def _made_with(config: Config, encoder: EncoderInfo | None) -> dict[str, Any]:
    """Return what members of a state must have in common to be compared."""
    settings = {f"cluster.{name}": value for name, value in asdict(config.cluster).items()}
    del settings["cluster.all_pairs"]  # says how they are compared
    settings["embed.max_tokens"] = config.embed.max_tokens
    return settings | ({"embed.model": f"{encoder.name} ({encoder.weights_hash[:16]})"} if encoder else {})


def _readable(found: Sequence[InputFile], inputs: Sequence[str], output: str, kind: str) -> list[InputFile]:
    """Return the files that do not stand in a directory that runs write to: a run reads nothing of that.

    Raises:
        UsageError: An input is named there, or nothing else is left to read.
    """
    files = [file for file in found if not _stands_below(file.path, output)]
    inside = [path for path in inputs if _stands_below(path, output) or _stands_below(os.path.realpath(path), output)]
    if inside or (found and not files):
        what = f"the input {inside[0]} stands" if inside else f"all inputs ({len(found)} files) stand"
        raise UsageError(
            f"{what} in the {kind} directory {output}, whose tables a run replaces and where it reads nothing. "
            f"Choose another {kind} directory"
        )
    return files


def _stand_in_each_other(one: str, other: str) -> bool:
    same = os.path.abspath(one) == os.path.abspath(other)
    return same or _stands_below(one, other) or _stands_below(other, one)


def _stands_below(path: str, output: str) -> bool:
    if is_local(path) and is_local(output):
        path, output = os.path.abspath(path), os.path.abspath(output)
    return path.startswith(output.rstrip("/") + "/")


class _Run:
    """One run: what it works on, and its phases one after the other."""

    def __init__(
        self,
        files: Sequence[InputFile],
        config: Config,
        rules: SiteRules,
        workspace: Workspace,
        engine: Engine,
        models: Mapping[str, str],
        encoder: EncoderInfo | None,
        until: str,
        state: State | None = None,
        no_wait: bool = False,
    ) -> None:
        self.no_wait = no_wait
        self.found = files
        self.config = config
        self.rules = rules
        self.workspace = workspace
        self.engine = engine
        self.models = models
        self.encoder = encoder
        self.until = until
        self.state = state
        self.all_inputs = {_printable(file.path): [file.size, _modified(file)] for file in files}
        self.named: list[str] | None = None  # the inputs as they were named, where only what is new is taken
        self.records: dict[str, dict[str, Any]] = {}
        self._take(self.all_inputs)

    def _take(self, inputs: inbox.Stamps) -> None:
        """Make files, with their sizes and times, those of this run."""
        self.inputs = dict(inputs)
        self.files = [file for file in self.found if _printable(file.path) in inputs]
        state = self.config.as_dict()["state"]
        self.name = fingerprint(self._fingerprints("")["cluster"], state, os.path.abspath(self.workspace.root))
        self.fingerprints = self._fingerprints(self.state.before(self.name) if self.state else "")

    def take_new(self, named: Sequence[str], overwrite: bool) -> bool:
        """Leave out the files that the state has seen, and return whether what the directory holds may be replaced.

        A run that has begun goes on with its own files, whatever has come since. If they have changed, or another
        run has taken them, it begins again with all that is new: nothing of it is in the state yet.

        Raises:
            UsageError: It is complete, or another run, and what is new would take the place of its tables.
        """
        assert self.state is not None
        self.named = list(named)
        seen = inbox.seen_files(self.state.table(inbox.FILES))
        new = inbox.new_files(self.all_inputs, seen)
        earlier = self.workspace.claimed(or_none=overwrite) or {"inputs": {}}
        begun = earlier["inputs"]
        if earlier == self._identity() | {"inputs": begun}:
            self._take(begun)
            if self.state.holds(self.name) or begun.items() <= new.items():
                return overwrite
            if exists(self.workspace.path("_SUCCESS")):
                raise UsageError(
                    f"{self.workspace.root} is complete, but the state {self.state.root} does not know of it, and its "
                    "files have changed or were in another run. Choose another output directory"
                )
            overwrite = True
        elif overwrite and any(inbox.absolute(path) in seen for path in begun):
            raise UsageError(
                f"{self.workspace.root} holds a run whose files are in the state {self.state.root}, so with "
                "input.only_new there is nothing to do again. Choose another output directory, or give "
                "--set input.only_new=false and the files that are to be done again"
            )
        self._take(new)
        return overwrite

    @property
    def _seen(self) -> str | None:
        """The table of the pages that earlier runs have had; None where all pages are taken."""
        return None if self.named is None or self.state is None else self.state.table(inbox.PAGES)

    def _fingerprints(self, generation: str) -> dict[str, str]:
        """Return for each phase what all that its result depends on adds up to, in a generation of the state."""
        settings = self.config.as_dict()
        survey = fingerprint("survey", __version__, self.inputs, settings["input"], generation if self.named else None)
        reading = (settings["segment"], self.models, self.rules.hash, load_words(self.config.segment.words).hash)
        of_sites = (settings["run"]["date"], settings["state"], generation) if self._knows_sites() else ()
        segment = fingerprint("segment", survey, *reading, settings["output"], *of_sites)
        weights = self.encoder.weights_hash if self.encoder else None
        embed = fingerprint("embed", segment, settings["embed"], weights)
        clustering = ["cluster", embed, settings["cluster"], settings["run"]["date"]]
        if self.state is not None:
            clustering += [settings["state"], generation]
        cluster = fingerprint(*clustering)
        last = {"survey": survey, "segment": segment, "embed": embed}.get(self.until, cluster)
        tables = fingerprint("tables", last)
        return {"survey": survey, "segment": segment, "embed": embed, "cluster": cluster, "tables": tables}

    def _identity(self) -> dict[str, Any]:
        """Return what makes another run of this one: all but how it is carried out."""
        settings = self.config.as_dict()
        settings["run"] = {"date": settings["run"]["date"]}
        identity: dict[str, Any] = {
            "version": __version__,
            "inputs": self.inputs,
            "settings": settings,
            "models": self.models,
            "rules": self.rules.hash,
            "words": load_words(self.config.segment.words).hash,
        }
        if self.state is not None:
            identity["state"] = os.path.abspath(self.state.root)
        if self.named is not None:
            identity["named"] = self.named
        return identity

    def _knows_sites(self) -> bool:
        """Whether stories depend on what earlier runs have left of their sites."""
        return self.state is not None and self.config.segment.profiles

    def plan(self, amount: Amount) -> Plan:
        """Return what is to be done, and what it takes."""

        def finished(phase: str) -> bool:
            return phase in self.fingerprints and self.workspace.finished(phase, self.fingerprints[phase]) is not None

        return make_plan(amount, self.config, self.engine, [phase for phase in PHASES if self._asked(phase)], finished)

    def run(self, patterns: Sequence[str], overwrite: bool) -> dict[str, Any]:
        """Do what is not done yet and return the manifest."""
        self.workspace.claim(self._identity(), overwrite)
        if (manifest := self._complete()) is not None:
            log.info("%s is complete: nothing to do", self.workspace.root)
            return manifest
        self.workspace.refuse_others_files()  # now, and not after hours of work
        steps = {
            "survey": self._survey,
            "segment": self._segment,
            "embed": self._embed,
            "cluster": self._cluster,
        }
        for phase, step in steps.items():
            if self._asked(phase):
                self._phase(phase, step)
        tables = self._publish() if self._asked("segment") else []
        if self._leaves():
            self._leave()
        manifest = self._manifest(patterns, tables)
        if self._asked("report"):
            start = time.monotonic()
            manifest["least_certain"] = report.write(self.workspace, manifest)
            manifest["phases"]["report"] = {"seconds": _seconds_since(start), "counts": {}}
        self.workspace.succeed(manifest)
        return manifest

    def _asked(self, phase: str) -> bool:
        return PHASES.index(phase) <= PHASES.index(self.until)

    def _complete(self) -> dict[str, Any] | None:
        """Return the manifest if all that is asked for has been done before."""
        manifest = read_json(self.workspace.path("manifest.json"), or_none=True)
        if manifest is None or not exists(self.workspace.path("_SUCCESS")) or not self._asked_before(manifest):
            return None
        done = (self.workspace.finished(phase, self.fingerprints[phase]) for phase in PHASES[:-1] if self._asked(phase))
        return manifest if all(done) and (not self._leaves() or self._has_left()) else None

    def _leaves(self) -> bool:
        """Whether this run leaves something in a state."""
        return self.state is not None and self._asked("cluster")

    def _has_left(self) -> bool:
        return self.state is not None and self.state.holds(self.name)

    def _asked_before(self, manifest: Mapping[str, Any]) -> bool:
        return PHASES.index(manifest["until"]) >= PHASES.index(self.until)

    def _phase(self, phase: str, step: Callable[[], dict[str, int]]) -> None:
        """Do one phase, unless it is finished with the same inputs and settings."""
        record = self.workspace.finished(phase, self.fingerprints[phase])
        if phase == "cluster" and self._leaves() and not self._has_left() and not exists(self._left):
            record = None  # a state that has lost this run gets it again
        if record is None:
            if all(self._job_file(part, at_work=True) is None for part in (phase, f"{phase}: learn")):
                self.workspace.begin(phase)
            start = time.monotonic()
            counts = step()
            record = {
                "fingerprint": self.fingerprints[phase],
                "seconds": _seconds_since(start),
                "counts": counts,
            }
            self.workspace.finish(phase, record)
            seconds = record["seconds"]
            rate = (
                f" ({n / seconds:,.1f} {unit}/s)"
                if (n := counts.get(unit := _UNITS.get(phase, ""), 0)) and seconds
                else ""
            )
            log.info(
                "%s: %s in %s%s",
                phase,
                report.listed(counts),
                progress.duration(seconds),
                rate,
                extra=logs.fields(event="phase", phase=phase, seconds=seconds, counts=counts),
            )
        else:
            log.info("%s: finished before", phase, extra=logs.fields(event="finished_before", phase=phase))
        self.records[phase] = record

    # The phases

    def _survey(self) -> dict[str, int]:
        counters = self._pipeline(
            "survey",
            "inputs",
            None,
            lambda root, ticks: phases.define_survey(root, self.files, self.config, self.workspace, ticks, self._seen),
        )
        seen_before = {}
        if self.named is not None:
            files = len(self.all_inputs) - len(self.files)
            seen_before = {"files_seen_before": files, "pages_seen_before": counters["read/seen_before"]}
        return {
            "files": len(self.files),
            "bytes": sum(file.size for file in self.files),
            "inputs": counters["read/pages"] + counters["read/failures"] - counters["read/seen_before"],
            "ids_renamed": counters["ids/renamed"],
            "ids_repeated": counters["ids/repeated"],
        } | seen_before

    def _segment(self) -> dict[str, int]:
        inputs = self.records["survey"]["counts"]["inputs"]
        counters = self._segment_by_sites(inputs) if self.config.segment.profiles else self._segment_at_once(inputs)
        pages = count_rows(self.workspace.table("pages"))
        failures = count_rows(self.workspace.work("segment", "failures"))
        if inputs != pages + failures:
            again = " with --overwrite" if self.named is None else ""
            raise RunError(
                f"the survey counted {inputs} inputs, but segment made {pages} pages and {failures} failures "
                f"of them. If the inputs changed meanwhile, give the command again{again}; else "
                "please report it"
            )
        return {
            "inputs": inputs,
            "pages": pages,
            "failures": failures,
            **{table: counters[f"tables/{table}"] for table in ("stories", "teasers", "segments")},
        }

    def _segment_at_once(self, inputs: int) -> Counter[str]:
        return self._pipeline(
            "segment",
            "inputs",
            inputs,
            lambda root, ticks: phases.define_segment(
                root, self.files, self.config, self.rules, self.workspace, ticks, self._seen
            ),
        )

    def _segment_by_sites(self, inputs: int) -> Counter[str]:
        """Label all pages and learn their sites, then judge their lines; return the counters of the second pass."""
        known = None if self.state is None else self.state.table("sites")
        if self._job_file("segment", at_work=True) is None:  # else the second pass has been handed over
            self._pipeline(
                "segment: learn",
                "inputs",
                inputs,
                lambda root, ticks: phases.define_learn(
                    root, self.files, self.config, self.rules, self.workspace, ticks, self._seen, known
                ),
            )
        counters = self._pipeline(
            "segment",
            "inputs",
            inputs,
            lambda root, ticks: phases.define_judge(root, self.config, self.rules, self.workspace, ticks),
        )
        for handed_over in ("labelled", "unlabelled"):
            remove_tree(self.workspace.work("segment", handed_over))
        return counters

    def _embed(self) -> dict[str, int]:
        counts = self.records["segment"]["counts"]
        texts = counts["stories"] + counts["teasers"]
        files = [
            (kind, file)
            for kind, table in (("story", "stories"), ("teaser", "teasers"))
            for file in table_files(self.workspace.table(table))
        ]
        threads = max(1, (os.cpu_count() or 1) // self.engine.workers)
        cache = "" if self.state is None else self.state.table(phases.LEFT_VECTORS)
        counters = self._pipeline(
            "embed",
            "texts",
            texts,
            lambda root, ticks: phases.define_embed(root, files, self.config, self.workspace, ticks, threads, cache),
        )
        vectors, failures = counters["embed/vectors"], counters["embed/failures"]
        if texts != vectors + failures:
            raise RunError(
                f"segment wrote {texts} stories and teasers, but embed made {vectors} vectors and "
                f"{failures} failures of them; please report it"
            )
        return {
            "texts": texts,
            "vectors": vectors,
            "failures": failures,
            "encoded": counters["embed/encoded"],
        } | ({"from_cache": counters["embed/from_cache"]} if self.state else {})

    def _cluster(self) -> dict[str, int]:
        known = None if self.state is None else self.state.directory
        needed = vectors_in_memory(self.records["embed"]["counts"]["vectors"])  # known now, no longer estimated
        if self.engine.is_local and (reason := too_large("cluster", needed, memory_limit(self.config))):
            raise RunError(reason)
        counters = self._pipeline(
            "cluster",
            "vectors",
            None,
            lambda root, ticks: phases.define_cluster(root, self.config, self.workspace, known),
            parallel=False,
        )
        remove_tree(self.workspace.work("cluster", phases.ROWS))
        counts: Counter[str] = Counter()
        for level in LEVELS:
            counts[f"{level}_clusters"] = counts[f"{level}_groups"] = 0
        for cluster in read_table(self.workspace.work("cluster", "clusters")):
            counts[f"{cluster['level']}_clusters"] += 1
            counts[f"{cluster['level']}_groups"] += cluster["size"] > 1
        counts["links"] = count_rows(self.workspace.work("cluster", "links"))
        for name in COMPARED:  # where not all pairs were
            if f"cluster/{name}" in counters:
                counts[name] = counters[f"cluster/{name}"]
        if self.state is not None:
            self._leave_vectors()
            counts["forwards"] = count_rows(self.workspace.work("cluster", "forwards"))
            counts["known_members"] = count_rows(FileSystems.join(self._left, "members"), "known_members")
        return counts

    def _leave_vectors(self) -> None:
        """Write the vectors for the next run: those of this run's texts and, for as long as is set, of earlier ones."""
        assert self.state is not None
        keys: list[bytes] = []
        vectors: list[bytes] = []
        for batch in read_columns(self.workspace.work("embed", "vectors"), ["cache_key", "vector"]):
            keys += batch["cache_key"].to_pylist()
            vectors += batch["vector"].to_pylist()
        known = VectorCache.load(self.state.table(phases.LEFT_VECTORS))
        left = updated(known, keys, vectors, self.config.run.date, self.config.state.keep_days)
        with FileSystems.create(FileSystems.join(self._left, phases.LEFT_VECTORS, VECTOR_FILE)) as file:
            np.save(file, left.rows)

    def _pipeline(
        self,
        phase: str,
        unit: str,
        total: int | None,
        define: Callable[[beam.Pipeline, str], None],
        parallel: bool = True,
    ) -> Counter[str]:
        """Run one pipeline to its end, show its progress and return its counters."""
        with progress.show(phase, unit, total) as directory:
            ticks = directory if self.engine.is_local else ""
            job_file = self._job_file(phase, at_work=not self.no_wait)
            return run_pipeline(self.engine, lambda root: define(root, ticks), parallel, job_file)

    def _job_file(self, phase: str, at_work: bool) -> str | None:
        """Return the file with the id of a phase's or pass's job; None if ``at_work`` and none was handed over."""
        phase, _, part = phase.partition(": ")
        path = self.workspace.work(phase, f"job{part and '-'}{part}-{self.fingerprints[phase]}.json")
        return path if not at_work or exists(path) else None

    # The end: tables, manifest

    def _publish(self) -> list[str]:
        """Complete the tables, move them to their places and return their names."""
        work = self.workspace.work
        clustered = self._asked("cluster")
        # Tables that have been in their places before may have the cluster ids of an older run.
        rewritten = [table for table in ("stories", "teasers") if clustered or not exists(work("segment", table))]
        if self.workspace.finished("tables", self.fingerprints["tables"]) is None:
            if self._job_file("tables", at_work=True) is None:
                self.workspace.begin("tables")
                self._merge_failures()
            self._set_cluster_ids(rewritten)
            self.workspace.finish("tables", {"fingerprint": self.fingerprints["tables"]})
        tables = {
            "stories": work("tables" if "stories" in rewritten else "segment", "stories"),
            "teasers": work("tables" if "teasers" in rewritten else "segment", "teasers"),
            "pages": work("segment", "pages"),
            "segments": work("segment", "segments"),
            "failures": work("tables", "failures"),
        }
        if clustered:
            tables |= {"members": work("cluster", "members"), "clusters": work("cluster", "clusters")}
            if self.state is not None:
                tables["forwards"] = work("cluster", "forwards")
        self.workspace.publish(tables)
        for table in ("stories", "teasers") if clustered else ():
            remove_tree(work("segment", table))  # their published form has all that these have
        return [table for table in TABLES if table in tables]

    @property
    def _left(self) -> str:
        """Where the tables for the next run stand until they are part of the state."""
        return self.workspace.work("cluster", "state")

    def _leave(self) -> None:
        """Make what this run leaves for the next one the current state, unless that has been done before."""
        assert self.state is not None
        if not self.state.holds(self.name):
            tables = {table: FileSystems.join(self._left, table) for table in (*phases.LEFT, phases.LEFT_VECTORS)}
            if self.named is not None:
                self._write_seen(self.state)
                tables |= {table: FileSystems.join(self._left, table) for table in (inbox.FILES, inbox.PAGES)}
            if exists(sites := self.workspace.work("segment", "sites")):  # there are none without segment.profiles
                tables["sites"] = sites
            self.state.commit(self.name, tables)
        remove_tree(self._left)

    def _write_seen(self, state: State) -> None:
        failures = read_table(self.workspace.path("failures"))
        inbox.write_seen(
            state.table,
            partial(FileSystems.join, self._left),
            read=self.workspace.work("survey", inbox.PAGES),
            files=self.inputs,
            unread={row["source"]["file"] for row in failures if row["error"] == "unreadable"},
            found=self.all_inputs,
            run_date=self.config.run.date,
            keep_days=self.config.state.keep_days,
        )

    def _merge_failures(self) -> None:
        """Write the failures of all phases as one table."""
        format = self.config.output.format
        directories = [self.workspace.work(phase, "failures") for phase in ("segment", "embed") if self._asked(phase)]
        sources = self._sources_of_teasers(directories)
        rows = (
            row | {"source": sources[_page_id(row)]} if _is_of_teaser(row) else row
            for directory in directories
            for row in read_table(directory)
        )
        write_rows(
            self.workspace.work("tables", "failures", f"part-00000-of-00001.{format}"),
            "failures",
            rows,
            format,
        )

    def _sources_of_teasers(self, directories: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return where the pages stand whose teasers have failed: a row of teasers does not say it."""
        failed = {_page_id(row) for directory in directories for row in read_table(directory) if _is_of_teaser(row)}
        pages = read_table(self.workspace.table("pages")) if failed else ()
        return {page["id"]: page["source"] for page in pages if page["id"] in failed}

    def _set_cluster_ids(self, tables: Sequence[str]) -> None:
        """Rewrite tables with their cluster ids or, in a run without clusters, with none."""
        files = [(table, file) for table in tables for file in table_files(self.workspace.table(table))]
        if not files:
            return
        clustered = self._asked("cluster")
        self._pipeline(
            "tables",
            "files",
            len(files),
            lambda root, ticks: phases.define_tables(root, files, self.config, self.workspace, ticks, clustered),
            parallel=False,
        )

    def _manifest(self, patterns: Sequence[str], tables: Sequence[str]) -> dict[str, Any]:
        counts = {"inputs": self.records["survey"]["counts"]["inputs"]}
        for phase in ("segment", "cluster"):
            if phase in self.records:
                counts |= self.records[phase]["counts"]
        if "embed" in self.records:  # apart, because of inputs = pages + failures
            counts["embed_failures"] = self.records["embed"]["counts"]["failures"]
        causes = self._causes() if tables else Counter()
        return {
            "until": self.until,
            "inputs": list(patterns),
            "engine": self.engine.name,
            "encoder": self.encoder.name if self.encoder else None,
            "settings": self.config.as_dict(),
            "state": str(self.state.root) if self.state else None,
            "versions": versions(),
            "models": self._models(),
            "rules": {
                "files": len(self.rules.rules),
                "functions": [function.name for function in self.rules.functions],
                "hash": self.rules.hash,
            },
            "tables": list(tables),
            "schema": SCHEMA_VERSION,
            "counts": counts,
            "phases": {
                phase: {key: record[key] for key in ("seconds", "counts")} for phase, record in self.records.items()
            },
            "failures": {f"{stage}: {error}": n for (stage, error), n in sorted(causes.items())},
            "failure_share": self._failure_share(causes),
        }

    def _causes(self) -> Counter[tuple[str, str]]:
        return Counter((row["stage"], row["error"]) for row in read_table(self.workspace.path("failures")))

    def _failure_share(self, causes: Counter[tuple[str, str]]) -> float:
        """Return the share of inputs, or of texts to embed where that is larger, that failed.

        A record that stands twice in the input is in the failures table, but nothing has failed.
        """
        embed = sum(n for (stage, _), n in causes.items() if stage == "embed")
        repeated = sum(n for (_, error), n in causes.items() if error == "repeated_record")
        inputs = self.records["survey"]["counts"]["inputs"]
        texts = self.records["embed"]["counts"]["texts"] if "embed" in self.records else 0
        shares = ((causes.total() - embed - repeated) / max(inputs, 1), embed / max(texts, 1))
        return round(max(shares), 4)

    def _models(self) -> dict[str, str]:
        return {**self.models, **({"encoder": self.encoder.weights_hash} if self.encoder else {})}


def _segment_models(settings: SegmentSettings) -> dict[str, str]:
    """Return the hash of each model that the settings name for the reading of pages.

    Raises:
        ModelError: One cannot be used.
    """
    if settings.method != "model":
        return {}
    layout = load_layout(settings.model)
    return {"roles": load_model(settings.model).hash} | ({"layout": layout.hash} if layout else {})


def count_rows(path: str, table: str | None = None) -> int:
    """Return how many rows a table has; ``table`` is its name where its directory has another."""
    return sum(1 for _ in read_table(path, table))


def versions() -> dict[str, str]:
    """Return the versions of copydesk, Python and the libraries that results depend on."""
    libraries = {name: importlib.metadata.version(name) for name in DISTRIBUTIONS}
    return {"copydesk": __version__, "python": platform.python_version(), **libraries}


def _is_of_teaser(failure: Mapping[str, Any]) -> bool:
    return failure["source"]["file"] == TEASERS.file


def _page_id(failure: Mapping[str, Any]) -> str:
    """Return the id of the page of a failed teaser."""
    return str(failure["id"]).rpartition("#t")[0]


def _modified(file: InputFile) -> int | None:
    """Return when a file was changed last, in nanoseconds; None where its store does not say."""
    return os.stat(file.path).st_mtime_ns if is_local(file.path) else file.modified


def _printable(path: str) -> str:
    """Return a path without the surrogates that stand for bytes which are not UTF-8."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _seconds_since(start: float) -> float:
    return round(time.monotonic() - start, 3)
