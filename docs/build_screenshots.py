"""Take the pictures of docs/images/ anew: ``make screenshots``, which needs Chromium.

They show what the commands make of the demo pages: the report in a light and in a dark window and on a phone, and one
page as ``explain --html`` and ``explain`` show it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.text import Text

from pipeline.config import load
from pipeline.explain import explain, render

DOCS = Path(__file__).parent
DEMO = DOCS.parent / "tests/data/demo"
PAGE = DEMO / "archive/ferry-passengers.txt"
TALL: dict[str, Any] = {"viewport": {"width": 1280, "height": 2600}}
WIDE: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}
COLUMNS = 100
COLOURS = 128  # of a picture: enough for text and flat charts, and a third of the size


def main() -> None:
    """Write docs/images/."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("screenshots: no Chromium in the path; apt-get install chromium brings one")
    (DOCS / "images").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as work, sync_playwright() as playwright:
        folder = Path(work)
        copydesk("run", DEMO, "-o", "out", cwd=folder)
        copydesk("explain", PAGE, "--html", "explain.html", cwd=folder)
        (folder / "terminal.html").write_text(terminal(), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        take(browser, folder / "out/report.html", "report-light", **TALL)
        take(browser, folder / "out/report.html", "report-dark", color_scheme="dark", **WIDE)
        take(browser, folder / "out/report.html", "report-phone", **PHONE)
        take(browser, folder / "explain.html", "explain-html", **WIDE)
        take(browser, folder / "terminal.html", "explain", viewport={"width": 1000, "height": 1500})
        browser.close()


def copydesk(*arguments: object, cwd: Path) -> None:
    """Run a command as a user does."""
    command = [sys.executable, "-m", "pipeline", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=cwd)


def terminal() -> str:
    """What ``explain`` prints to a terminal, as a page."""
    console = Console(record=True, width=COLUMNS + 1, file=StringIO())
    console.print(Text.from_ansi(render(explain(str(PAGE), None, load()), COLUMNS, colour=True)))
    return console.export_html(inline_styles=True)


def take(browser: Browser, page: Path, name: str, **context: Any) -> None:
    """Save what a window shows of a page first."""
    opened = browser.new_context(**context).new_page()
    opened.goto(page.as_uri())
    opened.wait_for_timeout(1_000)  # until the charts are drawn
    picture = Image.open(BytesIO(opened.screenshot())).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(DOCS / f"images/{name}.png", optimize=True)


if __name__ == "__main__":
    main()
