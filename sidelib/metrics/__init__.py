"""Evaluation measures: pure functions; crops, caps and alignment are applied before, never inside."""

from sidelib.metrics.ordering import order_from_depth
from sidelib.metrics.ranking import average_precision, mean_average_precision, ndcg, whdr, whdr_pairs

__all__ = ["average_precision", "mean_average_precision", "ndcg", "order_from_depth", "whdr", "whdr_pairs"]
