"""Aligning a prediction to the truth before it is judged, for methods that know depth only up to scale (and shift)."""

import numpy as np
import torch

__all__ = ["ALIGNMENTS", "align"]

ALIGNMENTS = ("none", "median", "scale", "scale_shift", "scale_shift_disparity")


def _median(values):
    """The mean of the two middle values where their number is even, as NumPy has it; torch takes the lower one."""
    low, high = (values.numel() - 1) // 2, values.numel() // 2
    if values.is_cuda:
        ranked = values.sort().values
        return (ranked[low].double() + ranked[high].double()) / 2
    ranked = np.partition(values.numpy(), (low, high))  # twice as fast as two calls of kthvalue
    return torch.tensor((float(ranked[low]) + float(ranked[high])) / 2, dtype=torch.float64)


def _select(values, mask):
    """`values[mask]`; on the CPU by NumPy, which is three times faster at it."""
    return values[mask] if values.is_cuda else torch.from_numpy(values.numpy()[mask.numpy()])


def _line(x, y):
    """Least squares y ≈ scale · x + shift, centred first; a constant x gives scale 0."""
    x_mean, y_mean = x.mean(), y.mean()
    x, y = x - x_mean, y - y_mean
    spread, covariance = torch.dot(x, x), torch.dot(x, y)
    scale = torch.where(spread > 0, covariance / spread.clamp(min=torch.finfo(x.dtype).tiny), 0.0)
    return scale, y_mean - scale * x_mean


def align(prediction, target, mask, how, *, farthest=torch.inf, predicts="depth"):
    """Align one image's prediction to its truth over the valid pixels.

    | `how` | what is fitted | who does so |
    |---|---|---|
    | `none` | nothing | metric depth |
    | `median` | the ratio of the medians | SfMLearner, Monodepth2 and most methods without labels |
    | `scale` | d ≈ s d̂, least squares | |
    | `scale_shift` | d ≈ s d̂ + c, least squares | |
    | `scale_shift_disparity` | 1/d ≈ s / d̂ + c, least squares | MiDaS and its kin |

    Args:
        prediction: depth in metres up to what is fitted, any shape; or, with `predicts="disparity"`, its inverse up to
            scale and shift (larger = closer), which only `scale_shift_disparity` can judge.
        target: true depth in metres, of that shape.
        mask: bool, of that shape: the pixels that are fitted.
        how: one of the table.
        farthest: metres; where an aligned disparity is below that of this depth (or negative), the depth is this.
        predicts: "depth" or "disparity".

    Returns:
        the aligned depth, the scale and the shift, as float64 scalars (shift 0 where none is fitted); an image without
        a valid pixel stays as it is. Depth fitted with a shift may come out negative: clip it.

    >>> target = torch.tensor([1.0, 2.0, 4.0])
    >>> aligned, scale, shift = align(target * 2 + 1, target, target > 0, "scale_shift")
    >>> aligned.tolist(), scale.item(), shift.item()
    ([1.0, 2.0, 4.0], 0.5, -0.5)
    """
    if how not in ALIGNMENTS:
        raise ValueError(f"how: expected one of {', '.join(ALIGNMENTS)}, found {how!r}")
    if predicts not in ("depth", "disparity"):
        raise ValueError(f"predicts: expected depth or disparity, found {predicts!r}")
    if predicts == "disparity" and how != "scale_shift_disparity":
        raise ValueError(f"how: disparity up to scale and shift needs scale_shift_disparity, found {how!r}")
    one, zero = (torch.full((), value, dtype=torch.float64, device=prediction.device) for value in (1.0, 0.0))
    if how == "none" or not bool(mask.any()):
        return prediction, one, zero
    found, true = _select(prediction, mask), _select(target, mask)
    if how == "median":
        fit = _median(true) / _median(found)
    found, true = found.double(), true.double()
    if how == "scale":
        fit = torch.dot(found, true) / torch.dot(found, found)
    if how in ("median", "scale"):
        if not 0 < fit < torch.inf:
            raise ValueError(f"prediction: cannot be scaled to the truth by {how}: the factor is {fit.item():g}")
        return (prediction * fit).to(prediction.dtype), fit, zero
    if how == "scale_shift":
        scale, shift = _line(found, true)
        return (prediction * scale + shift).to(prediction.dtype), scale, shift
    disparity = prediction if predicts == "disparity" else 1 / prediction
    scale, shift = _line(found if predicts == "disparity" else 1 / found, 1 / true)
    fitted = (disparity * scale + shift).clamp(min=1 / farthest)
    return (1 / fitted).to(prediction.dtype), scale, shift
