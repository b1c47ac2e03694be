"""The ranking measures as the thesis prints them, in plain Python loops: slow, and nothing to get wrong.

Scores are a list with one number for each item; `order` lists items from first-ranked to last, -1 is padding.
Every function here has the name of the `sidelib.metrics` function that it defines.
"""

import itertools
import math


def items_of(order, levels=None):
    """The items that take part and their levels (each item its own level if none are given)."""
    levels = list(range(len(order))) if levels is None else levels
    kept = [(item, level) for item, level in zip(order, levels, strict=True) if item >= 0]
    return [item for item, _ in kept], [level for _, level in kept]


def whdr(scores, order, levels=None, tied_share=1.0):
    """Eq. 4.14: wrong pairs over all pairs. `tied_share` is what a pair of equal scores counts."""
    items, levels = items_of(order, levels)
    wrong = judged = 0
    for i, j in itertools.combinations(range(len(items)), 2):
        if levels[i] == levels[j]:
            continue
        judged += 1
        if scores[items[i]] < scores[items[j]]:
            wrong += 1
        elif scores[items[i]] == scores[items[j]]:
            wrong += tied_share
    return wrong / judged if judged else math.nan


def whdr_pairs(scores, pairs, relation, weight, threshold):
    """Eq. 4.14 over given pairs."""
    wrong = total = 0
    for (first, second), expected, share in zip(pairs, relation, weight, strict=True):
        if first < 0 or second < 0:
            continue
        difference = scores[first] - scores[second]
        predicted = +1 if difference > threshold else -1 if difference < -threshold else 0
        total += share
        wrong += share * (predicted != expected)
    return wrong / total if total else math.nan


def average_precision(scores, order, top):
    """Eq. 4.15, lower line. i runs over the thresholds; without equal scores those are the predicted places."""
    items, _ = items_of(order)
    relevant = set(items[:top])
    total = recall_before = 0
    for threshold in sorted({scores[item] for item in items}, reverse=True):
        shown = [item for item in items if scores[item] >= threshold]
        found = len(relevant.intersection(shown))
        precision, recall = found / len(shown), found / len(relevant)
        total += precision * (recall - recall_before)
        recall_before = recall
    return total


def mean_average_precision(scores, order, levels=None):
    """Eq. 4.15, upper line: the mean over n = 1 ... N-1, leaving out an n that would cut a level in two."""
    items, levels = items_of(order, levels)
    cuts = [n for n in range(1, len(items)) if levels[n - 1] != levels[n]]
    return sum(average_precision(scores, items, n) for n in cuts) / len(cuts) if cuts else math.nan


def ndcg(scores, gains):
    """App. B; with equal scores, the mean over all rankings that sort them."""
    def gain_of(ranking):
        return sum(gains[item] / math.log2(rank + 1) for rank, item in enumerate(ranking, start=1))

    rankings = list(itertools.permutations(range(len(scores))))
    best = max(gain_of(ranking) for ranking in rankings)
    sorting = [
        ranking for ranking in rankings if all(scores[a] >= scores[b] for a, b in itertools.pairwise(ranking))
    ]
    return sum(gain_of(ranking) for ranking in sorting) / len(sorting) / best if best else math.nan


def order_from_depth(depth, mask):
    """Closest first, equal depths in pixel order; a level for each different depth."""
    order = sorted((pixel for pixel in range(len(depth)) if mask[pixel]), key=lambda pixel: depth[pixel])
    different = sorted({depth[pixel] for pixel in order})
    return order, [different.index(depth[pixel]) for pixel in order]


def count_inversions(keys):
    return sum(keys[i] > keys[j] for i, j in itertools.combinations(range(len(keys)), 2))


def precision_sum(keys, harmonic, precision):
    pairs = itertools.combinations(range(len(keys)), 2)
    return math.fsum(harmonic[j] * precision[max(keys[i], keys[j])] for i, j in pairs)
