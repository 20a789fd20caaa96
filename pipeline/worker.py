"""One worker process of a run with ``run.workers`` above 1: Beam's own, with quiet logs."""

import logging
import signal
import sys
import threading

from pipeline import logs

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's to deal with
    logs.configure(verbose=False)
    # Where another worker dies, Beam's threads here lose their connections: the main process says why.
    threading.excepthook = lambda raised: logging.getLogger("apache_beam.runners.worker").error("%r", raised.exc_value)
    from apache_beam.runners.worker import sdk_worker_main

    try:
        sdk_worker_main.main(sys.argv)
    except Exception as error:
        logging.getLogger("apache_beam.runners.worker").error("%r", error)
        sys.exit(1)
