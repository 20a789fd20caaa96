"""The settings of a run: defaults, then a TOML file, then ``--set section.key=value``.

The sections and their defaults are the dataclasses of ``transforms/settings.py``. A name that does
not exist, a value of the wrong type and a value out of range are all a ``ConfigError``.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import tomli_w

from pipeline import UsageError
from transforms.settings import (
    ClusterSettings,
    EmbedSettings,
    InputSettings,
    OutputSettings,
    RunSettings,
    SegmentSettings,
    StateSettings,
)

# Packaged configurations: inside the installed package, or beside it in a checkout.
CONFIG_DIRECTORIES = (Path(__file__).parent / "configs", Path(__file__).parent.parent / "configs")


class ConfigError(UsageError):
    """A configuration that cannot be used; the text says which setting and what it may be."""


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of a run."""

    input: InputSettings = field(default_factory=InputSettings)
    segment: SegmentSettings = field(default_factory=SegmentSettings)
    embed: EmbedSettings = field(default_factory=EmbedSettings)
    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    state: StateSettings = field(default_factory=StateSettings)
    output: OutputSettings = field(default_factory=OutputSettings)
    run: RunSettings = field(default_factory=RunSettings)

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Return the settings as plain nested dictionaries, sections and keys in declared order."""
        return asdict(self)


SECTIONS = tuple(section.name for section in fields(Config))
_LARGEST = 10**15  # of whole numbers: what tables, JSON and the system's calls can all take, with room for sums


def load(name: str | None = None, overrides: Iterable[str] = ()) -> Config:
    """Return the settings of a packaged configuration or TOML file, with overrides applied in order.

    Args:
        name: A packaged name such as ``"nightly"``, the path of a TOML file, or None for the defaults.
        overrides: Texts of the form ``section.key=value``.

    Raises:
        ConfigError: The configuration does not exist, is not TOML, or holds a setting that is
            unknown, of the wrong type or out of range.
    """
    config = Config()
    if name is not None:
        path = find(name)
        config = apply(config, read_toml(path), where=f" in {path}")
    for override in overrides:
        key, equals, text = override.partition("=")
        section, dot, setting = key.strip().partition(".")
        if not (equals and dot and section and setting):
            raise ConfigError(f"--set needs section.key=value, for example embed.model=minilm, not {override!r}")
        config = apply(config, {section: {setting: text.strip()}})
    validate(config)
    return config


def find(name: str) -> Path:
    """Return the path of a configuration: a file, else a packaged name.

    Raises:
        ConfigError: It is neither.
    """
    for path in (Path(name), *(directory / f"{name}.toml" for directory in CONFIG_DIRECTORIES)):
        with suppress(OSError):  # a name longer than names of files can be
            if path.is_file():
                return path
    packaged = sorted({path.stem for directory in CONFIG_DIRECTORIES for path in directory.glob("*.toml")})
    raise ConfigError(
        f"no configuration {name!r}: it is not a file, and the packaged ones are {', '.join(packaged)}"
        + suggestion(name, packaged)
    )


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        ConfigError: It cannot be read, or is no TOML.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ConfigError(f"{path} cannot be read: it is a pipe or a device, and no file")
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: it is not UTF-8 at byte {error.start}") from None
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, arrays in arrays in arrays
        raise ConfigError(f"{path} cannot be used: {error}") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None


def apply(config: Config, changes: Mapping[str, Any], where: str = "") -> Config:
    """Return ``config`` with the settings of ``changes``, a dictionary of sections, replaced.

    Texts are converted to the type of the setting, so that the command line can pass them as they are.

    Raises:
        ConfigError: A setting is unknown or of the wrong type; ``where`` names its file in the text.
    """
    for section, settings in changes.items():
        if section not in SECTIONS:
            raise ConfigError(f"unknown section {section!r}{where}{suggestion(section, SECTIONS)}")
        if not isinstance(settings, Mapping):
            raise ConfigError(f"{section!r}{where} is a section: write [{section}] and its settings below it")
        current = getattr(config, section)
        defaults = asdict(current)
        for key, value in settings.items():
            name = f"{section}.{key}"
            if key not in defaults:
                known = [f"{section}.{key}" for section in SECTIONS for key in asdict(getattr(config, section))]
                raise ConfigError(f"unknown setting {name!r}{where}{suggestion(name, known)}")
            current = replace(current, **{key: _convert(name, value, type(defaults[key]), where)})
        config = replace(config, **{section: current})
    return config


def _convert(name: str, value: Any, kind: type, where: str) -> Any:
    """Return ``value`` as ``kind``: bool, int, float or str."""
    if kind is bool:
        if isinstance(value, bool):
            return value
        if value in ("true", "false"):
            return value == "true"
        raise ConfigError(f"{name}{where} must be true or false, not {value!r}")
    if kind is str:
        if isinstance(value, date):  # TOML writes dates without quotes
            return value.isoformat()
        if not isinstance(value, str):
            raise ConfigError(f"{name}{where} must be a text in quotes, not {value!r}")
        if "\0" in value or value != value.encode("utf-8", "replace").decode():
            raise ConfigError(f"{name}{where} must be text in UTF-8 without NUL characters, not {value!r}")
        return value
    try:
        if isinstance(value, bool) or (kind is int and isinstance(value, float)):
            raise ValueError
        number = kind(value)
    except (TypeError, ValueError):
        expected = "a whole number" if kind is int else "a number"
        raise ConfigError(f"{name}{where} must be {expected}, not {value!r}") from None
    if kind is int and abs(number) > _LARGEST:
        raise ConfigError(f"{name}{where} must be at most {_LARGEST}, not {value!r}")
    return number


def _is_date(text: str) -> bool:
    try:
        return not text or date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


# What a setting may be, beyond its type.
_RULES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("input.text_key", bool, "must not be empty"),
    ("input.html_key", bool, "must not be empty"),
    ("input.id_key", bool, "must not be empty"),
    ("input.url_key", bool, "must not be empty"),
    ("input.title_key", bool, "must not be empty"),
    ("input.date_key", bool, "must not be empty"),
    ("input.max_bytes", lambda n: n >= 1, "must be at least 1"),
    ("segment.method", lambda name: name in ("model", "readability"), "must be 'model' or 'readability'"),
    ("segment.min_confidence", lambda x: 0 <= x <= 1, "must lie between 0 and 1"),
    ("segment.max_elements", lambda n: n >= 1, "must be at least 1"),
    ("segment.max_lines", lambda n: n >= 1, "must be at least 1"),
    ("segment.max_seconds", lambda x: x > 0, "must be above 0"),
    ("embed.model", bool, "must not be empty"),
    ("embed.batch_size", lambda n: n >= 1, "must be at least 1"),
    ("embed.buffer", lambda n: n >= 1, "must be at least 1"),
    ("embed.max_tokens", lambda n: 8 <= n <= 8192, "must lie between 8 and 8192"),
    ("cluster.duplicate", lambda x: 0 < x <= 1, "must lie above 0 and not above 1"),
    ("cluster.overlap", lambda x: 0 <= x <= 1, "must lie between 0 and 1"),
    ("cluster.story", lambda x: 0 < x <= 1, "must lie above 0 and not above 1"),
    ("cluster.topic", lambda x: 0 < x <= 1, "must lie above 0 and not above 1"),
    ("cluster.all_pairs", lambda n: n >= 0, "must be 0 or more"),
    ("state.keep_days", lambda n: n >= 0, "must be 0 or more"),
    ("output.format", lambda name: name in ("parquet", "jsonl"), "must be 'parquet' or 'jsonl'"),
    ("output.shards", lambda n: n >= 0, "must be 0 or more"),
    ("run.date", _is_date, "must be empty or a date such as 2026-11-24"),
    ("run.workers", lambda n: 0 <= n <= 1024, "must lie between 0 and 1024"),
    ("run.memory_gb", lambda x: x >= 0, "must be 0 or more"),
    ("run.max_failures", lambda x: 0 <= x <= 1, "must lie between 0 and 1"),
)


def validate(config: Config) -> None:
    """Check the range of every setting.

    Raises:
        ConfigError: One is out of its range; the text names it and the range.
    """
    for name, holds, rule in _RULES:
        section, key = name.split(".")
        value = getattr(getattr(config, section), key)
        if not holds(value):
            raise ConfigError(f"{name} {rule}, not {value!r}")
    if config.cluster.topic > config.cluster.story:
        raise ConfigError(
            f"cluster.topic ({config.cluster.topic}) must not be above cluster.story "
            f"({config.cluster.story}): a topic is the wider group"
        )


def dump(config: Config) -> str:
    """Return the settings as TOML; ``load`` of a file that holds it returns the same settings."""
    return tomli_w.dumps(config.as_dict())


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the nearest known name, or nothing if none is near."""
    by_bare_name = {candidate.lstrip("-"): candidate for candidate in known}  # dashes say nothing
    near = difflib.get_close_matches(name.lstrip("-"), by_bare_name, n=1, cutoff=0.6)
    return f" (did you mean {by_bare_name[near[0]]!r}?)" if near else ""
