"""Thesis §2.1.2.2 as an experiment: depth, normals and semantics, each alone and shared in five ways."""

from sidelib.experiments.experiment import DataPlan, Experiment, Judgement, Sizes, Source, Variant
from sidelib.experiments.plans import ADAM_COSINE, PHOTOGRAPH
from sidelib.scenes import CLASSES
from sidelib.training.objectives import Term, objective

__all__ = ["TASK_SHARING"]

_LOSSES = {"depth": "l1", "normals": "normal_map_cosine", "semantic": "semantic_cross_entropy"}
_WITH_CONTOURS = _LOSSES | {"contours": "contour_cross_entropy"}
_OUTPUTS = {"depth": "depth", "normals": "normals", "semantic": "semantic_logits", "contours": "contours"}


def _terms(task, before="", after="", weight=1.0):
    """The task's loss on one of its predictions; before and after name those that are not the last."""
    return Term(_WITH_CONTOURS[task], weight, output=f"{before}{_OUTPUTS[task]}{after}")


def _variant(name, model, tasks=tuple(_LOSSES), between=(), weights=None):
    terms = [_terms(task, weight=(weights or {}).get(task, 1.0)) for task in tasks]
    terms += [_terms(task, *names) for names in between for task in tasks]
    options = {"tasks": tasks} | ({"classes": len(CLASSES)} if "semantic" in tasks else {})
    judged = ("depth",) if "depth" in tasks else ()
    return Variant(name, model, objective(*terms), options, judged=judged)


_ROOMS = (Source("scenes", {"kind": "rooms", "fields": ("normals", "semantic", "instance")}),)
_FIRST = (("first_", ""),)

TASK_SHARING = Experiment(
    name="task-sharing",
    about="depth, normals and semantics: each task alone, and five ways of sharing between them (thesis §2.1.2.2)",
    variants=(
        *(_variant(f"{task}-alone", "shared-decoder", (task,)) for task in _LOSSES),
        _variant("shared", "shared-decoder"),
        _variant("distillation", "distillation", between=_FIRST),
        _variant("distillation-contours", "distillation", tuple(_WITH_CONTOURS), between=_FIRST),  # PAD-Net's four
        _variant("alternating", "alternating", between=[("", f"_{scale}") for scale in (1, 2, 3)]),
        _variant("pattern-affinity", "pattern-affinity", between=_FIRST),
        # Its depth is a mean over as many channels as there are classes, and learns slowly with a weight of 1.
        _variant("task-identity", "task-identity", weights={"depth": 10.0}),
    ),
    plans={
        "scenes": DataPlan(
            _ROOMS,
            _ROOMS,
            {"rooms": Judgement(_ROOMS, ("thesis",), edges=True, side_tasks=True), "motorcycle": PHOTOGRAPH},
        )
    },
    schedule=ADAM_COSINE,
    augment=False,
    sizes={
        "smoke": Sizes((32, 40), 16, 8, 1 / 16, 4, 8, 4, 2),
        "laptop": Sizes((64, 80), 4000, 200, 1 / 8, 8, 2000, 250, 5),
        "gpu": Sizes((228, 304), 20_000, 400, 1.0, 8, 20_000, 1000, 5),
    },
)
