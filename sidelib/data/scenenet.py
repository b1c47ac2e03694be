"""SceneNet RGB-D: rendered rooms, whose depth is stored as the length of the ray and read as z-depth."""

import math
import os
from types import MappingProxyType

import numpy as np
import torch

from sidelib.data._base import FileDataset, metric_sample
from sidelib.data._frames import root_folder
from sidelib.data._read import folder, read_depth_png, read_image
from sidelib.geometry import intrinsics_matrix

__all__ = ["SceneNet", "z_depth"]

PHOTO, DEPTH, INSTANCE = ("photo", ".jpg"), ("depth", ".png"), ("instance", ".png")
SPLITS = ("train", "val")
SIZE = (240, 320)
# The published camera; the paper prints 40° for the vertical angle, which its authors' repository calls a misprint.
# Rays go through pixel centres ((x + 0.5) / W), so the principal point is the middle of the picture.
HORIZONTAL, VERTICAL = math.radians(60), math.radians(45)
MILLIMETRES = 1000.0
_PLAUSIBLE = (0.1, 20.0)  # metres; inside rooms


class SceneNet(FileDataset):
    """Rendered trajectories through rooms of random furniture, with exact depth and instances.

    Expected::

        root/val/0/100/photo/0.jpg, depth/0.png, instance/0.png      320×240, every 25th frame of a trajectory
        root/train/0/0/photo/0.jpg, depth/0.png, instance/0.png

    Units: 16-bit PNG, millimetres of **ray length** from the camera's centre; `z_depth` makes z-depth of it. Invalid: 0,
    where the ray left through a window. Instance 0 is the background; the mapping to classes is in protobuf files that
    are not read here.

    Source: McCormac, Handa, Leutenegger and Davison, "SceneNet RGB-D", ICCV 2017;
    https://robotvault.bitbucket.io/scenenet-rgbd.html; camera and units as in https://github.com/jmccormac/pySceneNetRGBD.
    Terms: those on its page; cite. Published: 5 million training images; 1000 validation trajectories of 300.

    Keys: `image`, `depth`, `mask`, `intrinsics`, `name` (val/0/100/0), and `instance` if asked for.

    Args:
        root: the folder.
        split: `train` or `val`.
        instance: read the instances too, int64 `(1, H, W)`.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """

    PUBLISHED = MappingProxyType({"val": 300_000})

    def __init__(self, root, *, split="train", instance=False):
        if split not in SPLITS:
            raise ValueError(f"split: expected one of {', '.join(SPLITS)}, found {split!r}")
        self.root, self.instance = root_folder(root, f"a folder with {' and '.join(SPLITS)}"), bool(instance)
        start = folder(self.root / split, "trajectories such as 0/100/photo, depth and instance")
        parts = (PHOTO, DEPTH, INSTANCE) if self.instance else (PHOTO, DEPTH)
        self.records = []
        for group in _folders(start):
            for trajectory in _folders(group):
                self.records += [(trajectory, number) for number in _frames(trajectory, parts)]
        if not self.records:
            raise ValueError(f"{start}: found no frame; expected 0/100/photo/0.jpg and 0/100/depth/0.png")
        self.intrinsics = intrinsics_matrix(
            (SIZE[1] / 2 / math.tan(HORIZONTAL / 2), SIZE[0] / 2 / math.tan(VERTICAL / 2)), SIZE
        )

    def read(self, record):
        """The sample of one record: a trajectory's folder and the number of a frame."""
        trajectory, number = record
        files = [_path(trajectory, number, part) for part in (PHOTO, DEPTH)]
        image, raw = read_image(files[0]), self._sized(read_depth_png(files[1]), files[1])
        more = {}
        if self.instance:
            path = _path(trajectory, number, INSTANCE)
            more["instance"] = torch.from_numpy(self._sized(read_depth_png(path), path).astype(np.int64))[None]
        return metric_sample(
            image, z_depth(raw / MILLIMETRES, self.intrinsics.numpy()), raw > 0, files=files, plausible=_PLAUSIBLE,
            name=f"{trajectory.relative_to(self.root).as_posix()}/{number}", intrinsics=self.intrinsics.clone(), **more,
        )  # fmt: skip

    @staticmethod
    def _sized(array, path):
        if array.shape != SIZE:  # another size would need another camera
            raise ValueError(f"{path}: expected {SIZE[1]}×{SIZE[0]} pixels, found {array.shape[1]}×{array.shape[0]}")
        return array


def z_depth(ray, intrinsics):
    """z-depth from the length of the ray to each pixel: ``z = ray / √(1 + ((x − cx) / fx)² + ((y − cy) / fy)²)``.

    Args:
        ray: NumPy `(H, W)`, in any unit of length; integer coordinates (x, y) are pixel centres.
        intrinsics: `(3, 3)`.

    Returns:
        NumPy `(H, W)`, float64, in the same unit.

    A ray of 5 m towards a point 4 m to the side of the axis ends 3 m in front of the camera:

    >>> z_depth(np.full((1, 5), 5.0), [[3, 0, 0], [0, 3, 0], [0, 0, 1]]).round(12)[0, [0, 4]].tolist()
    [5.0, 3.0]
    """
    height, width = ray.shape
    (fx, _, cx), (_, fy, cy) = np.asarray(intrinsics, dtype=np.float64)[:2]
    x, y = (np.arange(width) - cx) / fx, (np.arange(height) - cy) / fy
    return ray / np.sqrt(1 + x[None, :] ** 2 + y[:, None] ** 2)


def _folders(place):
    return sorted((path for path in place.iterdir() if path.is_dir()), key=lambda path: (len(path.name), path.name))


def _path(trajectory, number, part):
    name, suffix = part
    return trajectory / name / f"{number}{suffix}"


def _frames(trajectory, parts):
    """The numbers of a trajectory's frames, in order, after checking that each is complete."""
    numbers = [_numbers(trajectory, part) for part in parts]
    for other, part in zip(numbers[1:], parts[1:], strict=True):
        if numbers[0] != other:
            number = min(numbers[0] ^ other)
            missing = _path(trajectory, number, part if number in numbers[0] else parts[0])
            raise FileNotFoundError(
                f"{missing}: no such file; expected {', '.join(name for name, _ in parts)} of each frame"
            )
    return sorted(numbers[0])


def _numbers(trajectory, part):
    name, suffix = part
    with os.scandir(folder(trajectory / name, "the frames of a trajectory")) as entries:
        stems = [entry.name.removesuffix(suffix) for entry in entries if entry.name.endswith(suffix)]
    return {int(stem) for stem in stems if stem.isdecimal()}
