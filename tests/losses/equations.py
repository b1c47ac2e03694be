"""The ranking losses as the thesis prints them, for one list, in plain Python: loops, `math`, nothing rearranged.

`scores` and `target` are lists by item; `order` lists items from first-ranked to last, without padding.
"""

import math


def pairwise(scores, pairs, relation):
    """Eq. 4.1 for each pair."""
    losses = []
    for (first, second), sign in zip(pairs, relation, strict=True):
        if sign == +1:
            losses.append(math.log(1 + math.exp(-scores[first] + scores[second])))
        elif sign == -1:
            losses.append(math.log(1 + math.exp(scores[first] - scores[second])))
        else:
            losses.append((scores[first] - scores[second]) ** 2)
    return losses


def top_one(scores, order):
    """Eq. 4.2 with φ = exp."""
    return [math.exp(scores[item]) / sum(math.exp(scores[other]) for other in order) for item in order]


def listnet(scores, order, target):
    """Eq. 4.3."""
    true, predicted = top_one(target, order), top_one(scores, order)
    return -sum(p * math.log(q) for p, q in zip(true, predicted, strict=True))


def rank_cosine(scores, order, target):
    """Eq. 4.4."""
    dot = sum(target[item] * scores[item] for item in order)
    norms = [math.sqrt(sum(values[item] ** 2 for item in order)) for values in (target, scores)]
    return (1 - dot / (norms[0] * norms[1])) / 2


def listmle(scores, order):
    """Eq. 4.5: a product of probabilities, then its logarithm."""
    likelihood = 1.0
    for k in range(len(order)):
        likelihood *= math.exp(scores[order[k]]) / sum(math.exp(scores[item]) for item in order[k:])
    return -math.log(likelihood)


def weighted_listmle(scores, order, target, log=math.log2):
    """Eqs. 4.6 and 4.9-4.13: the sum ends at N-1, as printed. Without target scores the weight is 1 (Eq. 4.10)."""
    total = 0.0
    for n in range(1, len(order)):
        weight = 1.0 if target is None else (2 ** target[order[n - 1]] - 1) * (1 / log(n + 1))
        remaining = sum(math.exp(scores[item]) for item in order[n - 1 :])
        total += weight * (-scores[order[n - 1]] + math.log(remaining))
    return total
