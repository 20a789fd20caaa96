"""``copydesk run``: the tables of a folder of pages."""

from __future__ import annotations

import itertools
from typing import Any

from pipeline import PHASES, UsageError, config, logs
from pipeline.commands.arguments import Parser, add_settings, flags, refuse, settings_of
from pipeline.commands.errors import DONE, TOO_MANY_FAILURES, report_errors

EXAMPLES = """\
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


def command(arguments: list[str]) -> int:
    """Run phases over inputs; print what came out."""
    parser = _parser()
    own, beam_flags = _split_beam_flags(parser, arguments)
    options, unknown = parser.parse_known_intermixed_args(own)
    refuse(unknown, parser)
    inputs = (*options.inputs, *options.input)
    if not inputs:
        raise UsageError("no input: name a folder, a file or a pattern, for example copydesk run pages/ -o out")
    if not options.output:
        raise UsageError("no output: name a directory with -o, for example copydesk run pages/ -o out")
    if options.state == "":
        raise UsageError("--state is empty: name a directory")
    settings = settings_of(options)

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

    return report_errors(options.verbose, carry_out)


def _parser() -> Parser:
    parser = Parser(
        prog="copydesk run",
        usage="copydesk run INPUT... -o OUT [options] [-- BEAM FLAGS]",
        description="Make tables of pages: stories, teasers, pages, segments, members, clusters, failures.",
        epilog=EXAMPLES,
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
    add_settings(parser)
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
        if not token.startswith("--") or dashed in flags(parser):
            own.append(dashed + equals + value if token.startswith("--") else token)
            continue
        logs.configure(verbose=False)
        from pipeline import engine

        arity = engine.beam_flag_arity().get(flag)
        if arity is None:
            near = config.suggestion(flag, [*flags(parser), *engine.beam_flag_arity()])
            raise UsageError(f"unknown flag {flag}{near}")
        for_beam.append(token)
        if arity and not equals:
            for_beam.extend(itertools.islice(tokens, 1))
    return own, for_beam + arguments[cut + 1 :]


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
