"""An experiment on data of the reader's own, from inside a chapter: run what is missing, then read the record."""

from sidelib import papers
from sidelib.experiments.runner import run

__all__ = ["on_own_data"]


def on_own_data(experiment, default, *, data, data_root, profile, table="runs"):
    """What a chapter shows of an experiment: the record on scenes, or the reader's own on another data set.

    With a data set that the experiment has a plan for, all runs that are missing are trained first; killed, it goes on
    where it was when the chapter is executed again. The record takes its place beside the others, as with
    `python -m sidelib.experiments run`. Where a test set is judged by several protocols, the runs are those of the first.

    Args:
        experiment: `Experiment`.
        default: the record on scenes, which is returned for "default", "scenes" and data sets of other experiments.
        data, data_root, profile: the chapter's parameters.
        table: as for `sidelib.papers.results`.

    Raises:
        ValueError, FileNotFoundError: naming the argument or file, such as a data set without a root.
    """
    if data in ("default", "scenes") or data not in experiment.plans:
        return default
    run(experiment, profile=profile, data=data, data_root=data_root or None, results=papers.BOOK / "results")
    found = papers.results(experiment.name, data, profile, table=table)
    if table != "runs":
        return found
    judged = found[found["protocol"] != "diverged"]
    first = judged.drop_duplicates("test").set_index("test")["protocol"]
    return found[found["protocol"].eq("diverged") | found["protocol"].eq(found["test"].map(first))]
