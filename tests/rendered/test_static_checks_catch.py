"""Tests of the tests that read files: a small book with one fault each, and the check that must name it."""

import json

import pytest
import static_checks

NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
NOTEBOOK_3 = {"worksheets": [], "metadata": {}, "nbformat": 3, "nbformat_minor": 0}


def one(problems, *words):
    assert len(problems) == 1, problems
    assert all(word in problems[0] for word in words), problems


@pytest.mark.parametrize(
    ("link", "word"),
    [
        ("gone.html", "no such file"),
        ("#gone", "no id 'gone'"),
        ("other.html#gone", "no id 'gone' in other.html"),
        ("../outside.html", "out of the book"),
        ("folder/", "no such file"),
    ],
)
def test_a_broken_link(tmp_path, link, word):
    book = tmp_path / "book"
    (book / "folder").mkdir(parents=True)
    (tmp_path / "outside.html").write_text("<h1>Depth</h1>", encoding="utf-8")
    (book / "other.html").write_text("<h2 id='here'>Here</h2>", encoding="utf-8")
    links = ("other.html#here", "https://book.invalid/", "mailto:a@book.invalid", "#", link)  # the last one is at fault
    (book / "index.html").write_text("".join(f"<a href='{href}'>x</a>" for href in links), encoding="utf-8")
    one(static_checks.broken_links(book), "index.html", link, word)


@pytest.mark.parametrize(
    ("notebook", "word"),
    [
        (None, "not a file"),
        ("{", "not a notebook"),
        (json.dumps(NOTEBOOK), "no outputs"),
        (json.dumps(NOTEBOOK_3), "nbformat 3"),
    ],
)
def test_a_download_that_is_no_executed_notebook(tmp_path, notebook, word):
    (tmp_path / "_sources").mkdir()
    if notebook is not None:
        (tmp_path / "_sources" / "page.ipynb").write_text(notebook, encoding="utf-8")
    page = tmp_path / "page.html"
    page.write_text("<a class='btn-download-source-button' href='_sources/page.ipynb'>x</a>", encoding="utf-8")
    one(static_checks.notebook_problems(tmp_path, page), word)


def test_a_page_without_a_download(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<h1>Depth</h1>", encoding="utf-8")
    one(static_checks.notebook_problems(tmp_path, page), "no download link")


def test_a_redirect_to_nowhere(tmp_path):
    page = tmp_path / "index.html"
    page.write_text('<meta http-equiv="Refresh" content="0; url=gone.html" />', encoding="utf-8")
    assert static_checks.is_redirect(page)
    one(static_checks.broken_links(tmp_path), "gone.html", "no such file")
