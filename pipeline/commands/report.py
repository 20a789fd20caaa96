"""``copydesk report``: the report of a run, written again."""

from __future__ import annotations

from pipeline import UsageError, logs
from pipeline.commands.arguments import Parser, parse
from pipeline.commands.errors import DONE, report_errors


def command(arguments: list[str]) -> int:
    """Write a run's report.html again and print its path."""
    parser = Parser(
        prog="copydesk report",
        usage="copydesk report OUT",
        description="Write OUT/report.html again from the tables of a run.",
    )
    parser.add_argument("output", metavar="OUT", nargs="?", help="the output directory of a finished run")
    options = parse(parser, arguments)
    if options.output is None:
        raise UsageError("no directory: name the output of a run, for example copydesk report out")

    logs.configure(verbose=False)
    from pipeline import report

    return report_errors(False, lambda: _print_path(report.rewrite(options.output)))


def _print_path(path: str) -> int:
    print(path)
    return DONE
