"""What every network of `build` does: it trains, repeats itself, takes any size, compiles, and knows what it was given."""

import copy
import functools

import pytest
import torch
from contract import WRONG_IMAGES
from torch import nn

from sidelib.models import build, names
from sidelib.models.measure import example_inputs, tensors
from sidelib.models.trunks import ResNetTrunk

# The public names, as the project promises them.
NAMES = (
    "eigen-coarse-fine", "eigen-three-scale", "fcrn", "encdec-resnet", "dorn", "cao", "depth-cnn", "pose-cnn",
    "explainability-cnn", "ds-sidenet-low", "ds-sidenet-high", "robust-side", "deeplab-v2", "fcn", "de-noskip",
    "resnete-v1", "resnete-v2", "resnete-v3", "densenet-unet", "resnet-unet", "hqmd-baseline", "hqmd-baseline-plus",
)  # fmt: skip
# It sends each image to one of two networks, as its docstring says: neither fullgraph nor "meta" is for it.
ROUTED = "robust-side"

each = pytest.mark.parametrize("name", NAMES)


def small(name):
    torch.manual_seed(0)
    return build(name, width=1 / 8)


@functools.cache
def evaluated(name):
    """In eval mode; nobody changes it."""
    return small(name).eval()


def inputs(model, size, batch=2):
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.rand(t.shape, generator=generator) for t in example_inputs(model, size, batch=batch))


def floats(found):
    return {key: value for key, value in tensors(found).items() if value.is_floating_point()}


def assert_same(found, expected):
    found, expected = tensors(found), tensors(expected)
    assert list(found) == list(expected)
    for key, value in expected.items():
        assert torch.equal(found[key], value), key


def test_the_names_are_those_that_are_promised():
    assert names() == NAMES


def test_unknown_names_and_options_are_refused():
    with pytest.raises(ValueError, match="name: expected one of eigen-coarse-fine, .*, found 'resnet'"):
        build("resnet")
    with pytest.raises(TypeError, match="colour"):
        build("fcrn", colour=True)
    with pytest.raises(ValueError, match="width: expected a factor above 0, found 0"):
        build("fcrn", width=0)


@each
def test_the_loss_reaches_every_parameter(name):
    model = small(name).train()
    found = model(*inputs(model, (64, 96)))
    parts = [value for value in floats(found).values() if value.requires_grad]
    generator = torch.Generator().manual_seed(2)
    sum((value * torch.rand(value.shape, generator=generator)).sum() for value in parts).backward()
    still = {key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    if name == ROUTED:  # each network gives its depth from one branch, and only one was asked
        unused = "low." if found["high"].all() else "high."
        assert found["high"].all() or not found["high"].any()
        still = {key for key in still if "decoder.regression" not in key and not key.startswith(unused)}
    assert not still
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@each
@pytest.mark.parametrize("size", [(32, 32), (33, 47), (74, 61)])
@torch.no_grad()
def test_any_size_comes_back_as_it_was_and_the_same_twice(name, size):
    model = evaluated(name)
    given = inputs(model, size)
    found = model(*given)
    assert_same(model(*given), found)
    for key in ("depth", "score"):
        if key in found:
            assert found[key].shape == (2, 1, *size) and found[key].dtype == torch.float32
            assert found[key].isfinite().all() and (key == "score" or (found[key] > 0).all())


@each
@torch.no_grad()
def test_autocast_rounds_inside_and_gives_float32(name):
    model = evaluated(name)
    with torch.autocast("cpu", torch.bfloat16):
        found = floats(model(*inputs(model, (64, 96))))
    kept = {key: value for key, value in found.items() if key != "[features]"}  # what the next layer reads
    assert kept and {value.dtype for value in kept.values()} == {torch.float32}
    assert all(value.isfinite().all() for value in found.values())


@each
@torch.no_grad()
def test_it_compiles_without_graph_breaks(name):
    torch.compiler.reset()
    model = copy.deepcopy(evaluated(name))
    for trunk in [part for part in model.modules() if isinstance(part, ResNetTrunk)]:
        for stage in ("layer1", "layer2", "layer3", "layer4"):  # of blocks that are all alike, two are enough to trace
            if isinstance(getattr(trunk, stage), nn.Sequential):
                setattr(trunk, stage, getattr(trunk, stage)[:2])
    given = inputs(model, (64, 96))
    # The routed network looks at the image to choose which network runs: there the graph breaks, by its nature, and the
    # result must be the same all the same. Its parts compile whole, see test_robust_side.
    compiled = torch.compile(model, backend="eager", fullgraph=name != ROUTED)(*given)
    found = tensors(model(*given))
    for key, value in tensors(compiled).items():
        torch.testing.assert_close(value, found[key])


# The routed network cannot: what is not in memory cannot be looked at.
@pytest.mark.parametrize("name", [name for name in NAMES if name != ROUTED])
def test_it_is_built_and_run_without_memory(name):
    given = inputs(evaluated(name), (64, 96))
    with torch.no_grad():
        real = evaluated(name)(*given)
    given = [tensor.to("meta") for tensor in given]
    with torch.device("meta"):
        model = build(name, width=1 / 8)
    found = tensors(model.eval()(*given))
    assert {key: value.shape for key, value in found.items()} == {key: v.shape for key, v in tensors(real).items()}


@each
@pytest.mark.parametrize(("given", "error"), WRONG_IMAGES)
def test_what_is_no_image_is_named(name, given, error):
    model = evaluated(name)
    if name.startswith("eigen") and given.shape[-2:] == (31, 64):
        assert model(given)["depth"].shape == (1, 1, 31, 64)  # they resize what they are given
        return
    with pytest.raises(error, match="image: expected"):
        model(given, *inputs(model, (64, 64), 1)[1:])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@each
@torch.no_grad()
def test_it_runs_on_a_gpu_in_bfloat16_and_channels_last(name):
    model = small(name).eval().to("cuda", memory_format=torch.channels_last)
    given = [tensor.cuda() for tensor in inputs(model, (64, 96))]
    given[0] = given[0].contiguous(memory_format=torch.channels_last)
    with torch.autocast("cuda", torch.bfloat16):
        found = tensors(model(*given))
    expected = tensors(evaluated(name)(*(tensor.cpu() for tensor in given)))
    assert {key: value.shape for key, value in found.items()} == {key: value.shape for key, value in expected.items()}
    for key, value in floats(found).items():
        assert value.is_cuda and value.isfinite().all(), key
        assert value.dtype == torch.float32 or key == "[features]"
