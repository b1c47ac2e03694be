"""FCRN: sizes of Fig. 1, parameters of Table 1, both forms of up-projection, and the other decoders."""

import pytest
import torch
from contract import assert_takes_autocast_and_channels_last
from torchvision.models import resnet50

from sidelib.models.fcrn import FCRN

DECODERS = ("upprojection", "upconvolution", "deconvolution", "unpooling")
SMALL = {"width": 1 / 8, "dropout": 0.0}


def image(height=64, width=96, batch=2):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


def small(**options):
    torch.manual_seed(0)
    return FCRN(**SMALL, **options)


def sizes(model, height, width):
    found = {}
    for name, part in model.named_modules():
        part.register_forward_hook(lambda part, given, out, name=name: found.__setitem__(name, out))
    with torch.device("meta"):
        model(torch.empty(1, 3, height, width))
    return {name: tuple(out.shape[1:]) for name, out in found.items() if isinstance(out, torch.Tensor)}


@pytest.mark.parametrize("decoder", DECODERS)
def test_convention_sizes_of_the_paper_for_228x304(decoder):
    with torch.device("meta"):
        model = FCRN(decoder=decoder)
    found = sizes(model, 228, 304)
    expected = {
        "encoder.layer1": (256, 57, 76), "encoder.layer2": (512, 29, 38), "encoder.layer3": (1024, 15, 19),
        "encoder.layer4": (2048, 8, 10), "reduce": (1024, 8, 10), "decoder.0": (512, 16, 20),
        "decoder.1": (256, 32, 40), "decoder.2": (128, 64, 80), "decoder.3": (64, 128, 160), "head": (1, 128, 160),
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    assert not any(isinstance(part, torch.nn.ReLU) for part in model.reduce)


@pytest.mark.parametrize(
    ("decoder", "options", "weights", "biases", "published"),
    [
        ("upprojection", {}, 50, 0, 63.6),
        ("upprojection", {"plain": True}, 50, 0, 63.6),
        ("upconvolution", {}, 25, 960, None),
        ("deconvolution", {}, 9, 960, None),
        ("deconvolution", {"deconvolution_kernel": 2}, 4, 960, None),
        ("unpooling", {}, 9, 960, None),
    ],
)
def test_parameters_by_hand_and_as_published(decoder, options, weights, biases, published):
    """63.6 million is what Laina et al. publish, for up-projections; counts of the others were not confirmed in print."""
    with torch.device("meta"):
        model = FCRN(decoder=decoder, **options)
    trunk = 25_557_032 - (2048 * 1000 + 1000)  # torchvision's ResNet-50 without its classifier
    pairs = 1024 * 512 + 512 * 256 + 256 * 128 + 128 * 64
    blocks = weights * pairs + biases
    if decoder == "upprojection":
        blocks += 9 * (512**2 + 256**2 + 128**2 + 64**2) + 6 * 960
    count = sum(p.numel() for p in model.parameters())
    assert count == trunk + 2048 * 1024 + 2 * 1024 + blocks + 9 * 64 + 1
    if published:
        assert round(count / 1e6, 1) == published


def test_plain_and_fast_networks_agree_with_shared_weights():
    fast, plain = small().double().eval(), small(plain=True).double().eval()
    plain.load_state_dict(fast.state_dict())
    x = image().double()
    depth = fast(x)["depth"]
    torch.testing.assert_close(plain(x)["depth"], depth, rtol=1e-9, atol=1e-12)
    official = small(corner="top-left").double().eval()
    official.load_state_dict(fast.state_dict())
    assert (official(x)["depth"] - depth).abs().max() > 1e-4


@pytest.mark.parametrize("decoder", DECODERS[1:])
def test_gradients_reach_every_parameter_of_the_other_decoders(decoder):
    model = small(decoder=decoder)
    depth = model(image())["depth"]
    assert depth.shape == (2, 1, 64, 96) and depth.dtype == torch.float32 and bool((depth > 0).all())
    (depth * torch.rand_like(depth)).mean().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_dropout_acts_in_training_only():
    model = FCRN(width=1 / 8, dropout=0.5)
    assert not torch.equal(model(image())["depth"], model(image())["depth"])
    model.eval()
    assert torch.equal(model(image())["depth"], model(image())["depth"])


def test_the_final_relu_and_its_reading_without():
    model = small(final_relu=True)
    model.head.bias.data.fill_(-5.0)
    torch.testing.assert_close(model(image())["depth"], torch.full((2, 1, 64, 96), 1e-3))
    free = small(final_relu=False, min_depth=0.5)
    free.head.bias.data.fill_(-5.0)
    assert free(image())["depth"].max() < 0  # in training the loss can pull it up
    torch.testing.assert_close(free.eval()(image())["depth"], torch.full((2, 1, 64, 96), 0.5))


def test_more_outputs_are_logits_for_losses_over_bins():
    model = small(outputs=6)
    found = model(image())
    assert (
        list(found) == ["logits"] and found["logits"].shape == (2, 6, 64, 96) and found["logits"].dtype == torch.float32
    )
    assert (model.head.bias == 0).all() and (found["logits"] < 0).any()  # no metre to start from, nothing clamped
    found["logits"].square().mean().backward()
    assert all(p.grad.any() for p in model.parameters())
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.copy_(torch.arange(-3.0, 3.0))
        logits = model.eval()(image(33, 47, 1))["logits"]
    torch.testing.assert_close(logits, torch.arange(-3.0, 3.0).reshape(1, 6, 1, 1).expand(1, 6, 33, 47))


@pytest.mark.parametrize(
    "options", [{"decoder": "bilinear"}, {"deconvolution_kernel": 4}, {"min_depth": 0.0}, {"outputs": 0}]
)
def test_unknown_options_are_named(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        small(**options)


def test_normalisation_happens_inside():
    inside, outside = small().eval(), small(normalise=False).eval()
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (image() - mean.reshape(3, 1, 1)) / std.reshape(3, 1, 1)
    torch.testing.assert_close(inside(image())["depth"], outside(x)["depth"])


@pytest.mark.parametrize("decoder", DECODERS)
def test_it_takes_autocast_and_channels_last(decoder):
    assert_takes_autocast_and_channels_last(small(decoder=decoder).eval(), image(), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("options", [{"plain": True}, *({"decoder": decoder} for decoder in DECODERS[1:])])
def test_the_other_decoders_compile(options):
    decoder, x = small(**options).eval().decoder, torch.rand(2, 128, 2, 3)
    torch.testing.assert_close(torch.compile(decoder, backend="eager", fullgraph=True)(x), decoder(x))


def test_width_keeps_the_structure():
    with torch.device("meta"):
        whole, part = FCRN(), FCRN(width=1 / 8)
    assert list(whole.state_dict()) == list(part.state_dict())
    assert part.reduce[0].out_channels == 128 and part.decoder[3].branch2[1].num_features == 8


def test_trunk_loads_torchvisions_keys(tmp_path):
    state = resnet50().state_dict()
    torch.save(state, tmp_path / "resnet50.pth")
    model = FCRN(weights=tmp_path / "resnet50.pth")
    assert torch.equal(model.encoder.layer4[2].conv3.weight, state["layer4.2.conv3.weight"])
    with pytest.raises(FileNotFoundError, match="none.pth"):
        FCRN(weights=tmp_path / "none.pth")
