"""Every kind of input, through one run to its report: each file's page is asserted by its own row."""

import gzip
import json
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

Copydesk = Callable[..., Any]
Tables = dict[str, list[dict[str, Any]]]

FAST = ("--set", "embed.model=hashing")
# The fields of our JSONL and Parquet records; the defaults are those of the demo pages.
KEYS = (
    "--text-key=story", "--html-key=markup", "--id-key=key", "--url-key=link", "--title-key=headline", "--date-key=day"
)  # fmt: skip

# File -> id of its page. Records of JSONL have ids, records of Parquet and archives addresses.
IDS = {
    "html/plain.html": "html/plain",
    "html/packed.html.gz": "html/packed",
    "htm/plain.htm": "htm/plain",
    "htm/packed.htm.gz": "htm/packed",
    "txt/plain.txt": "txt/plain",
    "txt/packed.txt.gz": "txt/packed",
    "jsonl/plain.jsonl": "id of jsonl/plain.jsonl",
    "jsonl/packed.jsonl.gz": "id of jsonl/packed.jsonl.gz",
    "jsonl/packed.jsonl.zst": "id of jsonl/packed.jsonl.zst",
    "parquet/plain.parquet": "https://pages.example.org/parquet/plain.parquet",
    "parquet/packed.parquet.gz": "https://pages.example.org/parquet/packed.parquet.gz",
    "warc/plain.warc": "https://pages.example.org/warc/plain.warc",
    "warc/packed.warc.gz": "https://pages.example.org/warc/packed.warc.gz",
    "wet/plain.wet": "https://pages.example.org/wet/plain.wet",
    "wet/packed.wet.gz": "https://pages.example.org/wet/packed.wet.gz",
}
ARCHIVES = runpy.run_path(str(Path(__file__).parents[1] / "data" / "build_demo.py"))


def headline(name: str) -> str:
    return f"Harbour closed: what {name} says"


def paragraphs(name: str) -> list[str]:
    return [
        f"The harbour was closed on Tuesday after a ferry had hit the breakwater in thick fog, {name} reports.",
        "Nobody was hurt, and the ferry went back to sea at noon, an hour after divers had looked at its hull.",
    ]


def as_text(name: str) -> str:
    return "\n\n".join([headline(name), *paragraphs(name)]) + "\n"


def as_html(name: str) -> str:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs(name))
    return f"<html><body><article><h1>{headline(name)}</h1>{body}</article></body></html>"


def content_of(name: str) -> bytes:
    """One page in the format that a file's name asks for, before compression."""
    kind, url = name.partition("/")[0], f"https://pages.example.org/{name}"
    if kind in ("html", "htm"):
        return as_html(name).encode()
    if kind == "txt":
        return as_text(name).encode()
    if kind == "jsonl":
        record = {"key": f"id of {name}", "story": as_text(name), "markup": as_html(name), "desk": "city"}
        return json.dumps(record).encode() + b"\n"
    if kind == "parquet":
        record = {"link": url, "story": as_text(name), "headline": headline(name), "day": "2026-11-24", "desk": 7}
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist([record]), sink)
        return sink.getvalue().to_pybytes()
    if kind == "warc":
        return ARCHIVES["response_record"](url, as_html(name).encode())
    return ARCHIVES["warc_record"]("conversion", "text/plain", as_text(name).encode(), url)


def write_pages(folder: Path) -> None:
    pack = {".gz": gzip.compress, ".zst": zstandard.compress}
    for name in IDS:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pack.get(path.suffix, bytes)(content_of(name)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a page of each kind, records that nobody gave an id, and what cannot be read."""
    folder = tmp_path_factory.mktemp("inputs") / "in"
    write_pages(folder)
    others = [
        {"story": as_text("a record without id")},
        {"key": "twice", "story": "One."},
        {"key": "twice", "story": "Two."},
    ]
    (folder / "others.jsonl").write_text("".join(json.dumps(record) + "\n" for record in others) + "no JSON\n")
    (folder / "cut-off.html.gz").write_bytes(gzip.compress(as_html("cut-off").encode())[:-12])
    (folder / "notes.md").write_text("Not a page.")
    (folder / ".hidden.html").write_text(as_html("hidden"))
    return folder


@pytest.fixture(scope="module")
def run_of_all(folder: Path, copydesk: Copydesk) -> Path:
    """A whole run over the folder, from the directory above it."""
    copydesk("run", "in", "-o", "out", *KEYS, *FAST, cwd=folder.parent)
    return folder.parent / "out"


@pytest.fixture(scope="module")
def all_tables(run_of_all: Path, tables: Callable[[Path], Tables]) -> Tables:
    return tables(run_of_all)


@pytest.mark.parametrize("name", IDS)
def test_each_kind_of_file_gives_its_page(name: str, all_tables: Tables) -> None:
    (page,) = [row for row in all_tables["pages"] if row["source"]["file"] == f"in/{name}"]
    assert page["id"] == IDS[name]
    assert page["source"]["offset"] == 0
    assert page["url"] == (page["id"] if page["id"].startswith("https:") else None)
    assert page["encoding"] == (None if name.startswith(("jsonl", "parquet")) else "utf-8")
    segments = [row for row in all_tables["segments"] if row["page_id"] == page["id"]]
    in_order = " ".join(row["text"] for row in sorted(segments, key=lambda row: row["order"]))
    assert in_order.split() == as_text(name).split()
    assert [row["id"] for row in all_tables["stories"]].count(page["id"]) == (page["status"] != "no_story")


def test_records_bring_their_title_date_and_other_fields(
    folder: Path, copydesk: Copydesk, tables: Callable[[Path], Tables]
) -> None:
    out, files = folder.parent / "clean", ("in/parquet/plain.parquet", "in/jsonl/packed.jsonl.zst")
    copydesk("run", *files, "-o", out, "--until=segment", "--set=input.clean=true", *KEYS, cwd=folder.parent)
    of_jsonl, of_parquet = sorted(tables(out)["stories"], key=lambda row: row["metadata"][0]["value"])
    assert (of_jsonl["title"], of_jsonl["published"], of_jsonl["site"]) == (None, None, None)
    assert of_jsonl["metadata"] == [{"key": "desk", "value": '"city"'}]
    assert of_jsonl["text"] == as_text("jsonl/packed.jsonl.zst").strip()
    assert of_parquet["title"] == headline("parquet/plain.parquet")
    assert (of_parquet["published"], of_parquet["site"]) == ("2026-11-24", "example.org")
    assert of_parquet["metadata"] == [{"key": "desk", "value": "7"}]


def test_records_without_an_id_of_their_own_get_one_from_their_content(all_tables: Tables) -> None:
    ids = {row["id"] for row in all_tables["pages"] if row["source"]["file"] == "in/others.jsonl"}
    patterns = ("[0-9a-f]{16}", "twice", "twice~[0-9a-f]{8}")
    assert len(ids) == 3
    assert all(sum(bool(re.fullmatch(pattern, id_)) for id_ in ids) == 1 for pattern in patterns), ids


def test_every_input_is_a_page_or_a_failure(run_of_all: Path, all_tables: Tables) -> None:
    manifest = json.loads((run_of_all / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["counts"]["inputs"] == len(IDS) + 3 + 2
    assert len(all_tables["pages"]) == len(IDS) + 3
    assert {(row["source"]["file"], row["error"]) for row in all_tables["failures"]} == {
        ("in/others.jsonl", "bad_record"),
        ("in/cut-off.html.gz", "truncated"),
    }
    assert manifest["phases"]["survey"]["counts"]["files"] == len(IDS) + 2
    assert manifest["phases"]["survey"]["counts"]["ids_renamed"] == 1
    assert (run_of_all / "report.html").exists()


def test_patterns_and_single_files(folder: Path, copydesk: Copydesk, tables: Callable[[Path], Tables]) -> None:
    out = folder.parent / "some"
    copydesk("run", "in/*t*/packed.*", "in/html/plain.html", "-o", out, "--until=segment", *KEYS, cwd=folder.parent)
    assert {row["id"] for row in tables(out)["pages"]} == {
        "plain",  # a single file: counted from its own directory
        *(id_ for name, id_ in IDS.items() if re.fullmatch("[a-z]*t[a-z]*/packed.*", name)),
    }


def test_explain_reads_standard_input(copydesk: Copydesk) -> None:
    text = copydesk("explain", "-", "--text", stdin=as_text("a pipe").encode())
    assert text.stdout == as_text("a pipe")
    shown = copydesk("explain", "-", stdin=as_html("a pipe").encode()).stdout.splitlines()
    assert shown[0].startswith("page: ")
    assert any(line.endswith(headline("a pipe")) for line in shown)
    as_json = json.loads(copydesk("explain", "-", "--json", stdin=as_html("a pipe").encode()).stdout)
    assert "\n".join(segment["text"] for segment in as_json["segments"]).split() == as_text("a pipe").split()
