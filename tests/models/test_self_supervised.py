"""The networks that learn from video: layers as in the original, motions that are rigid, masks that are probabilities."""

import pytest
import torch

from sidelib.geometry import rigid_motion, rotation_from_angles
from sidelib.models.receptive import theoretical_field
from sidelib.models.self_supervised import DepthCNN, ExplainabilityCNN, PoseCNN

NETWORKS = [
    (DepthCNN, {}),
    (PoseCNN, {}),
    (PoseCNN, {"sources": 1}),
    (ExplainabilityCNN, {}),
    (ExplainabilityCNN, {"inputs": "target"}),
]
each = pytest.mark.parametrize(("network", "options"), NETWORKS)


def small(network, **options):
    torch.manual_seed(0)
    return network(width=1 / 8, **options)


def inputs(model, size=(64, 96), batch=2):
    torch.manual_seed(1)
    if isinstance(model, DepthCNN):
        return (torch.rand(batch, 3, *size),)
    return tuple(torch.rand_like(tensor) for tensor in model.example_inputs(size, batch))


def flat(found):
    return [tensor for value in found.values() for tensor in (value if isinstance(value, tuple) else (value,))]


def conv(i, o, k=3):
    return i * o * k * k + o


def depth_by_hand():
    counts, i = 0, 3
    for o, k in zip((32, 64, 128, 256, 512, 512, 512), (7, 5, 3, 3, 3, 3, 3)):
        counts, i = counts + conv(i, o, k) + conv(o, o, k), o
    skips = (512, 512, 256, 128, 64 + 1, 32 + 1, 0 + 1)
    for o, skip in zip((512, 512, 256, 128, 64, 32, 16), skips):
        counts, i = counts + conv(i, o) + conv(o + skip, o), o
    return counts + sum(conv(o, 1) for o in (128, 64, 32, 16))


ENCODER = conv(9, 16, 7) + conv(16, 32, 5) + conv(32, 64) + conv(64, 128) + conv(128, 256)
POSE = ENCODER + 2 * conv(256, 256) + conv(256, 12, 1)
UPS = conv(256, 256) + conv(256, 128) + conv(128, 64) + conv(64, 32, 5) + conv(32, 16, 7)
MASKS = ENCODER + UPS + conv(128, 4) + conv(64, 4) + conv(32, 4, 5) + conv(16, 4, 7)


@pytest.mark.parametrize(
    ("network", "by_hand"), [(DepthCNN, depth_by_hand()), (PoseCNN, POSE), (ExplainabilityCNN, MASKS)]
)
def test_parameters_are_those_of_a_hand_computation(network, by_hand):
    with torch.device("meta"):
        found = sum(p.numel() for p in network().parameters())
    assert found == by_hand == {DepthCNN: 31_596_900, PoseCNN: 1_590_668, ExplainabilityCNN: 1_455_936}[network]


def test_sizes_of_the_depth_network_for_the_originals_input():
    with torch.device("meta"):
        model = DepthCNN()
    found = []
    for part in (*model.encoder, *model.mixes):
        part.register_forward_hook(lambda _, __, out: found.append(tuple(out.shape[1:])))
    with torch.device("meta"):
        outputs = model(torch.zeros(1, 3, 128, 416))
    assert found == [
        (32, 64, 208), (64, 32, 104), (128, 16, 52), (256, 8, 26), (512, 4, 13), (512, 2, 7), (512, 1, 4),
        (512, 2, 7), (512, 4, 13), (256, 8, 26), (128, 16, 52), (64, 32, 104), (32, 64, 208), (16, 128, 416),
    ]  # fmt: skip
    shapes = [tuple(x.shape[2:]) for x in outputs["disparities"]]
    assert shapes == [(128, 416), (64, 208), (32, 104), (16, 52)]


@torch.inference_mode()
def test_disparities_are_bounded_and_depth_is_one_over_the_finest():
    model = small(DepthCNN)
    found = model(*inputs(model))
    torch.testing.assert_close(found["depth"], 1 / found["disparities"][0])
    for disparity in found["disparities"]:
        assert disparity.min() >= 0.01 and disparity.max() <= 10.01


def test_convention_pose_is_translation_then_angles_a_hundredth_of_the_last_layer():
    model = small(PoseCNN)
    torch.nn.init.zeros_(model.head.weight)
    model.head.bias.data.copy_(torch.arange(12.0))
    found = model(*inputs(model))
    expected = torch.arange(12.0).reshape(2, 6) / 100
    torch.testing.assert_close(found["pose"], expected.expand(2, 2, 6))
    torch.testing.assert_close(found["transform"][0, :, :3, 3], expected[:, :3])
    torch.testing.assert_close(found["transform"][0, :, :3, :3], rotation_from_angles(*expected[:, 3:].unbind(-1)))
    assert found["transform"][0, 0, 3].tolist() == [0, 0, 0, 1]


def test_the_transform_is_rigid_and_nothing_looks_at_its_values():
    """`rigid_motion` would, and a GPU would have to be waited for; "meta" has no values to look at."""
    model = small(PoseCNN)
    found = model(*inputs(model))
    expected = rigid_motion(rotation_from_angles(*found["pose"][..., 3:].unbind(-1)), found["pose"][..., :3])
    assert torch.equal(found["transform"], expected)
    box = theoretical_field(model, (64, 96))
    assert box == (0, 0, 64, 96)  # averaged over the cells: every pixel counts
    model.to("meta")
    given = [tensor.to("meta") for tensor in inputs(model)]
    assert model(*given)["transform"].shape == (2, 2, 4, 4)


def test_each_frame_matters_and_the_target_comes_first():
    model = small(PoseCNN)
    target, sources = inputs(model)
    seen = []
    model.encoder.register_forward_hook(lambda _, args, __: seen.append(args[0]))
    model(target, sources)
    expected = torch.cat([target, sources[:, 0], sources[:, 1]], dim=1) * 2 - 1
    torch.testing.assert_close(seen[0], expected)


def test_masks_are_the_softmaxs_second_one_for_each_source_or_one_for_the_target():
    model = small(ExplainabilityCNN)
    found = model(*inputs(model))
    for mask, logits in zip(found["masks"], found["logits"]):
        torch.testing.assert_close(mask, torch.sigmoid(logits[:, :, 1] - logits[:, :, 0]))
    assert [tuple(mask.shape) for mask in found["masks"]] == [(2, 2, 64 >> k, 96 >> k) for k in range(4)]
    alone = small(ExplainabilityCNN, inputs="target")
    assert [mask.shape[1] for mask in alone(torch.rand(1, 3, 64, 96))["masks"]] == [1] * 4


def test_the_encoder_may_be_the_pose_networks_and_keeps_its_weights():
    pose = small(PoseCNN)
    before = pose.encoder.stages[0][0].weight.clone()
    masks = small(ExplainabilityCNN, encoder=pose.encoder)
    assert masks.encoder is pose.encoder and torch.equal(before, pose.encoder.stages[0][0].weight)
    with pytest.raises(ValueError, match="encoder: expected"):
        ExplainabilityCNN(encoder=pose.encoder)


@pytest.mark.parametrize(("network", "options"), [found for found in NETWORKS if found[1]])
def test_gradients_reach_every_parameter(network, options):
    model = small(network, **options)
    sum((tensor * torch.rand_like(tensor)).sum() for tensor in flat(model(*inputs(model)))).backward()
    assert not [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert all(p.grad.isfinite().all() for p in model.parameters())


@each
@torch.inference_mode()
def test_convention_coarser_scales_round_up(network, options):
    model = small(network, **options).eval()
    for size in ((33, 47), (65, 90)):
        found = model(*inputs(model, size, 1))
        scales = found.get("disparities", found.get("masks", ()))
        assert [tuple(x.shape[-2:]) for x in scales] == [
            (-(-size[0] // 2**k), -(-size[1] // 2**k)) for k in range(len(scales))
        ]


@each
def test_it_agrees_in_half_precision_and_channels_last(network, options):
    model = small(network, **options).eval()
    given = inputs(model)
    with torch.no_grad():
        expected = flat(model(*given))
        with torch.autocast("cpu", torch.bfloat16):
            half = flat(model(*given))
        for one, other in zip(half, expected):
            assert one.dtype == torch.float32 and (one - other).abs().max() < 0.05 * (1 + other.abs().max())
        target = given[0].to(memory_format=torch.channels_last)
        last = flat(model.to(memory_format=torch.channels_last)(target, *given[1:]))
        torch.testing.assert_close(last, expected, rtol=1e-4, atol=1e-4)


@each
def test_the_width_keeps_the_structure(network, options):
    with torch.device("meta"):
        assert set(network(**options).state_dict()) == set(network(**options, width=1 / 8).state_dict())


@pytest.mark.parametrize("network", [PoseCNN, ExplainabilityCNN])
def test_sources_that_do_not_fit_the_target_are_named(network):
    model = small(network)
    target, sources = inputs(model)
    for wrong in (sources[:, :1], sources[:, 0], sources[..., :-1]):
        with pytest.raises(ValueError, match="sources: expected shape"):
            model(target, wrong)
    with pytest.raises(TypeError, match="sources: expected a floating-point tensor"):
        model(target, [sources])
    with pytest.raises(ValueError, match="sources: expected a number of frames"):
        network(sources=0)


def test_inputs_that_do_not_exist():
    with pytest.raises(ValueError, match='inputs: expected "sequence" or "target"'):
        ExplainabilityCNN(inputs="pair")
