"""Checks that read the built files and need no browser: links, and the notebooks offered for download."""

import json
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
from bs4 import BeautifulSoup


def book_pages(root):
    """Every page that Sphinx wrote; _static holds files of the theme and _sources the sources."""
    root = Path(root)
    skipped = {"_static", "_sources", "_images", "_downloads"}
    return sorted(path for path in root.rglob("*.html") if not skipped & set(path.relative_to(root).parts))


@lru_cache(maxsize=None)
def soup(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def is_redirect(path):
    """jupyter-book writes an index.html that only sends the reader on to the first page."""
    return soup(path).select_one("meta[http-equiv=refresh i]") is not None


@lru_cache(maxsize=None)
def anchors(path):
    return {tag["id"] for tag in soup(path).select("[id]")} | {tag["name"] for tag in soup(path).select("a[name]")}


def references(path):
    for tag, attribute in (("a", "href"), ("link", "href"), ("script", "src"), ("img", "src")):
        yield from (element[attribute].strip() for element in soup(path).select(f"{tag}[{attribute}]"))
    for meta in soup(path).select("meta[http-equiv=refresh i]"):
        yield meta["content"].partition("url=")[2].strip()


def broken_link(root, path, reference):
    """Why a reference leads nowhere, or None. Only what the book itself holds is looked at."""
    parts = urlsplit(reference)
    if parts.scheme or parts.netloc:
        return None
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_relative_to(root):
        return "leads out of the book"
    if not target.is_file():  # a folder is no page when the book is opened from disk
        return "no such file"
    fragment = unquote(parts.fragment)
    if fragment and target.suffix == ".html" and fragment not in anchors(target):
        return f"no id {fragment!r} in {target.relative_to(root).as_posix()}"
    return None


def broken_links(root):
    """Every link in the book whose file or #fragment does not exist."""
    root = Path(root).resolve()
    problems = []
    for path in book_pages(root):
        for reference in sorted(set(references(path))):
            reason = broken_link(root, path, reference)
            if reason:
                problems.append(f"{path.relative_to(root).as_posix()} -> {reference}: {reason}")
    return problems


def is_notebook_page(path):
    return soup(path).select_one("article .cell, main .cell") is not None


def notebook_problems(root, path):
    """A page made from a notebook offers that notebook, with its outputs."""
    root, path = Path(root).resolve(), Path(path).resolve()
    hrefs = {link["href"] for link in soup(path).select("a.btn-download-source-button[href$='.ipynb']")}
    if not hrefs:
        return ["no download link to an .ipynb"]
    problems = []
    for href in sorted(hrefs):
        target = (path.parent / unquote(href)).resolve()
        if not target.is_file() or not target.is_relative_to(root / "_sources"):
            problems.append(f"{href} is not a file in _sources")
            continue
        try:
            notebook = nbformat.from_dict(json.loads(target.read_text(encoding="utf-8")))
            nbformat.validate(notebook)
        except (ValueError, nbformat.ValidationError) as error:
            problems.append(f"{href} is not a notebook: {error}")
            continue
        if notebook.nbformat != 4:
            problems.append(f"{href} has nbformat {notebook.nbformat}, not 4")
        elif not any(cell.get("outputs") for cell in notebook.cells if cell.cell_type == "code"):
            problems.append(f"{href} holds no outputs")
    return problems
