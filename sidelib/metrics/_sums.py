"""The depth metrics in two steps, as torchmetrics has them: sums over pixels, which add up, then numbers from sums.

All metrics share one pass over the pixels. The pointwise terms are computed in the maps' own precision and summed in
float64: summing 200 million float32 squares in float32 loses digits that papers print.
"""

import math

import torch

__all__ = ["NAMES", "SUMS", "error_sums", "error_terms", "metrics_from_sums", "replace_invalid", "with_log_variance"]

_REAL = ("abs", "abs_rel", "square", "sq_rel", "sq_rel_squared", "log", "log_square", "log_abs", "inverse_square")
_COUNTS = ("delta1", "delta2", "delta3", "pixels")
# `log_variance` is the only one that is not a plain sum of terms: it needs each image's own mean log ratio.
SUMS = (*_REAL, *_COUNTS, "log_variance")
NAMES = (
    "abs_rel", "sq_rel", "sq_rel_squared", "rmse", "rmse_log", "rmse_log_aligned", "mse_log_aligned", "log10", "mae",
    "silog", "irmse", "delta1", "delta2", "delta3",
)  # fmt: skip


def replace_invalid(name, depth, mask):
    """`depth` with 1 m where `mask` is false, after checking that the rest is finite and above zero."""
    depth = torch.where(mask, depth if depth.dtype == torch.float64 else depth.float(), 1.0)
    low, high = depth.aminmax() if depth.numel() else (depth.new_ones(()),) * 2
    if not (low > 0 and high < math.inf):
        wrong = mask & ~((depth > 0) & (depth < math.inf))
        value = depth[wrong][0].item()
        raise ValueError(
            f"{name}: expected finite depth above 0 m at every valid pixel, found {int(wrong.sum())} pixels that are "
            f"not (such as {value:g}): "
            + ("mask what was not measured" if name == "target" else "clip the prediction, or use a protocol that does")
        )
    return depth


def error_terms(prediction, target, mask, delta_inclusive=False):
    """What every pixel adds to each sum, before summing: `(9, ...)` floats and `(4, ...)` bools, zero where invalid.

    `prediction` and `target` come from `replace_invalid`, so that an invalid pixel has no error.
    """
    real = prediction.new_empty((len(_REAL), *prediction.shape))
    absolute, relative, square, sq_rel, sq_rel_squared, log, log_square, log_abs, inverse_square = real
    ratio = prediction / target
    torch.sub(prediction, target, out=absolute).abs_()
    torch.div(absolute, target, out=relative)
    torch.mul(absolute, absolute, out=square)
    torch.mul(absolute, relative, out=sq_rel)
    torch.mul(relative, relative, out=sq_rel_squared)
    torch.log(ratio, out=log)
    torch.mul(log, log, out=log_square)
    torch.abs(log, out=log_abs)
    torch.div(relative, prediction, out=inverse_square).square_()  # |1/p - 1/t| = |p - t| / (t p)
    larger = torch.maximum(ratio, target / prediction)
    below = torch.le if delta_inclusive else torch.lt
    counted = torch.stack([*(below(larger, 1.25**power) & mask for power in (1, 2, 3)), mask])
    return real, counted


def error_sums(prediction, target, mask, delta_inclusive=False):
    """The sums of `SUMS` for each image, `(B, len(SUMS))` float64, from maps `(B, ...)` of one shape."""
    target, prediction = replace_invalid("target", target, mask), replace_invalid("prediction", prediction, mask)
    terms = error_terms(prediction, target, mask, delta_inclusive)
    return with_log_variance(torch.cat([term.flatten(2).sum(-1, dtype=torch.float64) for term in terms]).T)


def with_log_variance(sums):
    """Append to the sums of single images `(..., 13)` what is left of Σ log² once the image's mean log is aligned."""
    log, log_square, pixels = (sums[..., SUMS.index(name)] for name in ("log", "log_square", "pixels"))
    left = (log_square - log * log / pixels.clamp(min=1)).clamp(min=0)
    return torch.cat([sums, left[..., None]], dim=-1)


def metrics_from_sums(sums):
    """All metrics of `NAMES` from sums `(..., len(SUMS))`: a dict of float64 `(...)`, NaN where no pixel is valid."""
    mean = dict(zip(SUMS, (sums / sums[..., SUMS.index("pixels"), None]).unbind(-1)))
    values = {
        "abs_rel": mean["abs_rel"],
        "sq_rel": mean["sq_rel"],
        "sq_rel_squared": mean["sq_rel_squared"],
        "rmse": mean["square"].sqrt(),
        "rmse_log": mean["log_square"].sqrt(),
        "rmse_log_aligned": mean["log_variance"].sqrt(),
        "mse_log_aligned": mean["log_variance"],
        "log10": mean["log_abs"] / math.log(10),
        "mae": mean["abs"],
        "silog": (mean["log_square"] - mean["log"] ** 2).clamp(min=0).sqrt(),
        "irmse": mean["inverse_square"].sqrt(),
        "delta1": mean["delta1"],
        "delta2": mean["delta2"],
        "delta3": mean["delta3"],
    }
    return {name: values[name] for name in NAMES}
