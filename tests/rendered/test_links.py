"""Links inside the book, and the notebooks that its pages offer; read from the files, without a browser."""

import pytest
import static_checks


def test_no_broken_link(book, no_complaints):
    no_complaints(static_checks.broken_links(book))


def test_notebook_pages_offer_their_notebook(book, page_file, no_complaints):
    if page_file.parent.name != "chapters" or not static_checks.is_notebook_page(page_file):
        return  # a page of prose has no notebook
    no_complaints(static_checks.notebook_problems(book, page_file))


def test_the_book_has_notebook_pages(book):
    chapters = [path for path in static_checks.book_pages(book) if path.parent.name == "chapters"]
    if not any(map(static_checks.is_notebook_page, chapters)):
        pytest.fail("no page in chapters/ holds a code cell, so no notebook was checked", pytrace=False)
