"""Losses on log depth that forgive, wholly or partly, one common factor for each image."""

import torch

from sidelib.losses._masked import check_maps, mean_over_images, windows

__all__ = ["scale_invariant_gradient", "scale_invariant_log"]

_IMAGE = (1, 2, 3)


def scale_invariant_log(prediction, target, mask=None, *, lambda_si=0.5, root=False, floor=1e-3):
    """Scale-invariant loss of log depth: for each image mean(e²) - λ mean(e)², e = ln d̂ - ln d; then the mean.

    Source: Eigen et al. 2014; thesis, Eq. 2.16. It is computed as var(e) + (1 - λ) mean(e)², which is the same, cannot
    come out negative, and does not subtract two large numbers. Eqs. 2.14 and 2.15 are λ = 1; Eq. 2.13 is half of that.

    Convention: n counts the valid pixels of *one image*; pooled over a batch, λ = 1 would forgive one factor for all
    its images together. `lambda_si=0.85, root=True` is the common √(var + 0.15 mean²), without its factor of 10.

    Args:
        prediction: depth `(B, 1, H, W)`, metres, not its logarithm.
        target: as `prediction`, above 0 at every valid pixel: zeros and NaNs that the mask calls valid make the loss
            infinite or NaN.
        mask: bool `(B, 1, H, W)`, True where the target is valid; without it every pixel counts.
        lambda_si: λ, from 0 (mean square log error) to 1 (blind to scale); Eigen et al. use 0.5, the thesis names none.
        root: take the square root for each image, before the mean over images. Its gradient at 0 is 0.
        floor: metres; a prediction below it (a ReLU's 0, or a negative one) counts as this and gets no gradient.

    Returns:
        Scalar, the mean over images with a valid pixel, float32 (float64 for a float64 prediction); 0 with zero gradient
        if there is none.

    >>> target = torch.tensor([[[[1.0, 2.0, 4.0]]]])
    >>> [round(scale_invariant_log(3 * target, target, lambda_si=l).item(), 4) for l in (0.0, 0.5, 1.0)]  # (ln 3)² = 1.2069
    [1.2069, 0.6035, 0.0]
    """
    error, mask, count = _log_error(prediction, target, mask, lambda_si, floor)
    per_image = _per_image(error, mask, count, lambda_si)
    if root:
        zero = per_image == 0
        per_image = torch.where(zero, 0.0, torch.where(zero, 1.0, per_image).sqrt())
    return mean_over_images(per_image, mask)


def scale_invariant_gradient(prediction, target, mask=None, *, lambda_si=0.5, floor=1e-3):
    """`scale_invariant_log` plus, for each image, (1/n) Σ (∇x e)² + (∇y e)²: log depth must also change alike.

    Source: Eigen and Fergus 2015; thesis, Eq. 2.17. (The loss of this name in DeMoN, Ummenhofer et al. 2017, compares
    normalised differences over several distances; none of the five works uses it.)

    Convention: ∇ is the difference of neighbouring pixels, to the right and downwards. A difference counts if both of
    its pixels are valid, and n counts valid *pixels*, as printed: an image of H×W has fewer differences than that.

    Args and returned value: as `scale_invariant_log`. The second term is blind to a common factor whatever λ is.

    >>> target = torch.ones(1, 1, 1, 2)
    >>> step = torch.tensor([[[[1.0, torch.e]]]])  # e = (0, 1): mean 1/2, mean square 1/2, one difference of 1
    >>> round(scale_invariant_gradient(step, target).item(), 4)  # 1/2 - 1/8 + 1/2
    0.875
    """
    error, mask, count = _log_error(prediction, target, mask, lambda_si, floor)
    per_image = _per_image(error, mask, count, lambda_si)
    for dim in (-2, -1):
        (before, after), (known, beyond) = windows(error, 2, dim), windows(mask, 2, dim)
        step = torch.where(known & beyond, after - before, 0.0)
        per_image = per_image + step.square().sum(dim=_IMAGE, keepdim=True) / count
    return mean_over_images(per_image, mask)


def _log_error(prediction, target, mask, lambda_si, floor):
    """e, 0 where invalid; the mask; and each image's number of valid pixels, at least 1."""
    if not 0 <= lambda_si <= 1:
        raise ValueError(f"lambda_si: expected a degree of scale invariance from 0 to 1, found {lambda_si!r}")
    if not floor > 0:
        raise ValueError(f"floor: expected a depth above 0 m, found {floor!r}")
    prediction, target, mask = check_maps(prediction, target, mask, fill=1.0)
    # Not filled with 1 by the mask alone: a floor above 1 m would lift it.
    error = torch.where(mask, prediction.clamp(min=floor).log() - target.log(), 0.0)
    return error, mask, mask.sum(dim=_IMAGE, keepdim=True).clamp(min=1)


def _per_image(error, mask, count, lambda_si):
    mean = error.sum(dim=_IMAGE, keepdim=True) / count
    centred = torch.where(mask, error - mean, 0.0)
    return centred.square().sum(dim=_IMAGE, keepdim=True) / count + (1 - lambda_si) * mean.square()
