"""What the supervised losses share: argument checks, invalid pixels taken out before any operation, masked means."""

import torch

from sidelib.geometry._checks import check_map, check_mask

__all__ = ["check_choice", "check_maps", "check_weight", "masked_mean", "mean_over_images", "whole_windows", "windows"]


def check_maps(prediction, target, mask, *, channels=1, fill=0.0):
    """Check a loss's maps and make them safe to compute with.

    Half precision becomes float32, so that sums over pixels keep their digits; float64 stays. `fill` stands in for
    invalid pixels *before* anything is computed: masking a NaN afterwards would still send NaN gradients back.

    Returns:
        prediction and target `(B, channels, H, W)` in the prediction's precision, and mask, bool `(B, 1, H, W)`.
    """
    prediction, target = check_map("prediction", prediction, channels), check_map("target", target, channels)
    if target.shape != prediction.shape:
        raise ValueError(
            f"target: expected the shape of prediction, {tuple(prediction.shape)}, found {tuple(target.shape)}: "
            "resize one of them first"
        )
    if target.device != prediction.device:
        raise ValueError(f"target: expected on {prediction.device}, with prediction, found on {target.device}")
    if not prediction.numel():
        raise ValueError(f"prediction: expected at least one pixel, found shape {tuple(prediction.shape)}")
    if mask is None:
        return prediction, target.to(prediction.dtype), torch.ones_like(prediction[:, :1], dtype=torch.bool)
    check_mask(mask, prediction[:, :1])
    return torch.where(mask, prediction, fill), torch.where(mask, target.to(prediction.dtype), fill), mask


def check_choice(name, value, expected):
    """`value` is one of the words `expected`."""
    if value not in expected:
        raise ValueError(f"{name}: expected one of {', '.join(expected)}, found {value!r}")


def check_weight(name, value):
    """`value` is a finite number, at least 0."""
    if not 0 <= value < float("inf"):
        raise ValueError(f"{name}: expected a finite number of at least 0, found {value!r}")


def masked_mean(values, valid):
    """Mean of `values` where `valid`, of one shape; 0, still attached to the graph, if no entry is."""
    return torch.where(valid, values, 0.0).sum() / valid.sum().clamp(min=1)


def mean_over_images(per_image, valid):
    """Mean of `per_image`, `(B, 1, 1, 1)`, over the images of `valid`, `(B, 1, H, W)`, that have a valid pixel."""
    return masked_mean(per_image, valid.any(dim=(1, 2, 3), keepdim=True))


def windows(values, size, dim):
    """The entries of each window of `size` along `dim`, as `size` shifted views; empty ones if no window fits.

    Sums of views stay in the precision of `values`, where a convolution would follow autocast and TF32.
    """
    length = values.shape[dim]
    count = max(length - size + 1, 0)
    return [values.narrow(dim, min(start, length - count), count) for start in range(size)]


def whole_windows(valid, size):
    """Bool `(B, 1, H - size + 1, W - size + 1)`: the windows of `size`×`size` without an invalid pixel."""
    for dim in (-2, -1):
        valid = torch.stack(windows(valid, size, dim)).all(dim=0)
    return valid
