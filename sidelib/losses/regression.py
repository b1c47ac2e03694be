"""Losses on the depth of single pixels: L1, L2 and BerHu."""

import torch

from sidelib.losses._masked import check_choice, check_maps, masked_mean

__all__ = ["berhu", "l1", "l2"]

_SMALLEST = 1e-30  # metres; the derivative by a threshold holds 1 / c, which overflows in float32 below 1e-38


def l1(prediction, target, mask=None):
    """Mean of |d̂ - d| over the valid pixels of the batch, in metres.

    Source: ds_sidenet Eq. 3, which prints the sum over pixels; unet_report §4.

    Args:
        prediction, target: `(B, 1, H, W)`, metres. What lies in invalid pixels of either does not matter.
        mask: bool `(B, 1, H, W)`, True where the target is valid; without it every pixel counts.

    Returns:
        Scalar, float32 (float64 for a float64 prediction); 0 with zero gradient if no pixel is valid. The gradient of a
        zero residual is 0.

    >>> prediction, target = torch.tensor([[[[1.5, 4.0, 9.0]]]]), torch.tensor([[[[1.0, 3.0, 0.0]]]])
    >>> l1(prediction, target, target > 0).item()
    0.75
    """
    prediction, target, mask = check_maps(prediction, target, mask)
    return masked_mean((prediction - target).abs(), mask)


def l2(prediction, target, mask=None):
    """Mean of (d̂ - d)² over the valid pixels of the batch, in square metres; neither halved nor rooted.

    Source: thesis, the "L2 loss" after Eq. 2.16; unet_report §4. Arguments and returned value: as `l1`.

    >>> prediction, target = torch.tensor([[[[1.5, 4.0, 9.0]]]]), torch.tensor([[[[1.0, 3.0, 0.0]]]])
    >>> l2(prediction, target, target > 0).item()
    0.625
    """
    prediction, target, mask = check_maps(prediction, target, mask)
    return masked_mean((prediction - target).square(), mask)


def berhu(prediction, target, mask=None, *, share=0.2, threshold="batch", detach_threshold=True):
    """Reverse Huber loss, mean over the valid pixels: |r| up to a threshold c, (r² + c²) / (2c) above it.

    r = d̂ - d and c = max |r| / 5. At c both the value and the slope of the two branches agree.

    Source: Laina et al. 2016; thesis Eq. 2.18; hqmd Eqs. 1-2.

    Convention: the maximum is over the *valid* pixels of the *whole batch* and over *absolute* residuals. Taking it
    before masking, over signed residuals, or for each pixel over the batch are known mistakes. In a distributed run
    each process has its own batch, and so its own c.

    Args:
        prediction, target, mask: as `l1`.
        share: c as a share of the largest |r|, in (0, 1].
        threshold: "batch", as printed, or "image": each image has its own c.
        detach_threshold: treat c as a constant. The papers do not say. Without it, the largest residual is also
            pulled through c: a larger c lowers (r² + c²) / (2c) everywhere, so the gradient rewards one large residual.

    Returns:
        Scalar, float32 (float64 for a float64 prediction), metres. 0 with zero gradient if every residual is zero (c is
        then 0, which as a divisor would give NaN) or no pixel is valid; |r| where c is below 1e-30 m. For a detached c no
        gradient exceeds 1 / (share n).

    >>> prediction, target = torch.tensor([[[[0.5, 5.0]]]]), torch.zeros(1, 1, 1, 2)
    >>> berhu(prediction, target).item()  # c = 1: |0.5| and (25 + 1) / 2
    6.75
    """
    prediction, target, mask = check_maps(prediction, target, mask)
    if not 0 < share <= 1:
        raise ValueError(f"share: expected a share of the largest residual in (0, 1], found {share!r}")
    check_choice("threshold", threshold, ("batch", "image"))
    residual = (prediction - target).abs()
    c = share * residual.amax(dim=(0, 1, 2, 3) if threshold == "batch" else (1, 2, 3), keepdim=True)
    if detach_threshold:
        c = c.detach()
    above = (residual > c) & (c > _SMALLEST)
    large, divisor = torch.where(above, residual, 0.0), torch.where(c > _SMALLEST, c, 1.0)
    # r (r / c) instead of r² / c: the ratio is at most 1 / share, while the square of a small r underflows.
    return masked_mean(torch.where(above, (large * (large / divisor) + c) / 2, residual), mask)
