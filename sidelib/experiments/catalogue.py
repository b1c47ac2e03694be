"""All experiments by name."""

from sidelib.experiments.laina_replication import LAINA_REPLICATION
from sidelib.experiments.ranking_losses import RANKING_LOSSES
from sidelib.experiments.supervised_losses import SUPERVISED_LOSSES

__all__ = ["EXPERIMENTS"]

EXPERIMENTS = {experiment.name: experiment for experiment in (RANKING_LOSSES, SUPERVISED_LOSSES, LAINA_REPLICATION)}
