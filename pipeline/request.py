"""What is asked of a run: the arguments of ``copydesk run`` as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline import PHASES
from pipeline.config import Config


@dataclass(frozen=True)
class Request:
    """What to read, where to write and how far to go.

    Args:
        inputs: Folders, files and patterns.
        output: The output directory.
        config: The settings.
        until: The last phase.
        overwrite: Whether the results of another run in the output directory may be replaced.
        state: The directory with what earlier runs have left for this one; None for a run by itself.
        beam_flags: Flags for Beam.
        no_wait: Whether to hand the next pipeline over to a job service and return while it is at work.
    """

    inputs: Sequence[str]
    output: str
    config: Config
    until: str = PHASES[-1]
    overwrite: bool = False
    state: str | None = None
    beam_flags: Sequence[str] = ()
    no_wait: bool = False

    def asks_for(self, phase: str) -> bool:
        """Whether a phase is to be done."""
        return PHASES.index(phase) <= PHASES.index(self.until)
