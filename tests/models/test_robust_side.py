"""The two-stage framework: votes by hand, routing image by image, the classifier, refinement and fusion."""

import pytest
import torch

from sidelib.models.ds_fusion import BranchFusion, RGBDRefinement
from sidelib.models.ds_sidenet import DSSIDENetHigh, DSSIDENetLow
from sidelib.models.measure import feature_sizes, parameters
from sidelib.models.robust_side import (
    RobustSIDE,
    SceneClassifier,
    coarse_vote,
    expected_range_vote,
    majority_vote,
    weighted_vote,
)

SCENES = torch.arange(365) % 2 == 0


def image(batch=2, size=(64, 96)):
    return torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(1))


def small(**options):
    torch.manual_seed(0)
    return RobustSIDE(**{"width": 1 / 8, **options})


def without_gradient(model):
    return [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]


def test_votes_by_hand():
    high = torch.tensor([True, False, False, True, True])
    p = torch.tensor([[0.50, 0.20, 0.15, 0.10, 0.05], [0.05, 0.40, 0.10, 0.30, 0.15]])
    # The three most probable: high, low, low; and low, high, high.
    assert majority_vote(p, high, top=3).tolist() == [False, True]
    # Weights of low: 0.35 of 0.85; and 0.40 of 0.85.
    assert weighted_vote(p, high, top=3).tolist() == [True, True]
    assert majority_vote(p, high, top=1).tolist() == [True, False]
    # Two votes, one low: not more than K/2 = 1, so not low.
    assert majority_vote(p[:1], high, top=2).tolist() == [True]
    ranges = torch.tensor([20.0, 2.0, 4.0, 10.0, 40.0])
    # 10 + 0.4 + 0.6 + 1 + 2 = 14 and 1 + 0.8 + 0.4 + 3 + 6 = 11.2
    assert expected_range_vote(p, ranges, 12.0).tolist() == [True, False]
    # Of the first two: (10 + 0.4)/0.7 = 14.86 and (0.8 + 3)/0.7 = 5.43
    assert expected_range_vote(p, ranges, 6.0, top=2).tolist() == [True, False]
    for vote in (majority_vote, weighted_vote):  # ~1 is -2: every vote would count, and for "low"
        with pytest.raises(TypeError, match="^high: expected a bool tensor.*int64"):
            vote(p, high.long(), top=3)
        with pytest.raises(TypeError, match="^high: .*list"):
            vote(p, high.tolist(), top=3)
    for top in (0, 6, -1):
        with pytest.raises(ValueError, match=f"^top: .*found {top}$"):
            expected_range_vote(p, ranges, 6.0, top=top)
    with pytest.raises(ValueError, match="^probabilities: "):
        majority_vote(p[0], high)
    with pytest.raises(ValueError, match="^top: "):
        weighted_vote(p, high, top=6)


def test_coarse_vote_asks_for_more_than_sigma():
    depth = torch.ones(3, 1, 2, 2)
    depth[1, 0, 1, 1], depth[2, 0, 0, 0] = 5.89, 6.0
    assert coarse_vote(depth).tolist() == [False, False, True]
    assert coarse_vote(depth, sigma=10.0).tolist() == [False] * 3


@pytest.mark.parametrize("kind, count, last", [("map", 11_363_757, 512), ("channels", 45_042_157, 1024)])
def test_classifier_is_a_resnet_18_with_a_wide_map_or_wide_channels(kind, count, last):
    model = SceneClassifier(kind=kind)
    assert parameters(model)[0] == count
    side = 14 if kind == "map" else 7
    assert feature_sizes(model, (224, 224))["trunk.layer4"] == (1, last, side, side)
    resnet = pytest.importorskip("torchvision").models.resnet18(num_classes=365)
    if kind == "map":
        state = {key: value for key, value in resnet.state_dict().items() if not key.startswith("fc.")}
        model.trunk.load_state_dict(state)  # the official checkpoint has torchvision's keys
        model.fc.load_state_dict(resnet.fc.state_dict())


def test_each_image_goes_through_its_own_network():
    model = small().eval()
    with torch.no_grad():
        largest = model.understanding(image(4))["depth"].amax(dim=(1, 2, 3)).sort().values
        for sigma in (0.0, ((largest[1] + largest[2]) / 2).item(), 1000.0):
            model.sigma = sigma
            found = model(image(4))
            expected = {False: model.low(image(4))["depth"], True: model.high(image(4))["depth"]}
            for k, high in enumerate(found["high"].tolist()):
                torch.testing.assert_close(found["depth"][k], expected[high][k], rtol=1e-4, atol=1e-4)
            assert found["high"].sum() == {0.0: 4, 1000.0: 0}.get(sigma, 2)
            assert found["coarse"].shape == found["depth"].shape == (4, 1, 64, 96)


@pytest.mark.parametrize("vote", ["majority", "weighted", "expected"])
def test_scene_classification_decides(vote):
    for value in (True, False):
        mapping = {"ranges": [80.0 if value else 3.0] * 365, "high_categories": [value] * 365}
        model = small(stage1="scene", vote=vote, **mapping).eval()
        found = model(image(2, (65, 97)))
        assert found["high"].tolist() == [value] * 2 and found["scene_logits"].shape == (2, 365)
        assert found["depth"].shape == (2, 1, 65, 97) and (found["depth"] > 0).all()
    again = model(image(2, (65, 97)))
    assert torch.equal(again["depth"], found["depth"])


def test_gradients_reach_the_network_that_was_used():
    model = small()
    with torch.no_grad():
        largest = model.understanding(image(4))["depth"].amax(dim=(1, 2, 3)).sort().values
    model.sigma = ((largest[1] + largest[2]) / 2).item()
    found = model(image(4))
    assert found["high"].sum() == 2
    (found["depth"].sum() + found["coarse"].sum()).backward()
    missing = without_gradient(model)
    # Only `depth` comes out of the parts: their regression branches are trained on their own.
    assert missing and all("decoder.regression" in name for name in missing)


def test_the_parts_compile_and_run_under_autocast():
    part = small(stage1="scene", high_categories=SCENES).eval().understanding
    with torch.no_grad():
        compiled = torch.compile(part, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(image()), part(image()))
        model = small().eval()
        found = model(image())
        with torch.autocast("cpu", torch.bfloat16):
            half = model(image())
    assert half["depth"].dtype == torch.float32
    torch.testing.assert_close(half["coarse"], found["coarse"], rtol=0.1, atol=0.1)


def test_the_coarse_network_has_the_low_networks_layers():
    model = small()
    low = [type(part) for part in DSSIDENetLow(width=1 / 8).modules()]
    assert [type(part) for part in model.understanding.modules()] == low
    assert parameters(RobustSIDE())[0] == 48_294_383
    assert isinstance(model.high, DSSIDENetHigh)


def test_refinement_takes_the_coarse_depth_as_a_fourth_channel():
    torch.manual_seed(0)
    model = RGBDRefinement(width=1 / 8)
    assert model.fine.encoder.block1[0][0].in_channels == 4
    found = model(image())
    assert found["depth"].shape == found["coarse"].shape == (2, 1, 64, 96)
    (found["depth"].sum() + found["regression"].sum()).backward()
    assert all(name.startswith("coarse.") for name in without_gradient(model))
    assert not any(name.startswith("fine.") for name in without_gradient(model))
    model.eval()
    with torch.no_grad():
        near, far = (model.fine(image(), torch.full((2, 1, 64, 96), d))["depth"] for d in (1.0, 8.0))
    assert not torch.allclose(near, far)
    joint = RGBDRefinement(width=1 / 8, detach=False)
    joint(image())["depth"].sum().backward()
    assert not any(n.startswith(("coarse.encoder", "coarse.decoder.classification")) for n in without_gradient(joint))
    with pytest.raises(ValueError, match="^fine: "):
        RGBDRefinement(fine=DSSIDENetLow(width=1 / 8))


def test_fusion_starts_as_the_geometric_mean_of_the_two_branches():
    torch.manual_seed(0)
    model = BranchFusion(width=1 / 8).eval()
    with torch.no_grad():
        found = model(image(2, (33, 65)))
        plain = BranchFusion(DSSIDENetLow(width=1 / 8, decoder="upproj")).eval()
        compiled = torch.compile(plain, backend="eager", fullgraph=True)(image())
        torch.testing.assert_close(compiled["depth"], plain(image())["depth"])
    torch.testing.assert_close(found["depth"], (found["classification"] * found["regression"]).sqrt())
    deep = BranchFusion(DSSIDENetHigh(width=1 / 8, regression_as="disparity"), layers=3, hidden=4)
    found = deep(image())
    assert (found["depth"] > 0).all()
    found["depth"].sum().backward()
    assert not without_gradient(deep)
    with pytest.raises(ValueError, match="^network: "):
        BranchFusion(DSSIDENetLow(width=1 / 8, branches="regression"))
    with pytest.raises(ValueError, match="^layers: "):
        BranchFusion(width=1 / 8, layers=0)


@torch.no_grad()
def test_autocast_does_not_round_the_fused_log_depth():
    torch.manual_seed(0)
    model = BranchFusion(width=1 / 8, layers=2).eval()
    with torch.autocast("cpu", torch.bfloat16):
        found = model(image())
    first, second = found["classification"].log(), found["regression"].log()
    expected = (model.classification(first) + model.regression(second)).exp()
    assert found["depth"].dtype == torch.float32
    torch.testing.assert_close(found["depth"], expected)  # of the branches' own, rounded, depths


def test_category_numbers_are_no_mapping():
    """[3, 17] may mean categories 3 and 17; as truth values they would mean that there are two, both of high range."""
    for wrong in ([3, 17, 200], [0, 1, 1], torch.ones(365)):
        with pytest.raises(TypeError, match="^high_categories: expected True or False"):
            small(stage1="scene", high_categories=wrong, top=1)


def test_errors_say_what_was_expected():
    for options, name in [
        ({"stage1": "both"}, "stage1"), ({"stage1": "scene", "vote": "median"}, "vote"), ({"stage1": "scene"}, "high_categories"),
        ({"stage1": "scene", "vote": "expected"}, "ranges"),
        ({"stage1": "scene", "high_categories": SCENES, "top": 400}, "top"),
        ({"stage1": "scene", "high_categories": SCENES, "classifier": "deep"}, "kind"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=f"^{name}: "):
            small(**options)
