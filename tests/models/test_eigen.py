"""Eigen's networks: layer by layer against Fig. 1 (2014) and Fig. 2 (2015), parameters by hand, log depth."""

import pytest
import torch
from contract import assert_takes_autocast_and_channels_last
from torchvision.models import vgg16

from sidelib.models.eigen import EigenCoarseFine, EigenThreeScale

BOTH = (EigenCoarseFine, EigenThreeScale)


def image(height=64, width=96, batch=2):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


def small(network, **options):
    torch.manual_seed(0)
    return network(**{"width": 1 / 8, "image_size": (64, 96), "dropout": 0.0} | options)


def outputs(model, height, width):
    """The output shapes of all parts for one image, without the batch axis."""
    found = {}
    for name, part in model.named_modules():
        part.register_forward_hook(lambda part, given, out, name=name: found.__setitem__(name, out))
    with torch.device("meta"):
        model(torch.empty(1, 3, height, width))
    return {name: tuple(out.shape[1:]) for name, out in found.items() if isinstance(out, torch.Tensor)}


@pytest.mark.parametrize("reduction", ["stride", "pool"])
def test_convention_sizes_of_coarse_and_fine(reduction):
    with torch.device("meta"):
        model = EigenCoarseFine(reduction=reduction)
    found = outputs(model, 228, 304)
    expected = {
        "coarse.1.0": (96, 55, 74), "coarse.1": (96, 27, 37), "coarse.2": (256, 13, 18), "coarse.3": (384, 13, 18),
        "coarse.4": (384, 13, 18), "coarse.5": (256, 6, 8), "coarse.6": (4096,), "coarse.7": (55 * 74,),
        "fine.1": (63, 55, 74), "fine.3": (64, 55, 74), "fine.4": (1, 55, 74),
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("unpadded", "trunk"),
    [
        (True, [(112, 150), (56, 75), (28, 37), (14, 18), (7, 9)]),  # as printed
        (False, [(114, 152), (57, 76), (28, 38), (14, 19), (7, 9)]),  # torchvision's VGG
    ],
)
def test_convention_sizes_of_the_three_scales(unpadded, trunk):
    with torch.device("meta"):
        model = EigenThreeScale(unpadded_stem=unpadded)
    found = outputs(model, 240, 320)
    pools = [name for name, part in model.named_modules() if name.startswith("encoder") and "Pool" in str(type(part))]
    assert [found[name] for name in pools] == [
        (c, *size) for c, size in zip((64, 128, 256, 512, 512), trunk, strict=True)
    ]
    expected = {
        "scale1.6": (4096,), "scale1": (64, 14, 19), "scale2.1": (96, 55, 74), "scale2.2": (64, 55, 74),
        "scale2.3": (64, 55, 74), "scale2.4": (64, 55, 74), "scale2.5": (1, 55, 74), "scale3.1.0": (96, 110, 148),
        "scale3.1": (96, 109, 147), "scale3.2": (64, 109, 147), "scale3.3": (64, 109, 147), "scale3.4": (1, 109, 147),
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    assert model.scale2["2"][0].in_channels == 96 + 64 and model.scale3["2"][0].in_channels == 96 + 1


def conv(inputs, outputs, kernel):
    return kernel**2 * inputs * outputs + outputs


def test_parameters_by_hand():
    with torch.device("meta"):
        two, three = EigenCoarseFine(), EigenThreeScale()
    coarse = conv(3, 96, 11) + conv(96, 256, 5) + conv(256, 384, 3) + conv(384, 384, 3) + conv(384, 256, 3)
    full = conv(6 * 8 * 256, 4096, 1) + conv(4096, 55 * 74, 1)
    assert full > 0.94 * 70_877_171
    fine = conv(3, 63, 9) + conv(64, 64, 5) + conv(64, 1, 5)
    assert sum(p.numel() for p in two.parameters()) == coarse + full + fine == 70_877_171
    vgg = 138_357_544 - conv(512 * 49, 4096, 1) - conv(4096, 4096, 1) - conv(4096, 1000, 1)  # without classifier
    full = conv(7 * 9 * 512, 4096, 1) + conv(4096, 64 * 14 * 19, 1)
    second = conv(3, 96, 9) + conv(160, 64, 5) + 2 * conv(64, 64, 5) + conv(64, 1, 5)
    third = conv(3, 96, 9) + conv(97, 64, 5) + conv(64, 64, 5) + conv(64, 1, 5)
    assert sum(p.numel() for p in three.parameters()) == vgg + full + second + third == 217_355_458


@pytest.mark.parametrize("network", BOTH)
def test_convention_the_output_is_log_depth(network):
    model = small(network).eval()
    last = model.fine["4"][0] if network is EigenCoarseFine else model.scale3["4"][0]
    torch.nn.init.zeros_(last.weight)
    last.bias.data.fill_(1.0)
    torch.testing.assert_close(model(image())["depth"], torch.full((2, 1, 64, 96), torch.e))
    last.bias.data.fill_(-3.0)  # a negative output is a depth below one metre
    torch.testing.assert_close(model(image())["depth"], torch.full((2, 1, 64, 96), torch.e**-3))


def test_the_fine_network_sees_image_and_coarse_prediction():
    model = small(EigenCoarseFine).eval()
    before = model(image())
    model.coarse[-2].bias.data += 0.5  # every coarse depth times e^0.5
    after = model(image())
    torch.testing.assert_close(after["coarse"], before["coarse"] * torch.e**0.5)
    assert (after["depth"] - before["depth"]).abs().max() > 1e-3
    model.coarse[-2].weight.data.zero_()  # now only the fine stack sees the image
    assert (model(image())["depth"] - model(1 - image())["depth"]).abs().max() > 1e-3


@pytest.mark.parametrize("network", BOTH)
def test_depth_alone_trains_every_parameter_and_dropout_acts(network):
    model = small(network)
    found = model(image())
    for key in ("depth", "coarse"):
        assert found[key].shape == (2, 1, 64, 96) and bool((found[key] > 0).all())
    found["depth"].mean().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []
    model = small(network, dropout=0.5)
    assert not torch.equal(model(image())["coarse"], model(image())["coarse"])


@pytest.mark.parametrize("network", BOTH)
def test_detaching_trains_the_last_stage_alone(network):
    model = small(network, detach_coarse=True)
    model(image())["depth"].mean().backward()
    last = "fine." if network is EigenCoarseFine else "scale3."
    assert {name for name, p in model.named_parameters() if p.grad is not None} == {
        name for name, _ in model.named_parameters() if name.startswith(last)
    }
    model(image())["coarse"].mean().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize(("network", "smallest"), [(EigenCoarseFine, 55), (EigenThreeScale, 48)])
def test_the_smallest_working_size_works_and_the_next_is_refused(network, smallest):
    size = (smallest, smallest)
    assert small(network, image_size=size).eval()(image())["depth"].isfinite().all()
    if network is EigenCoarseFine:
        small(network, image_size=size, reduction="pool").eval()(image())
    with pytest.raises(ValueError, match=f"image_size: expected at least {smallest}"):
        small(network, image_size=(smallest - 1, 96))


def test_unknown_reduction_is_named():
    with pytest.raises(ValueError, match="reduction"):
        small(EigenCoarseFine, reduction="average")


@pytest.mark.parametrize("network", BOTH)
def test_it_takes_autocast_and_channels_last(network):
    model = small(network).eval()
    assert_takes_autocast_and_channels_last(model, image(), rtol=0.05, atol=0.02)


@pytest.mark.parametrize("network", BOTH)
@torch.no_grad()
def test_autocast_does_not_round_log_depth(network):
    """Near a log depth of 4, bfloat16 has 33 values from 3.5 to 4, and 3 % between two depths."""
    model = small(network).eval()
    ends = (
        [model.coarse[-2], model.fine["4"][0]]
        if network is EigenCoarseFine
        else [model.scale2["5"][0], model.scale3["4"][0]]
    )
    made = []
    for end in ends:
        end.bias.fill_(3.9)
        end.register_forward_hook(lambda part, given, out: made.append(out))
    with torch.autocast("cpu", torch.bfloat16):
        found = model(image())
    assert [out.dtype for out in made] == [torch.float32] * 2
    for out, name in zip(made, ("coarse", "depth")):
        assert found[name].dtype == torch.float32
        assert (out != out.bfloat16()).float().mean() > 0.9


@pytest.mark.parametrize("network", BOTH)
def test_width_keeps_the_structure(network):
    with torch.device("meta"):
        whole, part = network(), network(width=1 / 8)
    assert list(whole.state_dict()) == list(part.state_dict())
    assert all(p.shape[0] <= q.shape[0] for p, q in zip(part.parameters(), whole.parameters()))


def test_trunk_loads_torchvisions_keys(tmp_path):
    model = small(EigenThreeScale, width=1.0)
    with torch.device("meta"):
        names = vgg16().state_dict()
    state = {name: torch.rand(value.shape) for name, value in names.items() if name.startswith("features.")}
    assert set(state) == set(model.encoder.state_dict())
    state["classifier.0.bias"] = torch.zeros(1)  # ignored
    torch.save(state, tmp_path / "vgg16.pth")
    model = small(EigenThreeScale, width=1.0, weights=tmp_path / "vgg16.pth")
    assert torch.equal(model.encoder.features[28].weight, state["features.28.weight"])
    with pytest.raises(ValueError, match=r"vgg16\.pth: does not fit"):
        small(EigenThreeScale, weights=tmp_path / "vgg16.pth")
