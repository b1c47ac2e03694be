"""Thesis §2.1.4 as an experiment: what a few measured depths, or one laser scan, add to an image."""

from sidelib.experiments.experiment import DataPlan, Experiment, Judgement, Sizes, Source, Variant
from sidelib.experiments.plans import ADAM_COSINE
from sidelib.training.objectives import objective

__all__ = ["SAMPLES", "SPARSE_DEPTH"]

SAMPLES = (5, 20, 100, 500)  # of 5120 pixels at `laptop`
_HINTS = {f"samples-{count}": count for count in SAMPLES} | {"laser": "laser"}


def _source(hint):
    return (Source("scenes", {"kind": "rooms"}, hint=hint),)


_PARTS = {"image": _source(None)} | {name: _source(hint) for name, hint in _HINTS.items()}


def _variant(name, part, model="sparse-to-dense", **options):
    # As in `supervised_losses`, without the final ReLU in training.
    options = {"final_relu": False, "dropout": 0.0, **options}
    return Variant(name, model, objective("l1"), options, trained_on=part, tests=(part,))


SPARSE_DEPTH = Experiment(
    name="sparse-depth",
    about="an image alone, with random depth samples, and with a laser scan (thesis §2.1.4: Ma and Karaman, Liao)",
    variants=(
        _variant("image", "image", "fcrn"),
        *(_variant(name, name) for name in _HINTS),
        _variant("samples-100-without-image", "samples-100", colours=False),
    ),
    plans={
        "scenes": DataPlan(
            _PARTS, _PARTS, {name: Judgement(sources, ("thesis",), edges=True) for name, sources in _PARTS.items()}
        )
    },
    schedule=ADAM_COSINE,
    augment=False,
    sizes={
        "smoke": Sizes((32, 40), 16, 8, 1 / 16, 4, 8, 4, 2),
        "laptop": Sizes((64, 80), 4000, 200, 1 / 8, 8, 2000, 250, 5),
        "gpu": Sizes((228, 304), 20_000, 400, 1.0, 16, 10_000, 1000, 5),
    },
)
