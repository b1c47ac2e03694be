"""The book's own search, which Sphinx runs in the browser, works from disk as well."""

from playwright.sync_api import expect
from visit import opened


def test_search_finds_a_page(book, browser):
    with opened(browser, book / "search.html", query="?q=depth") as (page, visit):
        expect(page.locator("#search-results li a").first).to_be_visible()
        # The summary says that the search is over, and with it all it would have fetched.
        expect(page.locator("#search-results .search-summary, #search-results > p").first).to_contain_text("found")
        assert not visit.requests
        assert not visit.page_errors, visit.page_errors
        assert not visit.console_errors, visit.console_errors
