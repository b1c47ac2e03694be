"""The report's six networks: sizes as described, parameters by hand, and each reading of what is ambiguous."""

import pytest
import torch
import torchvision

from sidelib.models.report_network import ReportNetwork
from sidelib.models.unets import DENoSkip, DenseNetUNet, ResNetEv1, ResNetEv2, ResNetEv3, ResNetUNet

NETWORKS = [DENoSkip, ResNetEv1, ResNetEv2, ResNetEv3, DenseNetUNet, ResNetUNet]
READINGS = [
    (DENoSkip, {"encoder_stages": 4}),
    (DENoSkip, {"skip_blocks": (1, 2, 3)}),
    (ResNetEv1, {"residuals": (1, 2, 3)}),
    (ResNetEv1, {"norms": "joint"}),
    (ResNetEv2, {"skip_from": 3}),
    (ResNetEv2, {"skip_from": 5}),
    (ResNetEv3, {"last_up": "bilinear"}),
    (DenseNetUNet, {"skips": "blocks"}),
    (DenseNetUNet, {"enlarged": "features"}),
    (ResNetUNet, {"enlarged": "features"}),
]
each = pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)


def small(network, **options):
    torch.manual_seed(0)
    return network(width=1 / 8, **options)


def conv(inputs, outputs, kernel=3, bias=True):
    return inputs * outputs * kernel**2 + outputs * bias


def sizes(model, names, image=(128, 128)):
    """Channels and sizes of the modules' outputs, without computing them."""
    found = {}
    hooks = [
        model.get_submodule(name).register_forward_hook(
            lambda _, __, out, name=name: found.update({name: out.shape[1:]})
        )
        for name in names
    ]
    with torch.device("meta"):
        model.to("meta").eval()(torch.zeros(1, 3, *image))
    for hook in hooks:
        hook.remove()
    return [tuple(found[name]) for name in names]


def full(network, **options):
    with torch.device("meta"):
        return network(**options)


def test_de_noskip_sizes_and_both_lengths_of_the_encoder():
    names = ["encoder.layer3", "bridge", *(f"decoder.{k}" for k in range(4)), "head"]
    expected = [(1024, 8, 8), (512, 8, 8), (256, 16, 16), (128, 32, 32), (64, 64, 64), (32, 128, 128), (1, 128, 128)]
    assert sizes(full(DENoSkip), names) == expected
    # "2048 channels" belong to the whole trunk, from whose 4×4 four doublings reach half the size only.
    assert sizes(full(DENoSkip, encoder_stages=4), ["encoder.layer4", "head"]) == [(2048, 4, 4), (1, 64, 64)]


def test_resnete_sizes_five_blocks_end_at_half_size_before_the_final_upsampling():
    ups = [(256, 8, 8), (128, 16, 16), (64, 32, 32), (64, 64, 64)]
    blocks = [f"decoder.blocks.{k}" for k in range(4)]
    for network in (ResNetEv1, ResNetEv2):
        names = ["encoder.layer4", *blocks, "last_block", "head"]
        assert sizes(full(network), names) == [(512, 4, 4), *ups, (32, 64, 64), (1, 64, 64)]
    assert sizes(full(ResNetEv2), ["final"]) == [(1, 128, 128)]
    assert full(ResNetEv2).final.in_channels == 3 + 32 + 1
    names = [*(f"decoder.{k}" for k in range(5)), "last_block.0", "last_block"]
    assert sizes(full(ResNetEv3), names) == [*ups, (32, 128, 128), (32, 128, 128), (1, 128, 128)]
    assert full(ResNetEv3).last_block[0].in_channels == 32 + 3
    assert full(ResNetEv3, last_up="bilinear").last_block[0].in_channels == 64 + 64 + 3


@pytest.mark.parametrize(("network", "deepest"), [(DenseNetUNet, 1024), (ResNetUNet, 2048)])
def test_unet_sizes_four_blocks_end_at_half_size(network, deepest):
    model = full(network)
    assert model.bridge.in_channels == deepest
    names = ["bridge", *(f"decoder.{k}" for k in range(4)), "head"]
    expected = [(512, 4, 4), (256, 8, 8), (128, 16, 16), (64, 32, 32), (32, 64, 64), (1, 64, 64)]
    assert sizes(model, names) == expected
    assert sizes(full(network, enlarged="features"), ["head"]) == [(1, 128, 128)]


def trunk(name):
    with torch.device("meta"):
        whole = getattr(torchvision.models, name)()
    last = "classifier" if name.startswith("dense") else "fc"
    return sum(p.numel() for key, p in whole.named_parameters() if not key.startswith(last))


def unet(name, channels):
    wide, counts = (512, 256, 128, 64, 32), trunk(name) + conv(channels[0], 512) + conv(32, 1)
    for inputs, outputs, skip in zip(wide, wide[1:], channels[1:]):
        counts += conv(inputs + skip, outputs, 3, False) + conv(outputs, outputs, 3, False) + 4 * outputs
    return counts


def resnete(residuals):
    steps = ((512, 256), (256, 128), (128, 64), (64, 64))
    counts = trunk("resnet34") + conv(64, 32) + conv(32, 32) + conv(32, 1)
    for k, (i, o) in enumerate(steps, start=1):
        counts += conv(i, o, 2) + conv(o, o) + 2 * o + ((conv(i, o, 1) + 2 * o) if k in residuals else 0)
    return counts


def de_noskip():
    stage4 = 14_964_736  # ResNet-50's last stage: 23 508 032 − 8 543 296
    counts = trunk("resnet50") - stage4 + conv(1024, 512, 3, False) + 2 * 512 + conv(32, 1)
    for k, (i, o) in enumerate(((512, 256), (256, 128), (128, 64), (64, 32)), start=1):
        counts += conv(i, o) + (conv(i, o, 1) + 2 * o if k > 1 else 0)
    return counts


def v3():
    ups = ((512, 256), (512, 128), (256, 64), (128, 64), (128, 32))
    last = conv(35, 32) + conv(32, 16) + conv(16, 1)
    return trunk("resnet34") + sum(conv(i, o, 2) for i, o in ups) + last


@pytest.mark.parametrize(
    ("network", "by_hand", "printed"),
    [
        (DENoSkip, de_noskip, 14_874_081),
        (ResNetEv1, lambda: resnete((2, 3, 4)), 22_876_065),
        (ResNetEv2, lambda: resnete(()) + conv(64, 32, 1) + conv(36, 1), 22_832_646),
        (ResNetEv3, v3, 22_201_217),
        (DenseNetUNet, lambda: unet("densenet121", (1024, 256, 128, 64, 64)), 14_817_825),
        (ResNetUNet, lambda: unet("resnet50", (2048, 1024, 512, 256, 64)), 38_413_025),
    ],
)
def test_parameters_are_those_of_a_hand_computation_and_of_the_docstring(network, by_hand, printed):
    assert sum(p.numel() for p in full(network).parameters()) == by_hand() == printed
    assert f"{printed:,}".replace(",", " ") in network.__doc__


@pytest.mark.parametrize(("network", "options"), READINGS)
def test_gradients_reach_every_parameter(network, options):
    model = small(network, **options)
    found = model(torch.rand(2, 3, 64, 96))
    assert found["depth"].shape == found["regression"].shape == (2, 1, 64, 96)
    (found["regression"] * torch.rand(2, 1, 64, 96)).sum().backward()
    assert not [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]


@each
@torch.inference_mode()
def test_depth_is_at_least_min_depth(network):
    assert (small(network).eval()(torch.rand(1, 3, 65, 90))["depth"] >= 1e-3).all()


@each
def test_it_agrees_in_half_precision_and_channels_last(network):
    model = small(network).eval()
    image = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        expected = model(image)["regression"]
        with torch.autocast("cpu", torch.bfloat16):
            half = model(image)["regression"]
        assert half.dtype == torch.float32
        assert (half - expected).abs().max() < 0.05 * (1 + expected.abs().max())
        last = model.to(memory_format=torch.channels_last)(image.to(memory_format=torch.channels_last))["regression"]
        torch.testing.assert_close(last, expected, rtol=1e-4, atol=1e-4)


@each
def test_the_width_keeps_the_structure(network):
    wide, narrow = full(network), full(network, width=1 / 8)
    assert set(wide.state_dict()) == set(narrow.state_dict())
    assert sum(p.numel() for p in narrow.parameters()) < sum(p.numel() for p in wide.parameters()) / 20


def test_de_noskip_starts_with_most_pixels_alive():
    """From torch's own start of the last bias, half of what the final ReLU gives is 0."""
    shares = {"0.5": [], "torch's": []}
    for seed in range(4):
        torch.manual_seed(seed)
        model = DENoSkip(width=1 / 8)
        assert model.head[0].bias.item() == 0.5
        for found in shares.values():
            found.append((model(torch.rand(2, 3, 64, 96))["regression"] == 0).float().mean().item())
            model.head[0].reset_parameters()
    assert sum(shares["0.5"]) / 4 < 0.25 and sum(shares["torch's"]) / 4 > 0.35


def test_a_whole_torchvision_checkpoint_fits_the_shortened_encoder(tmp_path):
    state = torchvision.models.resnet50().state_dict()
    torch.save(state, tmp_path / "resnet50.pth")
    model = DENoSkip(weights=tmp_path / "resnet50.pth")
    assert torch.equal(model.encoder.layer3[5].conv3.weight, state["layer3.5.conv3.weight"])
    assert not any("layer4" in key for key, _ in model.named_parameters())


def test_convention_one_stands_for_max_depth():
    network = ReportNetwork(max_depth=8.0, min_depth=0.01)
    found = network.outputs(torch.tensor([0.5, -1.0]).reshape(2, 1, 1, 1), (1, 1))
    assert found["depth"].flatten().tolist() == pytest.approx([4.0, 0.01])
    assert found["regression"].flatten().tolist() == [0.5, -1.0]
    with pytest.raises(ValueError, match="0 < min_depth < max_depth"):
        ReportNetwork(max_depth=0.0)


@pytest.mark.parametrize(
    ("network", "options"),
    [
        (DENoSkip, {"encoder_stages": 5}), (DENoSkip, {"skip_blocks": (5,)}), (DENoSkip, {"channels": (1, 2)}),
        (ResNetEv1, {"norms": "no"}), (ResNetEv1, {"residuals": (0,)}), (ResNetEv2, {"skip_from": 1}),
        (ResNetEv3, {"last_up": "no"}), (ResNetUNet, {"enlarged": "no"}), (DenseNetUNet, {"skips": "no"}),
    ],
)  # fmt: skip
def test_an_option_that_does_not_exist_is_named(network, options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}: expected"):
        small(network, **options)
