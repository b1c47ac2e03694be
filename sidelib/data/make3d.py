"""Make3D: outdoor photographs with a coarse grid of depth from a laser scanner."""

import math
from types import MappingProxyType

import numpy as np
import torch

from sidelib.data._base import FileDataset, metric_sample
from sidelib.data._frames import root_folder
from sidelib.data._matlab import read_matlab
from sidelib.data._read import folder, listing, read_image

__all__ = ["Make3D"]

FOLDERS = {"train": ("Train400Img", "Train400Depth"), "test": ("Test134", "Gridlaserdata")}  # images, depth
IMAGE_NAME, DEPTH_NAME = "img-{}.jpg", "depth_sph_corr-{}.mat"
GRID = "Position3DGrid"  # (rows, columns, 4), metres
CHANNELS = {"z": 2, "range": 3}  # after the vertical and the horizontal position
PLAUSIBLE = (0.5, 82.0)  # metres, of the median


class Make3D(FileDataset):
    """534 photographs, 400 for training and 134 for test, with 55×305 depths each.

    Source: Saxena, Sun and Ng, PAMI 2009; http://make3d.cs.cornell.edu/data.html. Terms: none stated; for research,
    with citation.

    Layout::

        root/Train400Img/img-math7-p-282t0.jpg                  root/Test134/img-….jpg
        root/Train400Depth/depth_sph_corr-math7-p-282t0.mat     root/Gridlaserdata/depth_sph_corr-….mat

    Each `.mat` (MATLAB 5) holds `Position3DGrid`, 55×305×4 in metres: the vertical and horizontal position, the
    projective depth, and the distance, says the data set's readme. Nobody here had the files, so two things are
    options: `depth="z"`, the third channel, is taken for z-depth, which is what this book means by depth;
    `depth="range"`, the fourth, is the length of the ray, which published scores on Make3D use. Where a file has zeros
    only in the third channel, this is an error that says so.

    Units: metres. Invalid: 0 or less in the channel that is read, and a range beyond `max_depth` (the scanner reaches
    about 81 m, and what returns nothing, such as sky, is put there).

    The photograph (2272×1704, upright) and the grid show the same view at different sizes. Both are brought to `size`:
    the photograph with antialiasing, the grid by the nearest of its pixels, so that no depth is made up; about eight
    rows in the result are one row of the grid, and neighbouring errors are no independent evidence.

    Keys: `image`, `depth`, `mask`, `name`.

    Args:
        root: the folder.
        split: `train` or `test`.
        depth: `z` or `range`.
        size: (H, W) of image and depth; 460×345 is customary.
        max_depth: metres. Published protocols cut at 70 (C1) or 80 (C2).

    Raises:
        ValueError: a photograph without depth or the reverse, a damaged file (at least one photograph of the published
            archive is said to be: reading it names it), another shape than (rows, columns, 4). Names the file.
        FileNotFoundError: naming the folder.
    """

    PUBLISHED = MappingProxyType({"train": 400, "test": 134})

    def __init__(self, root, *, split="train", depth="z", size=(460, 345), max_depth=80.0):
        if split not in FOLDERS:
            raise ValueError(f"split: expected one of {', '.join(FOLDERS)}, found {split!r}")
        if depth not in CHANNELS:
            raise ValueError(f"depth: expected one of {', '.join(CHANNELS)}, found {depth!r}")
        if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
            raise ValueError(f"size: expected (H, W) in pixels, found {size!r}")
        if not (math.isfinite(max_depth) and max_depth > 0):
            raise ValueError(f"max_depth: expected metres above 0, found {max_depth!r}")
        self.depth, self.size, self.max_depth = depth, tuple(size), float(max_depth)
        places = " and ".join(FOLDERS[split])
        images, depths = (folder(root_folder(root, places) / name, places) for name in FOLDERS[split])
        here = {_key(path, IMAGE_NAME): path for path in listing(images, (".jpg",))}
        found = {_key(path, DEPTH_NAME): path for path in listing(depths, (".mat",))}
        if not here or here.keys() != found.keys():
            odd = sorted(here.keys() ^ found.keys())
            raise ValueError(
                f"{images}: expected {IMAGE_NAME.format('NAME')} and, in {depths}, {DEPTH_NAME.format('NAME')} for each "
                f"NAME, found {len(here)} and {len(found)}" + (f"; without the other: {odd[0]}" if odd else "")
            )
        self.records = [(here[key], found[key]) for key in sorted(here)]

    def read(self, record):
        """The sample of one record: see the class."""
        from torchvision.transforms.v2 import functional

        image_path, depth_path = record
        grid = _read_grid(depth_path)
        image = functional.resize(read_image(image_path), list(self.size), antialias=True).clamp(0, 1)
        chosen, distance = grid[..., CHANNELS[self.depth]], grid[..., CHANNELS["range"]]
        if self.depth == "z" and not chosen.any() and distance.any():
            raise ValueError(f"{depth_path}: expected z-depth in channel 3 of {GRID}, found zeros: use depth='range'")
        rows, columns = (_nearest(length, wanted) for length, wanted in zip(grid.shape, self.size))
        metres = chosen[rows][:, columns]
        valid = (metres > 0) & (np.maximum(metres, distance[rows][:, columns]) <= self.max_depth)
        metres = np.where(valid, metres, 0)
        if not valid.any():
            raise ValueError(
                f"{depth_path}: expected some depth up to {self.max_depth:g} m, found none: is {GRID} in metres?"
            )
        return metric_sample(
            image, metres, valid, files=record, name=_key(*record[:1], IMAGE_NAME), plausible=PLAUSIBLE
        )


def _key(path, pattern):
    """What stands for {} in the pattern, or the whole name, which will then match nothing."""
    before, after = pattern.split("{}")
    name = path.name
    return name[len(before) : -len(after)] if name.startswith(before) and name.endswith(after) else name


def _nearest(length, wanted):
    """For each of `wanted` pixels the one of `length` pixels, over the same extent, in which its centre lies."""
    return torch.div((2 * torch.arange(wanted) + 1) * length, 2 * wanted, rounding_mode="floor").numpy()


def _read_grid(path):
    """float64 `(rows, columns, 4)`, finite."""
    grid = read_matlab(path, [GRID])[GRID]
    shape = getattr(grid, "shape", type(grid).__name__)  # text and cells have none
    if not isinstance(shape, tuple) or len(shape) != 3 or shape[2] != 4 or not np.isfinite(grid).all() or not grid.size:
        raise ValueError(f"{path}: expected {GRID} with rows × columns × 4 finite numbers, found {shape}")
    return grid.astype(np.float64)
