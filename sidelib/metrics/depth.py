"""Errors of a predicted depth map against the true one: pure functions on the valid pixels.

Each takes `prediction` and `target` in metres and a bool `mask`, all of one shape: `(B, 1, H, W)` for a batch, or
anything else for one image. Crops, caps, alignment and resizing belong to a `Protocol` and are applied before.
The arguments are not symmetric: relative errors divide by `target`.
"""

import torch

from sidelib.metrics._sums import error_sums, metrics_from_sums

__all__ = [
    "abs_rel", "aligned_rmse_log", "check_pooling", "delta_accuracy", "depth_metrics", "image_sums", "irmse", "log10",
    "mae", "rmse", "rmse_log", "silog", "sq_rel",
]  # fmt: skip


def image_sums(prediction, target, mask=None, delta_inclusive=False):
    """Check the arguments of a depth metric and return the sums of each image: float64 `(B, len(SUMS))`."""
    for name, value in (("prediction", prediction), ("target", target)):
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            found = value.dtype if isinstance(value, torch.Tensor) else type(value).__name__
            raise TypeError(f"{name}: expected a floating-point tensor of depth in metres, found {found}")
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction: expected the shape of target, {tuple(target.shape)}, found {tuple(prediction.shape)}: "
            "resize one of them first, or evaluate with a protocol"
        )
    mask = torch.ones_like(target, dtype=torch.bool) if mask is None else mask
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool or mask.shape != target.shape:
        found = f"{mask.dtype} of {tuple(mask.shape)}" if isinstance(mask, torch.Tensor) else type(mask).__name__
        raise ValueError(f"mask: expected bool of shape {tuple(target.shape)}, found {found}")
    images = len(target) if target.ndim == 4 else 1
    prediction, target, mask = (part.detach().reshape(images, -1) for part in (prediction, target, mask))
    return error_sums(prediction, target, mask, delta_inclusive)


def check_pooling(pooling):
    """`pooling`: which mean a metric takes over several images."""
    if pooling not in ("pixels", "images"):
        raise ValueError(f"pooling: expected pixels or images, found {pooling!r}")


def depth_metrics(prediction, target, mask=None, *, pooling="pixels", delta_inclusive=False):
    """All depth metrics of the five papers in one pass.

    Convention: `target` is what was measured. `pooling="pixels"` is thesis App. B and sid_segmentation (T counts the
    pixels of all images); `"images"` is hqmd §4.2 (T counts the pixels of *an* image), then the mean over images.

    Args:
        prediction: predicted depth in metres, above 0 wherever `mask` is true.
        target: true depth in metres, above 0 wherever `mask` is true.
        mask: bool, False where nothing was measured; all True without it.
        pooling: "pixels" or "images"; an image without a valid pixel is left out of the mean over images.
        delta_inclusive: count ratios of exactly 1.25, 1.25², 1.25³ as accurate too (`<=` for the papers' `<`).

    Returns:
        dict of float64 scalars: `abs_rel`, `sq_rel` (metres), `sq_rel_squared` (the KITTI kit's reading), `rmse`
        (metres), `rmse_log`, `rmse_log_aligned`, `mse_log_aligned`, `log10`, `mae` (metres), `silog`, `irmse` (per
        metre), `delta1`, `delta2`, `delta3`. NaN if no pixel is valid. What each is: the functions of these names.

    Raises:
        TypeError, ValueError: naming the argument; among others a zero or NaN depth that the mask calls valid.

    >>> found = depth_metrics(torch.tensor([2.0, 5.0]), torch.tensor([1.0, 4.0]))
    >>> [round(found[name].item(), 4) for name in ("abs_rel", "sq_rel", "rmse", "delta1", "delta2")]
    [0.625, 0.625, 1.0, 0.0, 0.5]
    """
    check_pooling(pooling)
    sums = image_sums(prediction, target, mask, delta_inclusive)
    if pooling == "pixels":
        return metrics_from_sums(sums.sum(0))
    return {name: values.nanmean() for name, values in metrics_from_sums(sums).items()}


def _pooled(name, prediction, target, mask, delta_inclusive=False):
    return metrics_from_sums(image_sums(prediction, target, mask, delta_inclusive).sum(0))[name]


def abs_rel(prediction, target, mask=None):
    """Mean of |d̂ - d| / d: error as a share of the true depth. Source: thesis App. B; sid_segmentation Eq. 3.

    >>> abs_rel(torch.tensor([1.5, 4.0]), torch.tensor([1.0, 4.0])).item()
    0.25
    """
    return _pooled("abs_rel", prediction, target, mask)


def sq_rel(prediction, target, mask=None, *, divisor="depth"):
    """Mean of (d̂ - d)² / d, in metres, or, with `divisor="depth_squared"`, of (d̂ - d)² / d², without unit.

    Source: both go by the name "squared relative". Eigen et al. 2014 divide by the depth, the KITTI development kit
    by its square; ds_sidenet §5.1 reports the second, since its KITTI numbers come from that benchmark.

    >>> prediction, target = torch.tensor([3.0]), torch.tensor([2.0])
    >>> sq_rel(prediction, target).item(), sq_rel(prediction, target, divisor="depth_squared").item()
    (0.5, 0.25)
    """
    if divisor not in ("depth", "depth_squared"):
        raise ValueError(f"divisor: expected depth or depth_squared, found {divisor!r}")
    return _pooled("sq_rel" if divisor == "depth" else "sq_rel_squared", prediction, target, mask)


def rmse(prediction, target, mask=None):
    """Root of the mean of (d̂ - d)², in metres: ruled by the far pixels. Source: thesis App. B.

    >>> round(rmse(torch.tensor([1.0, 6.0]), torch.tensor([1.0, 4.0])).item(), 4)  # one pixel of two is 2 m off
    1.4142
    """
    return _pooled("rmse", prediction, target, mask)


def rmse_log(prediction, target, mask=None):
    """Root of the mean of (ln d̂ - ln d)². Source: thesis App. B; hqmd §4.2. Natural logarithm, as is usual.

    >>> round(rmse_log(torch.tensor([torch.e]), torch.tensor([1.0])).item(), 6)
    1.0
    """
    return _pooled("rmse_log", prediction, target, mask)


def aligned_rmse_log(prediction, target, mask=None, *, as_printed=False):
    """RMSE of the logarithms after each image's scale is aligned: its mean log ratio is taken off first.

    Source: sid_segmentation Eq. 5, where α(d̂, d) "addresses scale alignment": read as Eigen's
    α = mean of (ln d - ln d̂) over the image. The printed equation has no square root: `as_printed=True`.

    Convention: α belongs to an image, the mean to all pixels. For one image this is `silog`.

    >>> target = torch.tensor([1.0, 2.0, 4.0])
    >>> aligned_rmse_log(3 * target, target).item() < 1e-7, round(rmse_log(3 * target, target).item(), 3)
    (True, 1.099)
    """
    return _pooled("mse_log_aligned" if as_printed else "rmse_log_aligned", prediction, target, mask)


def log10(prediction, target, mask=None):
    """Mean of |log10 d̂ - log10 d|. Source: hqmd §4.2; the "log 10" of thesis Table 3.1.

    >>> round(log10(torch.tensor([10.0, 1.0]), torch.tensor([1.0, 1.0])).item(), 6)
    0.5
    """
    return _pooled("log10", prediction, target, mask)


def mae(prediction, target, mask=None):
    """Mean of |d̂ - d|, in metres. Source: ds_sidenet §5.1 (there "mean average error"); unet_report's "L1 error".

    >>> mae(torch.tensor([1.5, 4.0]), torch.tensor([1.0, 4.0])).item()
    0.25
    """
    return _pooled("mae", prediction, target, mask)


def irmse(prediction, target, mask=None):
    """Root of the mean of (1/d̂ - 1/d)², per metre: ruled by the near pixels. Source: ds_sidenet §5.1.

    The KITTI benchmark prints it per kilometre: times 1000.

    >>> irmse(torch.tensor([2.0]), torch.tensor([1.0])).item()
    0.5
    """
    return _pooled("irmse", prediction, target, mask)


def silog(prediction, target, mask=None):
    """Standard deviation of ln d̂ - ln d over all valid pixels: blind to one common factor.

    Source: Eigen et al. 2014; ds_sidenet §5.1. The KITTI benchmark prints it times 100. Convention: pooled over
    several images it forgives one factor for *all* of them, `aligned_rmse_log` one for each.

    >>> silog(torch.tensor([2.0, 2.0]), torch.tensor([1.0, 4.0])).item() > 0.69
    True
    """
    return _pooled("silog", prediction, target, mask)


def delta_accuracy(prediction, target, mask=None, *, power=1, inclusive=False):
    """Share of pixels with max(d̂/d, d/d̂) < 1.25^power, power 1, 2 or 3. Source: thesis App. B; hqmd §4.2.

    >>> delta_accuracy(torch.tensor([1.2, 1.3, 1.25]), torch.ones(3)).item() < 0.34
    True
    >>> round(delta_accuracy(torch.tensor([1.2, 1.3, 1.25]), torch.ones(3), inclusive=True).item(), 3)
    0.667
    """
    if power not in (1, 2, 3):
        raise ValueError(f"power: expected 1, 2 or 3, found {power!r}")
    return _pooled(f"delta{power}", prediction, target, mask, inclusive)
