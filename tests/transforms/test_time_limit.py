"""Work that does not end by itself ends all the same; none of these tests would end without that."""

import threading
import time
from collections.abc import Callable

import pytest

from transforms.time_limit import TooSlow, within


def endless(_: object) -> None:
    while True:
        pass


def swallowing(_: object) -> None:
    while True:
        try:
            endless(None)
        except Exception:
            pytest.fail("a library could take it for an error of its own")


class Swallows:
    def __del__(self) -> None:
        endless(None)


def in_a_destructor(_: object) -> None:
    Swallows()  # an exception in a destructor is printed and forgotten
    endless(None)


@pytest.mark.parametrize("work", [endless, swallowing, in_a_destructor])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_endless_work_is_ended(work: Callable[[object], None]) -> None:
    with pytest.raises(TooSlow):
        within(0.05, work, None)


def test_work_in_time_gives_its_result_and_its_error() -> None:
    assert within(60.0, len, "four") == 4
    with pytest.raises(ZeroDivisionError):
        within(60.0, lambda n: 1 // n, 0)


def test_waiting_is_no_work() -> None:
    assert within(0.5, lambda seconds: time.sleep(seconds), 1.2) is None


def test_only_the_thread_that_works_too_long_is_ended_and_nothing_comes_after() -> None:
    ended: list[str] = []

    def too_long() -> None:
        try:
            within(0.05, endless, None)
        except TooSlow:
            ended.append("too long")

    other = threading.Thread(target=too_long)
    other.start()
    within(3600.0, lambda thread: thread.join(), other)
    assert ended == ["too long"]
    until = time.process_time() + 1.2  # longer than the watch waits between two looks
    while time.process_time() < until:
        pass
