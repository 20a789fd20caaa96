"""A run in two passes: what is learned of the sites, and what it changes in the tables."""

import pickle
import shutil

import pytest

from pipeline import config
from pipeline.sinks import read_table, table_files
from pipeline.site_files import FILES, ProfileFiles, labelled_row, site_pages
from transforms.core.segment import judge_lines, label_blocks, lines_of_site, parse_page, split_page, without_markup
from transforms.core.site_profile import profile
from transforms.settings import SegmentSettings
from transforms.types import Page, Source

NOTICE = "Our journalism is free to read for everybody, because of people who give us a little every single month."
SETTINGS = SegmentSettings(method="readability")


def html(number):
    paragraphs = "".join(
        f"<p>Paragraph {i} of story {number} says what happened at the harbour, and what no other story of the site "
        f"says about it, word for word, on that day.</p>"
        for i in range(4)
    )
    return f"<article><h1>Story {number}</h1>{paragraphs}<p>{NOTICE}</p></article>"


@pytest.fixture
def records():
    pages = [{"id": f"p{n}", "url": f"https://www.a.example/{n}", "html": html(n)} for n in range(5)]
    pages += [{"id": "alone", "url": "https://b.example/", "html": html(9)}, {"id": "nowhere", "html": html(8)}]
    return [*pages, {"id": "bad"}]


def kept(tables):
    return {story["id"] for story in tables["stories"] if NOTICE in story["text"]}


def test_a_line_of_the_site_is_no_line_of_its_stories(records, write_jsonl, tmp_path, run_pages, tables):
    pages = write_jsonl("in.jsonl", records)
    run_pages([pages], tmp_path / "one", until="segment")
    assert kept(tables(tmp_path / "one")) == {"p0", "p1", "p2", "p3", "p4", "alone", "nowhere"}

    manifest = run_pages([pages], tmp_path / "two", "segment.profiles=true", until="segment")
    found = tables(tmp_path / "two")
    assert kept(found) == {"alone", "nowhere"}
    assert {(s["page_id"], s["role"], s["reason"]) for s in found["segments"] if s["text"] == NOTICE} >= {
        (f"p{n}", "boilerplate", "recurs with 4 of 4 other stories of the site; else body") for n in range(5)
    }
    assert (manifest["counts"]["pages"], manifest["counts"]["failures"]) == (7, 1)
    assert [failure["error"] for failure in found["failures"]] == ["bad_record"]
    assert not (tmp_path / "two" / ".work" / "segment" / "labelled").exists()

    three = tmp_path / "three"
    again = ("segment.profiles=true", "run.workers=2", "output.format=jsonl", "output.shards=3")
    run_pages([write_jsonl("turned.jsonl", records[::-1])], three, *again, until="segment")
    for table in ("stories", "segments"):
        drop_source = [row | {"source": None} for row in found[table]]
        assert [row | {"source": None} for row in tables(three)[table]] == drop_source


def day(number, *stories):
    return [{"id": f"d{number}-{n}", "url": f"https://www.a.example/{number}/{n}", "html": html(n)} for n in stories]


@pytest.fixture
def run_day(write_jsonl, tmp_path, run_pages, tables):
    """Run the pages of a day with the state, and return which stories have the line of the site."""

    def run(name, date, pages, state, *settings):
        path = tmp_path / f"{name}.jsonl"
        inputs = path if path.exists() else write_jsonl(path.name, pages)
        settings = settings or ("segment.profiles=true",)
        run_pages([inputs], tmp_path / name, f"run.date={date}", *settings, state=str(state))
        return kept(tables(tmp_path / name))

    return run


def test_tomorrows_single_page_profits(tmp_path, run_day):
    state, of_first_day = tmp_path / "state", tmp_path / "of the first day"
    assert run_day("first", "2026-03-01", day(1, 1, 2, 3, 4), state) == set()
    shutil.copytree(state, of_first_day)
    assert run_day("second", "2026-03-02", day(2, 7), state) == set()  # the first day has told of the line
    assert len(known_pages(state)) == 5
    assert run_day("late", "2026-05-01", day(2, 7), of_first_day) == {"d2-7"}  # the first day is forgotten
    assert [page.seen for _, page in known_pages(of_first_day)] == ["2026-05-01"]


@pytest.mark.soak
def test_what_is_known_of_sites_changes_only_by_other_pages(tmp_path, run_day):
    state = tmp_path / "state"
    run_day("first", "2026-03-01", day(1, 1, 2, 3, 4), state)
    assert run_day("without", "2026-03-02", day(2, 7), state, "segment.profiles=false") == {"d2-7"}
    assert len(known_pages(state)) == 4
    assert run_day("second", "2026-03-02", day(2, 7), state) == set()
    written = contents(state)
    assert run_day("second", "2026-03-02", day(2, 7), state) == set()  # complete: nothing is done
    assert run_day("again", "2026-03-02", day(2, 7), state) == set()
    assert contents(state) == written


def known_pages(state):
    (sites,) = state.glob("0*/sites")
    return [known for file in table_files(str(sites)) for known in site_pages(file)]


def contents(state):
    """The bytes of all tables of a state; which runs are part of it does not count."""
    return {str(path): path.read_bytes() for path in state.glob("0*/*/*")}


def test_the_passes_give_what_the_functions_give(records, write_jsonl, tmp_path, run_pages):
    pages = [Page(r["id"], "html", r["html"], Source("in.jsonl"), r.get("url")) for r in records if "html" in r]
    labelled = [label_blocks(parse_page(page), SETTINGS) for page in pages]
    lines = [found for one in labelled if (found := lines_of_site(one))]
    sites = {site: profile(site, [line for at, line in lines if at == site]) for site in dict(lines)}
    expected = {}
    for one in labelled:
        result = split_page(judge_lines(without_markup(one), sites.get), SETTINGS)
        expected |= {segment.id: (segment.role, segment.text, segment.reason) for segment in result.segments}
    run_pages([write_jsonl("in.jsonl", records)], tmp_path / "out", "segment.profiles=true", until="segment")
    rows = read_table(str(tmp_path / "out" / "segments"))
    assert {row["id"]: (row["role"], row["text"], row["reason"]) for row in rows} == expected


def test_the_markup_stays_behind(records):
    labelled = label_blocks(parse_page(Page("p", "html", records[0]["html"] * 50, Source("x"))), SETTINGS)
    size = len(labelled_row(labelled)["labelled"])
    assert pickle.loads(labelled_row(labelled)["labelled"]).labels == labelled.labels
    assert size < len(pickle.dumps(labelled)) - 49 * len(records[0]["html"])


def test_profiles_are_found_after_travelling_and_missing_ones_are_none(tmp_path):
    files = pickle.loads(pickle.dumps(ProfileFiles(str(tmp_path))))
    assert [files(f"site{n}.example") for n in range(2 * FILES)] == [None] * (2 * FILES)
    assert config.Config().segment.profiles is False
