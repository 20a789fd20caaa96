"""HTML files for people: templates in which all values are escaped, and a policy under which no file loads anything.

The policy names the hashes of the file's own scripts. So even a value that got past the escaping would not run,
and nothing is ever fetched: a file shows the same on a machine without a network.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

TEMPLATES = Path(__file__).parent / "templates"
# Characters that could end a script element, open a comment in it, or end a line of it.
_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def render(template: str, **values: Any) -> str:
    """Return the HTML of a template in ``templates/``; every value in it is escaped."""
    return _environment().get_template(template).render(**values)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FileSystemLoader(TEMPLATES),
    )
    environment.filters |= {
        "thousands": "{:,}".format,
        "percent": "{:.0%}".format,
        "link": web_address,
        "shell": shlex.quote,
    }
    return environment


def web_address(address: str | None) -> str | None:
    """Return an address that a link may lead to; None for one that is not on the web, such as ``javascript:``."""
    return address if address and address.lower().startswith(("https://", "http://")) else None


def as_json(value: Any) -> str:
    r"""Return JSON that can stand in a script element.

    >>> print(as_json({"title": "</script><b>"}))
    {"title":"\u003c/script\u003e\u003cb\u003e"}
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(_ESCAPES)


def policy(scripts: Sequence[str] = ()) -> str:
    """Return the content security policy of a file that has just these scripts of its own and loads nothing."""
    rules = [
        "default-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "img-src data:",
        "style-src 'unsafe-inline'",
    ]
    if scripts:
        digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
        sources = " ".join(f"'sha256-{digest}'" for digest in digests)
        rules.append(f"script-src 'unsafe-eval' {sources}")  # the chart library makes functions of its expressions
    return "; ".join(rules)
