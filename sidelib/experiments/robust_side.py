"""ds_sidenet's framework as an experiment: each of its networks, with an error for each image, so that any routing follows.

No routed network is trained: which network an image goes to decides which of the recorded errors counts, for any
threshold σ and any vote (Table 9). Images of both kinds are judged by all networks, also those that were not made for them.
"""

from sidelib.experiments.ds_sidenet import MULTI_TASK
from sidelib.experiments.experiment import DataPlan, Experiment, Judgement, Sizes, Source, Variant
from sidelib.experiments.plans import ADAM_COSINE, STREETS_80
from sidelib.scenes import FAMILIES
from sidelib.training.objectives import objective

__all__ = ["CATEGORIES", "ROBUST_SIDE"]

# The scene classifier's categories: families of rooms, then of streets.
CATEGORIES = (*FAMILIES["rooms"], *FAMILIES["streets"])
_OUTDOORS = len(FAMILIES["rooms"])


def _scenes(kind, share=1.0):
    return Source("scenes", {"kind": kind}, share=share, category=0 if "rooms" in kind else _OUTDOORS)


_PARTS = {
    "mixed": (_scenes("rooms", 0.5), _scenes("streets", 0.4), _scenes("near_streets", 0.1)),
    "rooms": (_scenes("rooms"),),
    "streets": (_scenes("streets", 0.8), _scenes("near_streets", 0.2)),
    # R2 of Table 9: what has no far things joins the rooms
    "rooms-and-near": (_scenes("rooms", 0.8), _scenes("near_streets", 0.2)),
}


def _tests(split, prefix):
    kinds = {"rooms": "rooms", "streets": "streets", "near-streets": "near_streets", "far-rooms": "far_view_rooms"}
    return {
        f"{prefix}{name}": Judgement((_scenes(kind),), (STREETS_80,), split=split, each_image=True)
        for name, kind in kinds.items()
    }


def _scannet(split):
    return Source("scannet", {"split": split, "poses": False}, folder="scannet")


def _kitti(split, **more):
    return Source("kitti", {"split": split}, folder="kitti", category=_OUTDOORS, **more)


_WIDE = 1248 / 384
_DISK_TRAIN = {
    "mixed": (_scannet("train"), _kitti("eigen-train", crop=True)),
    "rooms": (_scannet("train"),),
    "streets": (_kitti("eigen-train", crop=True),),
    "rooms-and-near": (_scannet("train"), _kitti("eigen-train", crop=True, farthest=10.0)),
}
_DISK_VAL = {
    part: tuple(
        _scannet("val") if source.name == "scannet" else _kitti("selection", crop=True) for source in sources
    )
    for part, sources in _DISK_TRAIN.items()
}  # fmt: skip


def _disk(source, protocol, aspect=None):
    return Judgement((source,), (protocol,), aspect=aspect, each_image=True)


# The coarse network has the low network's design and sees both ranges (§3); 80 bins on 0.65-80 m are ours.
_WHOLE_RANGE = {"k": 80, "alpha": 0.65, "beta": 80.0}


def _depth(name, trained_on, model="ds-sidenet-low", longer=1, **options):
    # Both outputs are judged: how far an image seems to reach, which routes it, may differ between them.
    return Variant(
        name, model, MULTI_TASK, {"all_outputs": True, **options}, trained_on=trained_on, longer=longer,
        judged=("depth", "regression"),
    )  # fmt: skip


ROBUST_SIDE = Experiment(
    name="robust-side",
    about="the networks of ds_sidenet's two-stage framework, on rooms, streets and what lies between (Tables 4, 5, 9)",
    variants=(
        _depth("coarse", "mixed", **_WHOLE_RANGE),
        # Twice the steps: it then sees as many rooms and as many streets as the specialists do.
        _depth("coarse-longer", "mixed", longer=2, **_WHOLE_RANGE),
        _depth("low", "rooms"),
        _depth("low-with-near", "rooms-and-near"),
        _depth("high", "streets", "ds-sidenet-high"),
        # Specialists of the mixed network's design: what mixing costs, apart from what the design gains.
        _depth("coarse-design-on-rooms", "rooms", **_WHOLE_RANGE),
        _depth("coarse-design-on-streets", "streets", **_WHOLE_RANGE),
        Variant(
            "classifier", "scene-classifier", objective("scene_cross_entropy"), {"classes": len(CATEGORIES)},
            trained_on="mixed",
        ),
    ),
    plans={
        "scenes": DataPlan(_PARTS, _PARTS, _tests("test", "") | _tests("val", "val-")),
        # Folders scannet/ and kitti/ in the data root. R2 wants KITTI images without anything beyond 10 m.
        "scannet+kitti": DataPlan(
            _DISK_TRAIN, _DISK_VAL,
            {
                "rooms": _disk(_scannet("test"), "ds_sidenet-kitti"),
                "streets": _disk(_kitti("eigen-test-652"), "ds_sidenet-kitti", _WIDE),
                "val-rooms": _disk(_scannet("val"), "ds_sidenet-kitti"),
                "val-streets": _disk(_kitti("selection"), "ds_sidenet-kitti", _WIDE),
            },
            needs_root=True,
        ),
    },
    schedule=ADAM_COSINE,
    augment=False,
    sizes={
        "smoke": Sizes((32, 40), 20, 8, 1 / 8, 4, 8, 4, 2),
        "laptop": Sizes((64, 80), 4000, 100, 1 / 4, 4, 3000, 300, 5),
        "gpu": Sizes((240, 320), 20_000, 400, 1.0, 16, 20_000, 1000, 5),
    },
)  # fmt: skip
