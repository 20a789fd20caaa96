from transforms.core.dom import parse_html
from transforms.core.markup import ELEMENTS, read_markup


def test_elements_types_properties_and_notices():
    markup = read_markup(
        parse_html(
            "<body><p>a<p>b<img><div itemscope itemtype='https://schema.org/Product http://schema.org/Thing'>"
            "<i itemprop='name sku'>x</i></div><noscript>Turn  scripts on</noscript>"
        )
    )
    counts = dict(zip(ELEMENTS, markup.counts, strict=True))
    assert (counts["p"], counts["img"], counts["a"]) == (2, 1, 0)
    assert (markup.types, markup.properties) == (("Product", "Thing"), ("name", "sku"))
    assert (markup.noscript, markup.challenge) == ("Turn scripts on", False)


def test_a_challenge_is_known_by_the_service_that_asks_it():
    assert read_markup(parse_html("<iframe src='https://hcaptcha.example/1/hcaptcha.js'></iframe>")).challenge
    assert read_markup(parse_html("<form action='/cdn-cgi/challenge-platform/x'></form>")).challenge
    assert not read_markup(parse_html("<script src='/captain.js'></script>")).challenge
