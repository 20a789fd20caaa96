"""The Copydesk application: command line, configuration, phases, sources and sinks."""

__version__ = "0.1.0"

PHASES = ("survey", "segment", "embed", "cluster", "report")
TABLES = ("stories", "teasers", "pages", "segments", "members", "clusters", "forwards", "failures")


class UsageError(Exception):
    """A command or configuration that cannot be run; the text says what to change. Exit status 2."""


class RunError(Exception):
    """A run that cannot go on; the text says why and what to do. Exit status 1."""


class Interrupted(BaseException):
    """The process was asked to end, by Ctrl-C (SIGINT) or by a scheduler (SIGTERM)."""


class HandedOver(Exception):  # noqa: N818  no error
    """A pipeline is at work as a job elsewhere, and nobody waits for it; the text says where."""
