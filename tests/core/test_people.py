import pytest

from transforms.core.people import best_authors, clean_name, is_weak, looks_like_name, names_in_bylines, split_names


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("By Ada Reed", ("Ada Reed",)),
        ("Von Ada Reed und Bo Lin", ("Ada Reed", "Bo Lin")),
        ("Ada Reed, Bo Lin &amp; Cy Oak", ("Ada Reed", "Bo Lin", "Cy Oak")),
        ("Ada Reed; Bo Lin", ("Ada Reed", "Bo Lin")),
        ("Ada Reed, Bo Lin, and Cy Oak", ("Ada Reed", "Bo Lin", "Cy Oak")),
        ("Ada Reed, MD, RD", ("Ada Reed, MD, RD",)),
        ("Harbour & Harbour", ("Harbour & Harbour",)),
        ("<b>Ada</b> Reed", ("Ada Reed",)),
        ("松岡大地", ("松岡大地",)),
        ("박준석", ("박준석",)),
        ("https://a.example/ada", ()),
        ("ada@a.example", ()),
        ("Ada Reed (ada@a.example)", ("Ada Reed",)),
        ("262588213843476", ()),
        (" - ", ()),
    ],
)
def test_names_that_the_page_marks(value, names):
    assert split_names(value) == names


@pytest.mark.parametrize(
    ("lines", "language", "names"),
    [
        (["By Ada Reed"], "en", ("Ada Reed",)),
        (["By", "Ada Reed", "Apr 21, 2021"], "en", ("Ada Reed",)),
        (["ByAda ReedMar 5, 2025"], "en", ("Ada Reed",)),
        (["By Ada Reed Updated Sep 5, 2024"], "en", ("Ada Reed",)),
        (["Written by Ada Reed, Bo Lin, and Cy Oak"], "en", ("Ada Reed", "Bo Lin", "Cy Oak")),
        (["2 March 2026", "by Ada Reed, harbour correspondent"], "en", ("Ada Reed",)),
        (["September 1st, 2023 By Ada Reed"], "en", ("Ada Reed",)),
        (["03.01.2026 | Ada Reed"], "en", ("Ada Reed",)),
        (["27. Januar 2026 • Ada Reed • 3 Minuten"], "de", ("Ada Reed",)),
        (["von Ada Reed, Hafenbote"], "de", ("Ada Reed",)),
        (["Par Ada Reed"], "fr", ("Ada Reed",)),
        (["Автор: Ада Рид"], "ru", ("Ада Рид",)),
        (["by ada_r"], "en", ()),
        (["by adareed"], "en", ("adareed",)),
        (["5 min read", "Filed under:", "Share this"], "en", ()),
        (["Reviewed by Cy Oak"], "en", ()),
        (["Temps de lecture 4 min."], "fr", ()),
        (["Ada Reed", "Full bio"], "en", ("Ada Reed",)),
        (["Bo Lin", "By Ada Reed"], "en", ("Ada Reed",)),
    ],
)
def test_names_in_bylines(lines, language, names):
    assert names_in_bylines(lines, language) == names


def test_the_shape_of_a_name():
    assert all(map(looks_like_name, ["Ada Reed", "Ada van der Reed", "ADA REED", "Bill McREED", "Đặng Văn Reed"]))
    assert not any(map(looks_like_name, ["Ada", "Reading time", "Ada Reed 2", "Share on", "Of The", "", "12 March"]))


def test_the_publisher_and_logins_give_way_to_a_byline():
    assert best_authors(("Courier",), ("Ada Reed",), ("The Courier", "Courier")) == ("Ada Reed",)
    assert best_authors(("a.reed",), ("Ada Reed",), ()) == ("Ada Reed",)
    assert best_authors(("Courier", "Bo Lin"), ("Ada Reed",), ("Courier", None)) == ("Bo Lin",)
    assert best_authors(("Courier",), (), ("Courier",)) == ("Courier",)
    assert is_weak("reed.example") and not is_weak("Reed")


def test_a_name_is_cleaned_of_what_is_no_name():
    assert clean_name("Author: Ada Reed |") == "Ada Reed"
    assert clean_name("") is None
