"""What recurs on a site, and what does not follow from it."""

import random

import numpy as np
import pytest

from transforms.core.role_model import Label
from transforms.core.site_profile import (
    KEPT_LINES,
    LINES,
    PAGES,
    evidence,
    is_remembered,
    line_hash,
    page_lines,
    profile,
    relabel,
    sample,
)  # fmt: skip
from transforms.types import Block

NOTICE = "Our journalism is free to read for all because of people who give a little every month."


def page(*lines, confidence=0.9):
    """Blocks and labels of a page; a line is text, or (role, text)."""
    pairs = [line if isinstance(line, tuple) else ("body", line) for line in lines]
    blocks, at = [], 0
    for _, text in pairs:
        blocks.append(Block(text, at, at + len(text)))
        at += len(text) + 1
    return blocks, [Label(role, confidence, 0.0, "the model") for role, _ in pairs]


def story(number, paragraphs=4):
    return [
        f"Paragraph {i} of story {number}, which says what no other story of the site says." for i in range(paragraphs)
    ]


def learned(*pages, seen=""):
    return profile("a.example", [page_lines(f"p{i}", *p, seen=seen) for i, p in enumerate(pages)])


def roles(site, page_id, blocks, labels):
    return [label.role for label in relabel(site, page_id, blocks, labels)]


def test_a_line_that_stands_with_other_stories_is_boilerplate_and_the_story_stays():
    pages = [page(*story(n), NOTICE) for n in range(3)]
    labels = relabel(learned(*pages), "p0", *pages[0])
    assert [x.role for x in labels] == ["body"] * 4 + ["boilerplate"]
    assert labels[-1].reason == "recurs with 2 of 2 other stories of the site; else body"
    assert 0.5 < labels[-1].confidence < 1
    assert labels[0] == pages[0][1][0]


@pytest.mark.parametrize("known", [1, 2])
def test_too_few_pages_prove_nothing(known):
    pages = [page(*story(n), NOTICE) for n in range(known)]
    assert learned(*pages) is None
    assert relabel(None, "p0", *pages[0]) == pages[0][1]


def test_a_line_on_two_of_the_pages_proves_nothing():
    """One other story has it: the page's own does not count."""
    pages = [page(*story(n), *([NOTICE] if n < 2 else [])) for n in range(20)]
    assert roles(learned(*pages), "p0", *pages[0]) == ["body"] * 5


def test_a_story_on_twenty_pages_of_one_site_is_a_story():
    text = story(99, 12)
    copies = [page(("title", "A story"), *text, ("boilerplate", f"Page {n}"), NOTICE) for n in range(20)]
    others = [page(*story(n), NOTICE) for n in range(10)]
    site = learned(*copies, *others)
    assert site.stories == 11
    expected = ["title", *["body"] * 12, "boilerplate", "boilerplate"]
    assert roles(site, "p3", *copies[3]) == expected
    assert roles(site, "tomorrow's copy", *copies[3]) == expected
    assert learned(*copies) is None  # one story


def test_a_copy_that_was_cut_is_still_the_story():
    text = story(99, 12)
    pages = [page(*text[: 12 - n % 4]) for n in range(12)] + [page(*story(n)) for n in range(3)]
    site = learned(*pages)
    assert site.stories == 4
    assert roles(site, "p0", *pages[0]) == ["body"] * 12


def test_a_page_that_is_read_again_does_not_vouch_for_itself():
    pages = [page_lines("same", *page(*story(1)), seen=f"2026-03-{day:02}") for day in range(1, 29)]
    assert len(sample(pages)) == 1
    assert sample(pages)[0].seen == "2026-03-28"


def test_a_page_is_remembered_for_so_many_days():
    one = page_lines("p", *page(*story(1)), seen="2026-03-01")
    assert is_remembered(one, "2026-03-31", 30) and not is_remembered(one, "2026-04-01", 30)
    assert is_remembered(one, "2027-03-01", 10**9)
    assert is_remembered(one, "2027-03-01", 0) and is_remembered(one, "", 30)
    assert is_remembered(page_lines("p", *page(*story(1))), "2027-03-01", 30)


def test_pages_without_a_date_are_the_oldest():
    dated = [page_lines(f"p{i}", *page(*story(i)), seen="2026-03-01") for i in range(PAGES)]
    assert sample([page_lines("q", *page(*story(999))), *dated]) == sample(dated)


def test_titles_bylines_bios_and_teasers_may_recur():
    kept = ["title", "byline", "bio", "heading", "teaser_title", "teaser_text", "teaser_caption", "comment"]
    pages = [page(*story(n), *((role, f"The {role} of this site's every page") for role in kept)) for n in range(30)]
    assert roles(learned(*pages), "p0", *pages[0]) == ["body"] * 4 + kept


def test_short_lines_recur_in_stories_as_well():
    pages = [page(*story(n), "Serves 4") for n in range(30)]
    assert roles(learned(*pages), "p0", *pages[0]) == ["body"] * 5


def test_a_line_is_compared_whole_whatever_its_case_and_spaces():
    pages = [page(*story(n), "Read  MORE about this") for n in range(5)]
    other = page(*story(77), "read more about this", "He could read more about this than I.")
    assert roles(learned(*pages), "new", *other) == ["body"] * 4 + ["boilerplate", "body"]


def test_the_surer_the_model_the_more_it_takes():
    few, many = ([page(*story(n), NOTICE, confidence=0.999) for n in range(size)] for size in (3, 40))
    assert roles(learned(*few), "p0", *few[0])[-1] == "body"
    assert roles(learned(*many), "p0", *many[0])[-1] == "boilerplate"


def test_evidence_grows_with_the_share_and_with_the_number_of_pages():
    assert evidence(0, 10) < 0 < evidence(2, 2) < evidence(10, 10)
    assert evidence(2, 100) < evidence(20, 100) < evidence(100, 100)


def test_the_sample_does_not_depend_on_order_or_groups():
    pages = [page_lines(f"p{i}", *page(*story(i)), seen=f"2026-03-{1 + i % 3:02}") for i in range(3 * PAGES)]
    expected = sample(pages)
    shuffled = random.Random(0).sample(pages, len(pages))
    assert sample([*sample(shuffled[:250]), *sample(shuffled[250:])]) == expected
    assert len(expected) == PAGES
    assert {p.seen for p in expected} == {"2026-03-03"}
    assert profile("a", pages) == profile("a", shuffled)


def test_what_a_site_can_make_a_worker_remember_is_bounded():
    blocks, labels = page(*(f"line {i}" for i in range(5_000)))
    remembered = page_lines("p", blocks, labels)
    assert len(remembered.lines) == 8 * LINES
    hashes = np.frombuffer(remembered.lines, "<u8").tolist()
    assert hashes[0] == line_hash("line 0") and hashes[-1] == line_hash("line 4999")
    pages = [
        page(("boilerplate", f"a{n}"), *(("boilerplate", f"l{j}") for j in range(n % 7, 3_000, 7))) for n in range(21)
    ]
    assert len(learned(*pages).lines) <= 8 * KEPT_LINES


def test_pages_without_lines_or_without_main_text():
    pages = [page() for _ in range(3)] + [page(("boilerplate", "Home"), ("teaser_title", f"T{n}")) for n in range(4)]
    site = learned(*pages)
    assert site is not None
    assert relabel(site, "p0", *pages[0]) == []
