"""Every page of the book, in light and dark, on a phone and on a laptop, opened from disk without a network."""

import checks


def test_nothing_is_asked_of_the_network(visit, no_complaints):
    no_complaints(checks.outside_requests(visit))


def test_no_script_error(visit, no_complaints):
    no_complaints(checks.script_errors(visit))


def test_follows_the_colour_scheme(visit, no_complaints):
    no_complaints(checks.wrong_theme(visit))


def test_formulas_are_typeset(visit, no_complaints):
    no_complaints(checks.math_problems(visit))


def test_images_load(visit, no_complaints):
    no_complaints(checks.unloaded_images(visit))


def test_does_not_scroll_sideways(visit, no_complaints):
    no_complaints(checks.overflow(visit))
