"""SYNTHIA-RAND-CITYSCAPES: rendered streets with dense depth in 16-bit colour PNGs."""

import math
from types import MappingProxyType

from sidelib.data._base import FileDataset, metric_sample
from sidelib.data._frames import root_folder
from sidelib.data._png16 import read_png16
from sidelib.data._read import folder, listing, read_image

__all__ = ["Synthia"]

IMAGES, DEPTHS = "RGB", "Depth"  # and GT, the labels, which are not read here
FARTHEST = 65535  # what 16 bits hold at most: this far or farther, so no measurement


class Synthia(FileDataset):
    """9400 rendered street images with dense depth, 760×1280.

    Source: Ros et al., CVPR 2016; https://synthia-dataset.net. Terms: CC BY-NC-SA 3.0, non-commercial; cite the paper.

    Layout, where `root` is the folder `RAND_CITYSCAPES`::

        root/RGB/0000000.png
        root/Depth/0000000.png    16 bits, one or three (equal) channels, of which the first is read
        root/GT/…                 not read

    Units: centimetres, as the data set's readme is quoted. This was not checked against the data here, so the scale is
    an option. The depth is taken to be z-depth, which was not checked either. Invalid: 0, what is farther than
    `max_depth` (sky), and the largest number that 16 bits hold.

    Keys: `image`, `depth`, `mask`, `name`.

    Args:
        root: the folder.
        split: only `all`; the data set has no split.
        depth_scale: depth units in a metre.
        max_depth: metres beyond which there is no depth but sky; None keeps all but the largest number. The papers
            cut at 80 m when they evaluate, which is a protocol's choice and not made here.
        plausible: (lowest, highest) median depth in metres, or None, which also allows a map without any valid depth.
            The default refuses centimetres taken for metres.

    Raises:
        ValueError: an 8-bit depth map, other than 1 or 3 channels, another size than the image's, a damaged file, a
            median that is not plausible. Names the file.
        FileNotFoundError: naming the folder.
    """

    PUBLISHED = MappingProxyType({"all": 9400})

    def __init__(self, root, *, split="all", depth_scale=100.0, max_depth=600.0, plausible=(0.5, 100.0)):
        if split != "all":
            raise ValueError(f"split: expected 'all', found {split!r}")
        for name, value in (("depth_scale", depth_scale), ("max_depth", max_depth)):
            if not (value is None and name == "max_depth") and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name}: expected a number above 0, found {value!r}")
        self.depth_scale, self.max_depth, self.plausible = float(depth_scale), max_depth, plausible
        images, depths = (folder(root_folder(root, "RGB and Depth in it") / part, part) for part in (IMAGES, DEPTHS))
        found = {path.name: path for path in listing(depths, (".png",))}
        self.records = [(path, depths / path.name) for path in listing(images, (".png",))]
        if not self.records or found.keys() != {path.name for path, _ in self.records}:
            odd = sorted(found.keys() ^ {path.name for path, _ in self.records})
            raise ValueError(
                f"{images}: expected an image and a depth map of the same name in {depths} each, "
                f"found {len(self.records)} and {len(found)}" + (f"; without the other: {odd[0]}" if odd else "")
            )

    def read(self, record):
        """The sample of one record: see the class."""
        image_path, depth_path = record
        image = read_image(image_path)
        raw = read_png16(depth_path, image.shape[1:])
        metres = raw / self.depth_scale
        valid = (raw > 0) & (raw < FARTHEST)
        if self.max_depth is not None:
            valid &= metres <= self.max_depth
        if self.plausible is not None and not valid.any():  # a wrong scale may put all of it beyond max_depth
            raise ValueError(
                f"{depth_path}: expected some depth up to {self.max_depth} m, found none with {self.depth_scale:g} "
                "units in a metre: is that the scale?"
            )
        return metric_sample(image, metres, valid, files=record, name=image_path.stem, plausible=self.plausible)
