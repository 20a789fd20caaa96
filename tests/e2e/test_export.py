"""``copydesk export``: what the demo run becomes for other tools, and what is refused."""

import gzip
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from markdown_it import MarkdownIt

from pipeline.export_markdown import file_name
from transforms.types import ROLES

ROOT = Path(__file__).parents[2]

Export = Callable[..., Path]


@pytest.fixture
def export(copydesk: Callable[..., Any], demo_run: Path, tmp_path: Path) -> Export:
    """Export the demo run and return the directory."""

    def run(form: str, *arguments: str, of: Path = demo_run) -> Path:
        copydesk("export", of, "--to", form, "-o", tmp_path / form, *arguments)
        return tmp_path / form

    return run


def json_lines(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for file in sorted(folder.iterdir())
        for line in gzip.decompress(file.read_bytes()).decode().splitlines()
    ]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_dolma_documents_are_the_pages_and_the_spans_are_their_segments(
    export: Export, demo_run: Path, tables: Callable[[Path], Any]
) -> None:
    folder, rows = export("dolma", "--name", "harbour"), tables(demo_run)
    documents, sidecar = json_lines(folder / "documents"), json_lines(folder / "attributes" / "roles")
    names = [[path.name for path in sorted((folder / part).iterdir())] for part in ("documents", "attributes/roles")]
    assert names[0] == names[1]
    assert [row["id"] for row in documents] == [row["id"] for row in sidecar] == sorted(r["id"] for r in rows["pages"])
    stories = {row["id"]: row for row in rows["stories"]}
    for document, attributes in zip(documents, sidecar, strict=True):
        assert document["source"] == "harbour"
        spans = attributes["attributes"]
        assert list(spans) == [f"roles__copydesk__{role}" for role in ROLES]
        segments = [row for row in rows["segments"] if row["page_id"] == document["id"]]
        expected = {(row["role"], row["start"], row["end"], row["confidence"], row["text"]) for row in segments}
        found = {
            (name.rpartition("__")[2], start, end, confidence, document["text"][start:end])
            for name, of_role in spans.items()
            for start, end, confidence in of_role
        }
        assert found == expected
        assert "".join(document["text"].split()) == "".join(
            "".join(row["text"].split()) for row in segments_of(segments)
        )
        story = stories.get(document["id"], {})
        assert document["metadata"]["authors"] == story.get("authors")
        assert document.get("created", "")[:10] == (story.get("published") or "")[:10]
        assert document.get("created") is None or re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000(Z|[+-].+)", document["created"]
        )


def segments_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: row["order"])


@pytest.mark.skipif("DOLMA" not in os.environ, reason="needs the Dolma toolkit; make downstream runs it")
def test_the_dolma_toolkit_mixes_an_export_down_to_the_stories(
    export: Export, demo_run: Path, tables: Callable[[Path], Any], tmp_path: Path
) -> None:
    """With the configuration that the document shows; its spans must cut where ours say, accents and all."""
    folder, stories = export("dolma"), {row["id"]: row for row in tables(demo_run)["stories"]}
    document = (ROOT / "docs" / "downstream.md").read_text(encoding="utf-8")
    (config,) = re.findall(r"```yaml\n(streams:.*?)```", document, re.DOTALL)
    (tmp_path / "mix.yaml").write_text(config.replace("corpus/", f"{folder}/"))
    subprocess.run([os.environ["DOLMA"], "-c", "mix.yaml", "mix"], cwd=tmp_path, check=True, capture_output=True)
    mixed = {row["id"]: row for row in json_lines(tmp_path / "mixed")}
    articles = {row["id"] for row in tables(demo_run)["pages"] if row["kind"] == "article"}
    assert mixed.keys() == articles
    assert any(not row["text"].isascii() for row in mixed.values())
    for id, row in mixed.items():
        assert row["text"].split() == stories[id]["text"].split(), id


def test_a_hugging_face_folder_loads_by_its_card(
    export: Export, demo_run: Path, tables: Callable[[Path], Any], environment: dict[str, str], tmp_path: Path
) -> None:
    from datasets import Features, load_dataset
    from datasets.utils.logging import set_verbosity_error

    set_verbosity_error()
    folder, rows = export("huggingface", "--name", "Harbour news"), tables(demo_run)
    card = (folder / "README.md").read_text(encoding="utf-8")
    header = yaml.safe_load(card.split("---\n")[1])
    assert header["license"] == "unknown" and "## Licence\n\nUnknown." in card
    assert header["language"] == sorted({row["language"] for row in rows["stories"] if row["language"]})
    assert [config["config_name"] for config in header["configs"]] == list(rows)
    cache = str(tmp_path / "cache")
    for info in header["dataset_info"]:
        name = info["config_name"]
        dataset = load_dataset(str(folder), name, split="train", cache_dir=cache)
        assert dataset.num_rows == len(rows[name]) == info["splits"][0]["num_examples"]
        assert dataset.features == Features._from_yaml_list(info["features"])
        assert info["download_size"] == sum(file.stat().st_size for file in (folder / "data" / name).iterdir())
        assert f"| `{name}` | {len(rows[name])} |" in card
    assert load_dataset(str(folder), split="train", cache_dir=cache).column_names == list(rows["stories"][0])
    assert "| read: not_text | 1 |" in card


def test_a_table_without_rows_has_no_configuration_and_a_jsonl_run_becomes_parquet(
    export: Export, copydesk: Callable[..., Any], tmp_path: Path
) -> None:
    page = tmp_path / "page.txt"
    page.write_text(
        "Bridge closes\n\nThe bridge will close on 1 May for repairs, the council said on Monday evening.\n"
    )
    run = tmp_path / "out"
    copydesk("run", page, "-o", run, "--format", "jsonl", "--until", "segment", "--set", "segment.method=readability")
    folder = export("huggingface", of=run)
    card = (folder / "README.md").read_text(encoding="utf-8")
    names = [config["config_name"] for config in yaml.safe_load(card.split("---\n")[1])["configs"]]
    assert "failures" not in names and "pages" in names
    assert re.search(r"Without rows, and therefore without a configuration: .*failures", card)
    assert "This run made no clusters" in card
    assert pq.read_table(folder / "data" / "pages").num_rows == 1
    assert {path.suffix for path in (folder / "data").rglob("*.*")} == {".parquet"}


def test_markdown_shows_each_story_with_its_headings(
    export: Export, demo_run: Path, tables: Callable[[Path], Any]
) -> None:
    folder, rows = export("markdown"), tables(demo_run)
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.md")} == {
        file_name(r["id"]) for r in rows["stories"]
    }
    headings_found = 0
    for story in rows["stories"]:
        _, front, body = (folder / file_name(story["id"])).read_text(encoding="utf-8").split("---\n", 2)
        fields = yaml.safe_load(front)
        assert fields == {key: story[key] for key in fields} and fields["source"] and "story_cluster" in fields
        tokens = MarkdownIt().parse(body)
        shown = [
            "".join(child.content or " " for child in token.children) for token in tokens if token.type == "inline"
        ]
        kinds = [tokens[i - 1].tag for i, token in enumerate(tokens) if token.type == "inline"]
        text = [" ".join(paragraph.split()) for paragraph in story["text"].split("\n\n")]
        assert [" ".join(line.split()) for line in shown[1 : 1 + 99] if " ".join(line.split()) in text] == text, story[
            "id"
        ]
        headings = [" ".join(line.split()) for line, tag in zip(shown, kinds, strict=True) if tag == "h2"]
        expected = [
            row
            for row in segments_of([r for r in rows["segments"] if r["page_id"] == story["id"]])
            if row["role"] == "heading"
        ]
        assert " ".join(headings).split() == " ".join(row["text"] for row in expected).split(), story["id"]
        headings_found += len(headings)
    assert headings_found > 10


@pytest.mark.parametrize("form", ["dolma", "huggingface", "markdown"])
def test_an_export_is_the_same_from_any_files(
    form: str, export: Export, copydesk: Callable[..., Any], demo_run: Path, demo_pages: Path, tmp_path: Path
) -> None:
    """The tables of the same pages in other files and another order; only Parquet's own bytes may differ."""
    other = tmp_path / demo_run.name
    shutil.copytree(demo_run, other)
    for table in ("stories", "segments", "pages"):
        (file,) = (other / table).iterdir()
        rows = pq.read_table(file)
        half = rows.num_rows // 2
        for i, part in enumerate((rows.slice(half), rows.slice(0, half))):
            pq.write_table(part, other / table / f"part-{i:05}-of-00002.parquet")
        file.unlink()
    one = {name: content for name, content in files(export(form)).items() if not name.endswith(".parquet")}
    shutil.rmtree(tmp_path / form)
    two = {name: content for name, content in files(export(form, of=other)).items() if not name.endswith(".parquet")}
    if form == "huggingface":  # the card says how many bytes are stored
        one, two = ({name: re.sub(rb"\d+", b"", content) for name, content in found.items()} for found in (one, two))
    assert one == two


def test_what_an_export_refuses(export: Export, copydesk: Callable[..., Any], demo_run: Path, tmp_path: Path) -> None:
    def refused(*arguments: object) -> str:
        done = copydesk("export", *arguments, check=False)
        assert done.returncode == 2, done.stderr
        return done.stderr

    unfinished = tmp_path / "unfinished"
    shutil.copytree(demo_run, unfinished)
    (unfinished / "_SUCCESS").unlink()
    assert "holds a run that is not finished: give its command again" in refused(
        unfinished, "--to", "dolma", "-o", tmp_path / "x"
    )
    assert "holds no finished run" in refused(tmp_path, "--to", "dolma", "-o", tmp_path / "x")
    assert "did you mean 'markdown'?" in refused(demo_run, "--to", "markdow", "-o", tmp_path / "x")
    assert "would stand in each other" in refused(demo_run, "--to", "dolma", "-o", demo_run / "dolma")
    assert not (tmp_path / "x").exists()

    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("Dear all")
    assert "was not made by copydesk export" in refused(demo_run, "--to", "dolma", "-o", mine, "--overwrite")
    assert [path.name for path in mine.iterdir()] == ["letter.txt"]

    first = files(export("markdown"))
    assert "holds an export" in refused(demo_run, "--to", "dolma", "-o", tmp_path / "markdown")
    assert files(tmp_path / "markdown") == first
    copydesk("export", demo_run, "--to", "dolma", "-o", tmp_path / "markdown", "--overwrite")
    assert {path.name for path in (tmp_path / "markdown").iterdir()} == {"documents", "attributes", "export.json"}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
