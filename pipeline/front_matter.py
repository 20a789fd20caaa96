"""The block of YAML at the head of a Markdown file, between two lines of dashes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

# Characters that JSON takes as they are and YAML does not, or takes for a line break.
_NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def front_matter(fields: Mapping[str, Any]) -> str:
    """Return fields as YAML, one a line, with values in JSON's notation, which YAML shares.

    Of a list of objects each has a line of its own.

    >>> print(front_matter({"title": "A: b", "authors": ["C"], "dek": None}), end="")
    ---
    title: "A: b"
    authors: ["C"]
    dek: null
    ---
    """
    return "---\n" + "".join(f"{key}:{_value(value)}\n" for key, value in fields.items()) + "---\n"


def _value(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return "".join(f"\n- {flow(item)}" for item in value)
    return f" {flow(value)}"


def flow(value: Any) -> str:
    """Return a value in the notation that JSON and YAML share.

    >>> flow({"id": "a", "n": [1, 0.5]})
    '{"id": "a", "n": [1, 0.5]}'
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(str(key))}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return _NOT_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", orjson.dumps(value).decode())
