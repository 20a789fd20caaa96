"""How a command ends: its exit status, and the line on standard error for what stopped it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from pipeline import HandedOver, Interrupted, RunError, UsageError, logs

DONE, FAILED, USAGE, TOO_MANY_FAILURES = 0, 1, 2, 3


def report_errors(verbose: bool, command: Callable[[], int]) -> int:
    """Run a command of the pipeline; turn its exceptions into a line on standard error and a status."""
    try:
        return command()
    except (UsageError, BrokenPipeError):
        raise
    except HandedOver as at_work:
        print(f"{at_work}; give the same command again to go on when it has ended")
        return DONE
    except (KeyboardInterrupt, Interrupted):
        logs.complain("interrupted; run the same command again to continue")
        return FAILED
    except Exception as error:
        logging.getLogger("copydesk").debug("traceback of the failure", exc_info=True)
        logs.complain(logs.describe(error))
        if not verbose and not isinstance(error, RunError):
            logs.complain("run it again with -v for the traceback")
        return FAILED
