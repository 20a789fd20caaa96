"""The command line: ``copydesk run | explain | diff | report | export | config``.

Only parses, dispatches and prints. Apache Beam, torch and numpy are imported by the commands that
need them, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from pipeline import PHASES, HandedOver, Interrupted, RunError, UsageError, __version__, config, logs

if TYPE_CHECKING:
    from transforms.types import PageResult

DONE, FAILED, USAGE, TOO_MANY_FAILURES = 0, 1, 2, 3

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

RUN_EXAMPLES = """\
A run that was interrupted continues when the same command is given again. Without a command,
"run" is meant: copydesk --input=pages --output=out is what a scheduler calls.

examples:
  copydesk run pages/ -o out
  copydesk run pages/ -o out --format jsonl --set run.workers=4
  copydesk run clean.jsonl -o out --set input.clean=true         input that is already stories
  copydesk run pages/ -o out --until segment                     no embedding, no clusters
  copydesk run pages/ -o out --dry-run                           how long it will take; nothing is written
  copydesk run inbox/ -o out/run_date=2026-11-24 --state state --config nightly --set run.date=2026-11-24
  copydesk run pages/ -o out --log-format json 2>run.jsonl       progress and results for machines
  copydesk run gs://bucket/in -o gs://bucket/out -- --runner=FlinkRunner --flink_master=host:8081

exit status: 0 done, 1 failed or interrupted, 2 wrong usage or configuration,
3 done, but more inputs failed than --max-failures allows
"""

EXPLAIN_EXAMPLES = """\
examples:
  copydesk explain page.html
  copydesk explain page.html --html page-explained.html       beside the original text, in a browser
  copydesk explain out --id news/2026/ferry                   a page of the run in out/, from its tables
  copydesk explain page.txt --json | jq '.segments[].role'
  curl -s https://example.org/story | copydesk explain -
"""

DIFF_EXAMPLES = """\
Pages are known by their ids: both runs read the same input. The exit status is 0, whatever differs.

examples:
  copydesk run pages/ -o before && copydesk run pages/ -o after --set segment.model=mine.npz
  copydesk diff before after
  copydesk diff before after --json --limit 0 | jq -r '.worst[] | select(.story_word_f1 < 0.9) | .id'
"""

EXPORT_FORMATS = ("dolma", "huggingface", "markdown")

EXPORT_EXAMPLES = """\
formats:
  dolma         documents/ (each page) and attributes/ (the roles of its lines, as spans), gzipped JSON lines
  huggingface   a dataset folder: Parquet per table and a README.md, the card, filled from the manifest
  markdown      one .md file per story, with front matter

examples:
  copydesk export out --to markdown -o stories
  copydesk export out --to huggingface -o dataset --name "Harbour news"
  copydesk export out --to dolma -o corpus --overwrite
"""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are ``UsageError``."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **kwargs)

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


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
        near = config.suggestion(name, COMMANDS)
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


def _add_settings(parser: Parser) -> None:
    """Add the flags that choose settings; those of ``FLAG_SETTINGS`` are short forms of ``--set``."""
    group = parser.add_argument_group("settings (copydesk config prints them all)")
    group.add_argument("--config", metavar="NAME|FILE", help="local, nightly, distributed, or a TOML file")
    group.add_argument("--set", metavar="A.B=VALUE", action="append", default=[], help="one setting; may be repeated")
    for flag, (setting, metavar, text) in FLAG_SETTINGS.items():
        group.add_argument(flag, metavar=metavar, dest=setting, help=f"{text} ({setting})")


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


def _settings(options: argparse.Namespace) -> config.Config:
    short_forms = [
        f"{setting}={value}"
        for setting, _, _ in FLAG_SETTINGS.values()
        if (value := getattr(options, setting)) is not None
    ]
    return config.load(options.config, [*options.set, *short_forms])


def _parse(parser: Parser, arguments: list[str]) -> argparse.Namespace:
    """Parse the arguments of a command that takes no Beam flags."""
    options, unknown = parser.parse_known_args(arguments)
    _refuse(unknown, parser)
    return options


def _refuse(unknown: list[str], parser: Parser) -> None:
    for token in unknown:
        if token.startswith("-"):
            flag = token.partition("=")[0]
            raise UsageError(f"unknown flag {flag}{config.suggestion(flag, _flags(parser))}")
        raise UsageError(f"unexpected argument {token!r}")


def _flags(parser: Parser) -> list[str]:
    return [flag for action in parser._actions for flag in action.option_strings]


# run


def _run(arguments: list[str]) -> int:
    parser = _run_parser()
    own, beam_flags = _split_beam_flags(parser, arguments)
    options, unknown = parser.parse_known_intermixed_args(own)
    _refuse(unknown, parser)
    inputs = (*options.inputs, *options.input)
    if not inputs:
        raise UsageError("no input: name a folder, a file or a pattern, for example copydesk run pages/ -o out")
    if not options.output:
        raise UsageError("no output: name a directory with -o, for example copydesk run pages/ -o out")
    if options.state == "":
        raise UsageError("--state is empty: name a directory")
    settings = _settings(options)

    logs.configure(options.verbose, options.log_format)
    from pipeline import runner
    from pipeline.request import Request

    request = Request(
        inputs=inputs,
        output=options.output,
        config=settings,
        until=options.until,
        overwrite=options.overwrite,
        state=options.state,
        beam_flags=beam_flags,
        no_wait=options.no_wait and not options.dry_run,
    )

    def carry_out() -> int:
        if not options.dry_run:
            return _summarise(runner.run(request), options.output, settings.run.max_failures)
        plan = runner.plan(request)
        print("\n".join(plan.lines()))
        if plan.refusal:
            raise UsageError(plan.refusal)
        return DONE

    return _report_errors(options.verbose, carry_out)


def _run_parser() -> Parser:
    parser = Parser(
        prog="copydesk run",
        usage="copydesk run INPUT... -o OUT [options] [-- BEAM FLAGS]",
        description="Make tables of pages: stories, teasers, pages, segments, members, clusters, failures.",
        epilog=RUN_EXAMPLES,
    )
    parser.add_argument("inputs", metavar="INPUT", nargs="*", help="folder, file or pattern; gs:// and s3:// too")
    parser.add_argument("--input", action="append", default=[], metavar="INPUT", help="the same as a flag")
    parser.add_argument("-o", "--output", metavar="OUT", help="directory for the tables; new, or one to continue")
    parser.add_argument(
        "--until", type=_phase, default=PHASES[-1], metavar="PHASE", help=f"stop after {', '.join(PHASES)}"
    )
    parser.add_argument(
        "--state",
        metavar="DIR",
        help="directory that a run leaves for the next: with it clusters keep their ids from run to run",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the plan: inputs, phases, workers, estimated time and memory"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what OUT holds of another run")
    parser.add_argument(
        "--no-wait",
        action="store_true",
        help="hand the next job over to a cluster's job service and end; the same command goes on from there",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log more, and tracebacks of errors")
    parser.add_argument(
        "--log-format",
        type=_log_format,
        default="text",
        metavar="text|json",
        help="json: one object a line, for machines",
    )
    _add_settings(parser)
    return parser


def _log_format(name: str) -> str:
    if name not in logs.FORMATS:
        raise UsageError(f"--log-format must be {' or '.join(logs.FORMATS)}, not {name!r}")
    return name


def _phase(name: str) -> str:
    if name not in PHASES:
        near = config.suggestion(name, PHASES)
        raise UsageError(f"--until: no phase {name!r}{near}; the phases are {', '.join(PHASES)}")
    return name


def _split_beam_flags(parser: Parser, arguments: list[str]) -> tuple[list[str], list[str]]:
    """Divide the arguments of ``run`` into our own and those for Beam.

    A flag that is not ours is Beam's if Beam knows it; all after ``--`` is for Beam. Our flags may
    be written with underscores, as in Beam's own.

    Raises:
        UsageError: Neither knows a flag.
    """
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    own: list[str] = []
    for_beam: list[str] = []
    tokens = iter(arguments[:cut])
    for token in tokens:
        flag, equals, value = token.partition("=")
        dashed = flag.replace("_", "-")
        if not token.startswith("--") or dashed in _flags(parser):
            own.append(dashed + equals + value if token.startswith("--") else token)
            continue
        logs.configure(verbose=False)
        from pipeline import engine

        arity = engine.beam_flag_arity().get(flag)
        if arity is None:
            near = config.suggestion(flag, [*_flags(parser), *engine.beam_flag_arity()])
            raise UsageError(f"unknown flag {flag}{near}")
        for_beam.append(token)
        if arity and not equals:
            for_beam.extend(itertools.islice(tokens, 1))
    return own, for_beam + arguments[cut + 1 :]


def _report_errors(verbose: bool, command: Callable[[], int]) -> int:
    """Run a command of the pipeline; turn its exceptions into a line on standard error and a status."""
    try:
        return command()
    except (UsageError, BrokenPipeError):
        raise
    except HandedOver as at_work:
        print(f"{at_work}; give the same command again to go on when it has ended")
        return DONE
    except (KeyboardInterrupt, Interrupted):
        logs.complain("interrupted; run the same command again to continue")
        return FAILED
    except Exception as error:
        logging.getLogger("copydesk").debug("traceback of the failure", exc_info=True)
        logs.complain(logs.describe(error))
        if not verbose and not isinstance(error, RunError):
            logs.complain("run it again with -v for the traceback")
        return FAILED


def _summarise(manifest: dict[str, Any], output: str, max_failures: float) -> int:
    """Print what came out and where, and return the exit status."""
    from pipeline import report

    print(report.summary(manifest, output))
    share = manifest["failure_share"]
    if share > max_failures:
        logs.complain(
            f"{share:.1%} of the inputs failed, more than the {max_failures:.1%} of "
            "--max-failures; the failures table says why"
        )
        return TOO_MANY_FAILURES
    return DONE


# explain


def _explain(arguments: list[str]) -> int:
    parser = Parser(
        prog="copydesk explain",
        usage="copydesk explain PAGE [options]\n       copydesk explain OUT --id ID [options]",
        description="Show each line of one page with its role, confidence and reason.",
        epilog=EXPLAIN_EXAMPLES,
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
    _add_settings(parser)
    options = _parse(parser, arguments)
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
    settings = _settings(options)

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
            colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
            print(explain.render(result, width=shutil.get_terminal_size((110, 24)).columns, colour=colour))
        return DONE

    return _report_errors(True, show)  # there is no -v to point to


def _page_of_run(output: str, id: str) -> tuple[PageResult, dict[str, Any]]:
    from pipeline.find_page import find_page

    found = find_page(output, id)
    return found.result, {"story": found.story, "teasers": found.teasers}


# diff


def _diff(arguments: list[str]) -> int:
    parser = Parser(
        prog="copydesk diff",
        usage="copydesk diff OLD NEW [options]",
        description="Show what a change of model or settings did over a run, page by page, worst first.",
        epilog=DIFF_EXAMPLES,
    )
    parser.add_argument("old", metavar="OLD", nargs="?", help="the output directory of the run before")
    parser.add_argument("new", metavar="NEW", nargs="?", help="that of the run after, of the same input")
    parser.add_argument("--limit", metavar="N", default="20", help="how many pages to show, 0 for all (20)")
    parser.add_argument("--json", action="store_true", help="everything as one JSON object")
    options = _parse(parser, arguments)
    if options.new is None:
        raise UsageError("two runs are compared: name both directories, for example copydesk diff out-before out")
    if not options.limit.isdecimal():
        raise UsageError(f"--limit must be a number of pages, not {options.limit!r}")

    logs.configure(verbose=False)
    from pipeline import diff

    def show() -> int:
        difference = diff.compare_runs(options.old, options.new, int(options.limit))
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        width = shutil.get_terminal_size((110, 24)).columns
        print(diff.as_json(difference) if options.json else diff.render(difference, width, colour))
        return DONE

    return _report_errors(True, show)


# report, export and config


def _report(arguments: list[str]) -> int:
    parser = Parser(
        prog="copydesk report",
        usage="copydesk report OUT",
        description="Write OUT/report.html again from the tables of a run.",
    )
    parser.add_argument("output", metavar="OUT", nargs="?", help="the output directory of a finished run")
    options = _parse(parser, arguments)
    if options.output is None:
        raise UsageError("no directory: name the output of a run, for example copydesk report out")

    logs.configure(verbose=False)
    from pipeline import report

    return _report_errors(False, lambda: _print_path(report.rewrite(options.output)))


def _print_path(path: str) -> int:
    print(path)
    return DONE


def _export(arguments: list[str]) -> int:
    parser = Parser(
        prog="copydesk export",
        usage="copydesk export OUT --to FORMAT -o DIR [options]",
        description="Write a finished run in the layout of another tool.",
        epilog=EXPORT_EXAMPLES,
    )
    parser.add_argument("run", metavar="OUT", nargs="?", help="the output directory of a finished run")
    parser.add_argument("--to", metavar="FORMAT", help=", ".join(EXPORT_FORMATS))
    parser.add_argument("-o", "--output", metavar="DIR", help="directory for the export; new or empty")
    parser.add_argument("--name", metavar="NAME", help="what the data are called; by default the name of OUT")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier export in DIR")
    options = _parse(parser, arguments)
    if options.run is None or options.output is None:
        missing = "run: name the output" if options.run is None else "output: name a"
        raise UsageError(f"no {missing} directory, for example copydesk export out --to markdown -o stories")
    if options.to not in EXPORT_FORMATS:
        near = config.suggestion(options.to or "", EXPORT_FORMATS)
        raise UsageError(f"--to must be one of {', '.join(EXPORT_FORMATS)}, not {options.to!r}{near}")

    logs.configure(verbose=False)
    from pipeline import export

    def write() -> int:
        counts = export.export(options.run, options.to, options.output, options.name, options.overwrite)
        print(f"{options.output}: " + ", ".join(f"{n:,} {what.replace('_', ' ')}" for what, n in counts.items()))
        return DONE

    return _report_errors(True, write)  # there is no -v to point to


def _config(arguments: list[str]) -> int:
    parser = Parser(
        prog="copydesk config",
        usage="copydesk config [options]",
        description="Print the effective settings as TOML: the defaults, then --config, then --set. "
        "Rules for sites are checked as well.",
    )
    _add_settings(parser)
    settings = _settings(_parse(parser, arguments))
    from pipeline.rules import load_rules

    load_rules(settings.segment)  # what a run would refuse is refused here as well
    print(config.dump(settings), end="")
    return DONE


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "run": _run,
    "explain": _explain,
    "diff": _diff,
    "report": _report,
    "export": _export,
    "config": _config,
}
