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
