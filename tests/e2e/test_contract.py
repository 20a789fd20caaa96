"""What a run over the demo pages promises to whoever reads its tables, whatever the role model says of a line."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

Row = dict[str, Any]
Tables = dict[str, list[Row]]

LEVELS = {"duplicate": "d", "story": "s", "topic": "t"}
MAIN_ROLES = {"title", "dek", "byline", "heading", "body", "caption", "bio"}
TEASER_ROLES = {"teaser_title", "teaser_text", "teaser_caption"}
NO_STORY_ROLES = {"comment", "boilerplate"}


@pytest.fixture(scope="module")
def demo(demo_run: Path, tables: Callable[[Path], Tables]) -> Tables:
    return tables(demo_run)


def by_key(rows: Iterable[Row], key: str) -> dict[str, list[Row]]:
    groups = defaultdict(list)
    for row in rows:
        groups[row[key]].append(row)
    return groups


def ids(rows: Iterable[Row]) -> set[str]:
    return {row["id"] for row in rows}


def text_of_page(page: Row, demo_pages: Path, copydesk: Callable[..., Any], scratch: Path) -> str:
    """The text that the offsets of a page's segments index, as the data model says where to find it."""
    file = Path(page["source"]["file"])
    if file.suffix == ".txt":
        return file.read_bytes().decode("utf-8")
    if file.suffix == ".jsonl":
        line = file.read_bytes()[page["source"]["offset"] :].split(b"\n", 1)[0]
        record = json.loads(line)
        if "html" not in record:
            return record["text"]
        file = scratch / "record.html"
        file.write_text(record["html"], encoding="utf-8")
    elif file.name.endswith(".warc.gz"):
        file = demo_pages.parent / "demo_source" / {
            "https://www.quaypost.example/politics/library-readers": "library-readers.html",
            "https://www.harbourcourier.example/islands": "courier-islands-front.html",
            "https://www.cullenstar.example/politics/harbour-dues": "enable-javascript.html",
        }[page["url"]]  # fmt: skip
    return copydesk("explain", file, "--text").stdout


def test_segments_hold_every_character_of_their_page_once(
    demo: Tables, demo_pages: Path, copydesk: Callable[..., Any], tmp_path: Path
) -> None:
    segments = by_key(demo["segments"], "page_id")
    assert segments.keys() == ids(demo["pages"])
    for page in demo["pages"]:
        text = text_of_page(page, demo_pages, copydesk, tmp_path)
        assert len(text) == page["chars_in"], page["id"]
        end = 0
        for order, segment in enumerate(sorted(segments[page["id"]], key=lambda row: row["order"])):
            assert (segment["order"], segment["id"]) == (order, f"{page['id']}#s{order}")
            assert text[segment["start"] : segment["end"]] == segment["text"], segment["id"]
            assert segment["start"] >= end, f"{segment['id']} overlaps the one before"
            assert not text[end : segment["start"]].strip(), f"text is lost before {segment['id']}"
            end = segment["end"]
        assert not text[end:].strip(), f"text is lost at the end of {page['id']}"


def test_a_segment_says_what_it_is_whose_it_is_and_why(demo: Tables) -> None:
    for segment in demo["segments"]:
        role, story = segment["role"], segment["story"]
        if role in TEASER_ROLES:
            assert story >= 1, segment["id"]
        else:
            assert role in MAIN_ROLES | NO_STORY_ROLES
            assert story == (0 if role in MAIN_ROLES else None), segment["id"]
        assert 0 <= segment["confidence"] <= 1
        assert segment["reason"]


def test_teasers_are_the_numbered_stories_of_their_page(demo: Tables) -> None:
    teasers = by_key(demo["teasers"], "page_id")
    assert teasers, "the demo pages point to other stories"
    for page_id, segments in by_key(demo["segments"], "page_id").items():
        in_order = sorted(segments, key=lambda row: row["order"])
        numbers = list(dict.fromkeys(row["story"] for row in in_order if row["story"]))
        assert numbers == list(range(1, len(numbers) + 1)), page_id
        assert sorted(row["position"] for row in teasers[page_id]) == numbers
        assert ids(teasers[page_id]) == {f"{page_id}#t{number}" for number in numbers}
    for teaser in demo["teasers"]:
        assert teaser["title"] or teaser["text"] or teaser["caption"], teaser["id"]


def test_a_story_is_the_headings_and_paragraphs_of_its_page(demo: Tables) -> None:
    segments, pages = by_key(demo["segments"], "page_id"), by_key(demo["pages"], "id")
    for story in demo["stories"]:
        (page,) = pages[story["id"]]
        kept = [row for row in segments[story["id"]] if row["role"] in ("heading", "body")]
        kept_text = " ".join(row["text"] for row in sorted(kept, key=lambda row: row["order"]))
        assert story["text"].split() == kept_text.split()
        assert story["chars_kept"] == page["chars_kept"] == len(story["text"])
        assert (story["url"], story["site"], story["source"]) == (page["url"], page["site"], page["source"])
        assert story["teasers"] == [f"{story['id']}#t{n + 1}" for n in range(len(story["teasers"]))]
        assert set(story["teasers"]) == {row["id"] for row in demo["teasers"] if row["page_id"] == story["id"]}
    for page in demo["pages"]:
        assert page["kind"] in ("article", "index", "forum", "product", "error", "other")
        assert (page["status"] == "no_story") == (page["id"] not in ids(demo["stories"]))
        assert page["kind"] not in ("index", "error") or page["status"] == "no_story"


def test_ids_are_unique_and_lead_to_rows(demo: Tables) -> None:
    for table, key in {
        "stories": "id", "teasers": "id", "pages": "id", "segments": "id", "clusters": "cluster_id"
    }.items():  # fmt: skip
        assert len(by_key(demo[table], key)) == len(demo[table]), table
    assert {row["page_id"] for row in demo["teasers"] + demo["segments"]} <= ids(demo["pages"])
    links = [row["links_to"] for row in demo["teasers"] if row["links_to"]]
    assert {link["id"] for link in links} <= ids(demo["stories"])
    assert all(-1 <= link["similarity"] <= 1 for link in links)


def test_a_story_lists_the_teasers_that_point_to_it(demo: Tables) -> None:
    pointing = {(row["links_to"]["id"], row["id"]) for row in demo["teasers"] if row["links_to"]}
    assert pointing
    assert {(row["id"], teaser) for row in demo["stories"] for teaser in row["linked_from"] or ()} == pointing
    assert all(row["linked_from"] == sorted(row["linked_from"]) for row in demo["stories"] if row["linked_from"])


def test_each_duplicate_names_the_medoid_of_its_cluster(demo: Tables) -> None:
    clusters = {row["cluster_id"]: row for row in demo["clusters"]}
    members = {(row["id"], row["level"]): row for row in demo["members"]}
    duplicates = 0
    for row in demo["stories"] + demo["teasers"]:
        if row["duplicate_cluster"] and row["duplicate_of"]:
            duplicates += 1
            assert row["duplicate_of"] == {
                "id": clusters[row["duplicate_cluster"]]["medoid_id"],
                "similarity": members[row["id"], "duplicate"]["similarity"],
            }
            assert row["duplicate_of"]["id"] != row["id"]
    in_groups = [row["size"] - 1 for row in demo["clusters"] if row["level"] == "duplicate"]
    assert duplicates == sum(in_groups) > 0


def test_each_story_and_teaser_is_in_one_cluster_of_each_level(demo: Tables) -> None:
    without_vector = {row["id"] for row in demo["failures"] if row["stage"] == "embed"}
    rows = {row["id"]: row for row in demo["stories"] + demo["teasers"]}
    members = by_key(demo["members"], "id")
    assert members.keys() == rows.keys() - without_vector
    for id_, of_levels in members.items():
        assert sorted(row["level"] for row in of_levels) == sorted(LEVELS), id_
        for member in of_levels:
            assert rows[id_][f"{member['level']}_cluster"] == member["cluster_id"]
            assert -1 <= member["similarity"] == round(member["similarity"], 4) <= 1
    for id_ in without_vector:
        assert {rows[id_][f"{level}_cluster"] for level in LEVELS} == {None}


def test_clusters_are_what_their_members_say(demo: Tables) -> None:
    members = by_key(demo["members"], "cluster_id")
    assert members.keys() == by_key(demo["clusters"], "cluster_id").keys()
    for cluster in demo["clusters"]:
        letter, in_cluster = LEVELS[cluster["level"]], members[cluster["cluster_id"]]
        assert re.fullmatch(f"{letter}[0-9a-f]{{16}}", cluster["cluster_id"])
        assert {row["level"] for row in in_cluster} == {cluster["level"]}
        assert cluster["size"] == len(in_cluster)
        assert cluster["medoid_id"] in ids(in_cluster)
        assert len(cluster["keywords"]) <= 8


def test_levels_are_nested(demo: Tables) -> None:
    rows = demo["stories"] + demo["teasers"]
    for inner, outer in (("duplicate_cluster", "story_cluster"), ("story_cluster", "topic_cluster")):
        for name, inside in by_key(rows, inner).items():
            assert name is None or len({row[outer] for row in inside}) == 1, f"{name} lies in two of {outer}"


def test_failures_say_where_they_happened(demo: Tables, demo_pages: Path) -> None:
    found = {
        (row["stage"], row["source"]["file"], row["source"]["offset"], row["id"], row["error"])
        for row in demo["failures"]
        if row["stage"] == "read"
    }
    wire = demo_pages / "feeds" / "wire.jsonl"
    malformed = wire.read_bytes().index(b'{"id": "bw-1004"')
    assert found == {
        ("read", str(demo_pages / "broken" / "harbour-tides-2026.html"), 0, None, "not_text"),
        ("read", str(wire), malformed, None, "bad_record"),
    }
    assert all(0 < len(row["detail"]) <= 500 for row in demo["failures"])


def test_the_manifest_counts_what_is_in_the_tables(demo: Tables, demo_run: Path) -> None:
    manifest = json.loads((demo_run / "manifest.json").read_text(encoding="utf-8"))
    counts = manifest["phases"]["segment"]["counts"]
    assert counts["inputs"] == counts["pages"] + counts["failures"] == 21
    assert manifest["tables"] == list(demo)
    assert manifest["counts"]["failures"] == counts["failures"]
    assert manifest["counts"]["failures"] + manifest["counts"]["embed_failures"] == len(demo["failures"])
    for table in ("stories", "teasers", "pages", "segments"):
        assert manifest["counts"][table] == len(demo[table]), table
    assert manifest["engine"] == "FnApiRunner"
    assert manifest["settings"]["embed"]["model"] == "hashing"
    assert (demo_run / "_SUCCESS").read_bytes() == b""
    assert "What became of 21 inputs" in (demo_run / "report.html").read_text(encoding="utf-8")


def test_exit_statuses(demo_run: Path, demo_pages: Path, copydesk: Callable[..., Any], tmp_path: Path) -> None:
    same = ("run", demo_pages, "-o", demo_run, "--set", "embed.model=hashing")
    again = copydesk(*same)
    assert again.stderr.endswith(f"copydesk: {demo_run} is complete: nothing to do\n")
    assert again.stdout.startswith("inputs                21\npages                 19\n")

    too_many = copydesk(*same, "--max-failures", "0.05", check=False)
    assert too_many.returncode == 3
    assert too_many.stderr.endswith(
        "copydesk: 9.5% of the inputs failed, more than the 5.0% of --max-failures; the failures table says why\n"
    )

    refused = copydesk(*same, "--set", "cluster.story=0.9", check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"copydesk: {demo_run} holds another run: cluster.story was ")

    nowhere = copydesk("run", "nowhere", "-o", tmp_path / "out", check=False)
    assert (nowhere.returncode, nowhere.stderr) == (2, "copydesk: nowhere: no such file or directory\n")
