"""The paired comparison is Student's, and never calls a winner on one run."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sidelib.statistics import (
    compare_many,
    compare_ranks,
    compare_variants,
    joint_verdict,
    mean_and_spread,
    paired_comparison,
)

VALUES = st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=2, max_size=8)


@given(VALUES)
def test_the_interval_is_that_of_the_paired_t_test(pairs):
    better, worse = map(list, zip(*pairs, strict=True))
    compared = paired_comparison(better, worse)
    if np.ptp(np.subtract(better, worse)) > 1e-6:
        reference = stats.ttest_rel(better, worse).confidence_interval(0.95)
        assert (compared.low, compared.high) == pytest.approx((reference.low, reference.high), rel=1e-6, abs=1e-9)


@given(VALUES)
def test_swapping_the_variants_swaps_the_verdict(pairs):
    better, worse = map(list, zip(*pairs, strict=True))
    opposite = {"holds here": "does not hold here", "does not hold here": "holds here", "cannot tell": "cannot tell"}
    assert paired_comparison(worse, better).verdict == opposite[paired_comparison(better, worse).verdict]


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_one_run_never_wins(better, worse):
    compared = paired_comparison([better], [worse])
    assert compared.verdict == "cannot tell" and "one run" in str(compared)


def test_higher_confidence_asks_for_more():
    better, worse = [1.0, 1.2, 1.6], [0.5, 0.9, 0.8]
    assert paired_comparison(better, worse, 0.90).verdict == "holds here"
    assert paired_comparison(better, worse, 0.99).verdict == "cannot tell"


@pytest.mark.parametrize(
    ("better", "worse", "confidence", "message"),
    [
        ([1, 2], [1], 0.95, "equally many runs"),
        ([], [], 0.95, "equally many runs"),
        ([[1]], [[1]], 0.95, "equally many runs"),
        ([1, float("nan")], [1, 2], 0.95, "finite"),
        ([1, 2], [1, 2], 1.0, "confidence"),
    ],
)
def test_bad_input_says_what_is_wrong(better, worse, confidence, message):
    with pytest.raises(ValueError, match=message):
        paired_comparison(better, worse, confidence)


RUNS = pd.DataFrame(
    [("a", 0, 0.20), ("a", 1, 0.21), ("a", 2, 0.19), ("b", 0, 0.30), ("b", 1, 0.33), ("b", 3, 0.30), ("c", 0, None)],
    columns=["variant", "seed", "abs_rel"],
)


def test_mean_and_spread_by_hand_in_the_sequence_of_the_rows():
    found = mean_and_spread(RUNS, ["abs_rel"])
    assert list(found.index) == ["a", "b", "c"]
    assert found.loc["a"].tolist() == pytest.approx([0.20, 0.01, 3, 0])
    assert found.loc["b", ("abs_rel", "std")] == pytest.approx(0.03 / 3**0.5)
    assert found.loc["c", ("runs", "")] == 1 and found.loc["c", ("diverged", "")] == 1
    with pytest.raises(ValueError, match="runs: expected the column 'rmse'"):
        mean_and_spread(RUNS, ["rmse"])


def test_variants_are_compared_on_the_seeds_that_both_have():
    found = compare_variants(RUNS, "a", "b", "abs_rel")
    assert found.runs == 2 and found.mean == pytest.approx((0.10 + 0.12) / 2)
    assert compare_variants(RUNS, "b", "a", "abs_rel").mean == pytest.approx(-0.11)
    assert compare_variants(RUNS, "b", "a", "abs_rel", larger_is_better=True).mean == pytest.approx(0.11)


def test_one_seed_names_no_winner_and_a_diverged_run_takes_its_seed_out():
    one = RUNS[RUNS["seed"] == 0]
    assert compare_variants(one, "a", "b", "abs_rel").verdict == "cannot tell"
    with pytest.raises(ValueError, match="'a' and 'c' have no seed in common"):
        compare_variants(RUNS, "a", "c", "abs_rel")


def test_what_cannot_be_compared_is_named():
    with pytest.raises(ValueError, match="no variant 'd', there are a, b, c"):
        compare_variants(RUNS, "a", "d", "abs_rel")
    with pytest.raises(ValueError, match="several rows of 'a' for one seed"):
        compare_variants(pd.concat([RUNS, RUNS]), "a", "b", "abs_rel")
    with pytest.raises(ValueError, match="expected the column 'rmse'"):
        compare_variants(RUNS, "a", "b", "rmse")


def test_many_questions_widen_each_interval_so_that_all_hold_together():
    rng = np.random.default_rng(0)
    rows = [(name, seed, rng.normal(), rng.normal()) for name in "abc" for seed in range(5)]
    runs = pd.DataFrame(rows, columns=["variant", "seed", "rmse", "delta1"])
    found = compare_many(runs, [("a", "b"), ("c", "a")], ["rmse", "delta1"], larger_is_better=["delta1"])
    assert found[["better", "worse", "metric"]].values.tolist() == [
        ["a", "b", "rmse"], ["a", "b", "delta1"], ["c", "a", "rmse"], ["c", "a", "delta1"]
    ]  # fmt: skip
    for row in found.itertuples():
        more = row.metric == "delta1"
        alone = compare_variants(
            runs, row.better, row.worse, row.metric, larger_is_better=more, confidence=1 - 0.05 / 4
        )
        assert row.gain == alone and row.verdict == alone.verdict
    with pytest.raises(ValueError, match="questions, metrics"):
        compare_many(runs, [], ["rmse"])


def test_among_true_hypotheses_some_question_is_decided_in_at_most_5_per_cent_of_the_trials():
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(400):
        rows = [(name, seed, rng.normal()) for name in "abcd" for seed in range(4)]
        runs = pd.DataFrame(rows, columns=["variant", "seed", "rmse"])
        questions = [("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")]
        wrong += (compare_many(runs, questions, ["rmse"])["verdict"] != "cannot tell").any()
    assert wrong <= 400 * 0.05 + 3 * (400 * 0.05 * 0.95) ** 0.5


@pytest.mark.parametrize(
    ("verdicts", "joint"),
    [
        (["holds here"] * 2, "holds here"), (["holds here", "cannot tell"], "cannot tell"),
        (["holds here", "does not hold here"], "does not hold here"), (["cannot tell"], "cannot tell"),
    ],
)  # fmt: skip
def test_a_statement_of_several_parts_holds_if_all_its_parts_do(verdicts, joint):
    assert joint_verdict(verdicts) == joint


def test_no_part_is_no_statement():
    with pytest.raises(ValueError, match="verdicts: expected at least one"):
        joint_verdict([])


def ranked(table, **options):
    rows = [(name, seed, value) for name, values in table.items() for seed, value in enumerate(values)]
    return compare_ranks(pd.DataFrame(rows, columns=["variant", "seed", "score"]), "score", **options)


def test_ranks_by_hand_and_demsars_own_critical_value():
    """Demšar 2006, Table 5: q for k = 4 at 0.05 is 2.569."""
    found = ranked({"a": [1, 2, 1], "b": [2, 1, 2], "c": [3, 4, 3], "d": [4, 3, 4]})
    assert found.ranks.to_dict() == pytest.approx({"a": 4 / 3, "b": 5 / 3, "c": 10 / 3, "d": 11 / 3})
    assert found.critical_difference == pytest.approx(2.569 * (4 * 5 / (6 * 3)) ** 0.5, abs=2e-3)
    assert found.behind("a") == found.behind("d") == []
    # Friedman's statistic by its definition: 12 n / (k (k + 1)) (sum of squared mean ranks - k (k + 1)^2 / 4)
    statistic = 12 * 3 / 20 * (sum(r**2 for r in found.ranks) - 4 * 25 / 4)
    assert found.p_value == pytest.approx(stats.chi2.sf(statistic, 3))


def test_ranks_do_not_care_about_monotone_changes_or_the_direction_of_a_metric():
    rng = np.random.default_rng(0)
    table = {name: rng.random(6) for name in "abcde"}
    plain, warped = ranked(table), ranked({name: np.exp(3 * values) for name, values in table.items()})
    turned = ranked({name: -values for name, values in table.items()}, larger_is_better=True)
    for other in (warped, turned):
        assert other.ranks.equals(plain.ranks) and other.p_value == plain.p_value


def test_under_chance_the_critical_difference_is_passed_rarely():
    """In at most about one of twenty draws does any pair of equal variants pass it."""
    rng = np.random.default_rng(0)
    passed = 0
    for _ in range(300):
        found = ranked({name: rng.random(8) for name in "abcdef"})
        passed += found.ranks.max() - found.ranks.min() > found.critical_difference
    assert passed / 300 < 0.08


def test_a_seed_without_a_value_is_left_out_and_too_little_is_refused():
    found = ranked({"a": [1, 1, np.nan], "b": [2, 2, 0], "c": [3, 3, 1]})
    assert found.ranks.to_dict() == {"a": 1.0, "b": 2.0, "c": 3.0}
    with pytest.raises(ValueError, match="at least 3 variants and 2 seeds that all have, found 2 and 2"):
        ranked({"a": [1, 2], "b": [2, 3]})
    with pytest.raises(ValueError, match="found 3 and 1"):
        ranked({"a": [1, np.nan], "b": [2, 3], "c": [3, 4]})
