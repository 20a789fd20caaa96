import pytest

from transforms.core.compare import EXAMPLE_CHARS, PageView, bcubed_f1, compare_page, word_f1

OLD = PageView(
    kind="article",
    status="story",
    lines=[("Share", "boilerplate"), ("Fog lifts", "title"), ("It was thick.", "body"), ("Share", "boilerplate")],
    story="It was thick.",
    teasers=["Ferry sold", "Ferry sold"],
)


def test_a_page_compared_to_itself_has_not_changed() -> None:
    change = compare_page("p", OLD, OLD)
    assert not change
    assert (change.story_f1, change.lines, change.roles) == (1.0, 4, {})


def test_lines_that_change_role_are_counted_by_pair_and_equal_lines_are_told_apart() -> None:
    lines = [("Share", "boilerplate"), ("Fog lifts", "title"), ("It was thick.", "caption"), ("Share", "body")]
    change = compare_page("p", OLD, PageView("article", "story", lines, "Share", ["Ferry sold", "Mill burns"]))
    assert change.roles == {("body", "caption"): 1, ("boilerplate", "body"): 1}
    assert change.examples == {("body", "caption"): ["It was thick."], ("boilerplate", "body"): ["Share"]}
    assert change.chars_changed == len("It was thick.") + len("Share")
    assert (change.teasers_gained, change.teasers_lost) == (["Mill burns"], ["Ferry sold"])
    assert change.story_f1 == 0


def test_a_line_that_is_new_does_not_shift_the_rest() -> None:
    change = compare_page("p", OLD, PageView("article", "story", [("New", "body"), *OLD.lines], OLD.story, OLD.teasers))
    assert change.roles == {("", "body"): 1}
    assert change.lines == 5


def test_a_kind_alone_is_a_change_and_long_lines_are_cut() -> None:
    assert compare_page("p", OLD, PageView("index", OLD.status, OLD.lines, OLD.story, OLD.teasers))
    long = PageView("article", "story", [("w" * 999, "body")], None, [])
    change = compare_page("p", long, PageView("article", "story", [("w" * 999, "bio")], None, []))
    assert [len(text) for text in change.examples["body", "bio"]] == [EXAMPLE_CHARS]


def test_the_page_whose_story_changed_most_comes_first() -> None:
    def changed(id: str, story: str, role: str = "body") -> tuple[float, int, int, str]:
        lines = [*OLD.lines[:2], ("It was thick.", role), OLD.lines[3]]
        return compare_page(id, OLD, PageView("article", "story", lines, story, OLD.teasers)).rank

    ranks = {"a": changed("a", "It was thick."), "b": changed("b", "It was", "bio"), "c": changed("c", "Else")}
    ranks["d"] = changed("d", "It was thick.", "caption")
    assert sorted(ranks, key=lambda id: ranks[id]) == ["c", "b", "d", "a"]


@pytest.mark.parametrize(
    ("old", "new", "f1"),
    [
        ("the ferry sank", "The ferry did not sink", 0.5),
        (None, "", 1.0),
        (None, "a story", 0.0),
        ("a a b", "a b b", 2 / 3),
        ("汐凪町の橋", "汐凪町の港", 0.8),  # no spaces: by character
    ],
)
def test_word_f1(old: str | None, new: str | None, f1: float) -> None:
    assert word_f1(old, new) == pytest.approx(f1)


def test_bcubed_f1_of_two_groupings() -> None:
    assert bcubed_f1({}) == 1.0
    assert bcubed_f1({("a", "x"): 3, ("b", "y"): 1}) == 1.0
    # One group of four is two of two now: precision 1, recall 1/2.
    assert bcubed_f1({("a", "x"): 2, ("a", "y"): 2}) == pytest.approx(2 / 3)
