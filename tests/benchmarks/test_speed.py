from benchmarks.run_costs import changed
from benchmarks.speed import chart, rows

RESULT = {
    "runs": {
        "html run": 12.0,
        "html loop": 10.0,
        "text run": 2.0,
        "text loop": 1.0,
        "trafilatura": 60.0,
        "load": [1, 2],
    },
    "start": {"--help": {"seconds": 0.2, "processor": 0.1}, "explain": {"seconds": 3, "processor": 3}, "load": [1, 1]},
}


def test_a_row_says_how_many_times_it_is_its_bar():
    found = {row["what"]: row for row in rows(RESULT)}
    against = found["whole run to segment, against trafilatura's bare loop"]
    assert (against["value"], against["bar"], against["times"], against["load"]) == (5, ">= 4 x", 1.25, 2)
    assert found["text pages per second, whole run to segment"]["value"] == 500
    assert found["whole run against a bare loop, html"]["times"] == 1.04  # 1.25 is allowed and 1.2 measured
    assert found["whole run against a bare loop, text"]["times"] < 1
    assert found["copydesk explain"]["times"] == 0.5
    assert not any("MiniLM" in what for what in found)  # which was not measured
    values = chart(list(found.values()))["data"]["values"]
    assert [value["what"] for value in values] == list(found)


def test_changed_pages_are_pages_of_their_own():
    page = b"<html><body><p>On 12 May 3 ships</p></body></html>"
    made = {changed(page, number, ".html") for number in range(50)}
    assert len(made) == 50
    assert all(one.startswith(b"<html><body><p>On 12") and one.endswith(b"</p></body></html>") for one in made)
    assert len({changed(b"On 12 May", number, ".txt") for number in range(50)}) == 50
