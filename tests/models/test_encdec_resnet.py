"""EncDecResNet: sizes for 384×384, both sets of fusion channels, the residual unit's two readings, learning rates."""

import pytest
import torch
from torchvision.models import resnet50

from sidelib.models.encdec_resnet import EncDecResNet, ResidualUnit

CHANNELS = {"paper": (256, 256, 256), "public": (512, 256, 128)}


def image(height=64, width=96, batch=2):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


def small(**options):
    torch.manual_seed(0)
    return EncDecResNet(width=1 / 8, **options)


@pytest.mark.parametrize("fusion", CHANNELS)
def test_convention_sizes_for_384x384(fusion):
    found, c = {}, CHANNELS[fusion]
    with torch.device("meta"):
        model = EncDecResNet(fusion_channels=fusion)
        for name, part in model.named_modules():
            part.register_forward_hook(lambda part, given, out, name=name: found.__setitem__(name, out))
        assert model(torch.empty(1, 3, 384, 384))["score"].shape == (1, 1, 384, 384)
    expected = {
        "encoder.layer1": (256, 96), "encoder.layer2": (512, 48), "encoder.layer3": (1024, 24),
        "encoder.layer4": (2048, 12), "decoder.0.skip": (c[0], 24), "decoder.0.below": (c[0], 24),
        "decoder.0": (c[0], 48), "decoder.1.fused": (c[1], 48), "decoder.1": (c[1], 96), "decoder.2.skip": (c[2], 96),
        "decoder.2": (c[2], 192), "head.0": (128, 192), "head": (1, 192),
    }  # fmt: skip
    assert {name: tuple(found[name].shape[1:]) for name in expected} == {n: (k, s, s) for n, (k, s) in expected.items()}
    assert isinstance(model.head[-1], torch.nn.Conv2d)  # no final activation


@pytest.mark.parametrize(("fusion", "total"), [("paper", 40_918_593), ("public", 53_158_977)])
def test_parameters_by_hand(fusion, total):
    with torch.device("meta"):
        model = EncDecResNet(fusion_channels=fusion)
    trunk = 25_557_032 - (2048 * 1000 + 1000)
    count, below = trunk, 2048
    for skip, c in zip((1024, 512, 256), CHANNELS[fusion]):
        count += 9 * c * (skip + below) + 4 * c  # the two transitions and their batch norms
        count += 4 * (9 * c * c + 2 * c)  # two residual units of two convolutions
        below = c
    count += 9 * below * 128 + 128 + 256 + 9 * 128 + 1
    assert sum(p.numel() for p in model.parameters()) == count == total


def test_residual_unit_and_what_an_in_place_relu_does_to_its_shortcut():
    x = torch.randn(2, 4, 5, 5, generator=torch.Generator().manual_seed(1))
    drawn, public = ResidualUnit(4).eval(), ResidualUnit(4, rectified_shortcut=True).eval()
    public.load_state_dict(drawn.state_dict())
    torch.testing.assert_close(public(x) - drawn(x), x.relu() - x)
    kept = x.clone()
    y = torch.nn.functional.relu(kept, inplace=True)  # the public code: the shortcut is the same tensor
    for part in (*drawn.first, torch.nn.ReLU(), *drawn.second):
        y = part(y)
    torch.testing.assert_close(public(x), kept + y)


def test_the_encoder_learns_at_a_tenth_and_no_parameter_is_left_out():
    model = small()
    groups = model.parameter_groups(0.01)
    assert [group["lr"] for group in groups] == [0.001, 0.01]
    ids = [id(p) for group in groups for p in group["params"]]
    assert len(ids) == len(set(ids)) and set(ids) == {id(p) for p in model.parameters()}
    assert groups[0]["params"][0] is model.encoder.conv1.weight
    torch.optim.SGD(groups, lr=1.0)


def test_gradients_reach_every_parameter_of_the_public_network():
    model = small(fusion_channels="public", inplace_relu=True, align_corners=True)
    score = model(image())["score"]
    assert score.shape == (2, 1, 64, 96) and score.dtype == torch.float32
    (score * torch.rand_like(score)).mean().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("fusion", ["thesis", (64, 32)])
def test_unknown_fusion_channels_are_named(fusion):
    with pytest.raises(ValueError, match="fusion_channels"):
        small(fusion_channels=fusion)


def test_it_takes_autocast_and_channels_last():
    model = small().eval()
    x, expected = image(), model(image())["score"]
    with torch.autocast("cpu", torch.bfloat16):
        score = model(x)["score"]
    assert score.dtype == torch.float32
    assert (score - expected).abs().max() < 0.05 * expected.abs().max()
    model.to(memory_format=torch.channels_last)
    score = model(x.to(memory_format=torch.channels_last))["score"]
    torch.testing.assert_close(score, expected, rtol=1e-3, atol=1e-3)


def test_width_keeps_the_structure_and_three_numbers_are_taken():
    with torch.device("meta"):
        whole, part = EncDecResNet(), EncDecResNet(width=1 / 8)
    assert list(whole.state_dict()) == list(part.state_dict())
    assert small(fusion_channels=(64, 32, 16)).head[0].in_channels == 2


def test_trunk_loads_torchvisions_keys(tmp_path):
    state = resnet50().state_dict()
    torch.save(state, tmp_path / "resnet50.pth")
    model = EncDecResNet(weights=tmp_path / "resnet50.pth")
    assert torch.equal(model.encoder.bn1.running_mean, state["bn1.running_mean"])
    assert torch.equal(model.encoder.layer4[2].conv3.weight, state["layer4.2.conv3.weight"])
