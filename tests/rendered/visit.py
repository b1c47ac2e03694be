"""Opens a page of the book in Chromium, cut off from the network, and notes what a reader's browser would meet."""

import os
import re
import shutil
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT

HERE = Path(__file__).parent
COLLECT, RUN_AXE = ((HERE / name).read_text(encoding="utf-8") for name in ("collect.js", "run_axe.js"))

WIDTHS = (390, 1440)  # a phone and a laptop
HEIGHT = 900
OUTSIDE = re.compile(r"^(?!(file|data|blob):)", re.IGNORECASE)

NO_BROWSER = (
    "Chromium not found: the rendered book was not checked. "
    "Install it (Debian: apt-get install chromium) or set CHROMIUM=/path/to/chromium"
)
BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome")
MAC_CHROME = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
BROWSER_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]

# The formulas and every image, those that wait for a scroll too; then whatever a click would show,
# because hidden text is content as well.
SETTLE = """async () => {
  await window.MathJax?.startup?.promise;
  await document.fonts.ready;
  for (const details of document.querySelectorAll("details")) details.open = true;
  for (const button of document.querySelectorAll("button.toggle-button-hidden")) button.click();
  await Promise.all([...document.images].map((image) => {
    image.loading = "eager";
    return image.complete ? null : new Promise((done) => { image.onload = image.onerror = done; });
  }));
  // The page's own scripts hear of what was opened before the next frame is drawn.
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
}"""
# A colour measured in the middle of a transition is neither the old one nor the new one.
STILL = "*, *::before, *::after { transition: none !important; animation: none !important; }"


@dataclass
class Visit:
    """One page at one width in one colour scheme."""

    path: Path
    theme: str
    width: int
    requests: list = field(default_factory=list)  # those that would have left for the network
    console_errors: list = field(default_factory=list)
    page_errors: list = field(default_factory=list)
    facts: dict = field(default_factory=dict)  # from collect.js
    axe: list = field(default_factory=list)  # axe-core's violations inside the content


def find_browser():
    """The path of a Chromium, or None."""
    chosen = os.environ.get("CHROMIUM")
    if chosen:
        return shutil.which(chosen)
    return next((found for found in map(shutil.which, (*BROWSER_NAMES, MAC_CHROME)) if found), None)


def require_browser():
    """find_browser, but never a quiet None: a skip on a reader's machine, a failure in CI."""
    executable = find_browser()
    if executable is None:
        if os.environ.get("CI", "").lower() not in ("", "0", "false"):
            pytest.fail(NO_BROWSER, pytrace=False)
        warnings.warn(NO_BROWSER, stacklevel=1)  # pytest prints it, whereas it keeps the reason of a skip to itself
        pytest.skip(NO_BROWSER)
    return executable


@contextmanager
def opened(browser, path, theme="light", width=1440, query=""):
    """Yields (page, visit); the visit's lists grow while the page lives."""
    visit = Visit(Path(path), theme, width)
    context = browser.new_context(
        color_scheme=theme,
        viewport={"width": width, "height": HEIGHT},
        reduced_motion="reduce",
        service_workers="block",  # a service worker's requests are not seen by route()
    )

    def block(route):
        visit.requests.append(route.request.url)
        route.abort()

    context.route(OUTSIDE, block)
    context.set_offline(True)
    page = context.new_page()
    page.on("console", lambda message: message.type == "error" and visit.console_errors.append(message.text))
    page.on("pageerror", lambda error: visit.page_errors.append(str(error)))
    page.on("websocket", lambda socket: visit.requests.append(socket.url))
    try:
        page.goto(visit.path.resolve().as_uri() + query, wait_until="load")
        page.add_style_tag(content=STILL)
        page.evaluate(SETTLE)
        yield page, visit
    finally:
        context.close()


def visit_page(browser, path, theme="light", width=1440):
    """Loads the page once and collects all that the checks look at."""
    with opened(browser, path, theme, width) as (page, visit):
        visit.facts = page.evaluate(COLLECT)
        page.evaluate(AXE_SCRIPT)
        visit.axe = page.evaluate(RUN_AXE)
    return visit
