"""Every page of the book in light and dark, on a phone and on a laptop, opened from disk without a network.

One class per colour scheme: pytest-xdist's loadscope gives each class to one worker, which then loads a page once
per width and keeps what it saw for all the tests below.
"""

import checks


class Pages:
    """The tests; the classes below say in which colour scheme they run."""

    def test_nothing_is_asked_of_the_network(self, visit, no_complaints):
        no_complaints(checks.outside_requests(visit))

    def test_no_script_error(self, visit, no_complaints):
        no_complaints(checks.script_errors(visit))

    def test_follows_the_colour_scheme(self, visit, no_complaints):
        no_complaints(checks.wrong_theme(visit))

    def test_formulas_are_typeset(self, visit, no_complaints):
        no_complaints(checks.math_problems(visit))

    def test_images_load(self, visit, no_complaints):
        no_complaints(checks.unloaded_images(visit))

    def test_images_are_described(self, visit, no_complaints):
        no_complaints(checks.alt_problems(visit))

    def test_does_not_scroll_sideways(self, visit, no_complaints):
        no_complaints(checks.overflow(visit))

    def test_axe_finds_nothing_grave(self, visit, no_complaints):
        no_complaints(checks.axe_violations(visit))

    def test_language_title_and_heading(self, visit, no_complaints):
        no_complaints(checks.basics(visit))


class TestLight(Pages):
    theme = "light"


class TestDark(Pages):
    theme = "dark"
