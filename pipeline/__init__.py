"""The Copydesk application: command line, configuration, phases, sources and sinks."""

__version__ = "0.1.0"

PHASES = ("survey", "segment", "embed", "cluster", "report")
TABLES = ("stories", "teasers", "pages", "segments", "members", "clusters", "forwards", "failures")


class UsageError(Exception):
    """A command or configuration that cannot be run; the text says what to change. Exit status 2."""
