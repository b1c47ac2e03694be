"""What the networks over depth bins promise beyond test_zoo; and the classifier of Cao et al."""

import functools

import pytest
import torch
from torchvision.models import resnet18

from sidelib.bins import bin_centres, sid_edges
from sidelib.models.cao import Cao
from sidelib.models.deeplab import FCN, DeepLabV2
from sidelib.models.dorn import DORN
from sidelib.models.ds_sidenet import DSSIDENetHigh, DSSIDENetLow

NETWORKS = {
    "cao": functools.partial(Cao, k=9, trunk_depth=18),
    "deeplab-v2": functools.partial(DeepLabV2, k=9),
    "fcn": functools.partial(FCN, k=9, padding=1),
    "dorn": functools.partial(DORN, k=9, trunk_depth=50),
}


@functools.cache
def network(name):
    """In eval mode; nobody changes it."""
    torch.manual_seed(0)
    return NETWORKS[name](width=1 / 8).eval()


def picture(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


names = pytest.mark.parametrize("name", NETWORKS)


@names
def test_outputs_have_the_size_of_the_input_and_depth_is_in_range(name):
    model, size = network(name), (33, 47)
    with torch.no_grad():
        outputs = model(picture(2, 3, *size))
    assert outputs["depth"].shape == (2, 1, *size)
    assert outputs["logits"].shape == ((2, 9, 2, *size) if name == "dorn" else (2, 9, *size))
    assert (outputs["depth"] >= model.edges[0]).all() and (outputs["depth"] <= model.edges[-1]).all()


@names
@torch.no_grad()
def test_images_do_not_mix(name):
    model, image = network(name), picture(2, 3, 48, 64)
    first, alone = model(image), model(image[1:])
    rounding = 1e-4 * first["logits"].std().item()  # with random weights a hundred layers give large numbers
    torch.testing.assert_close(alone["logits"], first["logits"][1:], rtol=1e-4, atol=rounding)


@names
@torch.no_grad()
def test_autocast_and_channels_last_give_the_same_logits(name):
    model, image = NETWORKS[name](width=1 / 8).eval(), picture(1, 3, 48, 64)
    plain = model(image)
    model = model.to(memory_format=torch.channels_last)
    last = model(image.to(memory_format=torch.channels_last))
    torch.testing.assert_close(last["logits"], plain["logits"], rtol=1e-3, atol=1e-4 * plain["logits"].std().item())
    with torch.autocast("cpu", torch.bfloat16):
        half = model(image)
    assert half["depth"].dtype == half["logits"].dtype == torch.float32
    spread = plain["logits"].std()
    assert (half["logits"] - plain["logits"]).abs().mean() < 0.05 * spread


@names
def test_width_keeps_the_structure(name):
    with torch.device("meta"):
        full = {key: value.ndim for key, value in NETWORKS[name]().state_dict().items()}
        narrow = {key: value.ndim for key, value in NETWORKS[name](width=1 / 8).state_dict().items()}
    assert full == narrow


SIDENETS = {
    "ds-sidenet-low": functools.partial(DSSIDENetLow, k=9),
    "ds-sidenet-high": functools.partial(DSSIDENetHigh, k=9),
}


@pytest.mark.parametrize("name", [*NETWORKS, *SIDENETS])
def test_bins_travel_with_the_weights(name, tmp_path):
    make = (NETWORKS | SIDENETS)[name]
    one, other = make(width=1 / 16, alpha=2.0, beta=20.0), make(width=1 / 16)
    torch.save(one.state_dict(), tmp_path / "weights.pt")
    other.load_state_dict(torch.load(tmp_path / "weights.pt"))
    assert torch.equal(other.edges, sid_edges(2.0, 20.0, 9))
    image = picture(1, 3, 32, 32)
    torch.testing.assert_close(other.eval()(image)["depth"], one.eval()(image)["depth"])
    if name in SIDENETS:
        depth = torch.tensor([2.0, 3.0, 20.0])
        torch.testing.assert_close(other.depth_label(depth), one.depth_label(depth))


@names
def test_normalise_is_imagenets(name):
    with_it, without = NETWORKS[name](width=1 / 16).eval(), NETWORKS[name](width=1 / 16, normalise=False).eval()
    without.load_state_dict(with_it.state_dict())
    image = picture(1, 3, 32, 32)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    changed = (image - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(with_it(image)["logits"], without(changed)["logits"])


def test_convention_logits_are_enlarged_between_pixel_centres():
    """`align_corners=False`; with corners aligned the row would be 0, 1/3, 2/3, 1."""
    scores = torch.zeros(1, 9, 1, 2)
    scores[0, 0, 0, 1] = 1
    assert network("cao").outputs(scores, (1, 4))["logits"][0, 0, 0].tolist() == [0, 0.25, 0.75, 1]


def test_cao_parameters_and_maps():
    with torch.device("meta"):
        model = Cao()
        count = sum(part.numel() for part in model.parameters())
        # torchvision's ResNet-101 has 44 549 160, of which 2048 · 1000 + 1000 are its classifier.
        assert count == 44_549_160 - 2_049_000 + 2048 * 100 + 100 == 42_705_060
        features = model.encoder(torch.empty(1, 3, 240, 320))
        assert [tuple(part.shape[1:]) for part in features] == [
            (64, 120, 160), (256, 60, 80), (512, 30, 40), (1024, 30, 40), (2048, 30, 40),
        ]  # fmt: skip
        assert model.head(features[-1]).shape == (1, 100, 30, 40)
        assert Cao(output_stride=32).encoder(torch.empty(1, 3, 240, 320))[-1].shape == (1, 2048, 8, 10)


@torch.no_grad()
def test_cao_gives_the_centre_of_the_most_probable_range():
    for decode, centre in (("argmax-geometric", "geometric"), ("argmax-arithmetic", "arithmetic")):
        model = Cao(k=9, trunk_depth=18, width=1 / 8, decode=decode).eval()
        outputs = model(picture(1, 3, 48, 64))
        expected = bin_centres(model.edges, centre)[outputs["logits"].argmax(1, keepdim=True)]
        assert torch.equal(outputs["depth"], expected)


def test_cao_takes_torchvisions_checkpoint(tmp_path):
    trunk = resnet18()
    torch.save(trunk.state_dict(), tmp_path / "resnet18.pth")
    model = Cao(trunk_depth=18, weights=tmp_path / "resnet18.pth")
    assert torch.equal(model.encoder.layer4[1].conv2.weight, trunk.layer4[1].conv2.weight)
    with pytest.raises(FileNotFoundError, match="nothing.pth"):
        Cao(trunk_depth=18, weights=tmp_path / "nothing.pth")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"decode": "mode"}, "decode: .*mode"), ({"alpha": 0.0}, "alpha"), ({"output_stride": 4}, "output_stride: .*4")],
)
def test_cao_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        Cao(trunk_depth=18, width=1 / 16, **options)


@pytest.mark.parametrize("decode", ["argmax-geometric", "expectation-log"])
def test_bins_from_zero_and_a_decoding_in_log_depth_are_refused_when_built(decode):
    """On a GPU nobody looks at the edges any more: depth would be 0 or NaN."""
    with pytest.raises(ValueError, match="edges: expected more than 0 m"):
        DeepLabV2(edges="uniform", alpha=0.0, decode=decode, width=1 / 16)
    assert DeepLabV2(edges="uniform", alpha=0.0, width=1 / 16).edges[0] == 0
