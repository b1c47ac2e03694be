"""The depth metrics as torchmetrics classes: fed batch by batch, reduced over processes, one number (or all) at the end.

Not imported by `sidelib.metrics` itself: torchmetrics takes two seconds to load.
"""

import torch
from torchmetrics import Metric

from sidelib.metrics._sums import NAMES, SUMS, metrics_from_sums
from sidelib.metrics.depth import check_pooling, image_sums
from sidelib.metrics.detail import depth_boundary_error, edge_precision_recall
from sidelib.metrics.planes import plane_errors

__all__ = [
    "IRMSE", "MAE", "RMSE", "AbsRel", "AlignedRMSELog", "BoundaryMetrics", "DeltaAccuracy", "DepthMetrics", "Log10",
    "PlaneErrors", "RMSELog", "SILog", "SqRel",
]  # fmt: skip


class DepthMetrics(Metric):
    """All of `sidelib.metrics.depth_metrics`, accumulated over batches in float64.

    The states are sums, so that processes add theirs. In a `MetricCollection` the classes of this file share one
    update, since they share their states.

    Args:
        pooling: "pixels", the mean over all pixels of all images, or "images", the mean over images of each image's
            value; an image without a valid pixel is left out and counted in `skipped`.
        delta_inclusive: `<=` for the `<` of the δ accuracies.
        kwargs: torchmetrics' own, such as `dist_sync_on_step`.

    >>> metric = DepthMetrics()
    >>> metric.update(torch.full((1, 1, 2, 2), 2.0), torch.full((1, 1, 2, 2), 1.0))
    >>> metric.update(torch.full((1, 1, 2, 2), 1.0), torch.full((1, 1, 2, 2), 1.0))
    >>> metric.compute()["abs_rel"].item()
    0.5
    """

    is_differentiable = False
    full_state_update = False

    def __init__(self, *, pooling="pixels", delta_inclusive=False, **kwargs):
        super().__init__(**kwargs)
        check_pooling(pooling)
        self.pooling, self.delta_inclusive = pooling, delta_inclusive
        self.add_state("sums", torch.zeros(len(SUMS), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("image_values", torch.zeros(len(NAMES), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("images", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("skipped", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        # A MetricCollection joins metrics whose states are equal after the first batch: these two must not be.
        self.add_state("counts_equal", torch.tensor(int(delta_inclusive)), dist_reduce_fx="max")

    def update(self, prediction, target, mask=None):
        """Add a batch: `(B, 1, H, W)` in metres, `mask` bool; any other shape is one image."""
        sums = image_sums(prediction, target, mask, self.delta_inclusive)
        valid = sums[:, SUMS.index("pixels")] > 0
        self.sums += sums.sum(0)
        values = torch.stack(list(metrics_from_sums(sums[valid]).values()), dim=-1)
        self.image_values += values.sum(0)
        self.images += valid.sum()
        self.skipped += (~valid).sum()

    def compute(self):
        """A dict of float64 scalars, as `depth_metrics` gives them."""
        if self.pooling == "pixels":
            return metrics_from_sums(self.sums)
        return dict(zip(NAMES, self.image_values / self.images))


class _One(DepthMetrics):
    """One of the metrics, as a scalar."""

    name = ""
    higher_is_better = False

    def compute(self):
        """The value, a float64 scalar; NaN before any valid pixel."""
        return super().compute()[self.name]


class AbsRel(_One):
    """`sidelib.metrics.abs_rel` over batches.

    >>> metric = AbsRel(pooling="images")
    >>> metric.update(torch.tensor([1.5, 4.0]), torch.tensor([1.0, 4.0]))
    >>> metric.compute().item()
    0.25
    """

    name = "abs_rel"


class SqRel(_One):
    """`sidelib.metrics.sq_rel` over batches, in metres, or, with `divisor="depth_squared"`, in the KITTI kit's reading."""

    def __init__(self, *, divisor="depth", **kwargs):
        super().__init__(**kwargs)
        if divisor not in ("depth", "depth_squared"):
            raise ValueError(f"divisor: expected depth or depth_squared, found {divisor!r}")
        self.name = "sq_rel" if divisor == "depth" else "sq_rel_squared"


class RMSE(_One):
    """`sidelib.metrics.rmse` over batches, in metres."""

    name = "rmse"


class RMSELog(_One):
    """`sidelib.metrics.rmse_log` over batches, natural logarithm."""

    name = "rmse_log"


class AlignedRMSELog(_One):
    """`sidelib.metrics.aligned_rmse_log` over batches; `as_printed=True` is sid_segmentation's Eq. 5 to the letter."""

    def __init__(self, *, as_printed=False, **kwargs):
        super().__init__(**kwargs)
        self.name = "mse_log_aligned" if as_printed else "rmse_log_aligned"


class Log10(_One):
    """`sidelib.metrics.log10` over batches."""

    name = "log10"


class MAE(_One):
    """`sidelib.metrics.mae` over batches, in metres."""

    name = "mae"


class IRMSE(_One):
    """`sidelib.metrics.irmse` over batches, per metre."""

    name = "irmse"


class SILog(_One):
    """`sidelib.metrics.silog` over batches."""

    name = "silog"


class DeltaAccuracy(_One):
    """`sidelib.metrics.delta_accuracy` over batches: the share of pixels with a ratio below 1.25 to the `power`."""

    higher_is_better = True

    def __init__(self, *, power=1, **kwargs):
        super().__init__(**kwargs)
        if power not in (1, 2, 3):
            raise ValueError(f"power: expected 1, 2 or 3, found {power!r}")
        self.name = f"delta{power}"


class _MeanOverParts(Metric):
    """Means of named values over the images (or planes) where each is defined, accumulated in float64."""

    is_differentiable = False
    full_state_update = False
    names = ()

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        for state in ("totals", "counts"):
            self.add_state(state, torch.zeros(len(self.names), dtype=torch.float64), dist_reduce_fx="sum")

    def add(self, values, weights):
        """`values`, a dict of `(B,)` with NaN where undefined, and how many parts each is the mean of, `(B,)`."""
        for k, name in enumerate(self.names):
            defined = ~values[name].isnan()
            self.totals[k] += (values[name] * weights)[defined].sum()
            self.counts[k] += weights[defined].sum()

    def compute(self):
        """A dict of float64 scalars, NaN where nothing was defined."""
        return dict(zip(self.names, self.totals / self.counts))


class BoundaryMetrics(_MeanOverParts):
    """`edge_precision_recall` and `depth_boundary_error` over batches: means over the images where each is defined.

    `compute()` gives `precision`, `recall`, `f1`, `accuracy` and `completeness` (pixels).

    Args:
        threshold: of the Sobel magnitude that makes an edge, as in `depth_edges`.
        truncate: pixels, as in `depth_boundary_error`.
        relative, divisor: as in `depth_edges`.

    >>> step = torch.ones(1, 1, 8, 8)
    >>> step[..., 4:] = 2
    >>> metric = BoundaryMetrics()
    >>> metric.update(step, step)
    >>> {name: value.item() for name, value in metric.compute().items() if name in ("f1", "accuracy")}
    {'f1': 1.0, 'accuracy': 0.0}
    """

    names = ("precision", "recall", "f1", "accuracy", "completeness")

    def __init__(self, *, threshold=0.25, truncate=10.0, relative=False, divisor=1, **kwargs):
        super().__init__(**kwargs)
        self.edges = {"threshold": threshold, "relative": relative, "divisor": divisor}
        self.truncate = truncate

    def update(self, prediction, target, mask=None):
        """Add a batch of depth maps `(B, 1, H, W)` in metres."""
        values = edge_precision_recall(prediction, target, mask, **self.edges)
        values |= depth_boundary_error(prediction, target, mask, truncate=self.truncate, **self.edges)
        self.add(values, torch.ones(len(target), dtype=torch.float64, device=target.device))


class PlaneErrors(_MeanOverParts):
    """`plane_errors` over batches: the mean over the planes of all images, each counting once.

    `compute()` gives `planarity` (metres) and `orientation` (degrees).

    Args:
        min_pixels: as in `plane_errors`.

    >>> wall, camera = torch.full((1, 1, 8, 8), 2.0), torch.tensor([[8.0, 0, 3.5], [0, 8, 3.5], [0, 0, 1]])
    >>> metric = PlaneErrors()
    >>> metric.update(wall + 1, wall, None, torch.ones(1, 1, 8, 8, dtype=torch.int64), camera)
    >>> metric.compute()["planarity"].item() < 1e-6  # a flat wall in the wrong place is still flat
    True
    """

    names = ("planarity", "orientation")

    def __init__(self, *, min_pixels=None, **kwargs):
        super().__init__(**kwargs)
        self.min_pixels = min_pixels

    def update(self, prediction, target, mask, planes, intrinsics):
        """Add a batch, as `plane_errors` takes it."""
        values = plane_errors(prediction, target, mask, planes, intrinsics, min_pixels=self.min_pixels)
        self.add(values, values["planes"].double())
