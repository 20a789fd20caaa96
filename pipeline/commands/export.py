"""``copydesk export``: a finished run in the layout of another tool."""

from __future__ import annotations

from pipeline import UsageError, config, logs
from pipeline.commands.arguments import Parser, parse
from pipeline.commands.errors import DONE, report_errors

FORMATS = ("dolma", "huggingface", "markdown")

EXAMPLES = """\
formats:
  dolma         documents/ (each page) and attributes/ (the roles of its lines, as spans), gzipped JSON lines
  huggingface   a dataset folder: Parquet per table and a README.md, the card, filled from the manifest
  markdown      one .md file per story, with front matter

examples:
  copydesk export out --to markdown -o stories
  copydesk export out --to huggingface -o dataset --name "Harbour news"
  copydesk export out --to dolma -o corpus --overwrite
"""


def command(arguments: list[str]) -> int:
    """Write a run in the layout of another tool and print what was written."""
    parser = Parser(
        prog="copydesk export",
        usage="copydesk export OUT --to FORMAT -o DIR [options]",
        description="Write a finished run in the layout of another tool.",
        epilog=EXAMPLES,
    )
    parser.add_argument("run", metavar="OUT", nargs="?", help="the output directory of a finished run")
    parser.add_argument("--to", metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument("-o", "--output", metavar="DIR", help="directory for the export; new or empty")
    parser.add_argument("--name", metavar="NAME", help="what the data are called; by default the name of OUT")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier export in DIR")
    options = parse(parser, arguments)
    if options.run is None or options.output is None:
        missing = "run: name the output" if options.run is None else "output: name a"
        raise UsageError(f"no {missing} directory, for example copydesk export out --to markdown -o stories")
    if options.to not in FORMATS:
        near = config.suggestion(options.to or "", FORMATS)
        raise UsageError(f"--to must be one of {', '.join(FORMATS)}, not {options.to!r}{near}")

    logs.configure(verbose=False)
    from pipeline import export

    def write() -> int:
        counts = export.export(options.run, options.to, options.output, options.name, options.overwrite)
        print(f"{options.output}: " + ", ".join(f"{n:,} {what.replace('_', ' ')}" for what, n in counts.items()))
        return DONE

    return report_errors(True, write)  # there is no -v to point to
