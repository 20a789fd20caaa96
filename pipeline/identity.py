"""What one run is: what it reads, with what, and what tells it from others, so that it can be gone on with."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from pipeline import __version__, inbox
from pipeline.config import Config
from pipeline.engine import Engine
from pipeline.files import is_local
from pipeline.request import Request
from pipeline.sources import InputFile
from pipeline.state import State
from pipeline.workspace import Workspace, fingerprint
from transforms.core.encoders import EncoderInfo
from transforms.core.site_rules import SiteRules
from transforms.core.words import load_words


@dataclass(frozen=True)
class Run:
    """One run: all that its phases need.

    Args:
        request: What is asked of it.
        found: The files that stand in the inputs.
        rules: The rules for sites of the user's own.
        workspace: Where it writes.
        engine: What carries it out.
        models: The hash of each model that reads pages.
        encoder: The embedding model; None for a run that does not come so far.
        state: What earlier runs have left; None for a run by itself.
        inputs: The files that it takes, with their sizes and times: all that were found, or what is new.
        named: The inputs as the user named them, where only what is new is taken.
        generation: That of the state from which it starts.
    """

    request: Request
    found: Sequence[InputFile]
    rules: SiteRules
    workspace: Workspace
    engine: Engine
    models: Mapping[str, str]
    encoder: EncoderInfo | None
    state: State | None
    inputs: inbox.Stamps = field(default_factory=dict)
    named: Sequence[str] | None = None
    generation: str = ""

    def taking(self, inputs: inbox.Stamps) -> Run:
        """Return the run with these files as its own, and what the state was when it began with them."""
        run = replace(self, inputs=dict(inputs), generation="")
        return run if self.state is None else replace(run, generation=self.state.before(run.name))

    @property
    def config(self) -> Config:
        """The settings."""
        return self.request.config

    @cached_property
    def all_inputs(self) -> inbox.Stamps:
        """The sizes and times of all files that stand in the inputs."""
        return {_printable(file.path): [file.size, _modified(file)] for file in self.found}

    @cached_property
    def files(self) -> list[InputFile]:
        """The files that it takes."""
        return [file for file in self.found if _printable(file.path) in self.inputs]

    # What it shares with earlier runs

    @property
    def seen(self) -> str | None:
        """The table of the pages that earlier runs have had; None where all pages are taken."""
        return None if self.named is None or self.state is None else self.state.table(inbox.PAGES)

    @property
    def leaves(self) -> bool:
        """Whether it leaves something in a state."""
        return self.state is not None and self.request.asks_for("cluster")

    @property
    def has_left(self) -> bool:
        """Whether it is a part of the state."""
        return self.state is not None and self.state.holds(self.name)

    @property
    def made_with(self) -> dict[str, Any]:
        """What members of a state must have in common to be compared."""
        settings = {f"cluster.{name}": value for name, value in asdict(self.config.cluster).items()}
        del settings["cluster.all_pairs"]  # says how they are compared
        settings["embed.max_tokens"] = self.config.embed.max_tokens
        encoder = self.encoder
        return settings | ({"embed.model": f"{encoder.name} ({encoder.weights_hash[:16]})"} if encoder else {})

    # What tells it from others

    @cached_property
    def name(self) -> str:
        """Its name in a state."""
        state = self.config.as_dict()["state"]
        return fingerprint(self._fingerprints("")["cluster"], state, os.path.abspath(self.workspace.root))

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """What all that a phase's result depends on adds up to, for each phase."""
        return self._fingerprints(self.generation)

    def _fingerprints(self, generation: str) -> dict[str, str]:
        settings = self.config.as_dict()
        survey = fingerprint("survey", __version__, self.inputs, settings["input"], generation if self.named else None)
        reading = (settings["segment"], self.models, self.rules.hash, load_words(self.config.segment.words).hash)
        knows_sites = self.state is not None and self.config.segment.profiles
        of_sites = (settings["run"]["date"], settings["state"], generation) if knows_sites else ()
        segment = fingerprint("segment", survey, *reading, settings["output"], *of_sites)
        weights = self.encoder.weights_hash if self.encoder else None
        embed = fingerprint("embed", segment, settings["embed"], weights)
        clustering = ["cluster", embed, settings["cluster"], settings["run"]["date"]]
        if self.state is not None:
            clustering += [settings["state"], generation]
        cluster = fingerprint(*clustering)
        last = {"survey": survey, "segment": segment, "embed": embed}.get(self.request.until, cluster)
        tables = fingerprint("tables", last)
        return {"survey": survey, "segment": segment, "embed": embed, "cluster": cluster, "tables": tables}

    @property
    def identity(self) -> dict[str, Any]:
        """What makes another run of this one: all but how it is carried out."""
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

    def finished(self, phase: str) -> dict[str, Any] | None:
        """Return the record of a phase that is finished with the same inputs and settings, else None."""
        return self.workspace.finished(phase, self.fingerprints[phase])


def _modified(file: InputFile) -> int | None:
    """Return when a file was changed last, in nanoseconds; None where its store does not say."""
    return os.stat(file.path).st_mtime_ns if is_local(file.path) else file.modified


def _printable(path: str) -> str:
    """Return a path without the surrogates that stand for bytes which are not UTF-8."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
