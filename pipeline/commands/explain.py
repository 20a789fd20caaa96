"""``copydesk explain``: why each line of a page went where it went."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from pipeline import UsageError, logs
from pipeline.commands.arguments import Parser, add_settings, parse, settings_of
from pipeline.commands.errors import DONE, FAILED, report_errors
from pipeline.commands.terminal import width_and_colour

if TYPE_CHECKING:
    from transforms.types import PageResult

EXAMPLES = """\
examples:
  copydesk explain page.html
  copydesk explain page.html --html page-explained.html       beside the original text, in a browser
  copydesk explain out --id news/2026/ferry                   a page of the run in out/, from its tables
  copydesk explain page.txt --json | jq '.segments[].role'
  curl -s https://example.org/story | copydesk explain -
"""


def command(arguments: list[str]) -> int:
    """Print, or write, what became of each line of one page."""
    options = parse(_parser(), arguments)
    _check(options)
    settings = settings_of(options)

    logs.configure(verbose=False)
    from pipeline import explain, explain_html
    from transforms.core import PageError

    def show() -> int:
        rows: dict[str, Any] = {}
        try:
            if options.id is None:
                result = explain.explain(options.page, options.kind, settings, options.url)
            else:
                result, rows = _page_of_run(options.page, options.id)
        except PageError as error:
            what = options.page if options.id is None else f"{options.id} in {options.page}"
            print(f"copydesk: {what} cannot be processed: {error}", file=sys.stderr)
            return FAILED
        if options.html:
            explain_html.write(options.html, result, rows.get("story"))
            print(options.html)
        elif options.json:
            print(explain.as_json(result, rows))
        elif options.text:
            print(explain.printable(result.text) if sys.stdout.isatty() else result.text, end="")
        else:
            print(explain.render(result, *width_and_colour()))
        return DONE

    return report_errors(True, show)  # there is no -v to point to


def _parser() -> Parser:
    parser = Parser(
        prog="copydesk explain",
        usage="copydesk explain PAGE [options]\n       copydesk explain OUT --id ID [options]",
        description="Show each line of one page with its role, confidence and reason.",
        epilog=EXAMPLES,
    )
    parser.add_argument("page", metavar="PAGE", nargs="?", help="an HTML or text file, also .gz; - for standard input")
    parser.add_argument("--id", metavar="ID", help="a page of the finished run in the directory PAGE, from its tables")
    parser.add_argument(
        "--kind", metavar="html|text", help="what the page is; else by suffix, else by its first character"
    )
    parser.add_argument("--url", metavar="URL", help="the page's address, for the rules of its site")
    parser.add_argument("--json", action="store_true", help="everything as one JSON object")
    parser.add_argument("--text", action="store_true", help="the text that the offsets of segments index")
    parser.add_argument("--html", metavar="FILE", help="write an HTML file: the page beside what became of it")
    add_settings(parser)
    return parser


def _check(options: argparse.Namespace) -> None:
    """Raise UsageError for flags that do not go together."""
    if options.page is None:
        raise UsageError("no page: name a file, for example copydesk explain page.html, or - for standard input")
    if options.kind not in (None, "html", "text"):
        raise UsageError(f"--kind must be html or text, not {options.kind!r}")
    forms = [flag for flag in ("--json", "--text", "--html") if getattr(options, flag[2:])]
    if len(forms) > 1:
        raise UsageError(f"{forms[0]} and {forms[1]} exclude each other")
    if options.id is not None and options.text:
        raise UsageError("--text and --id exclude each other: a run does not keep the text of its pages as it was")
    if (
        options.id is None
        and os.path.isdir(options.page)
        and os.path.exists(os.path.join(options.page, "manifest.json"))
    ):
        raise UsageError(f"{options.page} is a run: name one of its pages, copydesk explain {options.page} --id ID")


def _page_of_run(output: str, id: str) -> tuple[PageResult, dict[str, Any]]:
    from pipeline.find_page import find_page

    found = find_page(output, id)
    return found.result, {"story": found.story, "teasers": found.teasers}
