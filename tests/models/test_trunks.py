"""The trunks are torchvision's networks: the same features from the same weights."""

import pytest
import torch
import torchvision
from torch import nn

from sidelib.models.trunks import DenseNetTrunk, ResNetTrunk, check_image, load_trunk, scaled


def randomised(network, seed=0):
    """Random batch-norm statistics too, so that a swapped or forgotten layer shows."""
    torch.manual_seed(seed)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.weight.data.uniform_(0.5, 1.5)
            part.bias.data.uniform_(-0.2, 0.2)
            part.running_mean.uniform_(-0.2, 0.2)
            part.running_var.uniform_(0.5, 1.5)
    return network.eval()


def torchvision_maps(network, image):
    x = network.relu(network.bn1(network.conv1(image)))
    maps = [x]
    x = network.maxpool(x)
    for k in (1, 2, 3, 4):
        x = getattr(network, f"layer{k}")(x)
        maps.append(x)
    return maps


def saved(tmp_path, state):
    path = tmp_path / "trunk.pth"
    torch.save(state, path)
    return path


def equal(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("depth", "output_stride", "dilated"),
    [
        (18, 32, None),
        (34, 32, None),
        (50, 32, None),
        (101, 32, None),
        (50, 16, (False, False, True)),
        (50, 8, (False, True, True)),
    ],
)
@torch.inference_mode()
def test_a_resnet_is_torchvisions_with_its_checkpoint(tmp_path, depth, output_stride, dilated):
    make = getattr(torchvision.models, f"resnet{depth}")
    network = randomised(make(replace_stride_with_dilation=dilated))
    trunk = ResNetTrunk(depth, output_stride=output_stride).eval()
    load_trunk(trunk, saved(tmp_path, network.state_dict()))
    image = torch.rand(1, 3, 45, 64)
    maps = trunk(image)
    equal(maps, torchvision_maps(network, image))
    assert [x.shape[1] for x in maps] == trunk.channels
    assert [x.shape[2:] for x in maps] == [(-(-45 // s), -(-64 // s)) for s in trunk.strides]
    assert set(trunk.state_dict()) == {key for key in network.state_dict() if not key.startswith("fc.")}


@pytest.mark.parametrize("depth", [18, 34])
def test_a_dilated_basic_block_keeps_what_the_strided_network_computes_at_its_cells(depth):
    # Where a stage loses its stride and all that follows is dilated by it, every second cell is a cell of the strided
    # network. Its first convolution still reads neighbours; the trunk, as torchvision, gives one rate to a whole block.
    strided, dilated = (
        ResNetTrunk(depth, width=1 / 8),
        ResNetTrunk(depth, output_stride=16, multi_grid=(1,) * (2 if depth == 18 else 3), width=1 / 8),
    )
    randomised(strided)
    dilated.load_state_dict(strided.state_dict())
    first = dilated.layer4[0].conv1
    assert first.dilation == (2, 2) and first.stride == (1, 1)
    first.dilation = first.padding = (1, 1)
    image = torch.rand(1, 3, 64, 96, dtype=torch.float64)  # random statistics let values grow beyond float32's digits
    with torch.inference_mode():
        equal([dilated.double().eval()(image)[-1][..., ::2, ::2]], [strided.double()(image)[-1]])


def test_stride_in_the_1x1_convolutions_as_in_caffe():
    trunk = ResNetTrunk(50, stride_in_1x1=True, width=1 / 8)
    for stage in (trunk.layer2, trunk.layer3, trunk.layer4):
        assert (stage[0].conv1.stride, stage[0].conv2.stride) == ((2, 2), (1, 1))
        assert stage[0].downsample[0].stride == (2, 2)
        assert all(block.conv1.stride == block.conv2.stride == (1, 1) for block in stage[1:])
    # It reads every second pixel before the 3×3: moving the pixels between changes nothing in the strided stage.
    block, x = trunk.layer2[0].eval(), torch.rand(1, trunk.channels[1], 8, 8)
    changed = x.clone()
    changed[..., 1::2, :] += 1
    changed[..., 1::2] += 1
    plain = ResNetTrunk(50, width=1 / 8).layer2[0].eval()
    with torch.inference_mode():
        assert torch.equal(block(x), block(changed))
        assert not torch.allclose(plain(x), plain(changed))


def test_multi_grid_multiplies_the_last_stages_dilation():
    trunk = ResNetTrunk(50, output_stride=16, multi_grid=(1, 2, 4), width=1 / 8)
    assert [block.conv2.dilation for block in trunk.layer4] == [(2, 2), (4, 4), (8, 8)]
    assert [block.conv2.padding for block in trunk.layer4] == [(2, 2), (4, 4), (8, 8)]
    assert all(block.conv2.dilation == (1, 1) for block in trunk.layer3)
    assert trunk.strides == [2, 4, 8, 16, 16]
    assert ResNetTrunk(50, output_stride=8, width=1 / 8).strides == [2, 4, 8, 8, 8]
    with pytest.raises(ValueError, match="multi_grid: expected 3 dilations"):
        ResNetTrunk(50, multi_grid=(1, 2), width=1 / 8)


@torch.inference_mode()
def test_convention_ceil_mode_gives_one_more_cell():
    # DeepLab v2: 321 → 161 → 81 with rounding up and also without; 32 → 16 → 9 with and 8 without.
    for side, ceil, floor in ((321, 81, 81), (32, 9, 8)):
        image = torch.rand(1, 3, side, side)
        assert ResNetTrunk(18, ceil_mode=True, width=1 / 16).eval()(image)[1].shape[-1] == ceil
        assert ResNetTrunk(18, width=1 / 16).eval()(image)[1].shape[-1] == floor


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 99}, "depth: expected one of 18, 34, 50, 101, found 99"),
        ({"output_stride": 4}, "output_stride"),
        ({"depth": 18, "stride_in_1x1": True}, "stride_in_1x1: expected False at depth 18"),
        ({"depth": 34, "stride_in_1x1": True}, "stride_in_1x1: expected False at depth 34"),
        ({"width": 0.0}, "width: expected a factor above 0, found 0.0"),
        ({"width": -1 / 8}, "width: expected a factor above 0, found -0.125"),
    ],
)
def test_a_resnet_that_does_not_exist(options, message):
    with pytest.raises(ValueError, match=message):
        ResNetTrunk(**options)


def densenet_maps(features, image, skips):
    x, found = image, {}
    for name, part in features.named_children():
        x = part(x)
        found[name] = x
    pick = ("pool0", "transition1", "transition2") if skips == "pooled" else [f"denseblock{k}" for k in (1, 2, 3)]
    return [found["relu0"], *(found[name] for name in pick), torch.relu(found["norm5"])]


@pytest.mark.parametrize("old_keys", [False, True])
@pytest.mark.parametrize("skips", ["pooled", "blocks"])
@torch.inference_mode()
def test_a_densenet_is_torchvisions_with_its_checkpoint_in_both_spellings(tmp_path, skips, old_keys):
    network = randomised(torchvision.models.densenet121())
    state = dict(network.state_dict())
    if old_keys:  # as in the file that torchvision publishes: norm.1 for norm1, and no num_batches_tracked
        state = {
            key.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): value
            for key, value in state.items()
            if "num_batches_tracked" not in key
        }
        assert "features.denseblock1.denselayer1.norm.1.weight" in state
    trunk = DenseNetTrunk(skips=skips).eval()
    load_trunk(trunk, saved(tmp_path, state))
    image = torch.rand(1, 3, 50, 64)
    maps = trunk(image)
    equal(maps, densenet_maps(network.features, image, skips))
    assert [x.shape[1] for x in maps] == trunk.channels
    assert trunk.channels == {"pooled": [64, 64, 128, 256, 1024], "blocks": [64, 256, 512, 1024, 1024]}[skips]
    assert [x.shape[3] for x in maps] == [64 // s for s in trunk.strides]
    assert [x.shape[2] for x in maps] == [25, 13, 6, 3, 1]  # up in stem and max-pool, down in the transitions
    assert set(trunk.state_dict()) == {key for key in network.state_dict() if not key.startswith("classifier.")}


def test_the_width_scales_channels_and_keeps_the_keys():
    assert ResNetTrunk(50, width=1 / 8).channels == [8, 32, 64, 128, 256]
    assert DenseNetTrunk(width=1 / 8).channels == [8, 8, 16, 32, 128]
    assert set(ResNetTrunk(18, width=1 / 8).state_dict()) == set(ResNetTrunk(18).state_dict())
    assert (scaled(64, 1 / 8), scaled(1, 1 / 8)) == (8, 1)
    for width in (0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="width: expected a factor above 0"):
            scaled(64, width)
    with pytest.raises(ValueError, match='skips: expected "pooled" or "blocks"'):
        DenseNetTrunk(skips="dense")


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (torch.zeros(3, 8, 8), ValueError, r"expected shape \(B, 3, H, W\).*found \(3, 8, 8\)"),
        (torch.zeros(1, 4, 8, 8), ValueError, r"found \(1, 4, 8, 8\)"),
        (torch.zeros(1, 3, 0, 8), ValueError, "no empty axis"),
        (torch.zeros(0, 3, 8, 8), ValueError, "no empty axis"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), TypeError, "torch.uint8"),
        ([[1.0]], TypeError, "list"),
    ],
)
def test_what_is_no_image_is_refused(image, error, message):
    with pytest.raises(error, match=message):
        check_image(image)
