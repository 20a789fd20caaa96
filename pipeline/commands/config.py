"""``copydesk config``: the effective settings."""

from __future__ import annotations

from pipeline import config
from pipeline.commands.arguments import Parser, add_settings, parse, settings_of
from pipeline.commands.errors import DONE


def command(arguments: list[str]) -> int:
    """Print the effective settings."""
    parser = Parser(
        prog="copydesk config",
        usage="copydesk config [options]",
        description="Print the effective settings as TOML: the defaults, then --config, then --set. "
        "Rules for sites are checked as well.",
    )
    add_settings(parser)
    settings = settings_of(parse(parser, arguments))
    from pipeline.rules import load_rules

    load_rules(settings.segment)  # what a run would refuse is refused here as well
    print(config.dump(settings), end="")
    return DONE
