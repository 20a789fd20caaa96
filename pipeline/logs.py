"""Quiet logs: our own lines, and of Beam only what a user can act on."""

from __future__ import annotations

import logging
import sys

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


def configure(verbose: bool) -> None:
    """Send our log to standard error; Beam's only from errors on, or from INFO on if ``verbose``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_OfUse(verbose))  # on the handler, because Beam's workers set levels of their own
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(handlers=[handler], level=logging.INFO if verbose else logging.ERROR, force=True)
    logging.getLogger("copydesk").setLevel(logging.DEBUG if verbose else logging.INFO)
