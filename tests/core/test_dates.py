import pytest

from transforms.core.dates import date_in_text, date_in_url, find_date, iso_date


@pytest.mark.parametrize(
    ("line", "language", "day"),
    [
        ("By Ada Reed Sept. 5, 2024", "en", "2024-09-05"),
        ("Updated December 15th 2025", None, "2025-12-15"),
        ("Veröffentlicht am 13. Mai 2026 um 15:44", "de", "2026-05-13"),
        ("13. mai 2026", "no", "2026-05-13"),
        ("2 de março de 2026", "pt", "2026-03-02"),
        ("Publié le 30 août 2023 à 14h52", "fr", "2023-08-30"),
        ("27 мая 2024 г.", "ru", "2024-05-27"),
        ("3 stycznia 2026", "pl", "2026-01-03"),
        ("2026. március 2.", "hu", "2026-03-02"),
        ("2 Μαρτίου 2026", "el", "2026-03-02"),
        ("5 मार्च 2026", "hi", "2026-03-05"),
        ("5 مارس 2026", "ar", "2026-03-05"),
        ("۲ مارس ۲۰۲۶", "fa", "2026-03-02"),
        ("6 พฤษภาคม 2026", "th", "2026-05-06"),
        ("2026年3月2日 10:00", "ja", "2026-03-02"),
        ("입력 2026.07.12 22:09", "ko", "2026-07-12"),
        ("2026년 7월 12일", "ko", "2026-07-12"),
        ("Thứ tư, 22/10/2025, 19:25", "vi", "2025-10-22"),
        ("12.11.2025", None, "2025-11-12"),
        ("04-ago-2021 5:11", "es", "2021-08-04"),
    ],
)
def test_dates_in_many_languages(line, language, day):
    assert date_in_text(line, language) == day


def test_what_can_be_read_in_two_ways_is_no_date_unless_the_region_says_how():
    assert date_in_text("3/2/2026") is None
    assert date_in_text("3/2/2026", "en", "US") == "2026-03-02"
    assert date_in_text("3/2/2026", "en", "GB") == "2026-02-03"
    assert date_in_text("25/2/2026") == date_in_text("2/25/2026") == "2026-02-25"


@pytest.mark.parametrize(
    "line", ["May I ask 12 people", "March 2026", "31.2.2026", "Version 2.10.3", "1234-10-10", "5 marzo", "", "2026"]
)
def test_no_date(line):
    assert date_in_text(line, "it") is None


def test_a_language_that_nobody_knows_is_read_as_english():
    assert date_in_text("2 March 2026", "qq") == "2026-03-02"


def test_the_first_date_and_where_it_stands():
    assert find_date("By Ada | 2 March 2026, changed 2026-04-05") == ("2026-03-02", 9, 21)


def test_machine_dates():
    assert iso_date("2025-3-7 10:00") == "2025-03-07"
    assert iso_date("20250307") == iso_date("20250307T101500Z")[:10] == "2025-03-07"
    assert iso_date("2025-03-07T10:00:00Z") == "2025-03-07T10:00:00+00:00"
    assert [iso_date(v) for v in ("2025-13-40", "", None, "0001-01-01", "0001-01-01T00:00:00Z", "soon")] == [None] * 6


def test_dates_in_addresses():
    assert date_in_url("https://a.example/2026/03/02/pier.html") == "2026-03-02"
    assert date_in_url("https://a.example/news/2026-03-02-pier") == "2026-03-02"
    assert date_in_url("https://a.example/20260302/pier") == "2026-03-02"
    assert [date_in_url(u) for u in ("https://a.example/2026/03/pier", "https://a.example/2026/02/31/x", None)] == [
        None
    ] * 3
