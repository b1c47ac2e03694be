"""Means and spreads over seeds, and deciding between two variants without calling a winner that is not there."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

__all__ = [
    "PairedComparison", "RankComparison", "as_questions", "compare_many", "compare_ranks", "compare_variants", "joint_verdict",
    "mean_and_spread", "paired_comparison", "spread_as_text",
]  # fmt: skip


@dataclass(frozen=True)
class PairedComparison:
    """Mean difference over paired runs with its confidence interval, and the verdict on "the difference is > 0"."""

    mean: float
    low: float
    high: float
    runs: int
    confidence: float

    @property
    def verdict(self):
        """*holds here* / *does not hold here* if the whole interval lies above / below zero, else *cannot tell*."""
        if self.runs < 2 or self.low <= 0 <= self.high:
            return "cannot tell"
        return "holds here" if self.low > 0 else "does not hold here"

    def __str__(self):
        if self.runs < 2:
            return f"{self.mean:+.2g} on one run"
        return f"{self.mean:+.2g} [{self.low:+.2g}, {self.high:+.2g}] over {self.runs} paired runs"


def paired_comparison(better, worse, confidence=0.95):
    """Compare two variants run with the same seeds, on "`better` has the larger values than `worse`".

    The interval is Student's t over the paired differences. One run gives no interval, and so no winner.

    Args:
        better, worse: values of one measure, one for each seed, in the same sequence of seeds. For a measure
            where less is better, pass the rival as `better`.
        confidence: of the two-sided interval.

    >>> paired_comparison([0.80, 0.82, 0.81], [0.70, 0.73, 0.72]).verdict
    'holds here'
    >>> paired_comparison([0.80, 0.72, 0.81], [0.70, 0.83, 0.72]).verdict
    'cannot tell'
    >>> paired_comparison([0.9], [0.1]).verdict
    'cannot tell'
    """
    better, worse = np.asarray(better, dtype=float), np.asarray(worse, dtype=float)
    if better.ndim != 1 or better.shape != worse.shape or not better.size:
        raise ValueError(f"better, worse: expected equally many runs, found {better.shape} and {worse.shape}")
    if not np.isfinite(better - worse).all():
        raise ValueError("better, worse: expected finite values")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: expected a share between 0 and 1, found {confidence}")
    difference = better - worse
    mean, runs = float(difference.mean()), difference.size
    if runs < 2:
        return PairedComparison(mean, -np.inf, np.inf, runs, confidence)
    half = stats.t.ppf((1 + confidence) / 2, runs - 1) * difference.std(ddof=1) / np.sqrt(runs)
    return PairedComparison(mean, mean - half, mean + half, runs, confidence)


@dataclass(frozen=True)
class RankComparison:
    """Mean ranks of k variants over n seeds (1 is best), whether they differ at all, and how far apart two must be.

    Attributes:
        ranks: mean rank of each variant, best first (a pandas Series).
        p_value: of Friedman's test on "all variants are alike".
        critical_difference: Nemenyi's; two mean ranks further apart differ, at the confidence asked for, for all pairs together.
    """

    ranks: object
    p_value: float
    critical_difference: float

    def behind(self, variant):
        """The variants that `variant` is ahead of by more than the critical difference, in the sequence of their ranks."""
        apart = self.ranks - self.ranks[variant]
        return list(apart.index[apart > self.critical_difference])


def compare_ranks(runs, metric, *, larger_is_better=False, confidence=0.95):
    """Compare all variants at once by their ranks within each seed.

    Many pairs at few seeds leave every interval of `compare_many` wide. Ranks ask less: who is ahead of whom in each seed.
    Source: Friedman's test and Nemenyi's, as in Demšar 2006 ("Statistical comparisons of classifiers over multiple data
    sets"), with seeds in the place of data sets.

    Args:
        runs: DataFrame with a row for each `variant` and `seed`, as for `compare_variants`.
        metric: a column. Seeds in which a variant has no value are left out.
        larger_is_better: ranks from above.
        confidence: of all pairs together.

    Raises:
        ValueError: fewer than 3 variants, or fewer than 2 seeds that all variants have.

    >>> import pandas as pd
    >>> errors = {"a": [1.0, 1.1, 1.0, 1.2], "b": [2.0, 2.1, 2.2, 2.0], "c": [3.0, 3.1, 2.9, 3.3]}
    >>> rows = [(name, seed, value) for name, values in errors.items() for seed, value in enumerate(values)]
    >>> found = compare_ranks(pd.DataFrame(rows, columns=["variant", "seed", "rel"]), "rel")
    >>> found.ranks.to_dict(), round(found.p_value, 3), round(found.critical_difference, 2), found.behind("a")
    ({'a': 1.0, 'b': 2.0, 'c': 3.0}, 0.018, 1.66, ['c'])
    """
    table = runs.pivot(index="seed", columns="variant", values=metric).dropna()
    n, k = table.shape
    if k < 3 or n < 2:
        raise ValueError(f"runs: expected at least 3 variants and 2 seeds that all have, found {k} and {n}")
    ranks = table.rank(axis=1, ascending=not larger_is_better)
    p_value = float(stats.friedmanchisquare(*ranks.to_numpy().T).pvalue)
    apart = stats.studentized_range.ppf(confidence, k, np.inf) / np.sqrt(2) * np.sqrt(k * (k + 1) / (6 * n))
    mean = ranks.mean().sort_values(kind="stable").rename_axis(None)
    return RankComparison(mean, p_value, float(apart))


def mean_and_spread(runs, metrics, by=("variant",)):
    """Mean and standard deviation over runs, and how many there are.

    Args:
        runs: DataFrame with a row a run, such as `sidelib.papers.results` gives.
        metrics: columns to summarise.
        by: columns that name a group; groups keep the sequence in which they first appear.

    Returns:
        DataFrame with a row a group and for each metric the columns (metric, "mean") and (metric, "std"); the spread of
        one run is NaN. ("runs", "") counts runs, ("diverged", "") those of them without a number.

    >>> import pandas as pd
    >>> runs = pd.DataFrame({"variant": ["a", "a", "b"], "rmse": [1.0, 3.0, 5.0]})
    >>> mean_and_spread(runs, ["rmse"]).loc["a"].tolist()
    [2.0, 1.4142135623730951, 2.0, 0.0]
    """
    import pandas as pd

    missing = [name for name in (*by, *metrics) if name not in runs.columns]
    if missing:
        raise ValueError(f"runs: expected the column {missing[0]!r}, found {list(runs.columns)}")
    groups = runs.groupby(list(by), sort=False)
    found = groups[list(metrics)].agg(["mean", "std"])
    found["runs", ""] = groups.size()
    found["diverged", ""] = groups[metrics[0]].agg(lambda values: int(values.isna().sum()))
    return pd.DataFrame(found)


def spread_as_text(runs, metrics, by=("variant",), digits=3):
    """`mean_and_spread` as a table for people: "mean ± standard deviation", a row a group and a column a metric.

    The spread is left out where there is one run, and a cell is empty where there is none.

    >>> import pandas as pd
    >>> runs = pd.DataFrame({"variant": ["a", "a", "b"], "rmse": [1.0, 3.0, 5.0]})
    >>> spread_as_text(runs, ["rmse"], digits=1)["rmse"].tolist()
    ['2.0 ± 1.4', '5.0']
    """
    import pandas as pd

    def text(mean, std):
        if np.isnan(mean):
            return ""
        return f"{mean:.{digits}f}" + ("" if np.isnan(std) else f" ± {std:.{digits}f}")

    found = mean_and_spread(runs, metrics, by)
    columns = {name: [text(*pair) for pair in zip(found[name, "mean"], found[name, "std"])] for name in metrics}
    return pd.DataFrame(columns, index=found.index)


def compare_variants(runs, better, worse, metric, *, larger_is_better=False, confidence=0.95):
    """The paired comparison of two variants over the seeds that both have, on "`better` is better than `worse`".

    Args:
        runs: DataFrame with the columns `variant`, `seed` and the metric, one row for each variant and seed: pick the
            test set and protocol first.
        better, worse: names of variants.
        metric: a column. A run that diverged has none, and takes its seed out of the comparison.
        larger_is_better: δ accuracies and MAP; less is better for errors.
        confidence: of the interval; raise it where many comparisons are made.

    Returns:
        `PairedComparison` of the gain: positive where `better` is better. One common seed gives "cannot tell".

    Raises:
        ValueError: an unknown variant or metric, several rows for a seed, or no seed in common.

    >>> import pandas as pd
    >>> rows = [("a", 0, 0.20), ("a", 1, 0.21), ("a", 2, 0.19), ("b", 0, 0.30), ("b", 1, 0.32), ("b", 2, 0.30)]
    >>> runs = pd.DataFrame(rows, columns=["variant", "seed", "abs_rel"])
    >>> compare_variants(runs, "a", "b", "abs_rel").verdict
    'holds here'
    """
    for name in ("variant", "seed", metric):
        if name not in runs.columns:
            raise ValueError(f"runs: expected the column {name!r}, found {list(runs.columns)}")
    values = []
    for variant in (better, worse):
        own = runs[runs["variant"] == variant]
        if own.empty:
            raise ValueError(f"runs: no variant {variant!r}, there are {', '.join(map(str, runs['variant'].unique()))}")
        if own["seed"].duplicated().any():
            raise ValueError(f"runs: several rows of {variant!r} for one seed: pick one test set and protocol first")
        values.append(own.set_index("seed")[metric].dropna())
    seeds = values[0].index.intersection(values[1].index)
    if seeds.empty:
        raise ValueError(f"runs: {better!r} and {worse!r} have no seed in common")
    first, second = (value.loc[seeds].to_numpy() for value in values)
    gain = (first, second) if larger_is_better else (second, first)
    return paired_comparison(*gain, confidence=confidence)


def compare_many(runs, questions, metrics, *, larger_is_better=(), confidence=0.95):
    """Several paired comparisons at once, their intervals widened so that all of them together hold with `confidence`.

    The widening is Bonferroni's: n intervals of 1 - (1 - confidence) / n each.

    Args:
        runs: as for `compare_variants`.
        questions: pairs (better, worse) of variants.
        metrics: columns; each question is asked in each.
        larger_is_better: those of the metrics of which more is better.
        confidence: of all intervals together.

    Returns:
        DataFrame with a row for each question and metric: `better`, `worse`, `metric`, `gain` (a `PairedComparison`) and
        its `verdict`.

    >>> import pandas as pd
    >>> rows = [("a", 0, 0.20), ("a", 1, 0.21), ("a", 2, 0.19), ("b", 0, 0.30), ("b", 1, 0.32), ("b", 2, 0.30)]
    >>> runs = pd.DataFrame(rows, columns=["variant", "seed", "abs_rel"])
    >>> compare_many(runs, [("a", "b"), ("b", "a")], ["abs_rel"])["verdict"].tolist()
    ['holds here', 'does not hold here']
    """
    import pandas as pd

    asked = [(*question, metric) for question in questions for metric in metrics]
    if not asked:
        raise ValueError("questions, metrics: expected at least one of each")
    each = 1 - (1 - confidence) / len(asked)
    rows = []
    for better, worse, metric in asked:
        more = metric in larger_is_better
        gain = compare_variants(runs, better, worse, metric, larger_is_better=more, confidence=each)
        rows.append((better, worse, metric, gain, gain.verdict))
    return pd.DataFrame(rows, columns=["better", "worse", "metric", "gain", "verdict"])


def as_questions(compared, names=None):
    """`compare_many`'s table for people: a row a question, "a better than b", and a column a metric.

    A cell is the mean gain, its interval, and the verdict. `names` renames metrics.

    >>> import pandas as pd
    >>> rows = [("a", 0, 0.20), ("a", 1, 0.21), ("a", 2, 0.19), ("b", 0, 0.30), ("b", 1, 0.32), ("b", 2, 0.30)]
    >>> compared = compare_many(pd.DataFrame(rows, columns=["variant", "seed", "rmse"]), [("a", "b")], ["rmse"])
    >>> as_questions(compared).loc["a better than b", "rmse"]
    '+0.107 [+0.0923, +0.121] holds here'
    """
    import pandas as pd

    cells = {}
    for row in compared.itertuples():
        text = f"{row.gain.mean:+.3g} [{row.gain.low:+.3g}, {row.gain.high:+.3g}] {row.verdict}"
        name = (names or {}).get(row.metric, row.metric)
        cells.setdefault(f"{row.better} better than {row.worse}", {})[name] = text
    return pd.DataFrame.from_dict(cells, orient="index")


def joint_verdict(verdicts):
    """The verdict on a statement that says several things at once, from those on each.

    It *holds here* only if all do, and *does not hold here* as soon as one does not.

    >>> joint_verdict(["holds here", "cannot tell"]), joint_verdict(["does not hold here", "cannot tell"])
    ('cannot tell', 'does not hold here')
    """
    verdicts = set(verdicts)
    if not verdicts:
        raise ValueError("verdicts: expected at least one, found none")
    if "does not hold here" in verdicts:
        return "does not hold here"
    return "holds here" if verdicts == {"holds here"} else "cannot tell"
