"""The error that makes one page a Failure."""

from __future__ import annotations


class PageError(Exception):
    """A page that is not segmented: ``error`` is the name that a Failure has, ``detail`` is for people."""

    def __init__(self, error: str, detail: str) -> None:
        super().__init__(detail)
        self.error, self.detail = error, detail
