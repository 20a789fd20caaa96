"""Write ``docs/configuration.md``: ``python docs/build_configuration.py``.

Names, defaults and meanings come from ``transforms/settings.py``, where each setting has a comment behind it,
the short flags from ``pipeline/commands/arguments.py`` and the packaged configurations from ``configs/``. A test
fails when the file is older than they are.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import tomli_w

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from pipeline.commands.arguments import FLAG_SETTINGS  # noqa: E402  after the path is set
from pipeline.config import Config  # noqa: E402

TARGET = ROOT / "docs" / "configuration.md"
SETTINGS = ROOT / "transforms" / "settings.py"
TYPES = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}

INTRODUCTION = """\
# Configuration

<!-- Written by docs/build_configuration.py from the source; change it there. -->

Every setting has a default, so a run needs none of this. `copydesk config` prints the settings that a run
would use.

## Where settings come from

Later ones win:

1. the defaults below;
2. one TOML file: `--config NAME` for a packaged one, `--config FILE` for your own;
3. `--set section.key=value`, as often as you like, in the order given;
4. the short flags of the table at the end.

```
copydesk config                                              # the defaults
copydesk config --config nightly --set embed.batch_size=16   # what these two change
copydesk config --config nightly > mine.toml                 # a file to edit
copydesk run pages/ -o out --config mine.toml --set run.workers=4
```

A file holds only what differs from the defaults:

```toml
[output]
format = "jsonl"

[run]
workers = 4
```

`--config` takes the path of a file or the name of a packaged configuration. `--set` takes the value without
quotes: `--set output.format=jsonl`, `--set input.clean=true`, `--set run.date=2026-11-24`.

An unknown section or setting, a value of the wrong type and a value out of range end the command with
status 2 before any work is done. The message names the setting and what it may be. `cluster.topic` must not
be above `cluster.story`, because a topic is the wider group.

An output directory belongs to one set of settings and refuses another, unless `--overwrite` is given
([operations](operations.md#resume)). `run.workers` and `run.max_failures` do not count: they do not change
what comes out.
"""

CONFIGURATIONS = """\
## Packaged configurations

"""

FLAGS = """\
## Short flags

`run`, `explain` and `config` take them. Each is a short form of one `--set`.

| flag | setting |
| --- | --- |
"""


def render() -> str:
    """Return the configuration reference as Markdown."""
    parts = [INTRODUCTION, "## Settings\n", *_sections(), CONFIGURATIONS + "\n".join(_configurations())]
    parts.append(FLAGS + "".join(f"| `{flag}` | `{name}` |\n" for flag, (name, *_) in FLAG_SETTINGS.items()))
    return "\n".join(parts)


def _sections() -> list[str]:
    """Return one table per section, with a row per setting."""
    source = SETTINGS.read_text(encoding="utf-8")
    comments = _comments(source)
    classes = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}
    defaults = Config()
    tables = []
    for section in fields(defaults):
        settings = getattr(defaults, section.name)
        node = classes[type(settings).__name__]
        lines = {
            field.target.id: field.lineno
            for field in node.body
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        }
        rows = "".join(
            _row(f"{section.name}.{key}", value, comments[lines[key]]) for key, value in asdict(settings).items()
        )
        tables.append(
            f"### `[{section.name}]`\n\n{ast.get_docstring(node)}\n\n"
            f"| setting | type | default | meaning |\n| --- | --- | --- | --- |\n{rows}"
        )
    return tables


def _comments(source: str) -> dict[int, str]:
    """Return the comment of each line that has one."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        token.start[0]: token.string.removeprefix("#").strip() for token in tokens if token.type == tokenize.COMMENT
    }


def _row(name: str, default: Any, meaning: str) -> str:
    toml = tomli_w.dumps({"default": default}).partition("=")[2].strip()
    cell = meaning.replace("|", "\\|")
    return f"| `{name}` | {TYPES[type(default).__name__]} | `{toml}` | {cell} |\n"


def _configurations() -> list[str]:
    return [
        f"`{path.stem}`\n\n```toml\n{path.read_text(encoding='utf-8').strip()}\n```\n"
        for path in sorted((ROOT / "configs").glob("*.toml"))
    ]


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
