"""Thesis §2.1.1.1 (Ren and Lee) as an experiment: learn on plain pictures, be judged on textured and shaded ones."""

from sidelib.experiments.experiment import DataPlan, Experiment, Judgement, Sizes, Source, Variant
from sidelib.experiments.plans import ADAM_COSINE, PHOTOGRAPH
from sidelib.scenes import Cues
from sidelib.training.objectives import objective

__all__ = ["PLAIN", "SYNTHETIC_TO_REAL"]

# Flat colours: no grain, no patterns, no light, no haze. The gap to the natural look is wide, so that closing it can be seen.
PLAIN = Cues(**dict.fromkeys(("texture", "perspective", "shading", "shadows", "atmosphere"), "removed"))
_FIELDS = ("normals", "instance")


def _rooms(other=None, **options):
    return (Source("scenes", {"kind": "rooms", "fields": _FIELDS, **options}, other=other),)


_NATURAL = Source("scenes", {"kind": "rooms"})
_PARTS = {
    "plain": _rooms(cues=PLAIN),
    "natural": _rooms(),
    # Other rooms in the natural look, of which nothing but the picture is known.
    "plain-and-pictures": _rooms(cues=PLAIN, other=Source("scenes", {"kind": "rooms", "seed": 1})),
}
_TASKS = ("l1", "normal_map_cosine", "contour_cross_entropy")


def _variant(name, trained_on, *terms, **options):
    return Variant(name, "several-tasks", objective(*terms), options, trained_on=trained_on)


SYNTHETIC_TO_REAL = Experiment(
    name="synthetic-to-real",
    about="depth alone, with normals and contours, and with adversarial alignment, from plain to natural rooms (thesis §2.1.1.1)",
    variants=(
        _variant("depth", "plain", "l1"),
        _variant("tasks", "plain", *_TASKS),
        _variant("depth+adversary", "plain-and-pictures", "l1", ("domain_cross_entropy", 0.1), adversary=1.0),
        _variant("tasks+adversary", "plain-and-pictures", *_TASKS, ("domain_cross_entropy", 0.1), adversary=1.0),
        # What labels in the other look would give.
        _variant("tasks-natural", "natural", *_TASKS),
    ),
    plans={
        "scenes": DataPlan(
            _PARTS,
            _PARTS,
            {
                "plain": Judgement((Source("scenes", {"kind": "rooms", "cues": PLAIN}),), ("thesis",), edges=True),
                "natural": Judgement((_NATURAL,), ("thesis",), edges=True),
                "motorcycle": PHOTOGRAPH,
            },
        )
    },
    schedule=ADAM_COSINE,
    augment=False,
    sizes={
        "smoke": Sizes((32, 40), 16, 8, 1 / 16, 4, 8, 4, 2),
        "laptop": Sizes((64, 80), 4000, 200, 1 / 8, 8, 3000, 250, 5),
        "gpu": Sizes((228, 304), 20_000, 400, 1.0, 16, 20_000, 1000, 5),
    },
)
