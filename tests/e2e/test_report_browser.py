"""The report and the page of ``explain --html`` in a headless Chromium: they work, load nothing and are accessible."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

DEMO = Path(__file__).parents[1] / "data" / "demo"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-quic",
]  # fmt: skip
LIGHT: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"}
DARK = LIGHT | {"color_scheme": "dark"}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "has_touch": True}

ATTACKS = (
    "<script>window.hacked = 1</script> in the fog",
    "</script><img src=x onerror=window.hacked=1> in the fog",
    "'\"><svg onload=window.hacked=1> in the fog",
)

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium; without one the test is skipped, or fails where CI is set."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        missing = f"no Chromium: none of {', '.join(BROWSERS)} is in the path; apt-get install chromium brings one"
        if os.environ.get("CI") == "true":
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def made(copydesk: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over the demo pages and over records that would run scripts in a report that let them."""
    folder = tmp_path_factory.mktemp("browser")
    paragraphs = "\n\n".join(
        f"The harbour of number {n} stays closed until the fog lifts, they said." for n in range(4)
    )
    records = [
        {"id": f"attack/{n}", "url": f"https://site{n}.example/{n}", "published": f"2026-10-0{n + 1}", "title": title}
        | {"text": f"{title}\n\n{paragraphs}\n\n{title}"}
        for n, title in enumerate(ATTACKS)
    ]
    (folder / "attack.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    arguments = ("--date-key", "published", "--set", "embed.model=hashing")
    copydesk("run", DEMO, folder / "attack.jsonl", "-o", folder / "out", *arguments)
    copydesk("explain", folder / "out", "--id", "attack/0", "--html", folder / "explained.html")
    return folder


@pytest.fixture
def opened(browser: Any, made: Path) -> Iterator[Open]:
    """Open a file; afterwards: no error, no request but for that file, and no script of a page has run."""
    contexts = []
    told: list[str] = []

    def open_file(name: str, look: dict[str, Any] = LIGHT) -> Any:
        contexts.append(browser.new_context(**look))
        page = contexts[-1].new_page()
        address = (made / name).as_uri()
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("request", lambda request: told.append(request.url) if request.url != address else None)
        page.goto(address)
        if name.endswith("report.html"):
            page.wait_for_selector("#chart-map canvas")
            page.wait_for_selector("#chart-confidence svg")
        return page

    yield open_file
    hacked = [page.evaluate("window.hacked") for context in contexts for page in context.pages]
    for context in contexts:
        context.close()
    assert told == []
    assert set(hacked) <= {None}


def test_charts_are_drawn_and_text_of_pages_stays_text(opened: Open) -> None:
    page = opened("out/report.html")
    assert page.locator("#chart-days svg, #chart-clusters svg, #chart-confidence svg").count() == 3
    page.locator("#map-filters [name=query]").fill("fog")
    assert set(ATTACKS) <= set(page.locator("#map-list button").all_inner_texts())
    assert page.locator("img").count() == 0


def test_the_filters_of_the_map_choose_what_is_listed_and_a_click_shows_it(opened: Open) -> None:
    page = opened("out/report.html")
    form = page.locator("#map-filters")
    total = page.locator("#map-count").inner_text()
    assert total.endswith(" on the map")
    form.get_by_label("Search headlines, sites and words").fill("src=x attack/1")
    form.get_by_label("Kind").select_option("story")
    assert page.locator("#map-count").inner_text().startswith("1 of ")
    assert page.locator("#map-list tr").count() == 1
    page.locator("#map-list button").click()
    assert page.locator("#chosen-title").inner_text() == ATTACKS[1]
    assert page.locator("#chosen-command").inner_text().endswith("--id 'attack/1'")
    page.get_by_role("button", name="Reset").click()
    page.wait_for_function("text => document.getElementById('map-count').textContent === text", arg=total)
    assert page.locator("#map-chosen").is_hidden()
    form.get_by_label("Kind").select_option("teaser")
    assert set(
        page.locator("#map-list td:last-child").evaluate_all("cells => cells.map(c => c.textContent.split(' ')[0])")
    ) == {"teaser"}
    form.get_by_label("Kind").select_option("")
    form.locator("[name=site]").select_option("site2.example")
    assert ATTACKS[2] in page.locator("#map-list button").all_inner_texts()
    places = page.locator("#map-list td:last-child").all_inner_texts()
    assert places and all("site2.example" in place for place in places)
    page.get_by_role("button", name="Reset").click()
    form.get_by_label("Topic").select_option("0")
    assert " of " in page.locator("#map-count").inner_text()


def test_hovering_a_topic_tells_what_it_is(opened: Open) -> None:
    page = opened("out/report.html")
    chart = page.locator("#chart-map canvas")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    told = ""
    for step in range(400):  # a walk over the map meets a dot or a disc
        page.mouse.move(box["x"] + (step * 37) % box["width"], box["y"] + (step * 53) % box["height"])
        if page.locator("#tip").is_visible():
            told = page.locator("#tip").inner_text()
            break
    assert told
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()


def test_levels_and_sites_can_be_chosen(opened: Open) -> None:
    page = opened("out/report.html")
    before = page.locator("#chart-clusters").inner_html()
    page.get_by_role("radio", name="duplicate").check()
    page.wait_for_function("html => document.getElementById('chart-clusters').innerHTML !== html", arg=before)
    page.get_by_label("Find a site").fill("site2")
    assert page.locator("#sites tr:visible th").all_inner_texts() == ["site2.example"]
    assert page.locator("#sites-count").inner_text().startswith("1 of ")


def test_the_keyboard_skips_to_the_report(opened: Open) -> None:
    page = opened("out/report.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "look"


@pytest.mark.parametrize("name", ["out/report.html", "explained.html"])
def test_a_phone_needs_no_sideways_scrolling(opened: Open, name: str) -> None:
    page = opened(name, PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("look", [LIGHT, DARK, PHONE], ids=["light", "dark", "phone"])
@pytest.mark.parametrize("name", ["out/report.html", "explained.html"])
def test_axe_finds_nothing(opened: Open, name: str, look: dict[str, Any]) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = opened(name, look)
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], node["html"][:200]) for rule in found for node in rule["nodes"]] == []


def test_roles_can_be_hidden_in_the_explanation(opened: Open) -> None:
    page = opened("explained.html")
    shown = page.locator("tr.boilerplate:visible, tr.body:visible").count()
    assert shown > 0
    page.locator("input[id=role-body]").uncheck()
    assert page.locator("tr.body:visible").count() == 0
