"""The ledger's search field, used as a reader would: by typing."""

import re

import pytest
from playwright.sync_api import expect
from visit import opened

ROWS = "#ledger tbody tr"
SHOWN = ROWS + ":not([hidden])"


@pytest.fixture
def ledger(book, browser):
    path = book / "chapters" / "ledger.html"
    if not path.is_file():
        pytest.fail("the book has no chapters/ledger.html", pytrace=False)
    with opened(browser, path) as (page, visit):
        yield page
        assert not visit.page_errors, visit.page_errors


def search(page, text):
    field = page.get_by_role("searchbox").and_(page.locator("#ledger-search"))
    field.fill("")
    field.press_sequentially(text)


def expect_count(page, number):
    expect(page.locator("#ledger-count")).to_have_text(re.compile(rf"^\D*{number}\b"))


def test_a_claim_id_leaves_its_rows(ledger):
    texts = ledger.locator(ROWS).all_inner_texts()
    assert len(texts) > 1
    row = ledger.locator(ROWS).nth(len(texts) // 2)
    claim = row.locator("th, td").first.inner_text().split()[0]
    wanted = [text for text in texts if claim.lower() in text.lower()]
    assert len(wanted) < len(texts), f"{claim} is in every row, so it filters nothing"
    search(ledger, claim)
    expect(ledger.locator(SHOWN)).to_have_count(len(wanted))
    assert ledger.locator(SHOWN).all_inner_texts() == wanted
    expect(ledger.locator(ROWS + "[hidden]").first).not_to_be_visible()
    expect_count(ledger, len(wanted))


def test_an_unknown_text_leaves_no_row(ledger):
    search(ledger, "no claim says this")
    expect(ledger.locator(SHOWN)).to_have_count(0)
    expect_count(ledger, 0)


def test_clearing_the_field_brings_all_rows_back(ledger):
    total = ledger.locator(ROWS).count()
    search(ledger, "no claim says this")
    expect(ledger.locator(SHOWN)).to_have_count(0)
    search(ledger, "")
    expect(ledger.locator(SHOWN)).to_have_count(total)
    expect_count(ledger, total)


def test_the_field_has_a_name(ledger):
    expect(ledger.locator("#ledger-search")).to_have_accessible_name(re.compile(r"\w{3}"))
