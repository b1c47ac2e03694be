"""A protocol: everything besides the prediction that changes a depth metric, said once, as a value."""

from dataclasses import dataclass

from sidelib.metrics.alignment import ALIGNMENTS
from sidelib.metrics.depth import check_pooling

__all__ = ["CROPS", "Protocol", "crop_box"]

# Rows and columns that count, 0-based, ends excluded: fixed pixels of a map of one size ...
_PIXELS = {
    "nyu-toolbox": ((480, 640), (44, 471, 40, 601)),  # the data set's own border, 427×561
    "nyu-bts": ((480, 640), (45, 471, 41, 601)),  # the same numbers, 1-based inclusive, misread as 0-based
    "nyu-dorn": ((480, 640), (21, 460, 25, 616)),
    "nyu-hqmd": ((480, 640), (20, 460, 25, 617)),
    "nyu-densedepth": ((480, 640), (20, 460, 24, 616)),
}
# ... or shares of height and width, rounded down.
_SHARES = {
    "garg": (0.40810811, 0.99189189, 0.03594771, 0.96405229),
    "eigen": (0.3324324, 0.91351351, 0.03594771, 0.96405229),
}
CROPS = ("none", *_PIXELS, *_SHARES, "benchmark")
_BENCHMARK = (352, 1216)


def crop_box(crop, size):
    """The rows and columns (top, bottom, left, right; ends excluded) of a map of `size` (H, W) that count.

    Args:
        crop: one of `CROPS`, or such a box itself.
        size: (H, W) in pixels.

    Raises:
        ValueError: a crop made for maps of another size, or one that does not fit.

    >>> crop_box("garg", (375, 1242)), crop_box("benchmark", (375, 1242)), crop_box("nyu-bts", (480, 640))
    ((153, 371, 44, 1197), (23, 375, 13, 1229), (45, 471, 41, 601))
    """
    height, width = size
    if crop == "none":
        return 0, height, 0, width
    if crop in _PIXELS:
        own, box = _PIXELS[crop]
        if tuple(size) != own:
            raise ValueError(f"crop: {crop} is made for maps of {own[0]}×{own[1]}, found {height}×{width}")
        return box
    if crop in _SHARES:
        top, bottom, left, right = _SHARES[crop]
        return int(top * height), int(bottom * height), int(left * width), int(right * width)
    if crop == "benchmark":  # KITTI's: at the bottom, in the middle
        top, left = height - _BENCHMARK[0], (width - _BENCHMARK[1]) // 2
        if top < 0 or left < 0:
            raise ValueError(f"crop: benchmark needs at least {_BENCHMARK[0]}×{_BENCHMARK[1]}, found {height}×{width}")
        return top, height, left, left + _BENCHMARK[1]
    top, bottom, left, right = crop
    if not (0 <= top < bottom <= height and 0 <= left < right <= width):
        raise ValueError(f"crop: {crop} does not fit a map of {height}×{width}")
    return top, bottom, left, right


@dataclass(frozen=True)
class Protocol:
    """What is compared, where, after which treatment, and which mean is taken.

    The steps, in this order: bring prediction and truth to one size; find the pixels that count; align the prediction
    over them; clip it; sum the errors over them; take the mean.

    Args:
        name: for tables.
        crop: one of `CROPS`, or (top, bottom, left, right), 0-based with ends excluded, on the compared map.
        min_depth, max_depth: metres; the truth counts where it is valid and strictly between them.
        bounds_count: count truth equal to one of them as well.
        clip: (lowest, highest) metres to which an aligned prediction is clipped, or None.
        alignment: `none`, `median`, `scale`, `scale_shift` or `scale_shift_disparity`: see `align`. With a shift, a
            clip is needed, since the fitted depth may be negative.
        compare_at: `target`, the prediction resized to the truth (usual); `prediction`, the truth sampled at the
            prediction's size (nearest pixel: depths on two sides of an edge have no mean); or (H, W) for both.
        resample: what of the prediction is interpolated, `depth` or `disparity`.
        interpolation: `bilinear` (pixel centres aligned, as most code does) or `nearest`.
        pooling: `pixels`, one mean over all pixels of all images; `images`, the mean of each image's value.
        delta_inclusive: `<=` in the δ accuracies.
        note: where it comes from, and what its source left open.

    Raises:
        ValueError: naming the field.

    >>> Protocol("mine", crop="garg", max_depth=80, clip=(0.001, 80)).pooling
    'pixels'
    """

    name: str
    crop: str | tuple = "none"
    min_depth: float = 0.0
    max_depth: float = float("inf")
    bounds_count: bool = False
    clip: tuple | None = None
    alignment: str = "none"
    compare_at: str | tuple = "target"
    resample: str = "depth"
    interpolation: str = "bilinear"
    pooling: str = "pixels"
    delta_inclusive: bool = False
    note: str = ""

    def __post_init__(self):
        choices = {
            "alignment": ALIGNMENTS, "resample": ("depth", "disparity"), "interpolation": ("bilinear", "nearest"),
        }  # fmt: skip
        for field, known in choices.items():
            if getattr(self, field) not in known:
                raise ValueError(f"{field}: expected one of {', '.join(known)}, found {getattr(self, field)!r}")
        check_pooling(self.pooling)
        box = isinstance(self.crop, tuple) and len(self.crop) == 4 and all(isinstance(edge, int) for edge in self.crop)
        if not box and self.crop not in CROPS:
            raise ValueError(f"crop: expected one of {', '.join(CROPS)} or four integers, found {self.crop!r}")
        at = self.compare_at
        if at not in ("target", "prediction") and not (isinstance(at, tuple) and len(at) == 2 and min(at) > 0):
            raise ValueError(f"compare_at: expected target, prediction or (H, W), found {at!r}")
        if not 0 <= self.min_depth < self.max_depth:
            raise ValueError(f"min_depth: expected 0 ≤ min_depth < max_depth, found {self.min_depth}, {self.max_depth}")
        if self.clip is not None and not (len(self.clip) == 2 and 0 < self.clip[0] < self.clip[1]):
            raise ValueError(f"clip: expected (lowest, highest) with 0 < lowest < highest, found {self.clip!r}")
        if "shift" in self.alignment and self.clip is None:
            raise ValueError(f"clip: {self.alignment} can make depth negative, so it needs (lowest, highest)")
