"""NYU Depth v2, labelled part: one large MATLAB file, read image by image, with the official split."""

import os
from types import MappingProxyType

import numpy as np
import torch

from sidelib.data._base import FileDataset, metric_sample
from sidelib.data._frames import root_folder
from sidelib.data._matlab import read_matlab
from sidelib.data._read import naming

__all__ = ["INTRINSICS", "SIZE", "NYULabelled"]

LABELLED = "nyu_depth_v2_labeled.mat"
SPLITS = "splits.mat"
INDICES = {"train": "trainNdxs", "test": "testNdxs"}  # variables of splits.mat
IMAGES, FILLED, RAW, SCENES = "images", "depths", "rawDepths", "scenes"  # data sets of the labelled file
# The colour camera, from camera_params.m of the toolbox on the data set's page (fx_rgb, fy_rgb, cx_rgb, cy_rgb). Depth
# was projected into this camera, so both maps have it. The toolbox counts pixels from 1 where it uses the principal
# point; the numbers are left as they are published, because nearly all code since then uses them with pixels from 0.
INTRINSICS = ((518.85790117450188, 0, 325.58244941119034), (0, 519.46961112127485, 253.73616633400465), (0, 0, 1))
SIZE = (480, 640)  # what INTRINSICS holds for
_EXPECTED = "the labelled part of NYU Depth v2, a MATLAB 7.3 (HDF5) file"
_PLAUSIBLE = (0.5, 10.0)  # the Kinect's reach, and where the toolbox cuts depth
_LARGEST = 4096  # pixels a side: what a damaged header asks for must not be allocated
_LONGEST = 256  # characters of a scene's name


class NYULabelled(FileDataset):
    """1449 images of rooms with the depth of a Kinect, and the official split into 795 and 654.

    Expected::

        root/nyu_depth_v2_labeled.mat    images (N, 3, W, H) uint8, depths and rawDepths (N, W, H) float32, scenes
        root/splits.mat                  trainNdxs, testNdxs, counted from 1; not needed for split="all"

    as HDF5 shows the file: width before height. Units: metres, z-depth. Invalid: 0, which `rawDepths` has where the
    sensor saw nothing; `depths` was filled in by colorisation and has a value everywhere.

    Source: Silberman, Hoiem, Kohli and Fergus, "Indoor Segmentation and Support Inference from RGBD Images", ECCV 2012;
    https://cs.nyu.edu/~silberman/datasets/nyu_depth_v2.html. Terms: the page states no licence and asks for citation.

    Keys: `image`, `depth`, `mask`, `name` (the number in the file, from 1, as the toolbox and splits.mat count), `scene`
    (such as kitchen_0004, where the file has them), `intrinsics` (of the toolbox, for images of 480×640).

    Args:
        root: the folder.
        split: `train`, `test` or `all`.
        raw_depth: what the sensor measured, with holes, in place of the filled-in depth.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """

    PUBLISHED = MappingProxyType({"train": 795, "test": 654, "all": 1449})

    def __init__(self, root, *, split="train", raw_depth=False):
        if split not in self.PUBLISHED:
            raise ValueError(f"split: expected one of {', '.join(self.PUBLISHED)}, found {split!r}")
        root = root_folder(root, f"a folder with {LABELLED} and {SPLITS}")
        self.path, self.raw_depth = root / LABELLED, bool(raw_depth)
        self._handle = self._process = None
        with naming(self.path, _EXPECTED):
            count = len(self._file()[IMAGES])
            self.close()  # nothing stays open for a fork to inherit
        self.records = range(count) if split == "all" else _official_split(root / SPLITS, count)[split]

    def read(self, record):
        """The sample of one record: its index in the file, from 0."""
        with naming(self.path, _EXPECTED):
            file = self._file()
            image = torch.from_numpy(file[IMAGES][record].transpose(0, 2, 1).copy()).float() / 255
            depths = RAW if self.raw_depth else FILLED
            metres = file[depths][record].T
            more = {"scene": _scene(file[SCENES], record)} if SCENES in file else {}
            if metres.shape == SIZE:
                more["intrinsics"] = torch.tensor(INTRINSICS)
            places = [f"{self.path}: {name}[{record}]" for name in (IMAGES, depths)]
            name = f"{record + 1:04d}"
            return metric_sample(image, metres, metres > 0, files=places, name=name, plausible=_PLAUSIBLE, **more)

    def close(self):
        """Close the file; it opens again when a sample is asked for."""
        if self._handle is not None:
            self._handle.close()
        self._handle = None

    def _file(self):
        """This process's own open file: HDF5 does not share one between processes."""
        if self._process != os.getpid():
            self.close()  # the parent's: opened again beside it, HDF5 would go on using the parent's
        if self._handle is None:
            self._handle, self._process = _open(self.path), os.getpid()
        return self._handle

    def __getstate__(self):
        return self.__dict__ | {"_handle": None, "_process": None}


def _open(path):
    """The open HDF5 file, after looking at all that will be read from it."""
    import h5py

    file = h5py.File(path, "r", locking="best-effort")  # network file systems often cannot lock
    try:
        shapes = {}
        for key, dtype, dimensions in ((IMAGES, "uint8", 4), (FILLED, "float32", 3), (RAW, "float32", 3)):
            data = file[key] if isinstance(file.get(key, getlink=True), h5py.HardLink) else None
            outside = isinstance(data, h5py.Dataset) and (data.is_virtual or data.external)
            if not isinstance(data, h5py.Dataset) or outside:  # a link could lead to any other file
                raise ValueError(f"{path}: expected a data set {key!r} that lies in this file, found {data or 'none'}")
            if data.dtype != dtype or data.ndim != dimensions:
                raise ValueError(
                    f"{path}: expected {key} of {dimensions} dimensions of {dtype}, found {data.shape} of {data.dtype}"
                )
            shapes[key] = data.shape
        count, channels, width, height = shapes[IMAGES]
        if channels != 3 or any(shapes[key] != (count, width, height) for key in (FILLED, RAW)):
            raise ValueError(f"{path}: expected (N, 3, W, H) and twice (N, W, H), found {shapes}")
        if not (count and 0 < width <= _LARGEST and 0 < height <= _LARGEST):
            raise ValueError(f"{path}: expected images of at most {_LARGEST} pixels a side, found {shapes[IMAGES]}")
        if SCENES in file and (file[SCENES].size != count or file[SCENES].dtype != h5py.ref_dtype):
            raise ValueError(f"{path}: expected {SCENES} to be {count} references, found {file[SCENES]}")
    except BaseException:
        file.close()
        raise
    return file


def _scene(references, index):
    """The name of a scene: a reference to an array of 16-bit characters."""
    letters = references.file[references[()].reshape(-1)[index]]
    if letters.dtype != np.uint16 or not 0 < letters.size <= _LONGEST:
        raise ValueError(f"{references.file.filename}: expected a name in {SCENES}[{index}], found {letters}")
    name = "".join(map(chr, letters[()].ravel()))
    if not name.isprintable():
        raise ValueError(f"{references.file.filename}: expected a name in {SCENES}[{index}], found {name!r}")
    return name


def _official_split(path, count):
    """The indices from 0 of each split, after checking that the file counts from 1 and names each image once."""
    content = read_matlab(path, list(INDICES.values()))
    found = {split: np.asarray(content[key]).ravel() for split, key in INDICES.items()}
    both = np.concatenate(list(found.values()))
    if both.dtype.kind not in "iuf" or not both.size or (both != np.floor(both)).any():
        raise ValueError(f"{path}: expected whole numbers in {' and '.join(INDICES.values())}, found {both[:4]}")
    if both.min() == 0:
        raise ValueError(f"{path}: expected indices that count from 1, found 0: these count from 0")
    if both.size != count or not np.array_equal(np.sort(both), np.arange(1, count + 1)):
        raise ValueError(
            f"{path}: expected each of 1 to {count} once in {' or '.join(INDICES.values())}, found {both.size} indices "
            f"from {both.min():g} to {both.max():g}, {len(np.unique(both))} of them different"
        )
    return {split: [int(index) - 1 for index in indices] for split, indices in found.items()}
