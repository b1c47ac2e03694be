"""HQMD's baseline and baseline+: sizes at each stage, parameters by hand, and what the last upsampling can do."""

import pytest
import torch
from torch import nn

from sidelib.models.hqmd import HQMDBaseline, HQMDBaselinePlus, PooledASPP

NETWORKS = [HQMDBaseline, HQMDBaselinePlus]
each = pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)


def small(network, **options):
    torch.manual_seed(0)
    return network(width=1 / 8, **options)


def full(network, **options):
    with torch.device("meta"):
        return network(**options)


def conv(inputs, outputs, kernel):
    """Weights of a convolution without bias and of its batch norm."""
    return inputs * outputs * kernel**2 + 2 * outputs


@pytest.mark.parametrize(
    ("network", "end"),
    [(HQMDBaseline, {"head": (1, 73, 97)}), (HQMDBaselinePlus, {"reduce": (16, 73, 97), "head": (1, 289, 385)})],
)
def test_sizes_of_the_papers_input_at_each_stage(network, end):
    expected = {
        "encoder.conv1": (64, 145, 193), "encoder.layer1": (256, 73, 97), "encoder.layer2": (512, 37, 49),
        "encoder.layer3": (1024, 19, 25), "encoder.layer4": (2048, 19, 25), "aspp.pooling": (256, 1, 1),
        "aspp.branches.0": (256, 19, 25), "aspp.branches.3": (256, 19, 25), "aspp.project": (256, 19, 25),
        "low_level": (48, 73, 97), "decoder.0": (256, 73, 97), "decoder": (256, 73, 97), **end,
    }  # fmt: skip
    model, found = full(network), {}
    for name in expected:
        model.get_submodule(name).register_forward_hook(
            lambda _, __, out, name=name: found.update({name: tuple(out.shape[1:])})
        )
    with torch.device("meta"):
        outputs = model.eval()(torch.zeros(1, 3, 289, 385))
    assert found == expected
    assert outputs["depth"].shape == outputs["logits"].shape == (1, 1, 289, 385)
    assert [block.conv2.dilation[0] for block in model.encoder.layer4] == [2, 4, 8]  # multi-grid 1-2-4, doubled
    assert [branch[0].dilation[0] for branch in model.aspp.branches] == [1, 4, 8, 12]
    assert model.decoder[0][0].in_channels == 256 + 48


@pytest.mark.parametrize(
    ("network", "head", "printed"),
    [(HQMDBaseline, 256 + 1, 40_347_041), (HQMDBaselinePlus, conv(256, 16, 3) + 16 + 1, 40_383_697)],
)
def test_parameters_are_those_of_a_hand_computation_and_of_the_docstring(network, head, printed):
    aspp = 2 * conv(2048, 256, 1) + 3 * conv(2048, 256, 3) + conv(5 * 256, 256, 1)
    by_hand = 23_508_032 + aspp + conv(256, 48, 1) + conv(304, 256, 3) + conv(256, 256, 3) + head
    assert sum(p.numel() for p in full(network).parameters()) == by_hand == printed
    assert f"{printed:,}".replace(",", " ") in network.__doc__


@torch.inference_mode()
def test_without_a_nonlinearity_after_it_the_upsampling_and_the_1x1_convolution_commute():
    image = torch.rand(1, 3, 64, 96)
    for after in (False, True):
        model = small(HQMDBaselinePlus, nonlinearity_after_upsampling=after).eval()
        nn.init.normal_(model.head.weight)
        early = model.enlarged(model.head(torch.relu(model.reduce(model.decoded(image)))), (64, 96))
        same = torch.allclose(model(image)["logits"], early, atol=1e-5)
        assert same is not after


@torch.inference_mode()
def test_convention_corners_meet_the_cells_of_16_k_plus_1_pixels_only_if_aligned():
    # A ramp sampled at pixels 0, 4, …, 64 comes back exactly with aligned corners; otherwise 1.5 pixels off inside.
    ramp, cells = torch.arange(65.0).expand(1, 1, 65, 65), torch.arange(0.0, 65, 4).expand(1, 1, 17, 17)
    aligned = small(HQMDBaseline, align_corners=True).enlarged(cells, (65, 65))
    torch.testing.assert_close(aligned, ramp)
    plain = small(HQMDBaseline).enlarged(cells, (65, 65))
    assert (plain - ramp)[..., 5:60].abs().max() > 1


@torch.inference_mode()
def test_depth_is_a_sigmoid_times_max_depth():
    model = small(HQMDBaseline, max_depth=80.0)
    found = model.outputs(torch.tensor([-2.0, 0.0, 2.0]))
    assert found["depth"].tolist() == pytest.approx([9.5362, 40.0, 70.4638], abs=1e-3)
    with pytest.raises(ValueError, match="max_depth: expected above 0"):
        small(HQMDBaseline, max_depth=0.0)


@each
def test_gradients_reach_every_parameter_with_other_rates(network):
    model = small(network, rates=(6, 12, 18), align_corners=True)
    model(torch.rand(2, 3, 64, 96))["depth"].sum().backward()
    assert not [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert all(p.grad.isfinite().all() for p in model.parameters())


@each
@torch.inference_mode()
def test_depth_is_between_0_and_max_depth(network):
    depth = small(network).eval()(torch.rand(1, 3, 65, 90))["depth"]
    assert (depth > 0).all() and (depth < 10).all()


@each
def test_it_agrees_in_half_precision_and_channels_last(network):
    model, image = small(network).eval(), torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        expected = model(image)["depth"]
        with torch.autocast("cpu", torch.bfloat16):
            half = model(image)["depth"]
        assert half.dtype == torch.float32 and (half - expected).abs().max() < 0.2
        last = model.to(memory_format=torch.channels_last)(image.to(memory_format=torch.channels_last))["depth"]
        torch.testing.assert_close(last, expected, rtol=1e-4, atol=1e-4)


@each
def test_the_width_keeps_the_structure(network):
    assert set(full(network).state_dict()) == set(full(network, width=1 / 8).state_dict())


@each
def test_one_image_is_too_few_to_train(network):
    with pytest.raises(ValueError, match="at least 2 images in a batch"):
        small(network)(torch.zeros(1, 3, 64, 96))


def test_image_pooling_brings_the_whole_image_to_every_cell():
    aspp, x = PooledASPP(4, 3).eval(), torch.rand(1, 4, 40, 40)
    for part in aspp.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.ones_(part.weight)
    far = x.clone()
    far[..., 39, 39] += 5
    with torch.inference_mode():
        assert (aspp(far) - aspp(x))[..., 0, 0].abs().min() > 1e-4
