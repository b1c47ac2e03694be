"""Training objectives, each a function that returns a scalar; every docstring names its paper and equation."""

from sidelib.losses.listwise import listmle, listnet, rank_cosine, weighted_listmle
from sidelib.losses.pairwise import pairwise_ranking
from sidelib.losses.sampling import sample_items, sample_pairs

__all__ = [
    "listmle",
    "listnet",
    "pairwise_ranking",
    "rank_cosine",
    "sample_items",
    "sample_pairs",
    "weighted_listmle",
]
