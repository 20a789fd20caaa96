"""Quiet logs: our own lines, and of Beam only what a user can act on; as text, or as JSON for machines."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from pipeline import RunError

FORMATS = ("text", "json")


# Said by every process that imports Beam without its cloud extras, and of no use to anybody.
_NOISE = (
    "apitools not found",
    "No semi_persistent_directory found",
    "If direct_num_workers is not equal to 1",
)
# Repeats the lines of worker processes.
_ECHO = "apache_beam.runners.portability.local_job_service"
# Log a traceback of what becomes an error or a failure of ours.
_TRACEBACKS = (
    "apache_beam.runners.common",
    "apache_beam.runners.worker",
    "apache_beam.runners.portability",
    "readability",
)


class _OfUse(logging.Filter):
    """Keeps our own records, and of others errors or, if verbose, what is no noise."""

    def __init__(self, verbose: bool) -> None:
        super().__init__()
        self._verbose = verbose

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == "copydesk":
            return True
        if not self._verbose and (record.levelno < logging.ERROR or record.name.startswith(_TRACEBACKS)):
            return False
        return record.name != _ECHO and not any(noise in record.getMessage() for noise in _NOISE)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the fields that a record brings."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def fields(**values: Any) -> dict[str, Any]:
    """Return what a call of a logger takes as ``extra``, so that the values are fields of a JSON line."""
    return {"fields": values}


def configure(verbose: bool, format: str = "text") -> None:
    """Send our log to standard error; Beam's only from errors on, or from INFO on if ``verbose``.

    ``format`` is "text" or "json".
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_OfUse(verbose))  # on the handler, because Beam's workers set levels of their own
    text = logging.Formatter("%(asctime)s %(name)s: %(message)s", datefmt="%H:%M:%S")
    handler.setFormatter(JsonLines() if format == "json" else text)
    logging.basicConfig(handlers=[handler], level=logging.INFO if verbose else logging.ERROR, force=True)
    logging.getLogger("copydesk").setLevel(logging.DEBUG if verbose else logging.INFO)


def are_for_machines() -> bool:
    """Whether the log is JSON, so that nothing else may stand between its lines."""
    return any(isinstance(handler.formatter, JsonLines) for handler in logging.getLogger().handlers)


def complain(message: str) -> None:
    """Say on standard error what went wrong: a line for people, or one of the JSON log."""
    if are_for_machines():
        logging.getLogger("copydesk").error(message)
    else:
        sys.stderr.write(f"copydesk: {message}\n")


def describe(error: Exception) -> str:
    """Return one line on an exception of a run: an engine's is a traceback in its text."""
    if isinstance(error, RunError):
        return str(error)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1]}" if lines else type(error).__name__
