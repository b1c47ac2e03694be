"""Fixtures for the rendered book: the built pages, one Chromium per session, one visit per page, theme and width."""

import os
from pathlib import Path

import pytest
from static_checks import book_pages
from visit import BROWSER_ARGS, THEMES, WIDTHS, find_browser, visit_page

# BOOK_HTML points the tests at another build, a small one while a check is being written.
BOOK = Path(os.environ.get("BOOK_HTML") or Path(__file__).parents[2] / "_build" / "html").resolve()
NO_BOOK = "no book in _build/html: run make book first"
NO_BROWSER = (
    "Chromium not found: the rendered book was not checked. "
    "Install it (Debian: apt-get install chromium) or set CHROMIUM=/path/to/chromium"
)


def _pages():
    # Without a book there is still one case, so that its fixture fails; no case at all would be skipped quietly.
    return book_pages(BOOK) or [None]


def _name(path):
    return path.relative_to(BOOK).as_posix() if path else "no-book"


def pytest_generate_tests(metafunc):
    # One xdist group per visit (--dist loadgroup): its tests share a worker, so the page is loaded once.
    if "visit" in metafunc.fixturenames:
        cases = [
            pytest.param((path, theme, width), id=f"{_name(path)}-{theme}-{width}", marks=pytest.mark.xdist_group(str(n)))
            for n, (path, theme, width) in enumerate((p, t, w) for p in _pages() for t in THEMES for w in WIDTHS)
        ]
        metafunc.parametrize("visit", cases, indirect=True, scope="session")
    if "page_file" in metafunc.fixturenames:
        metafunc.parametrize("page_file", _pages(), ids=_name, indirect=True)


@pytest.fixture(scope="session")
def book():
    """The folder of the built book."""
    if not (BOOK / "index.html").is_file():
        pytest.fail(NO_BOOK, pytrace=False)
    return BOOK


@pytest.fixture(scope="session")
def browser():
    executable = find_browser()
    if executable is None:
        # A skip on a reader's machine, a failure where nobody reads the skips.
        missing = pytest.fail if os.environ.get("CI", "").lower() in ("1", "true", "yes") else pytest.skip
        missing(NO_BROWSER)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=BROWSER_ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page_file(request, book):
    return request.param


@pytest.fixture(scope="session")
def visits():
    """Those made so far: a worker may come back to a page after another one."""
    return {}


@pytest.fixture(scope="session")
def visit(request, book, browser, visits):
    if request.param not in visits:
        visits[request.param] = visit_page(browser, *request.param)
    return visits[request.param]


@pytest.fixture(scope="session")
def no_complaints():
    """Asserts that a check found nothing, and prints what it found one per line."""

    def verify(problems):
        assert not problems, "\n  ".join([f"{len(problems)} problem(s)", *problems])

    return verify
