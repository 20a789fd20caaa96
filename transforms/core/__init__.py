"""The thinking of Copydesk: pure Python and numpy, usable without Beam."""

from transforms.core.segment import PageError, segment_page

__all__ = ["PageError", "segment_page"]
