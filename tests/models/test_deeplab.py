"""DeepLab v2 and FCN: sizes and counts of their layers, the sum in ASPP, and where FCN's crops put each pixel."""

import functools

import pytest
import torch
import torchvision

from sidelib.bins import DECODINGS, decode_classes, uniform_edges
from sidelib.models.deeplab import ASPP, FCN, DeepLabV2
from sidelib.models.vgg import VGG16Trunk


def count(module):
    return sum(part.numel() for part in module.parameters())


def note(sizes, name, module, inputs, output):
    if isinstance(output, torch.Tensor):
        sizes[name] = output.shape[1:]


def sizes_of(model, *shape):
    """Channels and size of each module's output, without computing anything."""
    sizes = {}
    for name, part in model.named_modules():
        part.register_forward_hook(functools.partial(note, sizes, name))
    outputs = model(torch.empty(shape, device="meta"))
    return sizes, outputs


def test_deeplab_sizes_of_the_papers_crop():
    """420×800 (sid_segmentation, §4.1): the max-pool rounds up, so that stages 2 to 4 have 53×101 cells."""
    with torch.device("meta"):
        sizes, outputs = sizes_of(DeepLabV2(), 1, 3, 420, 800)
    assert sizes["encoder.conv1"] == (64, 210, 400)
    assert sizes["encoder.maxpool"] == (64, 106, 201)
    assert [sizes[f"encoder.layer{k}"] for k in (1, 2, 3, 4)] == [
        (256, 106, 201), (512, 53, 101), (1024, 53, 101), (2048, 53, 101),
    ]  # fmt: skip
    assert sizes["head"] == (71, 53, 101)
    assert outputs["logits"].shape == (1, 71, 420, 800) and outputs["depth"].shape == (1, 1, 420, 800)


def test_deeplab_parameters():
    with torch.device("meta"):
        model = DeepLabV2()
    assert count(model.encoder) == 44_549_160 - 2_049_000  # torchvision's ResNet-101 without its classifier
    assert count(model.head) == 4 * (9 * 2048 * 71 + 71)
    assert count(model) == 47_735_132


def test_deeplab_dilates_every_block_of_the_last_two_stages():
    with torch.device("meta"):
        model, caffe = DeepLabV2(), DeepLabV2(stride_in_1x1=True)
    for stage, count_, rate in ((model.encoder.layer3, 23, 2), (model.encoder.layer4, 3, 4)):
        assert [block.conv2.dilation for block in stage] == [(rate, rate)] * count_
        assert all(block.conv2.stride == (1, 1) for block in stage)
    assert [branch.dilation[0] for branch in model.head.branches] == [6, 12, 18, 24]
    first, other = model.encoder.layer2[0], caffe.encoder.layer2[0]
    assert (first.conv1.stride, first.conv2.stride) == ((1, 1), (2, 2))
    assert (other.conv1.stride, other.conv2.stride) == ((2, 2), (1, 1))


def test_aspp_is_a_sum_of_biased_convolutions_from_small_weights():
    torch.manual_seed(0)
    aspp, features = ASPP(64, 5), torch.rand(1, 64, 7, 9)
    by_hand = 0
    for branch in aspp.branches:
        by_hand = by_hand + torch.nn.functional.conv2d(
            features, branch.weight, branch.bias, padding=branch.padding, dilation=branch.dilation
        )
        assert (branch.bias == 0).all() and branch.weight.std().item() == pytest.approx(0.01, rel=0.05)
    torch.testing.assert_close(aspp(features), by_hand)
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in aspp.modules())


@torch.no_grad()
def test_deeplab_decodes_by_every_rule():
    torch.manual_seed(0)
    model, image = DeepLabV2(k=9, width=1 / 16).eval(), torch.rand(1, 3, 33, 40)
    found = {}
    for decode in DECODINGS:
        model.decode = decode
        outputs = model(image)
        found[decode] = outputs["depth"]
        assert torch.equal(outputs["depth"], decode_classes(outputs["logits"], model.edges, decode))
    assert (found["argmax-geometric"] < found["argmax-arithmetic"]).all()
    assert (found["expectation-log"] < found["expectation"]).all()


def test_deeplab_options():
    assert torch.equal(DeepLabV2(edges="uniform", width=1 / 16).edges, uniform_edges(1, 80, 71))
    with pytest.raises(ValueError, match="edges: .*log"):
        DeepLabV2(edges="log", width=1 / 16)
    with pytest.raises(ValueError, match="decode: .*mean"):
        DeepLabV2(decode="mean", width=1 / 16)


def test_deeplab_takes_torchvisions_keys():
    with torch.device("meta"):
        theirs = torchvision.models.resnet101().state_dict()
        ours = DeepLabV2().encoder.state_dict()
    shapes = {key: value.shape for key, value in theirs.items() if not key.startswith("fc.")}
    assert shapes == {key: value.shape for key, value in ours.items()}


@pytest.mark.parametrize(("stride", "published"), [(32, 0), (16, 1), (8, 2)])
def test_fcn_parameters(stride, published):
    """VGG-16 has 138 357 544 parameters, 4096 · 1000 + 1000 of them in the layer that the scores replace."""
    with torch.device("meta"):
        model = FCN(stride=stride)
    expected = 138_357_544 - 4_097_000 + 4097 * 71
    expected += sum((channels + 1) * 71 + 16 * 71**2 for channels in (512, 256)[:published])
    assert count(model) == expected


def test_fcn_sizes():
    with torch.device("meta"):
        sizes, outputs = sizes_of(FCN(), 1, 3, 480, 640)
        plain, _ = sizes_of(FCN(padding=1), 1, 3, 480, 640)
    assert sizes["encoder.features.0"] == (64, 678, 838)  # 198 more
    assert sizes["encoder.features.16"] == (256, 85, 105)
    assert sizes["encoder.features.23"] == (512, 43, 53)
    assert sizes["encoder.features.30"] == (512, 22, 27)
    assert sizes["head.fc6"] == sizes["head.fc7"] == (4096, 16, 21)
    assert sizes["head.score"] == (71, 16, 21)
    assert sizes["up2"] == (71, 32, 42) and sizes["up_pool4"] == (71, 64, 84)
    assert plain["encoder.features.30"] == (512, 15, 20) and plain["head.fc6"] == (4096, 15, 20)
    assert outputs["logits"].shape == (1, 71, 480, 640)


def test_fcn_has_as_many_skips_as_the_paper_says():
    for stride, skips in ((32, 0), (16, 1), (8, 2)):
        with torch.device("meta"):
            names = [name for name, _ in FCN(stride=stride).named_children()]
        assert sum(name.startswith("score_pool") for name in names) == skips


@torch.no_grad()
@pytest.mark.parametrize("padding", [1, 100])
@pytest.mark.parametrize(("stride", "scored"), [(32, 32), (16, 16), (8, 8), (16, 32), (8, 16)])
def test_convention_crops_put_every_score_over_its_pixel(stride, scored, padding):
    """With kernels that copy, only the score at stride `scored` alive, a ramp in the image must come out in place.

    A max-pool of a rising ramp keeps the last pixel of each cell: (scored − 1)/2 above the cell's centre.
    """
    model = FCN(stride=stride, padding=padding, k=1, width=1 / 64, normalise=False).eval()
    for name, part in model.named_modules():
        if isinstance(part, torch.nn.Conv2d):
            part.weight.zero_()
            part.bias.zero_()
            alive = name == {32: "head.score", 16: "score_pool4", 8: "score_pool3"}[scored]
            if alive or "score" not in name:
                part.weight[0, 0, part.kernel_size[0] // 2, part.kernel_size[1] // 2] = 1
    ramp = torch.arange(1.0, 321.0)
    for image in (ramp.expand(1, 3, 320, 320), ramp[:, None].expand(1, 3, 320, 320)):
        found = model(image)["logits"][0, 0, 80:-80, 80:-80]
        torch.testing.assert_close(found, image[0, 0, 80:-80, 80:-80] + (scored - 1) / 2)


def test_fcn_doubling_starts_bilinear():
    up = FCN(k=3, width=1 / 64).up2
    x = torch.rand(1, 3, 6, 7)
    expected = torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(up(x)[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("stride", [32, 16, 8])
@pytest.mark.parametrize("size", [(32, 32), (33, 47), (64, 95)])
def test_fcn_takes_any_size_with_the_original_padding(stride, size):
    outputs = FCN(stride=stride, k=4, width=1 / 32).eval()(torch.rand(1, 3, *size))
    assert outputs["logits"].shape == (1, 4, *size) and outputs["logits"].isfinite().all()


def test_fcn_takes_a_whole_vgg_checkpoint(tmp_path):
    narrow = VGG16Trunk(width=1 / 64)
    torch.save({**narrow.state_dict(), "classifier.0.weight": torch.rand(2, 2)}, tmp_path / "vgg16.pth")
    model = FCN(width=1 / 64, weights=tmp_path / "vgg16.pth")
    assert torch.equal(model.encoder.features[28].weight, narrow.features[28].weight)


def test_fcn_options_are_checked():
    with pytest.raises(ValueError, match="stride: .*4"):
        FCN(stride=4)
    with pytest.raises(ValueError, match="padding: .*50"):
        FCN(padding=50)
