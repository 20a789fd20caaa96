"""One worker process of a run with ``run.workers`` above 1: Beam's own, with quiet logs."""

import signal
import sys

from pipeline import logs

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's to deal with
    logs.configure(verbose=False)
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)
