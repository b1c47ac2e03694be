"""A record in a few numbers: mean and spread over seeds of each variant, test set and protocol."""

from sidelib.statistics import mean_and_spread

__all__ = ["SHOWN", "summary"]

SHOWN = ("whdr", "map", "abs_rel", "rmse", "log10", "delta1")


def summary(runs):
    """A table of text, "mean ± standard deviation", one row for each test set, protocol and variant.

    >>> import pandas as pd
    >>> rows = [("rooms", "thesis", "berhu", 0, 0.25), ("rooms", "thesis", "berhu", 1, 0.35)]
    >>> runs = pd.DataFrame(rows, columns=["test", "protocol", "variant", "seed", "abs_rel"])
    >>> summary(runs)["abs_rel"].tolist()
    ['0.300 ± 0.071']
    """
    import pandas as pd

    metrics = [name for name in SHOWN if name in runs.columns]
    found = mean_and_spread(runs, metrics, by=("test", "protocol", "variant"))
    columns = {name: [_text(*pair) for pair in zip(found[name, "mean"], found[name, "std"])] for name in metrics}
    table = pd.DataFrame(columns, index=found.index)
    table["runs"], table["diverged"] = found["runs", ""].astype(int), found["diverged", ""].astype(int)
    return table.sort_index(level=[0, 1], sort_remaining=False)


def _text(mean, std):
    if mean != mean:  # NaN: no run has this metric
        return ""
    return f"{mean:.3f}" + (f" ± {std:.3f}" if std == std else "")
