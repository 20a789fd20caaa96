"""A limit on processor time for what must not take for ever; not on wall time, so that no busy machine fails a test."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def limited(seconds: float, what: str = "") -> Iterator[None]:
    """Raise TimeoutError in here once this process has used so much processor time; for the main thread."""

    def stop(*_: object) -> None:
        raise TimeoutError(what)  # the engine of regular expressions looks for signals now and then

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
