"""A limit on the processor time that one piece of work may take, in any thread.

One watching thread per process looks at all work that is under way and raises ``TooSlow`` in the thread of
one that has used up its time, as soon as that executes Python again. A single call into C is not cut short;
what such calls may cost is bounded by the limits on bytes, elements and lines of a page.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_LOOK = 0.5  # seconds between two looks at the work under way


class TooSlow(BaseException):
    """The work has used up its time. No Exception, so that no library takes it for one of its own."""


def within(seconds: float, work: Callable[[Any], T], element: Any) -> T:
    """Return ``work(element)``.

    Args:
        seconds: Processor seconds of this thread; so a busy machine makes no work too slow.
        work: Executes Python now and then, and holds nothing that an exception would leave half done.
        element: Its argument.

    Raises:
        TooSlow: It took longer.
    """
    try:
        _WATCH.begin(seconds)
        return work(element)
    finally:
        _end()


def _end() -> None:
    while True:
        try:
            _WATCH.end()
            return
        except TooSlow:  # raised between the end of the work and that of the watch: once more
            continue


class _Watch:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: dict[int, tuple[int, float]] = {}  # thread -> its clock, and when its time is used up
        self._thread: threading.Thread | None = None

    def begin(self, seconds: float) -> None:
        clock = _clock(threading.get_ident())
        with self._lock:
            self._ends[threading.get_ident()] = (clock, time.clock_gettime(clock) + seconds)
            if self._thread is None or not self._thread.is_alive():  # none yet, or left behind by a fork
                self._thread = threading.Thread(target=self._look, name="time limit", daemon=True)
                self._thread.start()

    def end(self) -> None:
        with self._lock:
            self._ends.pop(threading.get_ident(), None)
            _raise_in(threading.get_ident(), None)  # take back what has not been raised yet

    def _look(self) -> None:
        while True:
            time.sleep(_LOOK)
            with self._lock:
                for thread, (clock, end) in self._ends.items():
                    if time.clock_gettime(clock) > end:
                        _raise_in(thread, TooSlow)  # again at each look: a destructor may have swallowed it


def _clock(thread: int) -> int:
    """The clock of a thread's processor time; where there is none, as on macOS, that of the wall."""
    return time.pthread_getcpuclockid(thread) if hasattr(time, "pthread_getcpuclockid") else time.CLOCK_MONOTONIC


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error) if error else None)


_WATCH = _Watch()
