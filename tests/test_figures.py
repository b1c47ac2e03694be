"""The depth colours are uniform, invalid pixels stand apart, and ranks show nothing but order."""

import re

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402
from skimage.color import deltaE_ciede2000, rgb2lab  # noqa: E402

from sidelib.figures import (  # noqa: E402
    DEPTH_COLOURS,
    INVALID,
    depth_bar,
    show_depth,
    show_image,
    show_ranks,
    show_table,
    use_style,
)


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def colours():
    return rgb2lab(DEPTH_COLOURS(np.linspace(0, 1, 256))[:, :3])


def test_near_is_bright_and_lightness_falls_steadily_with_depth():
    steps = np.diff(colours()[:, 0])
    assert (steps < 0).all()
    assert steps.min() / steps.mean() < 3, "one step is far larger than the others"


def test_invalid_pixels_have_a_colour_of_their_own():
    invalid = rgb2lab(np.array([INVALID]))
    assert deltaE_ciede2000(colours(), invalid).min() > 15
    assert DEPTH_COLOURS.get_bad()[:3] == pytest.approx(INVALID)


def test_masked_pixels_are_drawn_as_invalid_and_do_not_set_the_limits(ax):
    depth, mask = torch.tensor([[[1.0, 2.0], [3.0, 999.0]]]), torch.tensor([[[True, True], [True, False]]])
    drawn = show_depth(ax, depth, mask, "a title")
    assert drawn.get_array().mask.tolist() == [[False, False], [False, True]]
    assert drawn.get_clim() == (1.0, 3.0) and ax.get_title() == "a title"
    assert show_depth(ax, depth, mask, limits=(0, 10)).get_clim() == (0, 10)


def test_without_a_mask_only_finite_depth_is_drawn(ax):
    assert show_depth(ax, torch.tensor([[1.0, torch.nan], [torch.inf, 2.0]])).get_array().mask.sum() == 2


def test_ranks_do_not_change_under_an_increasing_transform(ax):
    scores = torch.randn(1, 1, 5, 7, generator=torch.Generator().manual_seed(0))
    plain, squeezed = (show_ranks(ax, values).get_array() for values in (scores, torch.tanh(3 * scores)))
    assert np.array_equal(plain, squeezed)
    assert plain.min() == 0 and plain.max() == 1
    assert plain.ravel()[scores.argmax()] == 0, "the largest score is the closest"


def test_the_colour_bar_names_the_unit_and_has_near_on_top(ax):
    bar = depth_bar(show_depth(ax, torch.tensor([[1.0, 2.0]])), ax)
    assert bar.ax.get_ylabel() == "depth (m)" and bar.ax.yaxis_inverted()


def test_images_are_drawn_with_channels_last(ax):
    use_style()
    image = torch.rand(3, 4, 6, generator=torch.Generator().manual_seed(0))
    assert np.allclose(show_image(ax, image).get_array(), image.permute(1, 2, 0))


def test_a_table_has_its_caption_as_html_and_as_text_and_is_the_same_in_every_build(monkeypatch):
    table = pd.DataFrame({"REL": [0.12345, float("nan")], "images": [3, 4]}, index=["a", "b"])
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    for _ in range(2):
        show_table(table, "Errors of two networks", "errors", digits=3)
    html, text = shown[0]["text/html"], shown[0]["text/plain"]
    assert shown[0] == shown[1]
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", html)
    assert cells == ["0.123", "3", "–", "4"]
    assert "<caption>Errors of two networks</caption>" in html and 'id="T_errors' in html
    assert text.splitlines()[0] == "Errors of two networks" and "0.123" in text
