"""Fixtures for the rendered book: the built pages, one Chromium per session, one visit per page, theme and width."""

import os
import sys
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

# --import-mode=importlib leaves the tests' own folder out of the path.
sys.path.insert(0, str(Path(__file__).parent))

from static_checks import book_pages, is_redirect  # noqa: E402
from visit import BROWSER_ARGS, WIDTHS, require_browser, visit_page  # noqa: E402

# BOOK_HTML points the tests at another build, a small one while a check is being written.
BOOK = Path(os.environ.get("BOOK_HTML") or Path(__file__).parents[2] / "_build" / "html").resolve()
NO_BOOK = "no book in _build/html: run make book first"


def _pages():
    # Without a book there is still one case, so that its fixture fails; no case at all would be skipped quietly.
    return [path for path in book_pages(BOOK) if not is_redirect(path)] or [None]


def _name(path):
    return path.relative_to(BOOK).as_posix() if path else "no-book"


def pytest_generate_tests(metafunc):
    # The session scope makes pytest run all tests of one visit before those of the next.
    if "visit" in metafunc.fixturenames:
        cases = [(path, metafunc.cls.theme, width) for path, width in product(_pages(), WIDTHS)]
        names = [f"{_name(path)}-{width}" for path, _, width in cases]
        metafunc.parametrize("visit", cases, ids=names, indirect=True, scope="session")
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
    executable = require_browser()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=BROWSER_ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page_file(request, book):
    return request.param


@pytest.fixture(scope="session")
def visits():
    """Those made so far: a run in another order may come back to a page."""
    return {}


@pytest.fixture(scope="session")
def visit(request, book, browser, visits):
    if request.param not in visits:
        visits[request.param] = visit_page(browser, *request.param)
    return visits[request.param]


@pytest.fixture(scope="session")
def no_complaints():
    """Fails with what a check found, one complaint a line; an assert would print the list twice."""

    def verify(problems):
        if problems:
            pytest.fail("\n  ".join([f"{len(problems)} complaint(s)", *problems]), pytrace=False)

    return verify
