import numpy as np
import pytest

from transforms.core.lexical import FACT, fact_sketch, shingle_sketch
from transforms.core.near_duplicates import (
    ANCHORS,
    NEIGHBOURS,
    Overlap,
    agree,
    candidates,
    conflicts,
    near_duplicates,
    overlap,
)

STORY = (
    "The night ferry to Sallow struck the outer breakwater in thick fog on Monday and 60 passengers were taken off. "
    "Captain Mara Voss said the pilot boat had reported a visibility of 40 metres. The harbour office of Aldermoor "
    "closed the channel for 12 hours while divers looked at the hull. Nobody was hurt, the council said, and the "
    "ferry will be back in service when the inspectors have finished their work at the dock."
)
WORDS = STORY.split()


def found(*texts):
    """The pairs of duplicates among the texts, and those that only names or numbers part."""
    pairs = near_duplicates([shingle_sketch(t) for t in texts], [fact_sketch(t) for t in texts], 0.55, 0.25)
    return [list(zip(*(side.tolist() for side in both), strict=True)) for both in pairs]


@pytest.mark.parametrize(
    "copy",
    [
        f"By Tam Ashgrove, 14 March 2026\nNORTHMARK (Agency) - {STORY}\n(Editing by Ona Reed)",
        " ".join(WORDS[: len(WORDS) * 7 // 10]),
        " ".join(word for n, word in enumerate(WORDS) if n % 10 != 4),
        STORY.lower().replace(",", ""),
        STORY.upper().replace(".", "!"),
        STORY.replace("Nobody was hurt, the council said", "A sailor broke an arm and was flown to the mainland"),
        f"Home | News | Sport\nSubscribe for 3 pounds a month\n{STORY}\nMost read\nTerms and conditions of use",
        STORY.replace("40 metres", "45 metres"),
    ],
    ids=["byline", "cut", "dropped", "lower", "upper", "paragraph", "wrapped", "corrected"],
)
def test_copies_are_duplicates(copy):
    assert found(STORY, copy) == [[(0, 1)], []]


@pytest.mark.parametrize(
    "decoy",
    [
        STORY.replace("60", "31").replace("40", "95").replace("12", "7"),
        STORY.replace("Sallow", "Lindow").replace("Mara Voss", "Joss Varley").replace("Aldermoor", "Quay"),
    ],
    ids=["numbers", "names"],
)
def test_another_filling_of_the_template_is_none(decoy):
    assert found(STORY, decoy) == [[], [(0, 1)]]


def test_a_part_of_a_text_is_no_copy_unless_it_is_most_of_it():
    longer = STORY + " " + " ".join(f"word{n}" for n in range(400))
    assert found(STORY, longer) == [[], []]
    assert found("Night ferry struck the outer breakwater", STORY) == [[], []]


def test_overlap_is_exact_for_short_texts():
    # abc bcd cde against bcd cde def efg
    assert overlap(shingle_sketch("a b c d e"), shingle_sketch("b c d e f g")) == Overlap(2 / 3, 2 / 5, 3)
    assert overlap(shingle_sketch(""), shingle_sketch("a b c")) == Overlap(0.0, 0.0, 0)


def test_overlap_of_long_texts_is_estimated():
    words = [f"w{n}" for n in range(4000)]
    estimated = overlap(shingle_sketch(" ".join(words)), shingle_sketch(" ".join(words[:1000])))
    assert estimated.containment == 1.0
    assert estimated.jaccard == pytest.approx(0.25, abs=0.1)
    half = overlap(shingle_sketch(" ".join(words[:2000])), shingle_sketch(" ".join(words[1000:3000])))
    assert half.containment == pytest.approx(0.5, abs=0.15)


def test_conflicts_count_places():
    a, b = fact_sketch("the fare rose by 12 percent this year"), fact_sketch("the fare rose by 15 percent this year")
    assert conflicts(a, a) == [(0, 2), (0, 0)]
    assert conflicts(a, b) == [(2, 2), (0, 0)]
    assert not agree(a, b)
    assert agree(a, fact_sketch("another text of 15 words"))


def test_a_part_of_a_name_is_no_other_name():
    full, part, other = (
        fact_sketch(f"today the mayor {name} said no to it") for name in ("Mara Voss", "Voss", "Mara Reed")
    )
    assert conflicts(full, part) == [(0, 0), (0, 2)]
    assert conflicts(full, other) == [(0, 0), (2, 2)]


def test_the_same_number_written_otherwise_agrees():
    written = [
        fact_sketch(f"the bridge will cost {number} pounds in all") for number in ("1,200,000", "1 200 000", "1200000")
    ]
    assert len(set(written)) == 1


def test_of_many_facts_those_with_the_smallest_places_are_kept():
    packed = np.frombuffer(
        fact_sketch(" ".join(f"{'x' * (n % 17 + 1)}{'y' * (n // 17 + 1)} said {n} times" for n in range(300))),
        dtype=FACT,
    )
    assert len(packed) == 128
    assert (np.diff(packed["place"].astype(np.int64)) >= 0).all()


def test_texts_with_a_common_shingle_meet_and_many_copies_meet_the_first():
    sketches = [np.array([7], dtype="<u4").tobytes()] * (NEIGHBOURS + ANCHORS + 10)
    i, j = candidates(sketches, 0.25)
    pairs = set(zip(i.tolist(), j.tolist(), strict=True))
    last = len(sketches) - 1
    assert {(last - NEIGHBOURS, last), *((anchor, last) for anchor in range(ANCHORS))} <= pairs
    assert (ANCHORS, last) not in pairs
    assert all(a < b for a, b in pairs)


def test_a_stray_common_shingle_makes_no_candidate():
    sketches = [np.array(sorted([7, *range(start, start + 60)]), dtype="<u4").tobytes() for start in (100, 1000)]
    assert [side.tolist() for side in candidates(sketches, 0.25)] == [[], []]


def test_no_texts_no_pairs():
    assert found() == [[], []]
    assert found("", "") == [[], []]
