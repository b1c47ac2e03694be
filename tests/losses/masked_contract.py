"""What the tests of all losses over masked maps ask alike."""

import pytest
import torch

NAN, INF = float("nan"), float("inf")


def assert_invalid_pixels_do_nothing(loss, prediction, target, mask, junk=(0.0, 1e30, NAN, INF)):
    """Whatever stands where `mask` is False, in the target or in both maps: same value, same gradient, none there."""
    results = []
    for value in junk:
        for other in (1.0, value):
            leaf = prediction.where(mask, other).requires_grad_()
            found = loss(leaf, target.where(mask, value), mask)
            found.backward()
            results.append((found.item(), leaf.grad))
    for found, gradient in results:
        assert found == results[0][0]
        assert torch.equal(gradient, results[0][1])
        assert not gradient[~mask].any()


def assert_least_and_flat(loss, prediction, target, mask=None, *, least=0.0, **options):
    """The loss has its `least` value here, and no gradient."""
    leaf = prediction.clone().requires_grad_()
    value = loss(leaf, target, mask, **options)
    value.backward()
    assert value.item() == pytest.approx(least, abs=1e-12)
    assert leaf.grad.abs().max() < 1e-12


def assert_half_precision_computes_in_float32(loss, dtype, prediction, target, mask):
    """Maps of 16 bits give the float32 loss of their values, with a finite gradient of their own type; so does autocast."""
    prediction, target = prediction.to(dtype).requires_grad_(), target.to(dtype)
    value = loss(prediction, target, mask)
    value.backward()
    assert value.dtype == torch.float32
    assert prediction.grad.dtype == dtype and bool(prediction.grad.isfinite().all())
    assert value == loss(prediction.float(), target.float(), mask) == loss(prediction, target.float(), mask)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert loss(prediction.float(), target.float(), mask) == value


def assert_compiles(loss, *maps):
    """One graph, and the same value."""
    maps = [part.float() if part.is_floating_point() else part for part in maps]
    torch._dynamo.reset()
    compiled = torch.compile(loss, backend="eager", fullgraph=True)
    assert compiled(*maps).item() == pytest.approx(loss(*maps).item(), rel=1e-6)


def draw_maps(batch, height, width, seed, *, span, nearest, missing, kept):
    """Prediction and target in float64, `nearest` to `nearest + span` metres, and a mask with a share `missing`.

    `kept` says which pixels, (images, rows, columns), are valid whatever is drawn.
    """
    generator = torch.Generator().manual_seed(seed)
    draw = torch.rand((2, batch, 1, height, width), generator=generator, dtype=torch.float64) * span + nearest
    mask = torch.rand((batch, 1, height, width), generator=generator) > missing
    images, rows, columns = kept
    mask[images, 0, rows, columns] = True
    return *draw, mask
