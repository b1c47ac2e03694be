"""DORN: sizes of its parts, and how heads become a bin under both readings of the thresholds."""

import functools

import pytest
import torch

from sidelib.bins import depth_to_label, sid_edges
from sidelib.models.dorn import DORN, FullImageEncoder


def small(**options):
    torch.manual_seed(0)
    return DORN(**{"k": 12, "trunk_depth": 50, "width": 1 / 8, **options}).eval()


def count(module):
    return sum(part.numel() for part in module.parameters())


def test_parameters_by_hand():
    with torch.device("meta"):
        model = DORN()
    one = 512 * 512 + 512  # the 1×1 convolution that ends each branch and the full-image encoder
    full_image = 2048 * 4 * 5 * 512 + 512 + one
    branches = 2048 * 512 + 512 + one + 3 * (9 * 2048 * 512 + 512 + one)
    mix = 5 * 512 * 2048 + 2048
    assert count(model.scene.full_image) == full_image == 21_234_688
    assert count(model.scene) == full_image + branches + mix == 56_892_416
    assert count(model.head) == 2048 * 136 + 136
    assert count(model.encoder) == 42_500_160  # torchvision's ResNet-101 without its classifier
    assert count(model) == 99_671_240


def note(sizes, name, module, inputs, output):
    if isinstance(output, torch.Tensor):
        sizes[name] = output.shape


def test_layer_sizes():
    """The 257×353 input of the authors' NYU model: 33×45 cells."""
    sizes = {}
    with torch.device("meta"):
        model = DORN()
        for name, part in model.named_modules():
            part.register_forward_hook(functools.partial(note, sizes, name))
        outputs = model(torch.empty(1, 3, 257, 353))
    assert sizes["encoder.layer2"] == (1, 512, 33, 45)
    assert sizes["encoder.layer4"] == (1, 2048, 33, 45)
    assert sizes["scene.full_image.pool"] == (1, 2048, 4, 5)
    assert sizes["scene.full_image.fc"] == (1, 512)
    assert sizes["scene.full_image"] == (1, 512, 33, 45)
    for k in range(4):
        assert sizes[f"scene.branches.{k}"] == (1, 512, 33, 45)
    assert sizes["scene"] == (1, 2048, 33, 45)
    assert sizes["head"] == (1, 136, 33, 45)
    assert outputs["logits"].shape == (1, 68, 2, 257, 353)
    assert outputs["ordinal"].shape == (1, 68, 257, 353)
    assert outputs["label"].shape == outputs["depth"].shape == (1, 1, 257, 353)


def test_dilation():
    with torch.device("meta"):
        model = DORN()
    stages = (model.encoder.layer3, model.encoder.layer4)
    assert [{block.conv2.dilation for block in stage} for stage in stages] == [{(2, 2)}, {(4, 4)}]
    assert [branch[0].dilation[0] for branch in model.scene.branches] == [1, 6, 12, 18]


@torch.no_grad()
def test_full_image_encoder_says_the_same_everywhere_and_takes_any_size():
    encoder = FullImageEncoder(6, 4).eval()
    for size in ((49, 65), (8, 12), (1, 1), (3, 17)):
        found = encoder(torch.rand(2, 6, *size))
        assert found.shape == (2, 4, *size)
        assert torch.equal(found, found[..., :1, :1].expand_as(found))
    assert not torch.equal(found[0], found[1])


@torch.no_grad()
def test_outputs_follow_from_the_logits():
    model = small()
    outputs = model(torch.rand(1, 3, 48, 64))
    logits, ordinal, label = outputs["logits"], outputs["ordinal"], outputs["label"]
    farther = logits[:, :, 1].exp() / (logits[:, :, 0].exp() + logits[:, :, 1].exp())
    torch.testing.assert_close(ordinal, farther)
    assert label.dtype == torch.int64 and label.unique().numel() > 1
    assert torch.equal(label, (ordinal >= 0.5).sum(1, keepdim=True).clamp(max=11))
    edges = model.edges
    torch.testing.assert_close(outputs["depth"], (edges[label] + edges[label + 1]) / 2)


def test_convention_two_neighbouring_channels_belong_to_one_head():
    model = small()
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.zero_()
        model.head.bias[7] = 50.0  # the second of head 3's pair: "farther"
        model.head.bias[0:6:2] = 50.0  # heads 0 to 2: "nearer"; all others are even, which counts as "farther"
        ordinal = model(torch.rand(1, 3, 32, 32))["ordinal"][0, :, 0, 0]
    assert ordinal.tolist() == pytest.approx([0, 0, 0, 1] + [0.5] * 8)
    assert model.label(ordinal.reshape(1, 12, 1, 1)).item() == 9


@pytest.mark.parametrize("thresholds", ["upper", "lower"])
def test_heads_that_are_all_right_decode_to_the_pixels_own_bin(thresholds):
    """Head k compares with t_{k+1} ("upper") or t_k ("lower"); each reading of the label inverts its own heads."""
    model = small(thresholds=thresholds)
    depth = torch.linspace(0.65, 9.99, 400).reshape(1, 1, 1, -1)
    at = model.edges[1:] if thresholds == "upper" else model.edges[:-1]
    right = (depth >= at.reshape(1, -1, 1, 1)).float()
    own = depth_to_label(depth, model.edges)
    assert torch.equal(model.label(right), own)
    # The other reading is off by one bin, except where it runs into the end of the range.
    model.thresholds = "lower" if thresholds == "upper" else "upper"
    step = -1 if thresholds == "upper" else 1
    assert torch.equal(model.label(right), (own + step).clamp(0, 11))


def test_votes_beyond_the_last_bin_take_the_last_bin():
    model = small()
    assert model.label(torch.ones(1, 12, 1, 1)).item() == 11
    assert model.label(torch.zeros(1, 12, 1, 1)).item() == 0
    assert model.label(torch.full((1, 12, 1, 1), 0.5)).item() == 11  # one half votes "farther"
    model.thresholds = "lower"
    assert model.label(torch.zeros(1, 12, 1, 1)).item() == 0


def test_heads_need_not_agree():
    """The label is the number of votes, wherever they are."""
    votes = torch.tensor([1.0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1]).reshape(1, 12, 1, 1)
    assert small().label(votes).item() == 4


def test_shift_is_taken_off_what_is_decoded():
    kitti = small(k=80, alpha=1.0, beta=81.0, shift=1.0)
    edges = sid_edges(1.0, 81.0, 80)
    outputs = kitti(torch.rand(1, 3, 32, 32))
    torch.testing.assert_close(outputs["depth"], ((edges[:-1] + edges[1:]) / 2 - 1)[outputs["label"]])
    with torch.no_grad():
        kitti.head.bias[1::2] = -1e9
    assert kitti(torch.rand(1, 3, 32, 32))["depth"].min() > 0  # the first bin is still in front of the camera
    with pytest.raises(ValueError, match="shift: expected less than the first centre"):
        small(alpha=1.0, shift=1.5)


def test_options_are_checked_and_cells_may_change():
    with pytest.raises(ValueError, match="thresholds: .*middle"):
        small(thresholds="middle")
    with pytest.raises(ValueError, match="depth: .*50"):
        small(trunk_depth=77)
    assert small(cells=(2, 3)).scene.full_image.fc.in_features == 6 * 256
    assert small(trunk_depth=18)(torch.rand(1, 3, 32, 32))["depth"].shape == (1, 1, 32, 32)
