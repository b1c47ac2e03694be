"""Counting, receptive fields, memory and latency, against values worked out by hand."""

import pytest
import torch
from torch import nn

from sidelib.models.measure import evaluating, feature_sizes, multiply_adds, parameters, peak_memory
from sidelib.models.receptive import effective_field, receptive_field, theoretical_field
from sidelib.models.timing import latencies, latency
from sidelib.models.trunks import ResNetTrunk


def chain(*parts):
    return nn.Sequential(*parts)


class Last(nn.Module):
    """A trunk's last feature map."""

    def __init__(self, trunk):
        super().__init__()
        self.trunk = trunk

    def forward(self, image):
        return {"score": self.trunk(image)[-1]}


class Tied(nn.Module):
    """One convolution called twice, a parameter of its own, and a mapping with a list."""

    def __init__(self):
        super().__init__()
        self.head = nn.Conv2d(3, 3, 3, padding=1)
        self.same = self.head
        self.scale = nn.Parameter(torch.ones(2))

    def forward(self, image):
        twice = self.head(self.head(image))
        return {"depth": twice * self.scale[0], "pyramid": [twice[..., ::2, ::2]]}


def test_parameters_by_part_sum_to_the_total_and_shared_ones_count_once():
    assert parameters(Tied()) == (84 + 2, {"": 2, "head": 84})
    torchvision = pytest.importorskip("torchvision")
    assert parameters(torchvision.models.resnet50())[0] == 25_557_032  # as torchvision's page prints it


def test_feature_sizes_name_every_call_and_every_output():
    model = Tied().train()
    assert feature_sizes(model, (8, 10)) == {
        "head": (1, 3, 8, 10),
        "head#2": (1, 3, 8, 10),
        "[depth]": (1, 3, 8, 10),
        "[pyramid][0]": (1, 3, 4, 5),
    }
    assert not any(part._forward_hooks for part in model.modules())
    trunk = feature_sizes(ResNetTrunk(18, width=1 / 8), (64, 96))
    assert trunk["layer2.1"] == (1, 16, 8, 12)
    assert [trunk[f"[{k}]"] for k in (0, 4)] == [(1, 8, 32, 48), (1, 64, 2, 3)]


def test_hooks_go_and_modes_return_when_the_network_fails():
    model = chain(nn.Conv2d(4, 3, 3), nn.Dropout())
    model[1].eval()
    with pytest.raises(RuntimeError):
        feature_sizes(model, (8, 8))
    assert not any(part._forward_hooks for part in model.modules())
    assert [part.training for part in model.modules()] == [True, True, False]
    with evaluating(model):
        assert not any(part.training for part in model.modules())


@pytest.mark.parametrize("size", [(0, 8), (8,), (8.0, 8)])
def test_a_wrong_size_is_named(size):
    with pytest.raises(ValueError, match="size: expected a height and a width"):
        feature_sizes(nn.Identity(), size)


@pytest.mark.parametrize(
    ("part", "count"),
    [
        (nn.Conv2d(3, 8, 3, padding=1), 8 * 12 * 8 * 3 * 9),
        (nn.Conv2d(3, 8, 3, stride=2, padding=1), 4 * 6 * 8 * 3 * 9),
        (nn.Conv2d(3, 6, (1, 5), padding=(0, 2), groups=3), 8 * 12 * 6 * 1 * 5),
        (nn.ConvTranspose2d(3, 8, 4, stride=2, padding=1), 8 * 12 * 3 * 8 * 16),  # each input pixel is spread once
        (chain(nn.Flatten(), nn.Linear(3 * 8 * 12, 7)), 3 * 8 * 12 * 7),
        (chain(nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2)), 0),
    ],
)
def test_multiply_adds_by_hand(part, count):
    assert multiply_adds(part, (8, 12)) == count
    assert multiply_adds(part.to("meta"), (8, 12)) == count


def test_convention_multiply_adds_are_half_the_flops():
    models = pytest.importorskip("torchvision").models
    # ResNet-50 at 224 × 224 is known as a network of 4.1 billion multiply-adds; its FLOPs would be 8.2 billion.
    assert multiply_adds(models.resnet50().to("meta"), (224, 224)) == 4_089_184_256


def test_peak_memory_by_hand():
    # Image 3·8·8, first map 4·8·8, second 6·8·8: the image is held by the caller, so all three are alive at the end.
    model = chain(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 6, 1))
    expected = {"weights": 4 * (16 + 30), "activations": 4 * 64 * (3 + 4 + 6)}
    assert peak_memory(model, (8, 8)) == expected
    assert peak_memory(model.to("meta"), (8, 8)) == expected
    # A third convolution to one channel frees the first map before its result is there.
    longer = chain(*model, nn.Conv2d(6, 1, 1)).to("meta")
    assert peak_memory(longer, (8, 8))["activations"] == expected["activations"]
    # In place costs nothing, out of place a second map.
    for inplace, maps in ((True, 3 + 4), (False, 3 + 4 + 4)):
        part = chain(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=inplace))
        assert peak_memory(part, (8, 8))["activations"] == 4 * 64 * maps
    assert peak_memory(model, (8, 8), batch=5)["activations"] == 5 * expected["activations"]
    with pytest.raises(ValueError, match="device: the network is on meta, found 'cpu'"):
        peak_memory(model, (8, 8), device="cpu")


@pytest.mark.parametrize(
    ("model", "side"),
    [
        (nn.Conv2d(3, 8, 5, padding=2), 5),
        (chain(*(nn.Conv2d(3, 3, 3, padding=1) for _ in range(4))), 9),
        (nn.Conv2d(3, 8, 3, padding=4, dilation=4), 9),
        (
            chain(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Conv2d(8, 4, 3, 1, 1)),
            3 + 2 * 2,
        ),
        (chain(nn.MaxPool2d(3, 2, 1), nn.Conv2d(3, 2, 3, 1, 1), nn.Sigmoid()), 3 + 2 * 2),
        # Pixel k of the finer map reads rows k//2 (kernel 2): a block of 4 pixels of the image for each coarse pixel.
        (chain(nn.Conv2d(3, 8, 4, 4), nn.ConvTranspose2d(8, 1, 4, 4)), 4),
        (chain(nn.Conv2d(3, 6, 3, padding=1, groups=3), nn.Conv2d(6, 1, 1)), 3),
    ],
)
def test_theoretical_field_by_hand(model, side):
    top, left, bottom, right = theoretical_field(model, (48, 64))
    assert (bottom - top, right - left) == (side, side)


@pytest.mark.parametrize(
    ("depth", "stride", "side"),
    # 1 + Σ (kernel − 1)·dilation·step over the convolutions of a path: torchvision's ResNets, stride in the 3 × 3.
    [(18, 32, 435), (50, 32, 427), (101, 8, 971)],
)
def test_field_of_the_residual_trunks(depth, stride, side):
    trunk = Last(ResNetTrunk(depth, output_stride=stride, width=1 / 16))
    _, left, _, right = theoretical_field(trunk, (32, 1536))
    assert right - left == side


def test_dead_units_maxima_and_cancellation_do_not_hide_a_path():
    class Difference(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Conv2d(3, 4, 5, padding=2)

        def forward(self, image):
            pair = self.one(torch.relu(image - 10))
            return {"depth": torch.softmax(pair, 1)[:, :1] - torch.softmax(pair, 1)[:, 1:2]}

    model = Difference()
    with torch.no_grad():
        model.one.weight.zero_()
    assert theoretical_field(model, (15, 15)) == (5, 5, 10, 10)


def test_the_field_ends_at_the_border_and_says_so():
    field = receptive_field(chain(nn.Conv2d(3, 4, 31, padding=15)), (16, 48), images=1)
    assert (field.height, field.width, field.reaches_border) == (16, 31, True)
    pooled = chain(nn.AdaptiveAvgPool2d(1), nn.Upsample(size=(16, 48)))
    assert theoretical_field(pooled, (16, 48)) == (0, 0, 16, 48)


def test_effective_field_by_hand():
    model = nn.Conv2d(1, 1, 5, padding=2, bias=False)
    model.example_inputs = lambda size, batch: (torch.zeros(batch, 1, *size),)
    with torch.no_grad():
        model.weight.zero_()
        model.weight[0, 0, 2, 2], model.weight[0, 0, 2, 3], model.weight[0, 0, 0, 0] = 3, 2, 1  # energies 9, 4, 1
    assert [effective_field(model, (9, 9), share=share) for share in (0.6, 0.9, 0.95, 1)] == [1, 3, 5, 5]
    with pytest.raises(ValueError, match="share: expected more than 0"):
        effective_field(model, (9, 9), share=0)
    with torch.no_grad():
        model.weight.zero_()
    assert effective_field(model, (9, 9)) is None


def test_a_dead_output_has_no_measured_field_and_a_clamped_one_has():
    class Ending(nn.Module):
        def __init__(self, end):
            super().__init__()
            self.conv, self.end = nn.Conv2d(3, 1, 3, padding=1), end
            nn.init.constant_(self.conv.weight, -1)

        def forward(self, image):
            return {"depth": self.end(self.conv(image) - 5)}

    dead = receptive_field(Ending(torch.relu), (9, 9))
    assert (dead.height, dead.width, dead.effective) == (3, 3, None)
    assert receptive_field(Ending(lambda x: x.clamp(min=1e-3)), (9, 9)).effective == 3


def test_effective_field_lies_within_the_theoretical_one_and_is_repeatable():
    model = Last(ResNetTrunk(18, width=1 / 8))
    field = receptive_field(model, (96, 128), seed=3)
    assert field == receptive_field(model, (96, 128), seed=3)
    assert 1 <= field.effective <= 2 * 128 + 1
    assert all(parameter.grad is None for parameter in model.parameters())


def test_an_output_without_gradient_is_named():
    class Voting(nn.Module):
        def forward(self, image):
            return {"depth": image.argmax(1, keepdim=True), "logits": image * 2}

    assert theoretical_field(Voting(), (9, 9)) == (4, 4, 5, 5)  # falls to the logits
    with pytest.raises(ValueError, match="output: expected one with a gradient among depth, logits, found 'depth'"):
        theoretical_field(Voting(), (9, 9), output="depth")


def test_latencies_take_turns_and_leave_the_networks_alone():
    order = []

    class Noting(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.name, self.part = name, nn.Conv2d(3, 4, 3)

        def forward(self, image):
            order.append((self.name, self.training, image.shape[0], torch.is_grad_enabled()))
            return self.part(image)

    models = {"a": Noting("a").train(), "b": Noting("b")}
    found = latencies(models, (16, 16), rounds=3, warm_up=1, batch=2, channels_last=True)
    assert [entry[0] for entry in order] == list("abababab")
    assert {entry[1:] for entry in order} == {(False, 2, False)}
    assert models["a"].training and models["a"].part.weight.is_contiguous()
    for result in found.values():
        assert result.rounds == 3 and 0 < result.low <= result.seconds <= result.high
        assert result.images_per_second == pytest.approx(2 / result.seconds)


def test_latency_stops_at_its_budget_and_runs_in_bfloat16():
    model = nn.Conv2d(3, 4, 3)
    assert latency(model, (16, 16), rounds=50, budget=0, dtype=torch.bfloat16).rounds == 3
    assert latency(model, (16, 16), rounds=1).rounds == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rounds": 0}, "rounds: expected at least 1"),
        ({"warm_up": 0}, "warm_up: expected at least 1"),
        ({"dtype": torch.int8}, "dtype: expected float32"),
        ({"batch": 0}, "batch: expected a whole number"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        latency(nn.Identity(), (8, 8), **options)
    with pytest.raises(ValueError, match="models: expected at least one"):
        latencies({}, (8, 8))
