"""Losses that look at images: structural similarity, and smoothness where the image is smooth."""

import math

import torch

from sidelib.geometry._checks import check_map, check_mask
from sidelib.losses._masked import check_choice, check_maps, masked_mean, whole_windows, windows

__all__ = ["edge_aware_smoothness", "ssim"]

_K1, _K2 = 0.01, 0.03
_WINDOWS = {
    "gaussian": tuple(math.exp(-((i - 5) ** 2) / (2 * 1.5**2)) for i in range(11)),
    "average": (1.0,) * 3,
}


def ssim(prediction, target, mask=None, *, window="gaussian", data_range=1.0):
    """Structural dissimilarity, the mean of (1 - SSIM) / 2: 0 for equal maps, 1/2 for unrelated ones, at most 1.

    SSIM = (2 μx μy + c₁)(2 σxy + c₂) / ((μx² + μy² + c₁)(σx² + σy² + c₂)), c₁ = (0.01 L)², c₂ = (0.03 L)², with means,
    variances and covariance under a window around each pixel, of each channel.

    Source: Wang et al. 2004; as a loss, Godard et al. 2017, of which the thesis tells by Eq. 2.4; unet_report §4-5 (beside
    L1, with equal weight).

    Convention: a *loss*, smaller = more alike; SSIM itself is 1 - 2 × this. Variances divide by n, not n - 1. No padding:
    only windows inside the map count, as in scikit-image (with `use_sample_covariance=False`); torchmetrics also
    averages over a rim of windows that it completes by reflection.

    Args:
        prediction, target: `(B, C, H, W)`, images or depth.
        mask: bool `(B, 1, H, W)`: a window counts if all its pixels are valid. What lies in the others does not matter.
        window: "gaussian", 11×11 with σ = 1.5 (Wang et al.), or "average", 3×3 (Godard et al.).
        data_range: L, the range of values: 1 for images in [0, 1]; for depth in metres its largest value, or c₁ and c₂
            vanish beside depth and SSIM sees noise.

    Returns:
        Scalar, the mean over windows and channels, float32 (float64 for a float64 prediction); 0 with zero gradient if no
        window is valid, or none fits into the map.

    >>> x = torch.arange(9.0).reshape(1, 1, 3, 3) / 8
    >>> ssim(x, x, window="average").item(), round(ssim(1 - x, x, window="average").item(), 4)
    (0.0, 0.9957)
    """
    prediction, target, mask = check_maps(prediction, target, mask, channels=None)
    check_choice("window", window, _WINDOWS)
    if not 0 < data_range < math.inf:
        raise ValueError(f"data_range: expected a range above 0, found {data_range!r}")
    c1, c2 = (_K1 * data_range) ** 2, (_K2 * data_range) ** 2
    # The sum of the variances is all that is needed of them: four maps to filter, not five.
    products = torch.cat([prediction, target, prediction.square() + target.square(), prediction * target], dim=1)
    x, y, squares, product = _filtered(products, _WINDOWS[window]).chunk(4, dim=1)
    both, means = x.square() + y.square(), x * y
    similarity = (2 * means + c1) * (2 * (product - means) + c2) / ((both + c1) * (squares - both + c2))
    whole = whole_windows(mask, len(_WINDOWS[window]))
    return masked_mean((1 - similarity) / 2, whole.expand_as(similarity))


def _filtered(maps, weights):
    total = sum(weights)
    for dim in (-2, -1):
        maps = sum(weight / total * view for weight, view in zip(weights, windows(maps, len(weights), dim)))
    return maps


def edge_aware_smoothness(prediction, image, mask=None, *, mean_normalise=False):
    """Mean of |∂x d| exp(-|∂x I|) plus mean of |∂y d| exp(-|∂y I|): a map may change where the image does.

    ∂ is the difference of neighbouring pixels; |∂I| is the mean over the image's channels.

    Source: Godard et al. 2017, for disparity; the "regularization term" of thesis §2.1.1.2.

    Convention: as such the loss shrinks with the map: half the disparity, half the loss. `mean_normalise=True` divides
    each map by its mean first (Wang et al. 2018, told there), which makes it blind to scale.

    Args:
        prediction: `(B, 1, H, W)`, disparity, or depth.
        image: `(B, C, H, W)`, in [0, 1].
        mask: bool `(B, 1, H, W)`: a difference counts if both of its pixels are valid. Without it all count.
        mean_normalise: divide each map by the mean of |d| over its valid pixels (1e-7 at least).

    Returns:
        Scalar, float32 (float64 for a float64 prediction); a direction without differences adds 0.

    >>> d = torch.tensor([[[[1.0, 3.0]]]])
    >>> flat, edge = torch.zeros(1, 3, 1, 2), torch.tensor([0.0, 1.0]).expand(1, 3, 1, 2)
    >>> [round(edge_aware_smoothness(d, image).item(), 4) for image in (flat, edge)]  # 2 and 2 / e
    [2.0, 0.7358]
    >>> edge_aware_smoothness(d, flat, mean_normalise=True).item()
    1.0
    """
    prediction = check_map("prediction", prediction, 1)
    image = check_map("image", image).to(prediction.dtype)
    if image.shape[2:] != prediction.shape[2:] or len(image) != len(prediction):
        raise ValueError(
            f"image: expected the batch and size of prediction, {tuple(prediction.shape)}, found {tuple(image.shape)}"
        )
    if image.device != prediction.device:
        raise ValueError(f"image: expected on {prediction.device}, with prediction, found on {image.device}")
    if mask is None:
        mask = torch.ones_like(prediction, dtype=torch.bool)
    check_mask(mask, prediction)
    prediction, image = torch.where(mask, prediction, 0.0), torch.where(mask, image, 0.0)
    if mean_normalise:
        count = mask.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1)
        mean = prediction.abs().sum(dim=(1, 2, 3), keepdim=True) / count
        prediction = prediction / mean.clamp(min=1e-7)
    loss = 0
    for dim in (-2, -1):
        (near, far), (left, right), (known, beyond) = (windows(part, 2, dim) for part in (prediction, image, mask))
        weight = (-(right - left).abs().mean(dim=1, keepdim=True)).exp()
        loss = loss + masked_mean((far - near).abs() * weight, known & beyond)
    return loss
