from transforms.core.metadata import Metadata
from transforms.core.story_fields import read_fields

LINES = [
    ("boilerplate", "Courier"),
    ("title", "Ferry strikes pier"),
    ("dek", "Forty in hospital"),
    ("byline", "By Ada Reed | 2 March 2026"),
    ("body", "The ferry struck the pier on 5 April 2026."),
]


def test_a_text_page_is_read_from_its_roles():
    fields = read_fields(LINES, Metadata(), "en")
    assert (fields.title, fields.dek, fields.authors, fields.published) == (
        "Ferry strikes pier",
        "Forty in hospital",
        ("Ada Reed",),
        "2026-03-02",
    )


def test_the_head_wins_for_authors_and_dates_and_the_page_for_the_title():
    head = Metadata(title="Ferry", titles=("Ferry",), authors=("Bo Lin",), published="2026-03-01T08:00:00+01:00")
    fields = read_fields(LINES, head, "en")
    assert (fields.title, fields.authors, fields.published) == ("Ferry strikes pier", ("Bo Lin",), head.published)


def test_a_publisher_is_no_author_beside_a_byline():
    assert read_fields(LINES, Metadata(authors=("Courier",), site_name="Courier"), "en").authors == ("Ada Reed",)
    assert read_fields([], Metadata(authors=("Courier",), site_name="Courier"), "en").authors == ("Courier",)


def test_a_date_line_by_the_headline_is_its_date_and_one_in_the_text_is_not():
    lines = [("boilerplate", "Posted: 2 March 2026"), ("title", "T"), ("body", "Since 5 April 2026 the pier is shut.")]
    assert read_fields(lines, Metadata(), "en").published == "2026-03-02"
    assert read_fields(lines[1:], Metadata(), "en").published is None
    assert read_fields([("teaser_text", "2 March 2026"), *lines[1:]], Metadata(), "en").published is None
    assert read_fields([("boilerplate", "2 March 2026")], Metadata(), "en").published is None


def test_the_site_is_cut_from_a_headline_only_where_a_head_names_it():
    lines = [("title", "Ferry strikes pier | Courier")]
    assert (
        read_fields(lines, Metadata(titles=("Ferry strikes pier",), site_name="Courier"), "en").title
        == "Ferry strikes pier"
    )
    assert read_fields(lines, Metadata(), "en").title == "Ferry strikes pier | Courier"
