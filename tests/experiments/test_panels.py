"""Which samples a panel shows, and where it shows metres or ranks."""

import matplotlib
import pytest
import torch

from sidelib.experiments.experiment import Judgement, Source
from sidelib.experiments.panels import panel

matplotlib.use("agg")

MEDIANS = (3.0, 1.0, 8.0, 6.0, 2.0, 7.0, 4.0, 5.0)


def made(median):
    """A sample of one depth, but for a pixel that is far and one that is not valid; its image tells which it is."""
    depth = torch.full((1, 4, 5), median)
    depth[0, 0, :2] = torch.tensor([90.0, float("nan")])
    return {"image": torch.full((3, 4, 5), median / 10), "depth": depth, "mask": depth.isfinite()}


def judged(*protocols):
    return ([made(median) for median in MEDIANS], Judgement((Source("scenes", {"kind": "rooms"}),), protocols))


@pytest.fixture
def drawn(monkeypatch):
    import sidelib.figures

    shown = []
    for name in ("show_depth", "show_ranks"):
        monkeypatch.setattr(sidelib.figures, name, lambda ax, map, *rest, name=name, **more: shown.append((name, map)))
    return shown


@pytest.mark.parametrize("rows, expected", [(1, [5.0]), (2, [3.0, 7.0]), (4, [2.0, 4.0, 6.0, 8.0])])
def test_it_shows_samples_from_near_to_far_whatever_their_order(rows, expected, drawn, tmp_path):
    seen = []

    def network(image):
        seen.append(round(10 * image.mean().item(), 3))
        return {"depth": image[:, :1]}

    panel(network, {"rooms": judged("thesis")}, "cpu", rows=rows)(tmp_path / "panel.png")
    assert seen == expected
    assert [name for name, _ in drawn] == ["show_depth", "show_depth"] * rows
    assert [map.mean().item() for _, map in drawn[1::2]] == pytest.approx([median / 10 for median in expected])
    assert (tmp_path / "panel.png").stat().st_size > 1000


@pytest.mark.parametrize("output, protocols", [("depth", ()), ("score", ("thesis",))])
def test_it_shows_ranks_where_order_is_all_that_is_judged_or_given(output, protocols, drawn, tmp_path):
    ramp = torch.arange(20.0).view(1, 1, 4, 5)
    panel(lambda image: {output: ramp}, {"photograph": judged(*protocols)}, "cpu", rows=1)(tmp_path / "panel.png")
    (first, truth), (second, predicted) = drawn
    assert (first, second) == ("show_ranks", "show_ranks")
    assert truth[0, 3, 4] == -5.0, "larger is closer"
    assert torch.equal(predicted, ramp[0] if output == "score" else -ramp[0])


def test_a_sample_without_any_valid_depth_is_passed_over(drawn, tmp_path):
    samples, judgement = judged("thesis")
    samples.insert(0, samples[0] | {"mask": torch.zeros(1, 4, 5, dtype=torch.bool)})
    panel(lambda image: {"depth": image[:, :1]}, {"rooms": (samples, judgement)}, "cpu", rows=8)(tmp_path / "panel.png")
    assert len(drawn) == 2 * len(MEDIANS)
