"""Evaluation measures: pure functions; crops, caps and alignment belong to a protocol and are applied before."""

from sidelib.metrics.alignment import align
from sidelib.metrics.consistency import log_error_bounds
from sidelib.metrics.depth import (
    abs_rel,
    aligned_rmse_log,
    delta_accuracy,
    depth_metrics,
    irmse,
    log10,
    mae,
    rmse,
    rmse_log,
    silog,
    sq_rel,
)
from sidelib.metrics.detail import depth_boundary_error, depth_edges, edge_precision_recall
from sidelib.metrics.evaluation import Evaluation, evaluate
from sidelib.metrics.named_protocols import PROTOCOLS
from sidelib.metrics.ordering import order_from_depth
from sidelib.metrics.planes import plane_errors
from sidelib.metrics.protocol import CROPS, Protocol, crop_box
from sidelib.metrics.ranking import average_precision, mean_average_precision, ndcg, whdr, whdr_pairs

__all__ = [
    "CROPS",
    "PROTOCOLS",
    "Evaluation",
    "Protocol",
    "abs_rel",
    "align",
    "aligned_rmse_log",
    "average_precision",
    "crop_box",
    "delta_accuracy",
    "depth_boundary_error",
    "depth_edges",
    "depth_metrics",
    "edge_precision_recall",
    "evaluate",
    "irmse",
    "log10",
    "log_error_bounds",
    "mae",
    "mean_average_precision",
    "ndcg",
    "order_from_depth",
    "plane_errors",
    "rmse",
    "rmse_log",
    "silog",
    "sq_rel",
    "whdr",
    "whdr_pairs",
]
