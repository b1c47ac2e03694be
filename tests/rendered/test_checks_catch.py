"""Tests of the tests: a page with one fault each, and the check that must name it."""

import warnings

import checks
import pytest
import visit as visits

SOUND = "<h1>Depth</h1><p>A sound page.</p>"
PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEAAAAALAAAAAABAAEAAAICTAEAOw=="
# A name in .invalid never resolves: the request has to be stopped by the guard.
OUTSIDE = "https://book.invalid/"


def document(body, head=""):
    return (
        f'<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>Page</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{head}</head>'
        f"<body><main><article class='bd-article'>{body}</article></main></body></html>"
    )


@pytest.fixture
def look(tmp_path, browser):
    """Writes a page around a body and visits it."""

    def visit(body, head="", theme="light", width=1440):
        path = tmp_path / "page.html"
        path.write_text(document(body, head), encoding="utf-8")
        return visits.visit_page(browser, path, theme, width)

    return visit


def one(problems, *words):
    assert len(problems) == 1, problems
    assert all(word in problems[0] for word in words), problems


RENDERED_CHECKS = (
    checks.outside_requests,
    checks.script_errors,
    checks.math_problems,
    checks.unloaded_images,
    checks.alt_problems,
    checks.overflow,
    checks.wrong_theme,
    checks.axe_violations,
    checks.basics,
)


@pytest.mark.parametrize("check", RENDERED_CHECKS)
def test_a_sound_page_passes(look, check):
    assert check(look(SOUND + f'<img src="{PIXEL}" alt="One pixel, drawn in a light grey">')) == []


@pytest.mark.parametrize(
    "fault",
    [
        f'<script src="{OUTSIDE}"></script>',
        f"<script>fetch('{OUTSIDE}').catch(() => 0)</script>",
        f'<link rel="preconnect" href="{OUTSIDE}">',
        f"<style>body {{ background: url('{OUTSIDE}') }}</style>",
    ],
)
def test_a_request_to_the_outside(look, fault):
    one(checks.outside_requests(look(SOUND, head=fault)), OUTSIDE)


def test_a_web_socket_to_the_outside(look):
    assert checks.outside_requests(look(SOUND + "<script>new WebSocket('wss://book.invalid/')</script>"))


def test_a_console_error(look):
    one(checks.script_errors(look(SOUND + "<script>console.error('no kernel')</script>")), "console", "no kernel")


def test_an_uncaught_exception(look):
    one(checks.script_errors(look(SOUND + "<script>const a = 1; missing()</script>")), "uncaught", "missing")


def test_a_formula_that_was_not_typeset(look):
    problems = checks.math_problems(look(SOUND + r'<span class="math">\(d = fb/\xi\)</span>'))
    assert any(problem.startswith("not typeset") for problem in problems)
    assert any(problem.startswith("delimiter") for problem in problems)


@pytest.mark.parametrize("text", ["so $$d$$ is", r"so \(d\) is", r"so \[d\] is"])
def test_a_delimiter_in_the_prose_but_not_in_code(look, text):
    one(checks.math_problems(look(SOUND + f"<p>{text}</p><pre>{text}</pre>")), "delimiter", text)


@pytest.mark.parametrize(
    "inner",
    [
        '<mjx-merror data-mjx-error="Extra close brace">x</mjx-merror>',
        '<mjx-assistive-mml><mtext mathcolor="red">Extra close brace</mtext></mjx-assistive-mml>',
    ],
)
def test_an_error_inside_a_formula(look, inner):
    body = f'{SOUND}<span class="math"><mjx-container>{inner}</mjx-container></span>'
    one(checks.math_problems(look(body)), "MathJax error", "Extra close brace")


def test_an_image_that_does_not_load(look):
    one(checks.unloaded_images(look(SOUND + '<img src="gone.png" alt="A plot of depth over rank">')), "gone.png")


BAD_ALTS = ("", 'alt=""', 'alt="image"', 'alt="Figure 3"', 'alt="../_images/1f0c.png"', 'alt="Depth"')


@pytest.mark.parametrize("alt", BAD_ALTS)
def test_an_image_that_is_not_described(look, alt):
    one(checks.alt_problems(look(SOUND + f'<img src="{PIXEL}" {alt}>')), "alt text")


def test_a_page_that_scrolls_sideways(look):
    body = SOUND + '<div style="overflow-x: auto"><p style="width: 900px">In a scroller.</p></div>'
    assert checks.overflow(look(body, width=390)) == []
    problems = checks.overflow(look(body + '<p id="wide" style="width: 600px">Wide.</p>', width=390))
    assert "390 px" in problems[0] and "p#wide" in problems[1]
    assert len(problems) == 2, problems


def test_a_theme_that_is_not_followed(look):
    one(checks.wrong_theme(look(SOUND, theme="dark")), "dark")


@pytest.mark.parametrize("hidden", ["{}", "<details><summary>More</summary>{}</details>"])
def test_a_text_of_low_contrast(look, hidden):
    faint = '<p id="faint" style="color: #bbb; background: #fff">Hard to read.</p>'
    one(checks.axe_violations(look(SOUND + hidden.format(faint))), "color-contrast", "#faint", "#bbbbbb on #ffffff")


def test_a_code_token_of_low_contrast_among_many(look):
    token = "<span>x = 1</span>\n"
    short, long = (f'<span style="color: #aaa">{name}</span>' for name in ("y", "yes"))
    other = f'<pre id="other" style="background: #bbb">{short} {long}</pre>'
    body = f'{SOUND}<pre>{token * 50}<span id="faint" style="color: #ccc">z = 2</span>\n{token * 50}</pre>{other}'
    one(checks.axe_violations(look(body)), "color-contrast", "#faint", "#other")


@pytest.mark.parametrize(
    ("page", "word"),
    [
        (document(SOUND).replace(' lang="en"', ""), "lang"),
        (document(SOUND).replace("Page", ""), "title"),
        (document("<p>No heading.</p>"), "h1"),
        (document(SOUND * 2), "h1"),
    ],
)
def test_missing_basics(tmp_path, browser, page, word):
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    one(checks.basics(visits.visit_page(browser, path)), word)


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_no_browser_is_never_a_pass(monkeypatch, ci, outcome):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("CHROMIUM", "no-such-browser")
    with warnings.catch_warnings(action="ignore"), pytest.raises(outcome, match="Chromium not found"):
        visits.require_browser()
