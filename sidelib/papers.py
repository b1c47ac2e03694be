"""What the papers print and what we recorded: the only way to read `book/tables` and `book/results`.

Reading through these two functions, with literal arguments, is what lets the build see which chapters a changed
table or result concerns.
"""

from pathlib import Path

import pandas as pd

__all__ = ["results", "table"]

BOOK = Path(__file__).resolve().parent.parent / "book"


def table(paper, name):
    """A table of one of the five papers, cell by cell as printed, all cells as text.

    Args:
        paper: `thesis`, `ds_sidenet`, `sid_segmentation`, `unet_report` or `hqmd`.
        name: the paper's own number, such as "4.2". The file is `book/tables/<paper>_<name>.csv`.

    Raises:
        FileNotFoundError: naming the file, and the tables of this paper that there are.

    >>> table("thesis", "4.3")[["Loss", "WHDR"]].values.tolist()
    [['Pairwise', '16.28%'], ['W-ListMLE', '16.33%'], ['ListMLE', '16.71%']]
    """
    path = BOOK / "tables" / f"{paper}_{name}.csv"
    if not path.is_file():
        known = sorted(found.stem.removeprefix(f"{paper}_") for found in path.parent.glob(f"{paper}_*.csv"))
        raise FileNotFoundError(f"{path}: no such table; tables of {paper!r}: {', '.join(known) or 'none'}")
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def results(experiment, data, profile):
    """The recorded runs of an experiment: `book/results/<experiment>/<data>-<profile>/runs.csv`, one row a run.

    Raises:
        FileNotFoundError: naming the file, and the results that there are.
    """
    path = BOOK / "results" / experiment / f"{data}-{profile}" / "runs.csv"
    if not path.is_file():
        known = sorted(str(found.parent.relative_to(BOOK / "results")) for found in BOOK.glob("results/*/*/runs.csv"))
        raise FileNotFoundError(f"{path}: not recorded; recorded are: {', '.join(known) or 'none'}")
    return pd.read_csv(path)
