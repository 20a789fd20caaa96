"""HTML and text files: one page a file, its content as stored."""

from __future__ import annotations

import io
from collections.abc import Iterator

from pipeline.formats.input_file import BUFFER, InputFile, failure, not_clean, not_text, too_large
from pipeline.streams import Stream
from transforms.core.encoding import is_binary, replace_unstorable
from transforms.settings import InputSettings
from transforms.types import Failure, Page, Source


def read_one_page(file: InputFile, settings: InputSettings) -> Iterator[Page | Failure]:
    """HTML and text files: one page a file, its content as stored."""
    with Stream(file.path, file.compression) as stream:
        content = io.BufferedReader(stream, BUFFER).read(settings.max_bytes + 1)
        if len(content) > settings.max_bytes:
            yield too_large(file, 0, settings)
        elif stream.damage:
            yield failure(file, 0, stream.damage.error, stream.damage.detail)
        elif is_binary(content):
            yield not_text(file, 0)
        elif settings.clean and file.kind == "html":
            yield not_clean(file, 0)
        else:
            kind = "clean" if settings.clean and file.kind == "text" else file.kind
            yield Page(_id_of_path(file), kind, content, Source(file.path))


def _id_of_path(file: InputFile) -> str:
    """The path below the root without the suffixes of its format: ``a/b.html.gz`` is ``a/b``."""
    below = file.path.removeprefix(file.root).lstrip("/")
    if file.compression:
        below = below.rpartition(".")[0]
    return replace_unstorable(below.rpartition(".")[0] or below)  # a file may be named .html
