"""DS-SIDENet against Tables 1 and 2 layer by layer, its labels, its options and what every network must do."""

import math

import pytest
import torch

from sidelib.bins import depth_to_label, expected_depth
from sidelib.models.ds_encoder import DSEncoder, SeparableConvolution
from sidelib.models.ds_sidenet import DSSIDENetHigh, DSSIDENetLow
from sidelib.models.measure import feature_sizes, multiply_adds, parameters

BOTH = pytest.mark.parametrize("network", [DSSIDENetLow, DSSIDENetHigh], ids=["low", "high"])
SMALL = {"k": 6, "width": 1 / 8}


def small(network=DSSIDENetLow, **options):
    torch.manual_seed(0)
    return network(**{**SMALL, **options})


def image(*shape, seed=1):
    return torch.rand(shape or (2, 3, 64, 96), generator=torch.Generator().manual_seed(seed))


# Table 1: for each block its layers as (channels, stride, dilation, separable, kernel), then output (channels, 1/size).
HEAD = {
    1: ([(32, 2, 1, False, 3), (64, 1, 1, False, 3)], (64, 2)),
    2: ([(64, 1, 1, True, 3)] * 3 + [(128, 2, 1, True, 3)], (128, 4)),
}
TABLE1 = {
    "low": HEAD | {
        3: ([(128, 1, 1, True, 3)] * 3 + [(256, 2, 1, True, 3)], (256, 8)),
        4: ([(32, 1, 2, True, 3)] * 12 + [(256, 2, 1, True, 3)], (256, 16)),
        5: ([(256, 2, 1, True, 3), (512, 1, 1, False, 1)], (512, 32)),
    },
    "high": HEAD | {
        3: ([(128, 1, 1, True, 3)] * 3 + [(256, 1, 1, True, 3)], (256, 4)),
        4: ([(32, 1, 2, True, 3)] * 12 + [(256, 1, 1, True, 3)], (256, 4)),
        5: ([(256, 1, 1, True, 3), (128, 1, 1, False, 1)], (128, 4)),
    },
}  # fmt: skip
# Table 2: output (channels, 1/size) of blocks 1 to 4; block 5 enlarges to the input's size.
TABLE2 = {
    "low": [(256, 16), (128, 8), (64, 4), (32, 2)],
    "high": [(64, 4), (32, 4), (32, 4), (16, 2)],
}


@pytest.mark.parametrize("column", ["low", "high"])
def test_encoder_is_table_1_layer_by_layer(column):
    encoder = DSEncoder(high=column == "high")
    sizes = feature_sizes(encoder, (64, 96))
    for number, (layers, (channels, part)) in TABLE1[column].items():
        block = getattr(encoder, f"block{number}")
        assert len(block) == len(layers)
        for layer, (outputs, stride, dilation, separable, kernel) in zip(block, layers):
            assert isinstance(layer, SeparableConvolution) == separable
            first, last = (layer.depthwise, layer.pointwise) if separable else (layer[0], layer[0])
            assert last.out_channels == outputs
            assert first.stride == (stride, stride) and first.dilation == (dilation, dilation)
            assert first.kernel_size == (kernel, kernel) and first.groups == (first.in_channels if separable else 1)
        assert sizes[f"block{number}"] == (1, channels, 64 // part, 96 // part)


@pytest.mark.parametrize("column", ["low", "high"])
def test_both_branches_are_table_2(column):
    network = DSSIDENetLow if column == "low" else DSSIDENetHigh
    k = 68 if column == "low" else 80
    sizes = feature_sizes(network(all_outputs=True), (64, 96))
    for branch, outputs in (("classification", k), ("regression", 1)):
        for number, (channels, part) in enumerate(TABLE2[column], start=1):
            assert sizes[f"decoder.{branch}.block{number}"] == (1, channels, 64 // part, 96 // part)
        assert sizes[f"decoder.{branch}.block5"] == (1, TABLE2[column][-1][0] // 2, 64, 96)
        assert sizes[f"decoder.{branch}.output"] == (1, outputs, 64, 96)
    assert sizes["[depth]"] == sizes["[regression]"] == sizes["[quantised]"] == (1, 1, 64, 96)


def hand_encoder(high):
    def dw(before, after):
        return 9 * before + before * after + 2 * after

    plain = 9 * 3 * 32 + 2 * 32 + 9 * 32 * 64 + 2 * 64
    blocks = 3 * dw(64, 64) + dw(64, 128) + 3 * dw(128, 128) + dw(128, 256)
    blocks += dw(256, 32) + 11 * dw(32, 32) + dw(32, 256) + dw(256, 256)
    last = 128 if high else 512
    return plain + blocks + 256 * last + 2 * last


def hand_branch(plan, skips, outputs, extra=0):
    total = extra
    for (before, after), skip in zip(plan, skips):
        total += 50 * before * after + 9 * after**2 + 6 * after  # two 5×5, one 3×3, three batch norms
        if skip:
            total += 9 * (after + skip + 3) * after + 2 * after
    return total + 9 * plan[-1][1] * outputs + outputs


def test_parameter_counts_by_hand():
    plan = [(512, 256), (256, 128), (128, 64), (64, 32), (32, 16)]
    branches = [hand_branch(plan, [256, 256, 128, 64, 0], outputs) for outputs in (68, 1)]
    total, parts = parameters(DSSIDENetLow())
    assert parts == {"encoder": hand_encoder(False), "decoder": sum(branches)} and total == 22_960_693
    sam = 3 * (6 * (9 * 32**2 + 64) + 2 * (32**2 + 64))
    plan = [(128, 64), (64, 32), (32, 16), (16, 8)]
    branches = [hand_branch(plan, [256, 256, 64, 0], outputs, sam) for outputs in (80, 1)]
    total, parts = parameters(DSSIDENetHigh())
    assert parts == {"encoder": hand_encoder(True), "decoder": sum(branches)} and total == 2_371_257
    found = [parameters(DSEncoder(high=h, block4=b))[0] for b in ("narrow", "wide", "dense") for h in (False, True)]
    assert found == [365_856, 266_784, 1_219_744, 1_120_672, 714_592, 615_520]
    assert parameters(DSEncoder(norm="both"))[0] > found[0]


def test_the_encoder_is_a_small_part_of_the_multiply_adds():
    encoder, whole = multiply_adds(DSEncoder(), (32, 32)), multiply_adds(DSSIDENetLow(), (32, 32))
    assert 0 < encoder < whole / 5


@pytest.mark.parametrize("block4", ["narrow", "wide", "dense"])
def test_readings_of_block_4_join(block4):
    for high in (False, True):
        sizes = feature_sizes(DSEncoder(high=high, block4=block4, width=1 / 8), (32, 64))
        assert sizes["block4"] == (1, 32, *((8, 16) if high else (2, 4)))
    before = {"narrow": 32, "wide": 256, "dense": 256 + 12 * 32}[block4]
    assert DSEncoder(block4=block4).block4[-1].depthwise.in_channels == before


def test_convention_expected_label_is_the_mean_in_log_depth():
    network = small(k=8, alpha=1.0, beta=256.0).eval()
    with torch.no_grad():
        found = network(image())
    p = found["logits"].softmax(dim=1)
    torch.testing.assert_close(found["depth"], expected_depth(p, network.edges, "log"))
    mean = sum(j * p[:, j : j + 1] for j in range(8))
    torch.testing.assert_close(found["quantised"], mean)
    # A mean over depth itself would be larger (Jensen).
    assert (expected_depth(p, network.edges) > found["depth"]).all()


def test_convention_labels_and_where_each_level_lies():
    depth = torch.tensor([1.0, 2.0, 4.0, 256.0])
    levels = {"bins": [0.0, 0.5, 1.5, 7.0], "printed": [1.0, 1.0, 2.0, 8.0], "all": [0.0, 1.0, 2.0, 8.0]}
    for name, labels in levels.items():
        network = small(k=8, alpha=1.0, beta=256.0, levels=name)
        torch.testing.assert_close(network.depth_label(depth), torch.tensor(labels))
        # Label 1: the centre of the second bin, 2√2; as printed and "all", the level α·2.
        assert network.label_depth(torch.tensor(1.0)).item() == pytest.approx(2 * math.sqrt(2) if name == "bins" else 2)
        assert network(image())["logits"].shape[1] == (9 if name == "all" else 8)
    bins = small(k=8, alpha=1.0, beta=256.0)
    inside = torch.tensor([1.9, 3.0, 100.0])
    assert bins.depth_label(inside).round().long().tolist() == depth_to_label(inside, bins.edges).tolist()


@pytest.mark.parametrize("levels", ["bins", "printed", "all"])
def test_convention_decoded_labels_are_half_a_bin_off_and_near_alpha_up_to_a_whole_one(levels):
    """What the docstring of `levels` says, in bins: u is where a depth lies, the target its label as Eq. 1 rounds it."""
    model = small(k=8, alpha=1.0, beta=256.0, levels=levels)
    u = torch.linspace(0, 7.999, 4000)
    label = u.floor() if levels == "bins" else u.round().clamp(min=1 if levels == "printed" else 0)
    error = (model.label_depth(label).log2() - u).abs()
    near = u < 0.5
    assert error[~near].max().item() == pytest.approx(0.5, abs=0.01)
    assert error[near].max().item() == pytest.approx(1.0 if levels == "printed" else 0.5, abs=0.01)


@BOTH
def test_a_given_depth_is_checked_and_clamped_to_the_range(network):
    model = small(network, depth_input=True, alpha=1.0, beta=16.0).eval()
    depth = torch.full((2, 1, 64, 96), 4.0)
    seen = []
    model.encoder.register_forward_hook(lambda _, args, __: seen.append(args[0][:, 3:]))
    for metres, channel in ((1.0, -1.0), (4.0, 0.0), (16.0, 1.0), (0.0, -1.0), (-2.0, -1.0), (99.0, 1.0)):
        found = model(image(), depth.clone().fill_(metres))
        torch.testing.assert_close(seen[-1], torch.full_like(depth, channel))
        assert found["depth"].isfinite().all()
    for wrong in (depth[:1], depth[:, 0], depth[..., :-1], depth.expand(2, 2, 64, 96)):
        with pytest.raises(ValueError, match=r"depth: expected shape \(B, 1, H, W\), here \(2, 1, 64, 96\)"):
            model(image(), wrong)
    for wrong, message in ((depth.int(), "int32"), ([4.0], "list")):
        with pytest.raises(TypeError, match=f"depth: expected a floating-point tensor, found .*{message}"):
            model(image(), wrong)


def test_hard_decoding_takes_the_most_probable_label():
    network = small(decode="hard").eval()
    found = network(image())
    assert torch.equal(found["quantised"], found["logits"].argmax(1, keepdim=True).float())
    assert (small(decode="hard", levels="printed").eval()(image())["quantised"] >= 1).all()


@BOTH
def test_only_the_classification_branch_runs_at_test(network):
    model = small(network)
    assert set(model(image())) == {"depth", "logits", "quantised", "regression"}
    model.eval()
    assert set(model(image())) == {"depth", "logits", "quantised"}
    model.all_outputs = True
    assert "regression" in model(image())
    found = small(network, depth_from="regression").eval()(image())
    assert set(found) == {"depth", "regression"} and torch.equal(found["depth"], found["regression"])
    for only in ("classification", "regression"):
        single = small(network, branches=only)
        assert list(single.decoder) == [only] and (single(image())["depth"] > 0).all()
    found = small(network, branches="regression", regression_as="disparity")(image())
    torch.testing.assert_close(found["depth"] * found["regression"], torch.ones(2, 1, 64, 96))


@BOTH
@pytest.mark.parametrize("options", [
    {"decoder": "upproj"}, {"encoder_skip": False}, {"rgb_skip": False}, {"join": "sum"},
    {"refine": "shg", "refine_block": 4}, {"block4": "dense", "norm": "both"},
], ids=str)  # fmt: skip
def test_gradients_reach_every_parameter(network, options):
    model = small(network, **options)
    found = model(image())
    (found["depth"].sum() + found["regression"].sum()).backward()
    assert not [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert all(p.grad.isfinite().all() for p in model.parameters())


@BOTH
@pytest.mark.parametrize("size", [(33, 47), (65, 97)])
def test_odd_sizes_and_the_range_of_depth(network, size):
    model = small(network, all_outputs=True).eval()
    found = model(image(2, 3, *size))
    assert found["depth"].shape == found["regression"].shape == (2, 1, *size)
    assert found["logits"].shape == (2, 6, *size)
    low, high = model.label_depth(model.labels[0]).item(), model.label_depth(model.labels[-1]).item()
    assert (found["depth"] >= low * 0.999).all() and (found["depth"] <= high * 1.001).all()


@BOTH
def test_it_keeps_its_result_in_other_layouts(network):
    model = small(network).eval()
    with torch.no_grad():
        found = model(image())
        layout = torch.channels_last
        other = model.to(memory_format=layout)(image().contiguous(memory_format=layout))
        torch.testing.assert_close(other["depth"], found["depth"], rtol=1e-4, atol=1e-4)
        with torch.autocast("cpu", torch.bfloat16):
            half = model(image())
    assert half["depth"].dtype == half["logits"].dtype == torch.float32
    torch.testing.assert_close(half["depth"], found["depth"], rtol=0.1, atol=0.1)


def test_it_compiles_for_training():
    model = small(DSSIDENetHigh, decoder="upproj", refine=None).train()
    found = torch.compile(model, backend="eager", fullgraph=True)(image())
    (found["depth"].sum() + found["regression"].sum()).backward()
    assert all(p.grad.any() for p in model.parameters())


@BOTH
def test_width_keeps_the_structure(network):
    wide, narrow = network(k=6), small(network)
    assert [(n, type(m)) for n, m in wide.named_modules()] == [(n, type(m)) for n, m in narrow.named_modules()]


def test_errors_say_what_was_expected():
    for name, value in {
        "branches": "all", "depth_from": "both", "decode": "mean", "levels": "edges", "regression_as": "score",
        "decoder": "unet", "refine": "aspp", "refine_block": 2, "output": "none", "output_kernel": 5, "block4": "12",
        "norm": "none", "join": "product", "k": 0,
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match=f"^{name}: "):
            small(**{name: value})
    with pytest.raises(ValueError, match="depth: expected none"):
        small()(image(), torch.ones(2, 1, 64, 96))
    with pytest.raises(ValueError, match="depth: expected a depth map"):
        small(depth_input=True)(image())
