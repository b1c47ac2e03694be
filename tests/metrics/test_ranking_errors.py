"""Bad input raises an error that begins with the name of the argument."""

import pytest
import torch

from sidelib.metrics import average_precision, mean_average_precision, ndcg, order_from_depth, whdr, whdr_pairs

SCORES = torch.tensor([3.0, 2.0, 1.0])
ORDER = torch.tensor([0, 1, 2])
PAIRS, RELATION = torch.tensor([[0, 1], [1, 2]]), torch.tensor([1, -1])
NAN = torch.tensor([1.0, torch.nan, 0.0])


def top_one(scores, order):
    return average_precision(scores, order, top=1)


@pytest.mark.parametrize("measure", [whdr, mean_average_precision, top_one])
@pytest.mark.parametrize(
    ("scores", "order", "error", "message"),
    [
        ([3.0, 2.0, 1.0], ORDER, TypeError, "scores: expected a torch.Tensor, found list"),
        (torch.tensor(1.0), ORDER, ValueError, r"scores: expected shape \(..., N\)"),
        (ORDER, ORDER, TypeError, "scores: expected a floating-point tensor, found torch.int64"),
        (NAN, ORDER, ValueError, "scores: NaN"),
        (SCORES, [0, 1, 2], TypeError, "order: expected an int64 tensor, found list"),
        (SCORES, ORDER.float(), TypeError, "order: expected an int64 tensor, found torch.float32"),
        (SCORES, ORDER.int(), TypeError, "order: expected an int64 tensor, found torch.int32"),
        (SCORES, torch.tensor([0, 3]), ValueError, "order: expected indices from 0 to 2 .*found 0 to 3"),
        (SCORES, torch.tensor([0, -2]), ValueError, "order: expected indices from 0 to 2 .*found -2 to 0"),
        (SCORES, torch.tensor([0, 1, 0]), ValueError, "order: expected each item at most once"),
        (SCORES, ORDER[None], ValueError, r"order: leading shape \(1,\)"),
        (SCORES[None], ORDER, ValueError, r"order: leading shape \(\)"),
    ],
)
def test_scores_and_order(measure, scores, order, error, message):
    with pytest.raises(error, match="^" + message):
        measure(scores, order)


@pytest.mark.parametrize("measure", [whdr, mean_average_precision])
@pytest.mark.parametrize(
    ("levels", "error", "message"),
    [
        (torch.tensor([0, 1]), ValueError, r"levels: expected the shape of order, \(3,\), found \(2,\)"),
        (torch.tensor([0.0, 1.0, 2.0]), TypeError, "levels: expected an integer tensor, found torch.float32"),
        (torch.tensor([0, 2, 1]), ValueError, "levels: expected non-decreasing"),
    ],
)
def test_levels(measure, levels, error, message):
    with pytest.raises(error, match="^" + message):
        measure(SCORES, ORDER, levels)


def test_levels_of_padding_do_not_count():
    order, levels = torch.tensor([0, 1, -1]), torch.tensor([0, 4, -1])
    assert whdr(SCORES, order, levels) == 0


@pytest.mark.parametrize("top", [0, -1, 3])
def test_top_out_of_range_of_the_shortest_list(top):
    scores, order = torch.stack([SCORES, SCORES]), torch.tensor([[0, 1, 2], [0, 1, -1]])
    with pytest.raises(ValueError, match=f"^top: expected 1 to 2, .*found {top}"):
        average_precision(scores, order, top)


@pytest.mark.parametrize("score_ties", ["Wrong", "", None])
def test_score_ties(score_ties):
    with pytest.raises(ValueError, match="^score_ties: expected one of .*half.*right.*wrong"):
        whdr(SCORES, ORDER, score_ties=score_ties)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((NAN, PAIRS, RELATION), {}, ValueError, "scores: NaN"),
        ((SCORES, PAIRS.float(), RELATION), {}, TypeError, "pairs: expected an int64 tensor"),
        ((SCORES, PAIRS + 1, RELATION), {}, ValueError, "pairs: expected indices from 0 to 2"),
        ((SCORES, PAIRS - 2, RELATION), {}, ValueError, "pairs: expected indices from 0 to 2"),
        ((SCORES, ORDER[None], RELATION), {}, ValueError, r"pairs: expected shape \(..., n, 2\), found \(1, 3\)"),
        ((SCORES[None], PAIRS, RELATION), {}, ValueError, "pairs: leading shape"),
        ((SCORES, PAIRS, RELATION[:1]), {}, ValueError, r"relation: expected shape \(2,\), found \(1,\)"),
        ((SCORES, PAIRS, RELATION * 2), {}, ValueError, r"relation: expected \+1"),
        ((SCORES, PAIRS, RELATION.float()), {}, TypeError, "relation: expected signed integers"),
        ((SCORES, PAIRS, RELATION), {"threshold": -0.1}, ValueError, "threshold: expected at least 0, found -0.1"),
        ((SCORES, PAIRS, RELATION), {"weight": torch.ones(3)}, ValueError, "weight: expected"),
        ((SCORES, PAIRS, RELATION), {"weight": torch.tensor([1.0, -1.0])}, ValueError, "weight: expected"),
    ],
)
def test_whdr_pairs(arguments, options, error, message):
    with pytest.raises(error, match="^" + message):
        whdr_pairs(*arguments, **options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((NAN, SCORES), "scores: NaN"),
        ((SCORES, SCORES[:2]), r"gains: expected the shape of scores, \(3,\), found \(2,\)"),
        ((SCORES, -SCORES), "gains: expected finite values of at least 0, found -3 to -1"),
        ((SCORES, SCORES / 0), "gains: expected finite values"),
        ((SCORES, NAN), "gains: expected finite values"),
        ((SCORES, SCORES, torch.ones(2, dtype=torch.bool)), "mask: expected the shape of scores"),
    ],
)
def test_ndcg(arguments, message):
    with pytest.raises(ValueError, match="^" + message):
        ndcg(*arguments)


def test_empty_batches_and_lists_are_answered_not_crashed_on():
    order, levels = order_from_depth(torch.ones(0, 1, 4, 5))
    assert order.shape == levels.shape == (0, 0)
    assert order_from_depth(torch.ones(0))[0].shape == (0,)
    nothing = torch.zeros(3, 0, dtype=torch.int64)
    assert whdr(torch.zeros(3, 0), nothing).isnan().tolist() == [True] * 3
    assert mean_average_precision(torch.zeros(0, 7), torch.zeros(0, 7, dtype=torch.int64)).shape == (0,)


def test_padding_in_the_middle_of_a_list_is_refused():
    with pytest.raises(ValueError, match="order: expected padding"):
        whdr(torch.zeros(3), torch.tensor([0, -1, 1]))


def test_a_decrease_of_unsigned_levels_is_seen():
    with pytest.raises(ValueError, match="levels: expected non-decreasing"):
        whdr(torch.zeros(3), torch.arange(3), torch.tensor([0, 2, 1], dtype=torch.uint8))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.float32])
def test_a_relation_without_a_sign_is_refused(dtype):
    with pytest.raises(TypeError, match="relation: expected signed integers"):
        whdr_pairs(torch.zeros(3), torch.tensor([[0, 1]]), torch.ones(1, dtype=dtype))
