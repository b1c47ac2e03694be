"""VGG-16's trunk is torchvision's, and each network's padding and rounding give the sizes that it prints."""

import pytest
import torch
import torchvision
from torch import nn

from sidelib.models.deeplab import FCN
from sidelib.models.eigen import EigenThreeScale
from sidelib.models.vgg import VGG16Trunk


def test_it_has_torchvisions_keys_and_shapes_whoever_uses_it():
    with torch.device("meta"):
        theirs = torchvision.models.vgg16().state_dict()
        made = [VGG16Trunk(), FCN().encoder, EigenThreeScale().encoder]
    shapes = {key: value.shape for key, value in theirs.items() if key.startswith("features.")}
    for trunk in made:
        assert shapes == {key: value.shape for key, value in trunk.state_dict().items()}


@torch.no_grad()
def test_its_maps_are_torchvisions_pools():
    vgg, image, trunk = torchvision.models.vgg, torch.rand(1, 3, 64, 96), VGG16Trunk()
    features = vgg.make_layers(vgg.cfgs["D"])  # those of vgg16, whose classifier takes a second to make
    trunk.features.load_state_dict(features.state_dict())
    x, pools = image, []
    for part in features:
        x = part(x)
        if isinstance(part, nn.MaxPool2d):
            pools.append(x)
    found = trunk(image)
    assert len(pools) == 5 and all(torch.equal(a, b) for a, b in zip(found, pools, strict=True))
    assert [part.shape[1] for part in found] == trunk.channels
    assert [96 // part.shape[-1] for part in found] == trunk.strides


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({}, [50, 25, 12, 6, 3]),
        ({"padding": (0, 0)}, [48, 24, 12, 6, 3]),  # Eigen and Fergus: two rows less a convolution
        ({"ceil_mode": True}, [50, 25, 13, 7, 4]),
        ({"padding": (100, 1), "ceil_mode": True}, [149, 75, 38, 19, 10]),  # FCN: 100 + 198
    ],
)
def test_convention_padding_and_rounding(options, rows):
    with torch.device("meta"):
        maps = VGG16Trunk(**options)(torch.empty(1, 3, 100, 100))
    assert [part.shape[-1] for part in maps] == rows


def test_padding_of_another_number_of_convolutions_is_named():
    with torch.device("meta"), pytest.raises(ValueError, match="padding: expected two numbers"):
        VGG16Trunk(padding=(1,))
