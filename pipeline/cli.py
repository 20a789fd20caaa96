"""The command line: ``copydesk run | explain | diff | report | export | config``.

Finds the command; what stops it becomes a line and an exit status. Apache Beam, torch and numpy are imported by the
commands when they need them, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from pipeline import UsageError, __version__, logs
from pipeline.commands import config, diff, explain, export, report, run
from pipeline.commands.arguments import Parser
from pipeline.commands.errors import DONE, FAILED, USAGE
from pipeline.config import suggestion

DESCRIPTION = """\
Copydesk turns web pages into clean editorial records: one story per page, one record per
related-article teaser, every dropped line with its reason, and all of them grouped by similarity.
"""

EXAMPLES = """\
examples:
  copydesk run pages/ -o out                       a folder of .html, .txt, .jsonl, .parquet, .warc, .wet
  copydesk run 'crawl/*.warc.gz' -o out            quote a pattern, so that the shell leaves it alone
  copydesk run news.jsonl -o out --text-key body   the field that holds the text
  copydesk explain page.html                       why each line of a page went where it went
  copydesk diff before after                       what a change of model or settings did, page by page
  copydesk report out                              write out/report.html again
  copydesk export out --to markdown -o stories     a run for other tools: dolma, huggingface, markdown
  copydesk config --config nightly                 the settings that a run would use, as TOML
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments:
        print(_top_parser().format_help(), file=sys.stderr, end="")
        return USAGE
    try:
        return _dispatch(arguments)
    except UsageError as error:
        logs.complain(str(error))
        return USAGE
    except KeyboardInterrupt:  # in a command other than run, or while run is still importing
        print("copydesk: interrupted", file=sys.stderr)
        return FAILED
    except BrokenPipeError:  # the reader of our output has gone, as in "copydesk explain page.html | head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _dispatch(arguments: list[str]) -> int:
    name, rest = arguments[0], arguments[1:]
    if name in ("-h", "--help"):
        print(_top_parser().format_help(), end="")
        return DONE
    if name == "--version":
        print(f"copydesk {__version__}")
        return DONE
    if name not in COMMANDS:
        near = suggestion(name, COMMANDS)
        if near and not name.startswith("-") and not os.path.exists(name):
            raise UsageError(f"unknown command {name!r}{near}")
        name, rest = "run", arguments
    return COMMANDS[name](rest)


def _top_parser() -> Parser:
    parser = Parser(prog="copydesk", description=DESCRIPTION, epilog=EXAMPLES, add_help=False)
    parser.usage = "copydesk COMMAND ...   (copydesk COMMAND --help explains one)"
    commands = parser.add_argument_group("commands")
    commands.add_argument("run", help="make the tables of a folder of pages", nargs="?")
    commands.add_argument("explain", help="show each line of one page with its role and reason", nargs="?")
    commands.add_argument("diff", help="compare two runs over the same pages", nargs="?")
    commands.add_argument("report", help="write a run's report.html again", nargs="?")
    commands.add_argument("export", help="write a run in the layout of another tool", nargs="?")
    commands.add_argument("config", help="print the effective settings as TOML", nargs="?")
    others = parser.add_argument_group("options")
    others.add_argument("-h", "--help", action="store_true", help="show this help")
    others.add_argument("--version", action="store_true", help="show the version")
    return parser


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "run": run.command,
    "explain": explain.command,
    "diff": diff.command,
    "report": report.command,
    "export": export.command,
    "config": config.command,
}
