"""DS-SIDENet's decoding blocks: skips, sizes, SAM and hourglass at blocks 3, 4 and 5."""

import pytest
import torch
from torch import nn

from sidelib.models.ds_decoder import DecodingBranch, UpProjectionConnection, image_pyramid
from sidelib.models.ds_sidenet import DSSIDENetHigh, DSSIDENetLow
from sidelib.models.hourglass import Hourglass, StackedHourglass
from sidelib.models.measure import feature_sizes, parameters
from sidelib.models.sam import AtrousMultiscale, StackedAtrousMultiscale
from sidelib.models.upprojection import UpProjection


def test_image_pyramid_averages_the_pixels_that_there_are():
    image = torch.arange(6.0).reshape(1, 1, 2, 3)  # 0 1 2 / 3 4 5
    levels = image_pyramid(image, (2, 4, 4))
    assert levels[1].tolist() == [[[[2.0, 3.5]]]]  # (0+1+3+4)/4 and (2+5)/2: the last cell has one column
    assert levels[2].tolist() == [[[[2.75]]]] and levels[3] is levels[2] and levels[0] is image


@pytest.mark.parametrize("size", [(33, 64), (61, 95), (96, 40)])
def test_pyramid_sizes_are_those_of_the_encoder(size):
    for network in (DSSIDENetLow(width=1 / 8), DSSIDENetHigh(width=1 / 8)):
        image = torch.zeros(1, 3, *size)
        features = network.eval().encoder(image)
        levels = image_pyramid(image, network.encoder.strides[:4])
        assert [level.shape[-2:] for level in levels[1:]] == [feature.shape[-2:] for feature in features[:4]]


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("join", ["concat", "sum"])
@pytest.mark.parametrize("skips", [(0, 0), (5, 0), (0, 3), (5, 3)])
def test_upproj_con_halves_channels_and_enlarges_by_t(scale, join, skips):
    torch.manual_seed(0)
    block = UpProjectionConnection(
        8, 4, scale=scale, encoder_channels=skips[0], image_channels=skips[1], join=join
    ).eval()
    h, w = 6 * scale - (scale - 1), 4 * scale
    x, y, z = torch.rand(1, 8, 6, 4), torch.rand(1, 5, h, w), torch.rand(1, 3, h, w)
    out = block(x, y, z)
    assert out.shape == (1, 4, h, w)
    plain = block.up(x)[..., :h, :w]
    assert torch.equal(out, plain) == (skips == (0, 0))
    # Each skip changes the result if and only if it is there.
    assert torch.equal(block(x, y + 1, z), out) == (skips[0] == 0)
    assert torch.equal(block(x, y, z + 1), out) == (skips[1] == 0)


def test_upproj_is_upproj_con_without_skips():
    torch.manual_seed(0)
    plain = DSSIDENetLow(width=1 / 8, decoder="upproj").eval()
    bare = DSSIDENetLow(width=1 / 8, encoder_skip=False, rgb_skip=False).eval()
    bare.load_state_dict(plain.state_dict())
    image = torch.rand(1, 3, 32, 64)
    assert torch.equal(plain(image)["depth"], bare(image)["depth"])
    count = {s: parameters(DSSIDENetLow(encoder_skip=s[0], rgb_skip=s[1]))[0] for s in ((0, 0), (1, 0), (0, 1), (1, 1))}
    assert count[0, 0] < count[0, 1] < count[1, 0] < count[1, 1]


def test_the_last_block_is_a_plain_upproj():
    for network in (DSSIDENetLow(width=1 / 8), DSSIDENetHigh(width=1 / 8)):
        for branch in network.decoder.values():
            assert [name for name, _ in branch.block5.named_children()] == ["up"]
            assert isinstance(branch.block5.up, UpProjection)


@pytest.mark.parametrize("kind, part", [("sam", StackedAtrousMultiscale), ("shg", StackedHourglass)])
@pytest.mark.parametrize("block, channels, divisor", [(3, 32, 4), (4, 16, 2), (5, 8, 1)])
def test_refinement_of_the_high_network_works_on_larger_maps_at_later_blocks(kind, part, block, channels, divisor):
    network = DSSIDENetHigh(refine=kind, refine_block=block).eval()
    branch = network.decoder["classification"]
    assert len(branch.levels) == 5 and isinstance(getattr(branch, f"block{block}"), part)
    sizes = feature_sizes(network, (32, 64))
    assert sizes[f"decoder.classification.block{block}"] == (1, channels, 32 // divisor, 64 // divisor)
    others = [sizes[f"decoder.classification.block{n}"][1] for n in range(1, 6) if n != block]
    assert others == [64, 32, 16, 8]


def test_without_refinement_block_3_keeps_32_channels():
    sizes = feature_sizes(DSSIDENetHigh(refine=None), (32, 64))
    assert [sizes[f"decoder.classification.block{n}"][1] for n in range(1, 6)] == [64, 32, 32, 16, 8]


@pytest.mark.parametrize("block, channels, divisor", [(3, 128, 8), (4, 64, 4), (5, 32, 2)])
def test_refinement_of_the_low_network_is_a_sixth_block(block, channels, divisor):
    network = DSSIDENetLow(refine="sam", refine_block=block, width=1 / 8)
    sizes = feature_sizes(network, (64, 96))
    assert len(network.decoder["classification"].levels) == 6
    assert sizes[f"decoder.classification.block{block}"] == (1, channels // 8, 64 // divisor, 96 // divisor)
    assert sizes["decoder.classification.block6"] == (1, 2, 64, 96)


def test_sam_is_three_modules_that_keep_the_resolution():
    sam = StackedAtrousMultiscale(4)
    assert [name for name, _ in sam.named_children()] == ["am1", "am2", "am3"]
    convolutions = [m for m in sam.am1.modules() if isinstance(m, nn.Conv2d)]
    assert [c.dilation[0] for c in convolutions] == [1, 2, 2, 4, 4, 8, 1, 1]
    assert [c.kernel_size[0] for c in convolutions] == [3] * 6 + [1] * 2
    assert all(c.stride == (1, 1) for c in convolutions)
    assert parameters(AtrousMultiscale(4))[0] == 9 * 16 * 6 + 2 * 16 + 2 * 4 * 8
    assert sam(torch.rand(2, 4, 7, 9)).shape == (2, 4, 7, 9)


def test_sam_sees_43_cells_and_an_hourglass_goes_down_twice():
    module = AtrousMultiscale(1).eval()
    for name, part in module.named_modules():
        if isinstance(part, nn.Conv2d):
            nn.init.ones_(part.weight)
    x = torch.zeros(1, 1, 1, 101)
    x[..., 50] = 1
    seen = (module(x) > 0).flatten().nonzero().flatten()
    assert (seen[0].item(), seen[-1].item()) == (50 - 21, 50 + 21)
    hourglass = Hourglass(4)
    assert parameters(hourglass)[0] == 180 * 16 + 22 * 4
    assert hourglass.down2(hourglass.down1(torch.rand(2, 4, 9, 13))).shape == (2, 8, 3, 4)
    assert hourglass(torch.rand(2, 4, 9, 13)).shape == (2, 4, 9, 13)


@pytest.mark.parametrize(
    "options", [{"refine": "aspp"}, {"refine_block": 2}, {"output": "none"}, {"output_kernel": 5}, {"join": "product"}]
)
def test_a_branch_checks_its_own_options(options):
    with pytest.raises(ValueError, match=f"^{next(iter(options))}: expected one of"):
        DecodingBranch(5, high=False, encoder_channels=[64, 128, 256, 256, 512], **options)


def test_the_last_block_is_handed_no_map_of_the_encoder():
    branch = DecodingBranch(2, high=False, encoder_channels=[8, 16, 32, 32, 64], width=1 / 8)
    given = []
    branch.block5.register_forward_hook(lambda _, args, __: given.append(args[1]))
    features = [torch.rand(1, c, 32 // s, 32 // s) for c, s in zip((8, 16, 32, 32, 64), (2, 4, 8, 16, 32))]
    branch(features, image_pyramid(torch.rand(1, 3, 32, 32), (2, 4, 8, 16)))
    assert given == [None]


def test_direct_output_is_the_up_projection_itself():
    branch = DecodingBranch(5, high=False, encoder_channels=[64, 128, 256, 256, 512], output="direct")
    assert isinstance(branch.output, nn.Identity) and branch.block5.up.branch2[1].num_features == 5
    network = DSSIDENetLow(k=5, width=1 / 8, output="direct").train()
    found = network(torch.rand(2, 3, 32, 64))
    assert (found["logits"] >= 0).all()  # its last operation is a ReLU
    assert (found["regression"] > 0).all() and found["logits"].shape == (2, 5, 32, 64)
