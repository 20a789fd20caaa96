"""What the parsers of the commands share: their errors, and the flags that choose settings."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from pipeline import UsageError, config


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are ``UsageError``."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **kwargs)

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def parse(parser: Parser, arguments: list[str]) -> argparse.Namespace:
    """Parse the arguments of a command that takes no Beam flags."""
    options, unknown = parser.parse_known_args(arguments)
    refuse(unknown, parser)
    return options


def refuse(unknown: list[str], parser: Parser) -> None:
    """Raise UsageError for the first argument that a parser does not know, if there is one."""
    for token in unknown:
        if token.startswith("-"):
            flag = token.partition("=")[0]
            raise UsageError(f"unknown flag {flag}{config.suggestion(flag, flags(parser))}")
        raise UsageError(f"unexpected argument {token!r}")


def flags(parser: Parser) -> list[str]:
    """Return the flags that a parser knows."""
    return [flag for action in parser._actions for flag in action.option_strings]


# Settings

FLAG_SETTINGS = {
    "--format": ("output.format", "parquet|jsonl", "how tables are written"),
    "--max-failures": ("run.max_failures", "SHARE", "share of inputs that may fail before exit status 3"),
    "--text-key": ("input.text_key", "FIELD", "field of a record that holds its text"),
    "--html-key": ("input.html_key", "FIELD", "field that holds its HTML"),
    "--id-key": ("input.id_key", "FIELD", "field that holds its id"),
    "--url-key": ("input.url_key", "FIELD", "field that holds its address"),
    "--title-key": ("input.title_key", "FIELD", "field that holds its title"),
    "--date-key": ("input.date_key", "FIELD", "field that holds its date"),
}


def add_settings(parser: Parser) -> None:
    """Add the flags that choose settings; those of ``FLAG_SETTINGS`` are short forms of ``--set``."""
    group = parser.add_argument_group("settings (copydesk config prints them all)")
    group.add_argument("--config", metavar="NAME|FILE", help="local, nightly, distributed, or a TOML file")
    group.add_argument("--set", metavar="A.B=VALUE", action="append", default=[], help="one setting; may be repeated")
    for flag, (setting, metavar, text) in FLAG_SETTINGS.items():
        group.add_argument(flag, metavar=metavar, dest=setting, help=f"{text} ({setting})")


def settings_of(options: argparse.Namespace) -> config.Config:
    """Return the settings that the flags choose."""
    short_forms = [
        f"{setting}={value}"
        for setting, _, _ in FLAG_SETTINGS.values()
        if (value := getattr(options, setting)) is not None
    ]
    return config.load(options.config, [*options.set, *short_forms])
