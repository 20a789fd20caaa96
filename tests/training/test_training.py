"""The training code on literals: labels from gold texts, composed pages, and the network's numpy twin."""

import json

import numpy as np
import pytest

from training.compose import Composer
from training.data import ALL, BIT, FOLDS, MAIN, Aligned, LabelledPage, _dom_roles, _narrowed, _numbered, fold_of
from training.pools import Pools, StoryText
from training.vary import Varier
from transforms.core.dom import html_blocks, parse_html
from transforms.core.features import Hints, page_features
from transforms.core.lexicon import IDF_BUCKETS, WORD_BUCKETS, Lexicon
from transforms.core.lines import text_blocks
from transforms.core.role_model import load_model
from transforms.types import ROLES

GOLD = (
    "The ferry struck the pier on Monday morning in thick fog.\nWhat happened\n"
    "Passengers said that nobody gave a warning before the ferry struck.\nAn inquiry was opened on Tuesday."
)
PAGE = (
    "What happened\nThe ferry struck the pier on Monday morning in thick fog.\nWhat happened\n"
    "Passengers said that nobody gave a warning before the ferry struck.\n"
    "Bakers everywhere report a record year for rye bread and crumble.\nAn inquiry was opened on Tuesday."
)


def story(name, author="Ada Reed"):
    parts = tuple(
        (f"{name} paragraph {i}, with a number of words that make it long enough to count.", MAIN) for i in range(6)
    )
    return StoryText(name, f"{name}.example", "en", f"{name} headline", author, "", parts, (f"{name} picture shown",))


def test_blocks_are_aligned_with_the_main_text_by_words_and_place():
    labels = Aligned(GOLD).labels(text_blocks(PAGE))
    assert labels.tolist() == [0, 1, 1, 1, 0, 1]  # the heading's words on top of the page are not the heading


def test_folds_split_by_site():
    folds = [fold_of(f"site{i}.example") for i in range(200)]
    assert set(folds) == set(range(FOLDS))
    assert fold_of("site1.example") == folds[1]


def test_composed_pages_are_labelled_line_by_line():
    composer = Composer([story(n) for n in ("alpha", "beta", "gamma", "delta", "epsilon")], _pools(), seed=1)
    pages = [composer.page() for _ in range(40)]
    teasers = 0
    for page in pages:
        assert len(page.blocks) == len(page.allowed) == len(page.teaser)
        own = page.id.removesuffix("-composed")
        for block, mask, number in zip(page.blocks, page.allowed.tolist(), page.teaser.tolist(), strict=True):
            if "paragraph" in block.text:
                main = block.text.startswith(own)
                assert mask == (MAIN if main else BIT["teaser_text"])
                assert (number == 0) == main
            assert (number > 0) == (mask in (BIT["teaser_title"], BIT["teaser_text"], BIT["teaser_caption"]))
            teasers += mask == BIT["teaser_title"]
    assert teasers > 40


def test_the_same_seed_composes_the_same_pages():
    stories = [story(n) for n in ("alpha", "beta", "gamma", "delta")]
    one, other = (Composer(stories, _pools(), seed=5) for _ in range(2))
    for _ in range(5):
        assert [b.text for b in one.page().blocks] == [b.text for b in other.page().blocks]


def test_a_page_shown_a_little_changed_keeps_what_is_known_of_its_lines(monkeypatch):
    gold = [BIT["boilerplate"], BIT["title"], MAIN, MAIN, BIT["boilerplate"], MAIN, BIT["boilerplate"]]
    sentence = "It was a sentence of about forty letters."
    lines = [
        "Menu",
        "The title",
        *(f"Number {i}. {sentence} {sentence}" for i in range(2)),
        "Share",
        "The end.",
        "Foot",
    ]
    blocks = text_blocks("\n\n".join(lines))
    page = LabelledPage(
        "p", "p.example", "main", "wcxb", blocks, Hints(), np.array(gold, np.int32), np.ones(7, np.float32),
        np.full(7, -1, np.int32),
    )  # fmt: skip
    varier = Varier(Composer([story(n) for n in ("alpha", "beta", "gamma", "delta")], _pools(), seed=3))
    monkeypatch.setattr("training.vary.RECAST", 0)
    known = dict(zip(lines, gold, strict=True))
    seen: dict[str, int] = {}
    for _ in range(200):
        other = varier.varied(page)
        assert len(other.blocks) == len(other.allowed) == len(other.weight) == len(other.teaser)
        texts = [b.text for b in other.blocks]
        main = " ".join(t for t in texts if any(t in line for line in lines[2:4]))
        assert main == " ".join(lines[2:4])  # cut, perhaps, but whole and in order
        for text, mask in zip(texts, other.allowed.tolist(), strict=True):
            seen[text] = seen.get(text, 0) + 1
            if text in known:
                assert mask == known[text]
    assert 0 < seen["Menu"] < 200 and 0 < seen["Foot"] < 200 and seen["Share"] < 200
    assert seen["The end."] == 200 and seen["Bo Lin"] and seen["alpha headline"] and seen[sentence]


def test_a_page_recast_tells_another_story_in_the_same_layout():
    html = (
        "<nav><a href=/>Home</a></nav><h1>Ferry strikes pier</h1><p>"
        + "The ferry struck the pier on Monday, and many were hurt. " * 3
        + "</p><aside><h3><a href=/2026/bakers-report-a-record-year>Bakers report a record year</a></h3></aside>"
    )
    blocks = html_blocks(parse_html(html))[1]
    gold = [BIT["boilerplate"], BIT["title"], BIT["body"], BIT["teaser_title"]]
    page = LabelledPage(
        "p", "p.example", "html", "gold", blocks, Hints(title="Ferry strikes pier | Courier", body="The ferry"),
        np.array(gold, np.int32), np.ones(4, np.float32), np.array([0, 0, 0, 1], np.int32),
    )  # fmt: skip
    varier = Varier(Composer([story(n) for n in ("alpha", "beta", "gamma", "delta", "epsilon")], _pools(), seed=3))
    other = varier.recast(page)
    home, title, body, headline = (b.text for b in other.blocks)
    assert other.allowed.tolist() == gold and other.teaser.tolist() == [0, 0, 0, 1]
    assert home == "Home" and title == f"{other.id} headline" and body.startswith(f"{other.id} paragraph")
    assert headline.endswith("headline") and headline != title
    assert other.blocks[3].dom.links == ("https://site.example/" + headline.replace(" ", "-"),)
    assert (other.hints.title, other.hints.body) == (title, "")
    assert [b.end - b.start for b in other.blocks] == [len(b.text) for b in other.blocks]


def test_a_link_whose_address_says_the_line_is_another_pages_headline():
    html = (
        "<nav><a href=/2026/bakers-report-a-record-year-again>Bakers report a record year again</a></nav>"
        "<p><a href=/2026/ferries-return-to-lund-vale-harbour>Ferries return to Lund Vale harbour</a></p>"
        "<p>All boats are back at sea since Monday, the harbour office said in the morning.</p>"
        "<p><a href=/2026/bakers-report-a-record-year-of-rye>Bakers report a record year of rye</a></p>"
        "<p><a href=/about-us>About the people of this site</a></p>"
    )
    blocks = html_blocks(parse_html(html))[1]
    n = len(blocks)
    page = LabelledPage(
        "p", "p.example", "html", "wcxb", blocks, Hints(), np.full(n, ALL & ~MAIN, np.int32), np.ones(n, np.float32),
        np.full(n, -1, np.int32),
    )  # fmt: skip
    labelled = _numbered(_narrowed(page, _dom_roles(page)))
    assert labelled.allowed.tolist() == [
        BIT["boilerplate"], BIT["teaser_title"], BIT["teaser_text"], BIT["teaser_title"], ALL & ~MAIN,
    ]  # fmt: skip
    assert labelled.teaser.tolist() == [-1, 1, -1, 2, -1]


def test_the_learning_rate_rises_and_falls_to_nothing():
    pytest.importorskip("torch")
    from training.train import PEAK_RATE, WARM_UP, rate_at

    assert rate_at(0) < 0.1 * PEAK_RATE and rate_at(WARM_UP) == PEAK_RATE and rate_at(1) < 1e-9
    assert rate_at(0.1) < rate_at(0.15) > rate_at(0.3) > rate_at(0.8)


def lexicon():
    from training.lexicon import DIMENSIONS

    words = ("ferry", "pier", "bakers")
    vectors = np.random.default_rng(1).normal(size=(len(words), DIMENSIONS)).astype(np.float32)
    return Lexicon(np.full(IDF_BUCKETS, 0.5, np.float32), {word: i for i, word in enumerate(words)}, vectors)


def test_the_lexicon_tells_stories_apart_that_share_no_word(monkeypatch):
    pytest.importorskip("torch")
    from training import lexicon as module

    rng = np.random.default_rng(2)
    words = [f"{kind}{chr(97 + i)}{chr(97 + j)}" for kind in ("ship", "cake") for i in range(5) for j in range(8)]
    # Each half is about one thing; most of what the encoder says of a word is something else.
    embedded = rng.normal(size=(80, 70)).astype(np.float32)
    embedded[:40, 0] += 1.5
    embedded[40:, 0] -= 1.5
    monkeypatch.setattr(module, "_embedded_words", lambda: (words, embedded))
    stories = [
        [" ".join(rng.choice(words[a : a + 40], 12)) + "." for _ in range(6)] for a in (0, 40) for _ in range(30)
    ]
    lines = {1: [" ".join(rng.choice(words, 3)) for _ in range(60)], 2: [" ".join(words[:2])] * 60}
    fitted = module.fit_lexicon(stories, lines)
    rows = fitted.line_vectors(fitted.words([" ".join(words[:20]), " ".join(words[20:40]), " ".join(words[40:60])]), 3)
    topics = rows[:, : module.TOPIC_DIMENSIONS]
    like = topics @ topics.T / np.sqrt(np.outer((topics**2).sum(1), (topics**2).sum(1)))
    assert like[0, 1] > like[0, 2] + 0.3
    seen, unseen = fitted.idf[fitted.words([f"{words[0]} neverseen"]).topic]
    assert seen < 0.5 < unseen
    assert module.rounded(fitted).vectors.tolist() == fitted.vectors.tolist()


def _pools():
    return Pools(
        top=[[("Menu", BIT["boilerplate"])]],
        interruption=[[("Share this", ALL & ~MAIN)]],
        bio=[[("Bo Lin", BIT["bio"]), ("Bo Lin writes about ships.", BIT["bio"])]],
        comment=[[("Cy says", BIT["comment"]), ("I was on that boat.", BIT["comment"])]],
        teaser_meta=["3 May"],
        short=["Full text", "More like this"],
    )


def test_the_numpy_model_scores_as_the_torch_network(tmp_path):
    torch = pytest.importorskip("torch")
    from training.net import RoleNet, artefact
    from training.train import Example, collate

    torch.manual_seed(3)
    html = "<main id=story>" + "".join(f"<p class='para lead-{i}'>The ferry, {i}. A pier.</p>" for i in range(25))
    # A text page and a longer one of HTML in one batch: class names, and blocks that are only padding.
    pages = [text_blocks(PAGE)[:3], html_blocks(parse_html(html))[1]]
    features = [page_features(blocks, lexicon()) for blocks in pages]
    dense = np.concatenate([f.dense for f in features])
    net = RoleNet(dense.mean(0), np.maximum(dense.std(0), 0.05), np.ones(WORD_BUCKETS, bool)).eval()
    with torch.no_grad():
        for parameter in net.parameters():  # float16 is what the artefact keeps
            parameter.copy_(parameter.half().float())
        batch = [
            (Example("a", "main", f, np.full(len(f), ALL), np.ones(len(f)), np.zeros(len(f))), 0, len(f))
            for f in features
        ]
        expected, starts = net(collate(batch))
    k = len(ROLES)
    path = tmp_path / "net.npz"
    data = artefact(net, lexicon(), np.zeros((k, k), np.float32), {"fold": 1})
    path.write_bytes(data)
    model = load_model(str(path))
    assert [len(f) for f in features] == [3, 25] and len(features[1].names) > 50
    for row, f in enumerate(features):
        parts, got_starts = model.scores(f)
        assert np.allclose(sum(parts.values()), expected[row, : len(f)].numpy(), atol=1e-4)
        assert np.allclose(got_starts, starts[row, : len(f)].numpy(), atol=1e-4)
    assert json.loads(json.dumps(model.card))["fold"] == 1


def test_the_artefact_is_equal_byte_for_byte():
    torch = pytest.importorskip("torch")
    from training.net import RoleNet, artefact

    def make():
        torch.manual_seed(3)
        zeros = np.zeros(len(page_features(text_blocks("x"), lexicon()).dense[0]), np.float32)
        net = RoleNet(zeros, zeros + 1, np.ones(WORD_BUCKETS, bool))
        k = len(ROLES)
        return artefact(net, lexicon(), np.zeros((k, k)), {})

    assert make() == make()
