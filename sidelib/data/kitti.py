"""KITTI: street images with depth from a laser scanner, by Eigen's split, the benchmark's selection, or plain folders."""

import re
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch

from sidelib.data._base import FileDataset, metric_sample
from sidelib.data._frames import root_folder
from sidelib.data._read import folder, inside, listing, naming, read_depth_png, read_image, read_intrinsics, read_rows
from sidelib.data.kitti_velodyne import ROTATION, TRANSLATION, projection, read_calibration, read_scan, scan_to_depth

__all__ = ["KITTI"]

# Every name on disk, so that it can be corrected in one place.
LISTS = {
    "eigen-train": ("eigen_train_files_with_gt.txt", "kitti_eigen_train_files_with_gt.txt"),
    "eigen-test-652": ("eigen_test_files_with_gt.txt", "kitti_eigen_test_files_with_gt.txt"),
    "eigen-test-697": ("eigen_test_files_with_gt.txt", "kitti_eigen_test_files_with_gt.txt"),
}
DEPTH_FOLDERS = ("data_depth_annotated", "data_depth_annotated/train", "data_depth_annotated/val", "train", "val", ".")
IMAGE = re.compile(
    r"(?:.*/)?(?P<date>\d{4}_\d\d_\d\d)/(?P<drive>[^/]+)/image_(?P<camera>0[23])/data/(?P<frame>\d+)\.\w+"
)
SCAN = "{date}/{drive}/velodyne_points/data/{frame}.bin"
CAMERAS, SCANNER = "{date}/calib_cam_to_cam.txt", "{date}/calib_velo_to_cam.txt"
SELECTIONS = ("depth_selection/val_selection_cropped", "val_selection_cropped", ".")
SELECTED = ("image", "groundtruth_depth", "intrinsics")
PLAIN = ("rgb", "depth")

SCALE = 256.0  # depth units in a metre
PLAUSIBLE = (1.0, 100.0)  # metres, of the median: the nearest thing that a car meets, and the scanner's reach
_PATH = "the path of a file in the root"
SPLITS = (*LISTS, "selection", "folder")


class _Record(NamedTuple):
    name: str
    image: str  # relative to the root, as the list gives it
    depth: str | None  # relative to one of DEPTH_FOLDERS; for the selection and a plain folder, to the root
    focal: float | None = None
    where: str = ""  # the list's line, for messages


class KITTI(FileDataset):
    """KITTI's left (or right) colour images with sparse depth in metres, z-depth; 0 in the PNG is invalid.

    Source: Geiger et al., IJRR 2013; improved depth: Uhrig et al., 3DV 2017; split: Eigen et al., NIPS 2014.
    https://www.cvlibs.net/datasets/kitti. Terms: CC BY-NC-SA 3.0, non-commercial; register before downloading, cite.

    Layout::

        root/eigen_train_files_with_gt.txt, eigen_test_files_with_gt.txt   (BTS's lists: image depth-or-None focal)
        root/2011_09_26/calib_cam_to_cam.txt, calib_velo_to_cam.txt
        root/2011_09_26/2011_09_26_drive_0002_sync/image_02/data/0000000069.png
        root/2011_09_26/2011_09_26_drive_0002_sync/velodyne_points/data/0000000069.bin
        root/data_depth_annotated/[train/|val/]2011_09_26_drive_0002_sync/proj_depth/groundtruth/image_02/0000000069.png
        root/depth_selection/val_selection_cropped/{image,groundtruth_depth,intrinsics}

    Splits:
        `eigen-train`: the lines of the training list that have improved depth. The split has 23,488 left images; BTS's
            list names the 23,158 of them with improved depth; other works keep 22,600 after taking some for validation.
        `eigen-test-652`: the test list's lines that have improved depth (uint16 PNG, 1/256 m).
        `eigen-test-697`: all its lines, with depth from the raw scan of that moment instead: another truth, not only
            45 images more. Needs the scans and both calibration files. See `kitti_velodyne`.
        `selection`: the benchmark's 1000 validation images, cropped to 352×1216, with their intrinsics.
        `folder`: any `rgb/` and `depth/` whose files have the same names, in KITTI's PNG format.

    Keys: `image`, `depth`, `mask`, `name`, and `intrinsics` where there is a calibration (the rectified camera's, as
    published: whether its pixels count from 0 or 1 is not documented, so the principal point may be off by one).

    Args:
        root: the folder above.
        split: one of the five.
        split_file: another list in the same format, instead of the one in the root, for an Eigen split.

    Raises:
        ValueError: a corrupt line, file or scale; a path out of the root; an unknown split. Names the file and line.
        FileNotFoundError: naming what was not there, and where it was looked for.
    """

    PUBLISHED = MappingProxyType(
        {"eigen-train": 23158, "eigen-test-652": 652, "eigen-test-697": 697, "selection": 1000}
    )

    def __init__(self, root, *, split="eigen-test-652", split_file=None):
        if split not in SPLITS:
            raise ValueError(f"split: expected one of {', '.join(SPLITS)}, found {split!r}")
        self.root, self.split = root_folder(root, "KITTI's folder of dates, such as 2011_09_26"), split
        if split in LISTS:
            self.records = self._listed(split_file)
            return
        if split_file is not None:
            raise ValueError(f"split_file: only the Eigen splits take a list, found split {split!r}")
        self.records = self._selected() if split == "selection" else self._paired()

    def _listed(self, split_file):
        names = LISTS[self.split]
        if split_file is None:
            there = (self.root / name for name in names)
            split_file = next((path for path in there if path.is_file()), self.root / names[0])
        expected = "a list with lines `image depth-or-None focal`"
        records, seen = [], set()
        for line, fields in read_rows(split_file, expected, delimiter=" "):
            where, fields = f"{split_file}, line {line}", [field for field in fields if field]
            if len(fields) != 3 or not re.fullmatch(r"\d+(\.\d+)?", fields[2]) or not 1 <= float(fields[2]) <= 1e5:
                raise ValueError(f"{where}: expected `image depth-or-None focal`, found {' '.join(fields)!r}")
            image, depth = fields[0], None if fields[1] == "None" else fields[1]
            if image in seen:
                raise ValueError(f"{where}: expected each image once, found {image} again")
            if self.split == "eigen-test-697" and not IMAGE.fullmatch(image):
                raise ValueError(f"{where}: expected date/drive/image_02/data/number.png, found {image}")
            seen.add(image)
            if depth is not None or self.split == "eigen-test-697":
                name = PurePosixPath(image).with_suffix("").as_posix()
                records.append(_Record(name, image, depth, float(fields[2]), where))
        if not records:
            raise ValueError(f"{split_file}: expected {expected}, found none with depth")
        return records

    def _selected(self):
        there = (self.root / place for place in SELECTIONS)
        place = next((path for path in there if (path / SELECTED[0]).is_dir()), self.root / SELECTIONS[0])
        images, depths, _ = (folder(place / part, f"{', '.join(SELECTED)} beside each other") for part in SELECTED)
        # An image and its depth differ by one word: …_sync_image_0000000005_image_02, …_sync_groundtruth_depth_0000…
        found = {path.stem.replace("_groundtruth_depth_", "_image_", 1): path for path in listing(depths)}
        return self._matched(images, depths, found)

    def _paired(self):
        images, depths = (folder(self.root / part, f"{' and '.join(PLAIN)} beside each other") for part in PLAIN)
        return self._matched(images, depths, {path.stem: path for path in listing(depths)})

    def _matched(self, images, depths, found):
        here = {path.stem: path for path in listing(images)}
        if not here or here.keys() != found.keys():
            odd = sorted(here.keys() ^ found.keys())
            raise ValueError(
                f"{images}: expected a depth map in {depths} for each image and the reverse, "
                + (f"found {len(here)} and {len(found)}; without the other: {odd[0]}" if odd else "found none")
            )
        return [_Record(stem, *(str(p.relative_to(self.root)) for p in (here[stem], found[stem]))) for stem in here]

    def read(self, record):
        """The sample of one record: see the class."""
        with naming(record.where, _PATH):
            image_path = inside(self.root, record.image, record.where)
            there = image_path.is_file()
        if not there:
            raise FileNotFoundError(f"{record.where or self.root}: no file {record.image} in {self.root}")
        image = read_image(image_path)
        size = tuple(image.shape[1:])
        place = IMAGE.fullmatch(record.image) if self.split in LISTS else None
        camera = self._camera(record, place, size) if place else None
        intrinsics = None if camera is None else torch.from_numpy(camera[0][:, :3].astype(np.float32))
        if self.split == "eigen-test-697":
            path = self.root / SCAN.format(**place.groupdict())
            metres = scan_to_depth(read_scan(path), camera[0] @ self._scanner_to_camera(place, camera[1]), size)
        else:
            path = self._depth_path(record)
            metres = read_depth_png(path) / SCALE
        if self.split == "selection":
            intrinsics = read_intrinsics(image_path.parent.parent / SELECTED[2] / f"{image_path.stem}.txt")
        return metric_sample(
            image,
            metres,
            metres > 0,
            files=(image_path, path),
            name=record.name,
            plausible=PLAUSIBLE,
            intrinsics=intrinsics,
        )

    def _depth_path(self, record):
        with naming(record.where, _PATH):
            path = inside(self.root, record.depth, record.where)
            if self.split not in LISTS:
                return path
            there = (self.root / place / record.depth for place in DEPTH_FOLDERS)
            found = next((path for path in there if path.is_file()), None)
        if found is None:
            raise FileNotFoundError(
                f"{record.where}: no file {record.depth} in {self.root} under any of {', '.join(DEPTH_FOLDERS)}"
            )
        return found

    def _camera(self, record, place, size):
        """The projection and rectification of the camera, or None where there is no calibration and none is needed."""
        path = self.root / CAMERAS.format(**place.groupdict())
        if not path.is_file() and self.split != "eigen-test-697":
            return None
        matrix, rectification = projection(path, place["camera"], size)
        if abs(matrix[0, 0] - record.focal) > 0.01 * record.focal:
            raise ValueError(
                f"{record.where}: expected the focal length of {path}, {matrix[0, 0]:g}, found {record.focal:g}"
            )
        return matrix, rectification

    def _scanner_to_camera(self, place, rectification):
        """4×4, from the scanner's frame to the rectified frame of camera 00."""
        path = self.root / SCANNER.format(**place.groupdict())
        rigid = read_calibration(path, {ROTATION: (3, 3), TRANSLATION: (3, 1)})
        if not np.allclose(rigid[ROTATION] @ rigid[ROTATION].T, np.eye(3), atol=1e-3):
            raise ValueError(f"{path}: expected a rotation in {ROTATION}, found {rigid[ROTATION].tolist()}")
        return np.vstack([rectification @ np.hstack([rigid[ROTATION], rigid[TRANSLATION]]), (0, 0, 0, 1)])
