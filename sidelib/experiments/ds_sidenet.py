"""ds_sidenet's ablations as experiments: Tables 6 and 7 on rooms, Table 8 on streets, and more of the kind."""

from sidelib.experiments.experiment import DataPlan, Experiment, Judgement, Sizes, Source, Variant
from sidelib.experiments.plans import ADAM_COSINE, PHOTOGRAPH, STREETS_80
from sidelib.training.objectives import Term, objective

__all__ = ["DS_SIDENET_HIGH", "DS_SIDENET_LOW", "MULTI_TASK"]

# Cross entropy is information gain with an H that leaves nothing of the neighbouring bins.
_HARD = Term("information_gain_cross_entropy", options={"alpha": 100.0})
_SOFT = Term("soft_bin_classification")
_REGRESSION = Term("l1", output="regression")
MULTI_TASK = objective(_SOFT, _REGRESSION)  # Eq. 3, with means for its sums; w1 = w2 = 1
_BOTH = {"judged": ("depth", "regression")}


def _low(name, terms=MULTI_TASK, more=None, **options):
    if "branches" not in options:
        options["all_outputs"] = True  # the validation loss wants both branches
    return Variant(name, "ds-sidenet-low", terms, options, **(more or {}))


def _two(name, terms=MULTI_TASK, **options):
    """With both branches, both judged."""
    return _low(name, terms, _BOTH, **options)


_ROOMS = (Source("scenes", {"kind": "rooms"}),)
_NYU_TRAIN, _NYU_TEST = ((Source("nyu", {"split": split}),) for split in ("train", "test"))
_SCANNET = {split: (Source("scannet", {"split": split, "poses": False}),) for split in ("train", "val", "test")}


def _plan(train, val, name, test, **more):
    tests = {name: Judgement(test, ("ds_sidenet-nyu",), edges=True), "motorcycle": PHOTOGRAPH}
    return DataPlan(train, val, tests, **more)


DS_SIDENET_LOW = Experiment(
    name="ds-sidenet-low",
    about="the low-range DS-SIDENet: tasks, skips, refinement, number of bins, fusion and RGB-D (ds_sidenet, Tables 6, 7)",
    variants=(
        # Table 6
        _low("reg", objective("l1"), branches="regression"),
        _low("hard-cls", objective(_HARD), branches="classification", decode="hard"),
        _low("soft-cls", objective(_SOFT), branches="classification"),
        _two("hard-cls+reg", objective(_HARD, _REGRESSION), decode="hard"),
        _two("soft-cls+reg"),
        # Table 7: without both skips, and with one of them
        _low("no-skips", decoder="upproj"),
        _low("encoder-skip", rgb_skip=False),
        _low("rgb-skip", encoder_skip=False),
        # §5.3.2, "also in the low depth-range network"
        _low("shg", refine="shg"),
        _low("sam", refine="sam"),
        # K, which the paper does not give; 68 in all others
        *(_low(f"k-{k}", k=k) for k in (8, 17, 34, 136)),
        # §5.3.1, the fusion network; §3, RGB-D. What is added learns beside what it is added to.
        _low(
            "fusion", objective("l1", _SOFT, _REGRESSION),
            {"around": "branch-fusion", "judged": ("depth", "classification", "regression")},
        ),
        _low(
            "rgbd", objective(_SOFT, _REGRESSION, Term("l1", output="coarse")),
            {"around": "rgbd-refinement", "judged": ("depth", "coarse")},
        ),
    ),
    plans={
        "scenes": _plan(_ROOMS, _ROOMS, "rooms", _ROOMS),
        "nyu": _plan(_NYU_TRAIN, _NYU_TEST, "nyu", _NYU_TEST, needs_root=True),
        "scannet": _plan(_SCANNET["train"], _SCANNET["val"], "scannet", _SCANNET["test"], needs_root=True),
    },
    schedule=ADAM_COSINE,
    augment=False,  # see `supervised_losses`
    sizes={
        "smoke": Sizes((32, 40), 16, 8, 1 / 8, 4, 8, 4, 2),
        "laptop": Sizes((64, 80), 4000, 200, 1 / 4, 4, 3000, 300, 5),
        "gpu": Sizes((240, 320), 20_000, 400, 1.0, 16, 20_000, 1000, 5),
    },
)  # fmt: skip

_STREETS = (Source("scenes", {"kind": "streets"}),)
_KITTI_TRAIN, _KITTI_TEST = ((Source("kitti", {"split": split}),) for split in ("eigen-train", "eigen-test-652"))
_WIDE = 1248 / 384  # the paper's padded KITTI image


def _high(name, **options):
    return Variant(name, "ds-sidenet-high", MULTI_TASK, {"all_outputs": True, **options})


DS_SIDENET_HIGH = Experiment(
    name="ds-sidenet-high",
    about="the high-range DS-SIDENet with SAM or a stacked hourglass in one of its blocks, or neither (ds_sidenet, Table 8)",
    variants=(
        _high("neither", refine=None),
        _high("shg-3", refine="shg"),
        *(_high(f"sam-{block}", refine_block=block) for block in (3, 4, 5)),
    ),
    plans={
        "scenes": DataPlan(_STREETS, _STREETS, {"streets": Judgement(_STREETS, (STREETS_80,), edges=True)}),
        "kitti": DataPlan(
            _KITTI_TRAIN, _KITTI_TEST, {"kitti": Judgement(_KITTI_TEST, ("ds_sidenet-kitti", "bts-kitti"), aspect=_WIDE)},
            needs_root=True, aspect=_WIDE,
        ),
    },
    schedule=ADAM_COSINE,
    augment=False,
    sizes={
        "smoke": Sizes((32, 40), 16, 8, 1 / 8, 4, 8, 4, 2),
        "laptop": Sizes((64, 80), 4000, 200, 1 / 4, 4, 3000, 300, 5),
        "gpu": Sizes((384, 512), 20_000, 400, 1.0, 8, 20_000, 1000, 5),
    },
)  # fmt: skip
