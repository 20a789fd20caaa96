"""A lock that lives exactly as long as the process that holds it."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline import UsageError

log = logging.getLogger("copydesk")

_NO_LOCK = ", and stands where a run has its lock. Remove it"


@contextmanager
def locked(path: str, busy: str) -> Iterator[None]:
    """Hold the lock on a local file, which is made if need be; the kernel frees it when the process dies.

    Args:
        path: The lock file; it stays behind, empty.
        busy: What to say if another process has the lock; ``{owner}`` stands for that process.

    Raises:
        UsageError: Another process has the lock.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR):
            raise UsageError(f"{path} is no file{_NO_LOCK}") from None
        raise
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise UsageError(f"{path} is no file{_NO_LOCK}")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(file, 200).decode() or "another process"
            raise UsageError(busy.replace("{owner}", owner)) from None
        if left := os.read(file, 200).decode():
            log.info("taking over the lock of %s, which is gone", left)
        os.ftruncate(file, 0)
        os.pwrite(file, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(file, 0)
    finally:
        os.close(file)
