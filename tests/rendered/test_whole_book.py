"""What a reader does first: open the book's index.html from disk, and search."""

import re

from playwright.sync_api import expect
from visit import opened


def test_index_shows_a_page(book, browser):
    # index.html may only send the reader on; what opened() waits for would be lost on the way, hence the other page.
    with opened(browser, book / "search.html") as (page, visit):
        page.goto((book / "index.html").as_uri())
        expect(page.locator("article h1:visible, main h1:visible").first).to_be_visible()
        expect(page).to_have_title(re.compile(r"\S"))
        assert not visit.requests


def test_search_finds_a_page(book, browser):
    with opened(browser, book / "search.html", query="?q=depth") as (page, visit):
        expect(page.locator("#search-results li a").first).to_be_visible()
        # The summary says that the search is over, and with it all it would have fetched.
        expect(page.locator("#search-results .search-summary, #search-results > p").first).to_contain_text("found")
        assert not visit.requests
        assert not visit.page_errors, visit.page_errors
        assert not visit.console_errors, visit.console_errors
