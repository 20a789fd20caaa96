"""What a run leaves for the next one: its part of the state directory."""

from __future__ import annotations

from functools import partial

import numpy as np
from apache_beam.io.filesystems import FileSystems

from pipeline import inbox
from pipeline.files import remove_tree
from pipeline.identity import Run
from pipeline.sinks import read_columns, read_table
from pipeline.state import State
from pipeline.workspace import exists
from transforms.core.vector_cache import FILE as VECTOR_FILE
from transforms.core.vector_cache import VectorCache, updated

REGISTRY = {"members": "known_members", "clusters": "known_clusters", "forwards": "forwards"}  # tables: their schemas
VECTORS = "embeddings"  # the vectors of texts, as the file of ``core.vector_cache``


def waiting(run: Run, *table: str) -> str:
    """Return where the tables for the next run, or one of them, stand until they are part of the state."""
    return run.workspace.work("cluster", "state", *table)


def write_vectors(run: Run, state: State) -> None:
    """Write the vectors for the next run: those of this run's texts and, for as long as is set, of earlier ones."""
    keys: list[bytes] = []
    vectors: list[bytes] = []
    for batch in read_columns(run.workspace.work("embed", "vectors"), ["cache_key", "vector"]):
        keys += batch["cache_key"].to_pylist()
        vectors += batch["vector"].to_pylist()
    known = VectorCache.load(state.table(VECTORS))
    left = updated(known, keys, vectors, run.config.run.date, run.config.state.keep_days)
    with FileSystems.create(waiting(run, VECTORS, VECTOR_FILE)) as file:
        np.save(file, left.rows)


def leave(run: Run, state: State) -> None:
    """Make what this run leaves for the next one the current state, unless that has been done before."""
    if not run.has_left:
        names = [*REGISTRY, VECTORS]
        if run.named is not None:
            _write_seen(run, state)
            names += [inbox.FILES, inbox.PAGES]
        tables = {name: waiting(run, name) for name in names}
        if exists(sites := run.workspace.work("segment", "sites")):  # there are none without segment.profiles
            tables["sites"] = sites
        state.commit(run.name, tables)
    remove_tree(waiting(run))


def _write_seen(run: Run, state: State) -> None:
    failures = read_table(run.workspace.path("failures"))
    inbox.write_seen(
        state.table,
        partial(waiting, run),
        read=run.workspace.work("survey", inbox.PAGES),
        files=run.inputs,
        unread={row["source"]["file"] for row in failures if row["error"] == "unreadable"},
        found=run.all_inputs,
        run_date=run.config.run.date,
        keep_days=run.config.state.keep_days,
    )
