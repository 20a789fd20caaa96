import pytest

from transforms.core.page_title import best_title, squashed, without_site


@pytest.mark.parametrize(
    ("title", "sites", "host", "headings", "wanted"),
    [
        ("Ferry strikes pier - The Courier", ["The Courier"], None, [], "Ferry strikes pier"),
        ("The Courier | Ferry strikes pier", ["The Courier"], None, [], "Ferry strikes pier"),
        ("Courier: Ferry strikes pier", ["Courier"], None, [], "Ferry strikes pier"),
        ("Ferry strikes pier | News | Courier", ["Courier"], None, ["Ferry strikes pier"], "Ferry strikes pier"),
        ("Ferry strikes pier – Harbour Courier", [], "www.harbourcourier.example", [], "Ferry strikes pier"),
        ("Ferry strikes pier | courier.example", [], "courier.example", [], "Ferry strikes pier"),
        ("Fähre rammt Pier - Hafenbote", ["Hafenbote"], None, [], "Fähre rammt Pier"),
        ("フェリー事故｜港新聞", ["港新聞"], None, [], "フェリー事故"),
        ("Ferry: what now?", ["Courier"], "courier.example", [], "Ferry: what now?"),
        ("Ferry - what now - and then", [], None, [], "Ferry - what now - and then"),
        ("A - B", ["A", "B"], None, [], "A"),
        ("Courier", ["Courier"], None, [], "Courier"),
        ("Ferry strikes pier", [], None, ["pier"], "Ferry strikes pier"),
        ("Ferry - strikes pier", [], None, ["Ferry - strikes pier", "Ferry"], "Ferry - strikes pier"),
    ],
)
def test_affixes_of_the_site(title, sites, host, headings, wanted):
    assert without_site(title, sites, host, headings) == wanted


@pytest.mark.parametrize(
    ("shown", "headings", "heads", "wanted"),
    [
        ("Shown", ["Shown"], ["Head"], "Shown"),
        (None, ["Other", "The “Pier”"], ['The "Pier"'], "The “Pier”"),
        (None, ["Other"], ["Head"], "Head"),
        (None, ["Only heading"], [], "Only heading"),
        ("FERRY STRIKES PIER", [], ["Ferry strikes pier"], "Ferry strikes pier"),
        ("NATO", [], ["NATO"], "NATO"),
        ("Harbour - Ferry strikes pier", [], ["Ferry strikes pier"], "Ferry strikes pier"),
        ("A line of the menu", ["Ferry strikes pier"], ["Ferry strikes pier"], "Ferry strikes pier"),
        ("Shown", [], [], "Shown"),
        (None, [], [], None),
        ("***", [], ["Head"], "Head"),
    ],
)
def test_the_best_title(shown, headings, heads, wanted):
    assert best_title(shown, headings, heads) == wanted


def test_squashed_folds_spelling_and_keeps_every_script():
    assert squashed("Ｆｅｒｒｙ — “Pier” é") == "ferrypiere"
    assert squashed("フェリー事故") != squashed("港新聞") != ""
