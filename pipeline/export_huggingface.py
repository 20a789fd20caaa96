"""A dataset folder as Hugging Face's hub and `datasets` read it: Parquet per table, and a card from the manifest."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pyarrow as pa
import tomli_w
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from pipeline.files import list_below, write_atomically
from pipeline.front_matter import front_matter
from pipeline.sinks import SCHEMAS, read_columns, read_file_rows, read_table, table_files, write_rows
from pipeline.workspace import Workspace

MEANINGS = {
    "stories": "the main story of a page: title, standfirst, authors, dates, language, text, captions, cluster ids",
    "teasers": "another story that a page points to: title, summary, caption, address, the story that it links to",
    "pages": "an input that was read: kind, status, encoding, how much of it was kept",
    "segments": "a run of lines of a page with one role: text, offsets, confidence, reason",
    "members": "a story or teaser in a cluster, at one of three nested levels",
    "clusters": "a group of stories and teasers: size, label, keywords, most central member, first and last date",
    "forwards": "where the members of an earlier cluster id are now",
    "failures": "an input that could not be processed: stage, place, error, detail",
}
_SIZES = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the dataset: ``stored`` bytes on disk, ``loaded`` bytes as Arrow in memory."""

    name: str
    rows: int
    stored: int
    loaded: int

    @property
    def meaning(self) -> str:
        return MEANINGS[self.name]


def write(workspace: Workspace, manifest: Mapping[str, Any], name: str, target: str) -> Mapping[str, int]:
    """Write ``data/TABLE/*.parquet`` and ``README.md``; a table without rows cannot be loaded and is left out."""
    tables: list[Table] = []
    empty: list[str] = []
    for table in manifest["tables"]:
        rows, loaded = _size(workspace.path(table))
        if not rows:
            empty.append(table)
            continue
        folder = FileSystems.join(target, "data", table)
        for file in table_files(workspace.path(table)):
            _copy(file, table, FileSystems.join(folder, file.rpartition("/")[2]))
        stored = sum(file.size_in_bytes for file in list_below(folder))
        tables.append(Table(table, rows, stored, loaded))
    card = _card(workspace, manifest, name, tables, empty)
    write_atomically(FileSystems.join(target, "README.md"), card.encode(), "text/markdown")
    return {table.name: table.rows for table in tables}


def _copy(file: str, table: str, target: str) -> None:
    if file.endswith(".jsonl"):
        write_rows(f"{target.removesuffix('.jsonl')}.parquet", table, read_file_rows(file), "parquet")
        return
    raw = CompressionTypes.UNCOMPRESSED
    with FileSystems.open(file, compression_type=raw) as old, FileSystems.create(target, compression_type=raw) as new:
        shutil.copyfileobj(old, new)


def _size(directory: str) -> tuple[int, int]:
    """Return the number of rows of a table and of their bytes as Arrow, read a few rows at a time."""
    rows = loaded = 0
    for batch in read_columns(directory, SCHEMAS[directory.rpartition("/")[2]].names):
        rows += batch.num_rows
        loaded += batch.nbytes
    return rows, loaded


def _card(workspace: Workspace, manifest: Mapping[str, Any], name: str, tables: list[Table], empty: list[str]) -> str:
    languages: Counter[str | None] = Counter()
    days: list[str] = []
    for story in read_table(workspace.path("stories")):
        languages[story["language"]] += 1
        day = (story["published"] or "")[:10]
        if len(day) == 10 and day[:4].isdigit():
            days = [min([day, *days[:1]]), max([day, *days[1:]])]
    template = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    ).get_template("card.md.jinja")
    return template.render(
        header=front_matter(_header(name, tables, sorted(code for code in languages if code))),
        name=name,
        tables=tables,
        names=[table.name for table in tables],
        empty=empty,
        languages=sorted(languages.items(), key=lambda item: (-item[1], item[0] or "")),
        published=days,
        settings=tomli_w.dumps(manifest["settings"]),
        **{key: manifest[key] for key in ("inputs", "counts", "versions", "models", "encoder", "failures")},
    )


def _header(name: str, tables: list[Table], languages: list[str]) -> dict[str, Any]:
    """Return the fields of the card that machines read."""
    stories = next((table.rows for table in tables if table.name == "stories"), 0)
    return {
        "pretty_name": name,
        "license": "unknown",
        "language": languages,
        "size_categories": [size_category(stories)],
        "tags": ["web", "news", "copydesk"],
        "configs": [
            {
                "config_name": table.name,
                "data_files": [{"split": "train", "path": f"data/{table.name}/*.parquet"}],
                **({"default": True} if table is tables[0] else {}),
            }
            for table in tables
        ],
        "dataset_info": [
            {
                "config_name": table.name,
                "features": [{"name": field.name} | feature(field.type) for field in SCHEMAS[table.name]],
                "splits": [{"name": "train", "num_bytes": table.loaded, "num_examples": table.rows}],
                "download_size": table.stored,
                "dataset_size": table.loaded,
            }
            for table in tables
        ],
    }


def feature(type: pa.DataType) -> dict[str, Any]:
    """Return an Arrow type as `datasets` writes it into a card.

    >>> feature(pa.list_(pa.string())), feature(pa.float64())
    ({'list': 'string'}, {'dtype': 'float64'})
    """
    if pa.types.is_list(type):
        item = feature(type.value_type)
        return {"list": item.get("dtype") or item["struct"]}
    if pa.types.is_struct(type):
        return {"struct": [{"name": field.name} | feature(field.type) for field in type]}
    return {"dtype": {"double": "float64"}.get(str(type), str(type))}


def size_category(rows: int) -> str:
    """Return the hub's name for a size.

    >>> size_category(12), size_category(5_000), size_category(10**13)
    ('n<1K', '1K<n<10K', 'n>1T')
    """
    limits = [10 ** (3 + power) for power in range(len(_SIZES))]
    above = sum(rows >= limit for limit in limits)
    if above == 0:
        return "n<1K"
    return "n>1T" if above == len(_SIZES) else f"{_SIZES[above - 1]}<n<{_SIZES[above]}"
