"""The pages in ``tests/data`` are what they claim to be: labels fit texts, packed files fit their sources."""

from __future__ import annotations

import gzip
import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from transforms.types import ROLES, TEASER_ROLES

DATA = Path(__file__).parent / "data"
DEMO = DATA / "demo"


def read_records(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


LABELLED = [
    pytest.param(record, id=f"{name}:{record['id']}")
    for name in ("roles.jsonl", "seed_variants.jsonl", "hard.jsonl")
    for record in read_records(name)
]


@pytest.mark.parametrize("record", LABELLED)
def test_labelled_lines_are_the_non_blank_lines_of_the_text(record: dict[str, Any]) -> None:
    of_hard_pages = ("cause", "fails")
    assert [key for key in record if key not in of_hard_pages] == ["id", "url", "text", "lines"]
    assert all(list(line) == ["text", "role", "teaser", "hard"] for line in record["lines"])
    lines = [line.strip() for line in record["text"].split("\n") if line.strip()]
    assert [line["text"] for line in record["lines"]] == lines


@pytest.mark.parametrize("record", LABELLED)
def test_roles_are_known_and_only_teaser_lines_carry_a_number(record: dict[str, Any]) -> None:
    for line in record["lines"]:
        assert line["role"] in ROLES
        assert (line["teaser"] is not None) == (line["role"] in TEASER_ROLES), line["text"]
        assert isinstance(line["hard"], bool)


@pytest.mark.parametrize("record", LABELLED)
def test_teasers_are_numbered_in_order_of_appearance(record: dict[str, Any]) -> None:
    numbers = [line["teaser"] for line in record["lines"] if line["teaser"] is not None]
    assert list(dict.fromkeys(numbers)) == list(range(1, len(set(numbers)) + 1))


@pytest.mark.parametrize("record", LABELLED)
def test_a_page_has_at_most_one_title_and_a_story_has_a_body(record: dict[str, Any]) -> None:
    roles = [line["role"] for line in record["lines"]]
    assert roles.count("title") <= 1
    assert ("title" in roles) == ("body" in roles)


def test_there_are_as_many_pages_as_the_demo_and_the_measurements_need() -> None:
    roles, variants = read_records("roles.jsonl"), read_records("seed_variants.jsonl")
    assert len({record["id"] for record in roles}) == len(roles) == 17
    assert len({record["id"] for record in variants}) == len(variants) == 20
    assert {line["role"] for record in roles for line in record["lines"]} == set(ROLES)


@pytest.mark.parametrize("path", sorted(DEMO.rglob("*.txt")), ids=lambda path: path.stem)
def test_demo_text_pages_are_labelled_as_they_stand(path: Path) -> None:
    page_id = path.relative_to(DEMO).with_suffix("").as_posix()
    (record,) = [record for record in read_records("roles.jsonl") if record["id"] == page_id]
    assert record["text"] == path.read_bytes().decode("utf-8")


def test_seed_variants_have_the_layout_of_a_story_with_teasers_at_its_end() -> None:
    for record in read_records("seed_variants.jsonl"):
        roles = [line["role"] for line in record["lines"]]
        assert roles[0] == "boilerplate"
        assert roles.count("bio") == 3
        assert 2 <= roles.count("teaser_title") <= 4
        last_bio = len(roles) - 1 - roles[::-1].index("bio")
        assert all(role in (*TEASER_ROLES, "boilerplate") for role in roles[last_bio + 1 :]), record["id"]
        assert not any(role in TEASER_ROLES for role in roles[:last_bio]), record["id"]
        assert "boilerplate" in roles[roles.index("body") : last_bio], record["id"]


def test_demo_feed_has_five_records_and_one_malformed_line() -> None:
    records, malformed = [], 0
    for line in (DEMO / "feeds" / "wire.jsonl").read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            malformed += 1
    assert [record["id"] for record in records] == ["bw-1001", "bw-1002", "bw-1003", "vl-2026-31", "bw-1005"]
    assert malformed == 1
    assert [("text" in record, "html" in record) for record in records].count((False, True)) == 1


def test_packed_demo_files_are_what_their_sources_give() -> None:
    build_demo = runpy.run_path(str(DATA / "build_demo.py"))
    for name, expected in build_demo["packed_files"](DATA / "demo_source").items():
        committed = (DEMO / name).read_bytes()
        if name.endswith(".gz"):  # compressed bytes depend on the zlib version, content does not
            committed, expected = gzip.decompress(committed), gzip.decompress(expected)
        assert committed == expected, f"{name} is stale: run python tests/data/build_demo.py"


def test_demo_page_in_windows_1252_is_not_utf_8() -> None:
    content = (DEMO / "quay-post" / "council-budget-vote.htm").read_bytes()
    assert b"charset=windows-1252" in content
    assert "£148.6m" in content.decode("windows-1252")
    with pytest.raises(UnicodeDecodeError):
        content.decode("utf-8")
