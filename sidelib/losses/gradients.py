"""Losses on the gradient of a depth map, and HQMD's objective, which joins them with BerHu."""

from sidelib.losses._masked import check_maps, check_weight, masked_mean, whole_windows, windows
from sidelib.losses.regression import berhu

__all__ = ["gradient_direction", "gradient_magnitude", "hqmd_objective", "sobel"]


def sobel(maps, *, normalise=False):
    """The Sobel gradients ∇x (to the right) and ∇y (downwards) of maps, where the 3×3 window fits.

    Convention: unnormalised, as in the code of Hu et al. and HQMD: a slope of 1 metre per pixel gives 8. No padding: zero
    padding, as in that code, would put an edge as high as the depth itself around every image.

    Args:
        maps: `(B, 1, H, W)`. normalise: divide by 8, so that the unit is metres per pixel.

    Returns:
        ∇x and ∇y, each `(B, 1, H - 2, W - 2)`.

    >>> import torch
    >>> ramp = torch.arange(3.0).expand(1, 1, 3, 3)
    >>> [gradient.item() for gradient in sobel(ramp)], [gradient.item() for gradient in sobel(ramp, normalise=True)]
    ([8.0, 0.0], [1.0, 0.0])
    """
    left, middle, right = windows(maps, 3, -1)
    above, centre, below = windows(right - left, 3, -2)
    top, _, bottom = windows(left + 2 * middle + right, 3, -2)
    unit = 1 / 8 if normalise else 1
    return (above + 2 * centre + below) * unit, (bottom - top) * unit


def gradient_magnitude(prediction, target, mask=None, *, normalise=False):
    """Mean of |∇x d̂ - ∇x d| + |∇y d̂ - ∇y d|.

    Source: hqmd Eq. 5; the "gradient loss" of unet_report §4, which gives no formula. In spite of the name it
    compares the gradients as vectors: of equal magnitudes, two that point apart are an error.

    Args:
        prediction, target: `(B, 1, H, W)`, metres. What lies in invalid pixels of either does not matter.
        mask: bool `(B, 1, H, W)`, True where the target is valid; without it every pixel counts.
        normalise: divide the Sobel gradients by 8 (`sobel`); the paper's code does not.

    Returns:
        Scalar, float32 (float64 for a float64 prediction): the mean over the pixels whose 3×3 window lies in the image
        and is valid throughout; 0 with zero gradient if there is none.

    >>> import torch
    >>> ramp = torch.arange(3.0).expand(1, 1, 3, 3)
    >>> gradient_magnitude(ramp, torch.zeros(1, 1, 3, 3)).item()
    8.0
    """
    prediction, target, mask = check_maps(prediction, target, mask)
    x, y = sobel(prediction - target, normalise=normalise)  # linear: the difference of the gradients
    return masked_mean(x.abs() + y.abs(), whole_windows(mask, 3))


def gradient_direction(prediction, target, mask=None, *, normalise=False):
    """Mean of |∇y d ∇x d̂ - ∇y d̂ ∇x d|: the magnitudes of both gradients times |sin| of the angle between them.

    Source: hqmd Eq. 6, the third component of the cross product of Eq. 4. It divides by nothing, so that a zero
    gradient is no special case: the loss there is 0. So it is where the gradients point in *opposite* directions.

    Arguments and returned value: as `gradient_magnitude`; here `normalise` divides by 64.

    >>> import torch
    >>> ramp = torch.arange(3.0).expand(1, 1, 3, 3)
    >>> [gradient_direction(prediction, ramp).item() for prediction in (ramp.mT, 2 * ramp, -ramp)]
    [64.0, 0.0, 0.0]
    """
    prediction, target, mask = check_maps(prediction, target, mask)
    (x, y), (true_x, true_y) = (sobel(maps, normalise=normalise) for maps in (prediction, target))
    return masked_mean((true_y * x - y * true_x).abs(), whole_windows(mask, 3))


def hqmd_objective(
    prediction, target, mask=None, *, magnitude_weight=1.0, direction_weight=1.0, detach_threshold=True, normalise=False
):
    """HQMD's detail-preserving objective: `berhu` + λ `gradient_magnitude` + μ `gradient_direction`.

    Source: hqmd Eq. 7, with λ = μ = 1 (§4.1). Each term is a mean over the pixels that count in it.

    Args:
        prediction, target, mask: as `gradient_magnitude`.
        magnitude_weight, direction_weight: λ and μ, at least 0.
        detach_threshold: as in `berhu`. normalise: as in `sobel`.

    Returns:
        Scalar, float32 (float64 for a float64 prediction); 0 with zero gradient if no pixel is valid.

    >>> import torch
    >>> ramp = torch.arange(3.0).expand(1, 1, 3, 3)
    >>> round(hqmd_objective(ramp, torch.zeros(1, 1, 3, 3)).item(), 4)  # (0 + 1.45 + 5.2) / 3 + 8 + 0
    10.2167
    """
    check_weight("magnitude_weight", magnitude_weight)
    check_weight("direction_weight", direction_weight)
    return (
        berhu(prediction, target, mask, detach_threshold=detach_threshold)
        + magnitude_weight * gradient_magnitude(prediction, target, mask, normalise=normalise)
        + direction_weight * gradient_direction(prediction, target, mask, normalise=normalise)
    )
