"""Data sets of relative depth: pairs of points (DIW, YouTube3D) or a score for each pixel (ReDWeb)."""

import re
from pathlib import PurePosixPath
from types import MappingProxyType

import numpy as np
import torch

from sidelib.data._base import FileDataset
from sidelib.data._frames import root_folder
from sidelib.data._read import folder, inside, listing, naming, read_depth_png, read_image, read_rows
from sidelib.data._unpickle import read_pickled_array

__all__ = ["DIW", "ReDWeb", "YouTube3D"]

# DIW: where the lists may lie, from the root.
DIW_LISTS = ("DIW_Annotations/DIW_{split}.csv", "DIW_{split}.csv")
DIW_RELATIONS = {">": -1, "<": 1}  # `>` compares depths: the first point is farther, so the second is closer
# ReDWeb
REDWEB_IMAGES, REDWEB_SCORES = "Imgs", "RDs"
# YouTube3D: the rows of an annotation, and the sign of its last row for a first point that is farther.
YOUTUBE3D_ROWS = ("y_a", "x_a", "y_b", "x_b", "relation")
YOUTUBE3D_FARTHER = 1
_SLACK = 0.01  # of the height or width, that a coordinate may lie outside; it is then clamped


class DIW(FileDataset):
    """Depth in the Wild: photographs from the web, each with one pair of points of which people said which is closer.

    Source: Chen, Fu, Yang and Deng, NIPS 2016; http://www-personal.umich.edu/~wfchen/depth-in-the-wild. Terms: none
    stated; the photographs belong to whoever took them; for research.

    Layout: `root/DIW_Annotations/DIW_{train,val,test}.csv` (or in the root), without a header, two lines an image::

        ./DIW_test/0123abcd.thumb
        113,250,113,83,<,500,333

    that is the path from the root, then `y_A,x_A,y_B,x_B,relation,width,height`: pixels counted from 1. The paper gives
    about 421,000 images for training and validation and 74,000 for test; exact counts are not published.

    Ordinal convention: `>` says that the first point has the larger depth, so it is farther (−1 here); `<` that it is
    closer (+1). The paper's words can be read the other way, and nothing in the file contradicts that: it is the sign
    with which the authors' code trains a network that puts out depth.

    Keys: `image`; `pairs` int64 `(1, 2)`, indices v·W + u into the image; `relation` int64 `(1,)`; `name`.

    Args:
        root: the folder.
        split: `train`, `val` or `test`.

    Raises:
        ValueError: a corrupt line, a coordinate below 1 (are they counted from 0?) or outside, an image whose size is
            not the line's, a path out of the root. Names the list and line.
        FileNotFoundError: no list, or no image.
    """

    PUBLISHED = MappingProxyType({})

    def __init__(self, root, *, split="test"):
        if split not in ("train", "val", "test"):
            raise ValueError(f"split: expected train, val or test, found {split!r}")
        self.root = root_folder(root, DIW_LISTS[0].format(split=split))
        there = [self.root / name.format(split=split) for name in DIW_LISTS]
        self.path = next((path for path in there if path.is_file()), there[0])
        self.records, waiting, seen = [], None, set()
        for line, fields in read_rows(self.path, "DIW's list, two lines an image"):
            if waiting is None:
                if len(fields) != 1 or not fields[0].strip():
                    raise ValueError(f"{self.path}, line {line}: expected the path of an image, found {fields}")
                waiting = fields[0].strip()
            else:
                # What the line says is looked at when it is read, or opening 421,000 of them would take long.
                name = PurePosixPath(waiting).with_suffix("").as_posix()
                name = f"{name}:{line}" if name in seen else name
                seen.add(name)
                self.records.append((name, waiting, line, ",".join(fields)))
                waiting = None
        if waiting is not None or not self.records:
            raise ValueError(f"{self.path}: expected two lines an image, found an end after {waiting or 'no line'}")

    def read(self, record):
        """The sample of one record: see the class."""
        name, relative, line, text = record
        where = f"{self.path}, line {line}"
        fields = [field.strip() for field in text.split(",")]
        numbers = [_number(field) for field in fields[:4] + fields[5:]]
        if len(fields) != 7 or None in numbers or fields[4] not in DIW_RELATIONS:
            raise ValueError(f"{where}: expected y_A,x_A,y_B,x_B,> or <,width,height, found {text!r}")
        y_a, x_a, y_b, x_b, width, height = numbers
        for value, last in ((y_a, height), (x_a, width), (y_b, height), (x_b, width)):
            if not 1 <= value <= last:
                raise ValueError(f"{where}: expected a coordinate from 1 to {last:g}, found {value:g} in {text!r}")
        image = read_image(_listed(self.root, relative, f"{self.path}, line {line - 1}"))
        if tuple(image.shape[1:]) != (height, width):
            raise ValueError(
                f"{where}: expected the size of {relative}, width {image.shape[2]} and height {image.shape[1]}, "
                f"found {width:g} and {height:g}"
            )
        # A fraction of a pixel, if there is one, is cut off, as in the authors' code.
        first, second = ((int(y) - 1) * image.shape[2] + int(x) - 1 for y, x in ((y_a, x_a), (y_b, x_b)))
        return {
            "image": image,
            "pairs": torch.tensor([[first, second]]),
            "relation": torch.tensor([DIW_RELATIONS[fields[4]]]),
            "name": name,
        }


class ReDWeb(FileDataset):
    """3600 photographs from the web with dense relative depth, from stereo pairs matched automatically.

    Source: Xian et al., CVPR 2018; https://sites.google.com/site/redwebcvpr18. Terms: for research only.

    Layout: `root/Imgs/NAME.jpg` and `root/RDs/NAME.png`, 8 bits, no unit (a disparity up to scale and shift).

    Which end is near is not documented. The witnesses agree that *larger is farther*: MiDaS reads it as negative
    disparity with 255 masked, though "not 100 % sure" (https://github.com/isl-org/MiDaS/issues/16), a user there finds
    the nearest things at 0, and the YouTube3D authors' code gives a larger value the sign of DIW's `>`. So
    `larger="farther"` is the default. Look at your copy: what stands in front must come out with the larger score.

    Keys: `image`; `score` float32 `(1, H, W)`, larger = closer, 0 where not valid; `mask`; `name`.

    Args:
        root: the folder.
        split: only `all`; the data set has no split.
        larger: what a larger number in the file means, `farther` (the score is 255 − number) or `closer`.
        masked_value: the number that says "sky or masked", or None.

    Raises:
        ValueError: an image without a map or the reverse, other than one channel of 8 bits, another size. Names it.
        FileNotFoundError: naming the folder.
    """

    PUBLISHED = MappingProxyType({"all": 3600})

    def __init__(self, root, *, split="all", larger="farther", masked_value=255):
        if split != "all":
            raise ValueError(f"split: expected 'all', found {split!r}")
        if larger not in ("farther", "closer"):
            raise ValueError(f"larger: expected 'farther' or 'closer', found {larger!r}")
        if masked_value is not None and masked_value not in range(256):
            raise ValueError(f"masked_value: expected 0 to 255 or None, found {masked_value!r}")
        self.larger, self.masked_value = larger, masked_value
        both = f"{REDWEB_IMAGES} and {REDWEB_SCORES}"
        images, scores = (folder(root_folder(root, both) / part, both) for part in (REDWEB_IMAGES, REDWEB_SCORES))
        here = {path.stem: path for path in listing(images)}
        found = {path.stem: path for path in listing(scores, (".png",))}
        if not here or here.keys() != found.keys():
            odd = sorted(here.keys() ^ found.keys())
            raise ValueError(
                f"{images}: expected NAME.jpg with NAME.png in {scores} for each, found {len(here)} and {len(found)}"
                + (f"; without the other: {odd[0]}" if odd else "")
            )
        self.records = [(here[stem], found[stem]) for stem in here]

    def read(self, record):
        """The sample of one record: see the class."""
        image, raw = read_image(record[0]), read_depth_png(record[1], bits=8)
        if tuple(image.shape[1:]) != raw.shape:
            raise ValueError(
                f"{record[1]}: expected the size of {record[0]}, {tuple(image.shape[1:])}, found {raw.shape}"
            )
        valid = np.ones_like(raw, dtype=bool) if self.masked_value is None else raw != self.masked_value
        score = raw.astype(np.float32)
        score = np.where(valid, 255 - score if self.larger == "farther" else score, 0).astype(np.float32)
        return {
            "image": image,
            "score": torch.from_numpy(score)[None],
            "mask": torch.from_numpy(valid)[None],
            "name": record[0].stem,
        }


class YouTube3D(FileDataset):
    """Frames of videos with pairs of points, compared by structure from motion: about 795,000 frames.

    Source: Chen, Qian and Deng, CVPR 2019; http://www-personal.umich.edu/~wfchen/youtube3d. Terms: none stated; the
    frames belong to whoever filmed them; for research.

    Layout: a csv in the root, one line `image.jpg, annotation.pkl` a frame, paths from the root. An annotation is a
    pickled 5×n array of `YOUTUBE3D_ROWS`, the coordinates as shares of height and width in [0, 1]; a share y is in
    pixel row ⌊y·H⌋, and 1 in the last. A pickle can run code: this one is read by `_unpickle`, which runs nothing.

    Ordinal convention: the rows and signs are those of the authors' code (https://github.com/princeton-vl/YouTube3D),
    which trains one network on this and on DIW's `>` with the same sign: +1 says that the first point is farther, so it
    becomes −1 here.

    Keys: `image`; `pairs` int64 `(n, 2)`, indices v·W + u into the image; `relation` int64 `(n,)`; `name`.

    Args:
        root: the folder.
        split: only `all`; which csv is a split is said by `annotations`.
        annotations: the csv, relative to the root; by default the only one there.

    Raises:
        ValueError: a corrupt line, a hostile or damaged pickle, another shape, a coordinate outside [0, 1] (are they
            pixels?), a relation other than −1, 0, 1, a path out of the root. Names the file and line.
        FileNotFoundError: naming the file.
    """

    PUBLISHED = MappingProxyType({})

    def __init__(self, root, *, split="all", annotations=None):
        if split != "all":
            raise ValueError(f"split: expected 'all' (annotations names the csv), found {split!r}")
        self.root = root_folder(root, "YouTube3D's csv with the paths of images and annotations")
        if annotations is None:
            there = listing(self.root, (".csv",))
            if len(there) != 1:
                names = ", ".join(path.name for path in there) or "none"
                raise ValueError(f"{self.root}: expected one .csv, or annotations='name.csv', found {names}")
            annotations = there[0].name
        self.path = self.root / annotations
        self.records = []
        for line, fields in read_rows(self.path, "lines `image.jpg, annotation.pkl`"):
            fields = [field.strip() for field in fields]
            if len(fields) != 2 or not all(fields):
                raise ValueError(f"{self.path}, line {line}: expected `image.jpg, annotation.pkl`, found {fields}")
            self.records.append((line, *fields))
        if not self.records:
            raise ValueError(f"{self.path}: expected lines `image.jpg, annotation.pkl`, found none")

    def read(self, record):
        """The sample of one record: see the class."""
        line, image_path, pickle_path = record
        where = f"{self.path}, line {line}"
        path, annotation = (_listed(self.root, relative, where) for relative in (image_path, pickle_path))
        image, array = read_image(path), read_pickled_array(annotation)
        if array.ndim != 2 or len(array) != len(YOUTUBE3D_ROWS) or array.dtype.kind == "b":
            raise ValueError(f"{annotation}: expected an array of 5 × n numbers, found {array.dtype} {array.shape}")
        rows = dict(zip(YOUTUBE3D_ROWS, array.astype(np.float64)))
        places = np.stack([rows[name] for name in YOUTUBE3D_ROWS[:4]])
        if not ((places >= -_SLACK) & (places <= 1 + _SLACK)).all():  # nan compares false
            raise ValueError(f"{annotation}: expected coordinates from 0 to 1, found others: are they pixels?")
        if not np.isin(rows["relation"], (-1, 0, 1)).all():
            raise ValueError(
                f"{annotation}: expected relations −1, 0 or 1, found {np.unique(rows['relation'])[:5].tolist()}"
            )
        height, width = image.shape[1:]
        v_a, v_b = (_pixel(rows[name], height) for name in ("y_a", "y_b"))
        u_a, u_b = (_pixel(rows[name], width) for name in ("x_a", "x_b"))
        return {
            "image": image,
            "pairs": torch.from_numpy(np.stack([v_a * width + u_a, v_b * width + u_b], axis=1)),
            "relation": torch.from_numpy((-YOUTUBE3D_FARTHER * rows["relation"]).astype(np.int64)),
            "name": PurePosixPath(image_path).with_suffix("").as_posix(),
        }


def _listed(root, relative, where):
    """The file that a line of a list names, or an error that names the line."""
    with naming(where, "the path of a file in the root"):
        path = inside(root, relative, where)
        there = path.is_file()
    if not there:
        raise FileNotFoundError(f"{where}: no file {relative} in {root}")
    return path


def _pixel(share, length):
    return np.clip(np.floor(share * length), 0, length - 1).astype(np.int64)


def _number(text):
    """A number as a csv writes it, or None: no sign, exponent, `nan` or `inf`."""
    return float(text) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", text) else None
