"""``copydesk diff``: what a change of model or settings did, page by page."""

from __future__ import annotations

from pipeline import UsageError, logs
from pipeline.commands.arguments import Parser, parse
from pipeline.commands.errors import DONE, report_errors
from pipeline.commands.terminal import width_and_colour

EXAMPLES = """\
Pages are known by their ids: both runs read the same input. The exit status is 0, whatever differs.

examples:
  copydesk run pages/ -o before && copydesk run pages/ -o after --set segment.model=mine.npz
  copydesk diff before after
  copydesk diff before after --json --limit 0 | jq -r '.worst[] | select(.story_word_f1 < 0.9) | .id'
"""


def command(arguments: list[str]) -> int:
    """Print how two runs over the same pages differ."""
    parser = Parser(
        prog="copydesk diff",
        usage="copydesk diff OLD NEW [options]",
        description="Show what a change of model or settings did over a run, page by page, worst first.",
        epilog=EXAMPLES,
    )
    parser.add_argument("old", metavar="OLD", nargs="?", help="the output directory of the run before")
    parser.add_argument("new", metavar="NEW", nargs="?", help="that of the run after, of the same input")
    parser.add_argument("--limit", metavar="N", default="20", help="how many pages to show, 0 for all (20)")
    parser.add_argument("--json", action="store_true", help="everything as one JSON object")
    options = parse(parser, arguments)
    if options.new is None:
        raise UsageError("two runs are compared: name both directories, for example copydesk diff out-before out")
    if not options.limit.isdecimal():
        raise UsageError(f"--limit must be a number of pages, not {options.limit!r}")

    logs.configure(verbose=False)
    from pipeline import diff

    def show() -> int:
        difference = diff.compare_runs(options.old, options.new, int(options.limit))
        print(diff.as_json(difference) if options.json else diff.render(difference, *width_and_colour()))
        return DONE

    return report_errors(True, show)
