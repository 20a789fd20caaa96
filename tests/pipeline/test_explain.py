from pipeline import explain
from transforms.types import PageRecord, PageResult, Segment, Source

RESULT = PageResult(
    page=PageRecord(
        id="harbour",
        url=None,
        site=None,
        kind="article",
        kind_confidence=0.98,
        status="story",
        flags=("multi_article",),
        encoding="utf-8",
        chars_in=2400,
        chars_kept=1200,
        source=Source("harbour.html"),
    ),
    segments=(
        Segment("harbour", 0, "title", 0, "Harbour closed", 0, 14, 0.99, "large heading"),
        Segment("harbour", 1, "teaser_title", 1, "Ferry sold", 16, 26, 0.9, "a link alone"),
        Segment("harbour", 2, "teaser_text", 1, "To an island.", 28, 41, 0.8, "follows a headline"),
        Segment("harbour", 3, "teaser_title", 2, "Fog lifts", 43, 52, 0.7, "a link alone"),
        Segment("harbour", 4, "boilerplate", None, "Imprint\nContact", 54, 69, 1.0, "only links"),
    ),
    story=None,
    text="Harbour closed\n\nFerry sold",
)


def test_explain_prints_each_segment_with_role_confidence_and_reason() -> None:
    rule = "─"
    assert explain.render(RESULT, width=72, colour=False).splitlines() == [
        "harbour: article (0.98), story, 1,200 of 2,400 characters in the story",
        "flags: multi_article",
        "",
        "title          0.99  Harbour closed",
        "                     └ large heading",
        "── teaser 1 ".ljust(72, rule),
        "teaser_title   0.90  Ferry sold",
        "                     └ a link alone",
        "teaser_text    0.80  To an island.",
        "                     └ follows a headline",
        "── teaser 2 ".ljust(72, rule),
        "teaser_title   0.70  Fog lifts",
        "                     └ a link alone",
        rule * 72,
        "boilerplate    1.00  Imprint",
        "                     Contact",
        "                     └ only links",
    ]


def test_explain_wraps_by_columns() -> None:
    wide = explain.render(
        PageResult(RESULT.page, (Segment("a", 0, "body", 0, "汐凪町の吊り橋" * 4, 0, 28, 1.0, "x"),), None),
        61,
        False,
    )
    lines = wide.splitlines()
    assert lines[3] == "body           1.00  " + ("汐凪町の吊り橋" * 4)[:20]
    assert lines[4] == " " * 21 + ("汐凪町の吊り橋" * 4)[20:]


def test_explain_colours_on_request_only() -> None:
    coloured = explain.render(RESULT, width=72, colour=True)
    assert "\x1b[1mHarbour closed\x1b[0m" in coloured
    assert "\x1b" not in explain.render(RESULT, width=72, colour=False)
