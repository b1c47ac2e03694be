"""Any folder of colour images with depth maps beside them: one's own, TUM RGB-D, or exported frames."""

import math
from pathlib import Path

import numpy as np
import torch

from sidelib.data._base import FileDataset, metric_sample
from sidelib.data._read import folder, inside, naming, read_image, read_intrinsics, read_rows

__all__ = ["RGBDFolder"]

IMAGES, DEPTHS = "rgb/*", "depth/*.png"
IMAGE_TIMES, DEPTH_TIMES = "rgb.txt", "depth.txt"  # TUM: `time file` a line, # begins a comment
TOLERANCE = 0.02  # seconds between an image and its depth; TUM's own tool uses this
_IMAGE_ENDINGS = (".jpg", ".jpeg", ".png")


class RGBDFolder(FileDataset):
    """`<root>/rgb/*` and `<root>/depth/*.png` (16-bit, 0 = no measurement), paired by name or by time.

    Source and terms: whatever the folder's are. TUM RGB-D (Sturm et al., IROS 2012; CC BY 4.0;
    https://cvg.cit.tum.de/data/datasets/rgbd-dataset) is read with `depth_scale=5000`.

    Keys: `image`, `depth` (metres, z-depth as such sensors give it), `mask`, `name`, and `intrinsics` if given.

    Args:
        root: the folder.
        depth_scale: depth units in a metre: 1000 for millimetres (default), 5000 for TUM, 256 for KITTI.
        images: which files are images, as a pattern in the root; those that end in .jpg, .jpeg or .png are taken.
        depths: which files are depth maps.
        pairing: `names`: in the order of their names, as many of one as of the other. `times`: by `rgb.txt` and
            `depth.txt`, each image with the depth nearest in time, at most 0.02 s away, each depth once; images
            without one are left out. `auto` (default): `times` if both files are there and no pattern was given, else
            `names`. Or the path of an association file, with lines `time image time depth`, relative to the root.
        intrinsics: 3×3 nested list or array, or a text file with it, for all images.
        plausible: (lowest, highest) median depth in metres, or None for any. The default refuses raw numbers and
            millimetres read as metres; it cannot see a factor of five.

    Raises:
        ValueError: unequal numbers, another format or size, a corrupt line, a path that leaves the root, an
            implausible scale. Names the file, and line.
        FileNotFoundError: naming the folder or file.
    """

    def __init__(
        self,
        root,
        *,
        depth_scale=1000.0,
        images=IMAGES,
        depths=DEPTHS,
        pairing="auto",
        intrinsics=None,
        plausible=(0.05, 300.0),
    ):
        if not root:
            raise ValueError("root: rgbd-folder needs the folder that holds rgb/ and depth/")
        self.root, self.depth_scale, self.plausible = Path(root), float(depth_scale), plausible
        if not (math.isfinite(self.depth_scale) and self.depth_scale > 0):
            raise ValueError(f"depth_scale: expected units in a metre, above 0, found {depth_scale}")
        folder(self.root, "rgb/ and depth/ in it")
        self.intrinsics = None if intrinsics is None else _intrinsics(intrinsics)
        timed = all((self.root / name).is_file() for name in (IMAGE_TIMES, DEPTH_TIMES))
        if pairing == "auto":
            pairing = "times" if timed and (images, depths) == (IMAGES, DEPTHS) else "names"
        if pairing == "names":
            pairs = _by_names(self.root, images, depths)
        elif pairing == "times":
            pairs = _by_times(self.root)
        else:
            pairs = _by_association(self.root, self.root / pairing)
        stems = [image.stem for image, _ in pairs]
        if len(set(stems)) < len(stems):
            stems = [image.relative_to(self.root).with_suffix("").as_posix() for image, _ in pairs]
        self.records = [(*pair, name) for pair, name in zip(pairs, stems)]

    def read(self, record):
        """The sample of one record: see the class."""
        image_path, depth_path, name = record
        image, raw = read_image(image_path), _read_depth(depth_path)
        return metric_sample(
            image,
            raw / self.depth_scale,
            raw > 0,
            files=(image_path, depth_path),
            name=name,
            plausible=self.plausible,
            intrinsics=self.intrinsics,
        )


def _read_depth(path):
    """uint16 `(H, W)`."""
    from PIL import Image

    with naming(path, "one 16-bit channel"), Image.open(path) as image:
        raw = np.array(image)
        if raw.dtype != np.uint16 or raw.ndim != 2:
            raise ValueError(f"{path}: expected one 16-bit channel, found {raw.dtype} {raw.shape}")
    return raw


def _intrinsics(value):
    if isinstance(value, (str, Path)):
        return read_intrinsics(value)
    try:
        matrix = torch.as_tensor(np.asarray(value, dtype=np.float32))
    except (TypeError, ValueError):
        matrix = torch.empty(0)
    if tuple(matrix.shape) != (3, 3) or not (matrix[0, 0] > 0 and matrix[1, 1] > 0) or matrix[2].tolist() != [0, 0, 1]:
        raise ValueError(f"intrinsics: expected 3×3, focal lengths above 0 and a last row 0 0 1, found {value!r}")
    return matrix


def _by_names(root, images, depths):
    for pattern in (images, depths):
        place = Path(pattern).parent
        if not any(sign in str(place) for sign in "*?["):
            folder(root / place, f"{images} and {depths} in {root}")
    found_images = sorted(path for path in root.glob(images) if path.suffix.lower() in _IMAGE_ENDINGS)
    found_depths = sorted(root.glob(depths))
    if len(found_images) != len(found_depths) or not found_images:
        raise ValueError(f"{root}: found {len(found_images)} images and {len(found_depths)} depth maps")
    return list(zip(found_images, found_depths))


def _by_association(root, path):
    expected = "an association file with lines `time image time depth`"
    pairs = []
    for line, (time, image, other, depth) in _timed_lines(path, 4, expected):
        where = f"{path}, line {line}"
        _seconds(time, where), _seconds(other, where)
        pairs.append((inside(root, image, where), inside(root, depth, where)))
    return _none_twice(pairs, path, expected)


def _by_times(root):
    """TUM: images and depth maps have their own clocks' times; the closest pairs first, each file once."""
    times, files = [], []
    for name in (IMAGE_TIMES, DEPTH_TIMES):
        found = {}
        for line, (time, file) in _timed_lines(root / name, 2, "a list with lines `time file`"):
            where = f"{root / name}, line {line}"
            seconds = _seconds(time, where)
            if seconds in found:
                raise ValueError(f"{where}: expected each time once, found {time} again")
            found[seconds] = inside(root, file, where)
        times.append(np.array(sorted(found)))
        files.append(found)
    starts, ends = (np.searchsorted(times[1], times[0] + shift) for shift in (-TOLERANCE, TOLERANCE))
    near = sorted(
        (abs(depth - image), image, depth)
        for image, start, end in zip(times[0], starts, ends)
        for depth in times[1][start:end]
    )
    taken, partner = set(), {}
    for _, image, depth in near:
        if image not in partner and depth not in taken:
            partner[image] = depth
            taken.add(depth)
    if not partner:
        raise ValueError(f"{root / IMAGE_TIMES}: expected times within {TOLERANCE} s of {DEPTH_TIMES}, found none")
    return _none_twice([(files[0][i], files[1][partner[i]]) for i in sorted(partner)], root / IMAGE_TIMES, "a list")


def _none_twice(pairs, path, expected):
    if not pairs:
        raise ValueError(f"{path}: expected {expected}, found no line")
    for column in zip(*pairs):
        if len(set(column)) < len(column):
            twice = next(file for file in column if column.count(file) > 1)
            raise ValueError(f"{path}: expected each file once, found {twice} again")
    return pairs


def _timed_lines(path, count, expected):
    for line, fields in read_rows(path, expected, delimiter=" "):
        fields = " ".join(fields).split()
        if not fields or fields[0].startswith("#"):
            continue
        if len(fields) != count:
            raise ValueError(f"{path}, line {line}: expected {expected}, found {' '.join(fields)!r}")
        yield line, fields


def _seconds(text, where):
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise ValueError(f"{where}: expected a time in seconds, found {text!r}")
    return seconds
