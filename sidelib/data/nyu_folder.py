"""NYU Depth v2 as folders of images and depth PNGs, the form in which most depth networks are trained on it."""

import math
import re
from pathlib import Path
from types import MappingProxyType

import torch

from sidelib.data._base import FileDataset, metric_sample
from sidelib.data._frames import root_folder
from sidelib.data._read import inside, listing, naming, read_depth_png, read_image, read_rows
from sidelib.data.nyu import INTRINSICS, SIZE

__all__ = ["NYUFolder"]

# The lists of BTS, and the folder inside the root that their paths start from.
LISTS = {
    "train": ("nyudepthv2_train_files_with_gt.txt", "."),
    "test": ("nyudepthv2_test_files_with_gt.txt", "official_splits/test"),
}
IMAGE_FOLDER, DEPTH_FOLDER = "rgb", "depth"
IMAGE_NAME, DEPTH_NAME = re.compile(r"rgb_(\d+)\.(?:jpg|jpeg|png)"), re.compile(r"sync_depth_(\d+)\.png")
_LINE = "lines of: image depth [focal length]"


class NYUFolder(FileDataset):
    """Kinect frames of rooms as `rgb_00000.jpg` with `sync_depth_00000.png`, by a list or by what lies there.

    Expected, for `split="train"` and `"test"`, the lists and folders of BTS::

        root/nyudepthv2_train_files_with_gt.txt           /kitchen_0028b/rgb_00045.jpg /kitchen_0028b/sync_... 518.8579
        root/kitchen_0028b/rgb_00045.jpg, sync_depth_00045.png
        root/nyudepthv2_test_files_with_gt.txt            kitchen/rgb_00045.jpg kitchen/sync_depth_00045.png 518.8579
        root/official_splits/test/kitchen/rgb_00045.jpg, sync_depth_00045.png

    and for `split="all"`, in the root itself or in each folder of it::

        rgb_00000.jpg, sync_depth_00000.png               side by side
        rgb/rgb_00000.jpg, depth/sync_depth_00000.png     in two folders

    Units: 16-bit PNG, millimetres (BTS, Metric3D); HQMD's copies have 1/256 m. Invalid: 0.

    Source: frames of Silberman et al., ECCV 2012 (https://cs.nyu.edu/~silberman/datasets/nyu_depth_v2.html; cite; no
    licence stated); selection and lists of Lee et al. 2019 (https://github.com/cleinc/bts, GPL-3.0), whose training
    list has 24,231 pairs.

    Keys: `image`, `depth`, `mask`, `name` (the image's path without ending), `scene` (the folder, where there is one),
    `intrinsics` (those of the toolbox, for frames of 480×640 only: other sizes were resized or cropped somehow).

    Args:
        root: the folder.
        split: `train`, `test` or `all`.
        list_file: another list, inside the root or anywhere; its paths start from the root. Goes with `split="all"`.
        depth_scale: units in a metre, 1000 or 256.
        plausible: (lowest, highest) median depth in metres that a frame may have, or None. A Kinect sees from about
            half a metre, and the toolbox cuts at 10 m; a frame with its depth in the other scale mostly falls outside.

    Raises:
        FileNotFoundError, ValueError: naming the file, and the line of a list.
    """

    PUBLISHED = MappingProxyType({"train": 24231, "test": 654})

    def __init__(self, root, *, split="all", list_file=None, depth_scale=1000.0, plausible=(0.7, 10.0)):
        if split not in ("all", *LISTS):
            raise ValueError(f"split: expected one of all, {', '.join(LISTS)}, found {split!r}")
        if list_file is not None and split != "all":
            raise ValueError(f"split: expected 'all' with a list_file, which is a split by itself, found {split!r}")
        if not (math.isfinite(depth_scale) and depth_scale > 0):
            raise ValueError(f"depth_scale: expected units in a metre, above 0, found {depth_scale}")
        self.root = root_folder(root, "a folder with NYU frames")
        self.depth_scale, self.plausible = float(depth_scale), plausible
        if list_file is not None:
            self.records = _listed(self.root / list_file, self.root)
        elif split in LISTS:
            name, start = LISTS[split]
            self.records = _listed(self.root / name, self.root / start)
        else:
            self.records = _found(self.root)

    def read(self, record):
        """The sample of one record: the paths of an image and of its depth map."""
        image_path, depth_path = record
        image, raw = read_image(image_path), read_depth_png(depth_path)
        within = image_path.relative_to(self.root)
        parents = [part for part in within.parts[:-1] if part != IMAGE_FOLDER]
        return metric_sample(
            image, raw / self.depth_scale, raw > 0, files=record, name=within.with_suffix("").as_posix(),
            plausible=self.plausible, intrinsics=torch.tensor(INTRINSICS) if raw.shape == SIZE else None,
            **({"scene": parents[-1]} if parents else {}),
        )  # fmt: skip


def _listed(path, start):
    """The pairs of a list, in its order."""
    records = []
    for line, fields in read_rows(path, f"a list with {_LINE}", delimiter=" "):
        where, fields = f"{path}, line {line}", [field for field in fields if field]
        if len(fields) not in (2, 3):
            raise ValueError(f"{where}: expected {_LINE}, found {fields}")
        if len(fields) == 3 and not _positive(fields[2]):
            raise ValueError(f"{where}: expected a focal length in pixels, above 0, found {fields[2]!r}")
        with naming(where, _LINE):
            image, depth = (inside(start, Path(name.lstrip("/")), where) for name in fields[:2])
        if image.suffix.lower() not in (".jpg", ".jpeg", ".png") or depth.suffix.lower() != ".png" or image == depth:
            raise ValueError(f"{where}: expected a .jpg or .png and its depth as .png, found {fields[:2]}")
        records.append((image, depth))
    if not records:
        raise ValueError(f"{path}: expected {_LINE}, found none")
    return records


def _positive(text):
    try:
        return 0 < float(text) < math.inf
    except ValueError:
        return False


def _found(root):
    """The pairs of the root and of the folders in it, sorted."""
    records, parts = [], (IMAGE_FOLDER, DEPTH_FOLDER)  # the root's own, which are no scenes
    for place in (root, *sorted(path for path in root.iterdir() if path.is_dir() and path.name not in parts)):
        apart = (place / IMAGE_FOLDER).is_dir() and (place / DEPTH_FOLDER).is_dir()
        images = _numbered(place / IMAGE_FOLDER if apart else place, IMAGE_NAME)
        depths = _numbered(place / DEPTH_FOLDER if apart else place, DEPTH_NAME)
        if images.keys() != depths.keys():
            alone = min(images.keys() ^ depths.keys())
            missing = "depth map" if alone in images else "image"
            raise ValueError(f"{place}: expected pairs, found no {missing} for {(images | depths)[alone].name}")
        records += [(images[number], depths[number]) for number in sorted(images)]
    if not records:
        raise ValueError(
            f"{root}: found no frame; expected rgb_00000.jpg and sync_depth_00000.png, side by side or in rgb/ and "
            "depth/, here or one folder below"
        )
    return records


def _numbered(place, pattern):
    """The files of a folder whose name fits, by their number."""
    fits = ((pattern.fullmatch(path.name), path) for path in listing(place))
    return {match[1]: path for match, path in fits if match}
