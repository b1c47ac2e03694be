"""SUN RGB-D: images of rooms from four depth sensors, with depth rotated by three bits."""

import os
from pathlib import Path
from types import MappingProxyType

import numpy as np

from sidelib.data._base import FileDataset, metric_sample
from sidelib.data._frames import read_camera, root_folder
from sidelib.data._matlab import read_matlab
from sidelib.data._read import folder, inside, listing, naming, read_depth_png, read_image, read_rows

__all__ = ["SUNRGBD", "unrotate"]

FRAMES = "SUNRGBD"  # the folder of the sensors, inside the root or the root itself
IMAGE, MEASURED, REFINED, CAMERA = "image", "depth", "depth_bfx", "intrinsics.txt"
SPLIT_FILE = "SUNRGBDtoolbox/traintestSUNRGBD/allsplit.mat"
SPLITS = {"train": "alltrain", "test": "alltest"}  # its variables: cells of paths that contain SUNRGBD/
MILLIMETRES = 1000.0
_PLAUSIBLE = (0.3, 10.0)  # metres; without the rotation most medians are eight times too large
_DEEPEST = 8  # folders below FRAMES in which a frame is looked for


class SUNRGBD(FileDataset):
    """10,335 images of rooms by two Kinects, a RealSense and an Xtion.

    Expected::

        root/SUNRGBD/kv1/NYUdata/NYU0001/image/NYU0001.jpg
        root/SUNRGBD/kv1/NYUdata/NYU0001/depth/NYU0001.png          as measured
        root/SUNRGBD/kv1/NYUdata/NYU0001/depth_bfx/NYU0001.png      refined by the authors, holes filled
        root/SUNRGBD/kv1/NYUdata/NYU0001/intrinsics.txt             3×3
        root/SUNRGBDtoolbox/traintestSUNRGBD/allsplit.mat           for `split="train"` and `"test"`

    Any folder with `image` and the depth folder in it is a frame; the sensors and rooms above it may be nested as they
    like. Units: 16-bit PNG; the bits are rotated left by three, and what comes out of rotating them back is millimetres
    (see `unrotate`). Invalid: 0. The authors' toolbox then cuts depth at 8 m; here it is not cut.

    Source: Song, Lichtenberg and Xiao, "SUN RGB-D", CVPR 2015; https://rgbd.cs.princeton.edu. Contains frames of NYU
    Depth v2, Berkeley B3DO and SUN3D: cite them too. Terms: the page states no licence; research, with citation.

    Keys: `image`, `depth`, `mask`, `name` (the frame's folder), `intrinsics` (where the frame has them, as they are in
    the file; the toolbox counts pixels from 1 where it uses the principal point).

    Args:
        root: the folder.
        split: `all`, or `train`, `test` by the toolbox's file (5285 and 5050).
        split_file: another .mat of the toolbox's form; or a text list of frames' folders, one a line, which goes with
            `split="all"`. Paths count from what follows SUNRGBD/ in them.
        refined: read `depth_bfx` in place of `depth`.

    Raises:
        FileNotFoundError, ValueError: naming the file, and the line of a list.
    """

    PUBLISHED = MappingProxyType({"all": 10335, "train": 5285, "test": 5050})

    def __init__(self, root, *, split="all", split_file=None, refined=False):
        if split not in self.PUBLISHED:
            raise ValueError(f"split: expected one of {', '.join(self.PUBLISHED)}, found {split!r}")
        self.root = root_folder(root, f"a folder with {FRAMES}/")
        self.depth_folder = REFINED if refined else MEASURED
        base = self.root / FRAMES if (self.root / FRAMES).is_dir() else self.root
        path = self.root / (split_file or SPLIT_FILE)
        matlab = path.suffix.lower() == ".mat"
        if split_file is not None and matlab == (split == "all"):
            wanted = "train or test with a .mat" if matlab else "all with a text list, which is a split by itself"
            raise ValueError(f"split: expected {wanted} as split_file, found {split!r}")
        if split == "all" and split_file is None:
            self.records = _found(base, self.depth_folder)
        else:
            named = _official(path, split) if matlab else _listed(path)
            self.records = [_frame(base, name, where, self.depth_folder) for name, where in named]
        if not self.records:
            raise ValueError(f"{self.root}: found no frame; expected folders with {IMAGE}/ and {self.depth_folder}/")

    def read(self, record):
        """The sample of one record: a frame's folder."""
        files = [_only(record / part) for part in (IMAGE, self.depth_folder)]
        image, depth = read_image(files[0]), unrotate(read_depth_png(files[1]))
        camera = record / CAMERA
        return metric_sample(
            image, depth / MILLIMETRES, depth > 0, files=files, name=record.relative_to(self.root).as_posix(),
            plausible=_PLAUSIBLE, intrinsics=read_camera(camera, depth.shape) if camera.exists() else None,
        )  # fmt: skip


def unrotate(raw):
    """Millimetres from the stored 16 bits, uint16 to uint16: rotated right by three, nothing lost.

    The files hold depth rotated left by three, so that it can be seen as an image; beyond 8191 mm the top bits come
    round to the low end, and a plain shift (`raw >> 3`) would bring what is farther than that to the front.

    Source: `read3dPoints.m` of the authors' toolbox, ``bitor(bitshift(d, -3), bitshift(d, 16 - 3))``.

    >>> unrotate(np.array([0, 8, 21784, 14465], dtype=np.uint16)).tolist()
    [0, 1, 2723, 10000]
    """
    if raw.dtype != np.uint16:
        raise TypeError(f"raw: expected uint16, in which the bits leave at one end, found {raw.dtype}")
    return (raw >> np.uint16(3)) | (raw << np.uint16(13))


def _found(base, depth_folder):
    """The frames below a folder, sorted; what lies in a frame is not searched further."""
    frames, level = [], [base]
    for _ in range(_DEEPEST):
        below = []
        for place in level:
            with os.scandir(place) as entries:
                names = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
            if IMAGE in names and depth_folder in names:
                frames.append(place)
            else:
                below += [place / name for name in names]
        level = below
    return sorted(frames)


def _frame(base, name, where, depth_folder):
    with naming(where, "the folder of a frame"):
        frame = inside(base, name, where)
    for part in (IMAGE, depth_folder):
        if not (frame / part).is_dir():
            raise FileNotFoundError(
                f"{where}: expected a frame with {IMAGE}/ and {depth_folder}/, found no {frame / part}"
            )
    return frame


def _official(path, split):
    """(path of a frame, where it was named) of one split of the toolbox's file."""
    found = read_matlab(path, list(SPLITS.values()))
    for key, cells in found.items():
        if not isinstance(cells, list) or not all(isinstance(cell, str) for cell in cells):
            raise ValueError(f"{path}: expected {key} to be a cell with one path in each entry")
    shared = set(found[SPLITS["train"]]) & set(found[SPLITS["test"]])
    if shared:
        raise ValueError(f"{path}: expected each frame in one split, found {min(shared)} in both")
    key = SPLITS[split]
    return [(_relative(name), f"{path}, {key}{{{k}}}") for k, name in enumerate(found[key], 1)]


def _listed(path):
    named = []
    for line, fields in read_rows(path, "a list of frames' folders, one a line"):
        if len(fields) != 1:
            raise ValueError(f"{path}, line {line}: expected one folder, found {fields}")
        named.append((_relative(fields[0]), f"{path}, line {line}"))
    if not named:
        raise ValueError(f"{path}: expected a list of frames' folders, one a line, found none")
    return named


def _relative(name):
    """The toolbox has the paths of its makers' disk: what counts follows SUNRGBD/."""
    return Path(name.split(f"{FRAMES}/")[-1].strip("/ "))


def _only(place):
    """The one image of a folder."""
    files = listing(folder(place, "one image of a frame"))
    if len(files) != 1:
        raise ValueError(f"{place}: expected one image, found {len(files)}")
    return files[0]
