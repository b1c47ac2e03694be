"""What a reader who listens, or who uses the keyboard only, meets in the content of every page."""

import checks


def test_images_are_described(visit, no_complaints):
    no_complaints(checks.alt_problems(visit))


def test_axe_finds_nothing_grave(visit, no_complaints):
    no_complaints(checks.axe_violations(visit))


def test_language_title_and_heading(visit, no_complaints):
    no_complaints(checks.basics(visit))
