"""ScanNet: exported frames of RGB-D scans of rooms, with camera poses."""

from types import MappingProxyType

import torch
import torch.nn.functional as F

from sidelib.data._base import FileDataset, metric_sample
from sidelib.data._frames import read_camera, read_pose, root_folder
from sidelib.data._read import folder, inside, naming, read_depth_png, read_image, read_rows

__all__ = ["ScanNet"]

SCENES = "scene????_??"
COLOUR, DEPTH, POSE = ("color", ".jpg"), ("depth", ".png"), ("pose", ".txt")
CAMERA = "intrinsic/intrinsic_depth.txt"
LISTS = {"train": "scannetv2_train.txt", "val": "scannetv2_val.txt", "test": "scannetv2_test.txt"}
MILLIMETRES = 1000.0
_PLAUSIBLE = (0.2, 10.0)  # metres; a structured-light sensor in a room
_STRETCH = 0.03  # colour 1296×968 on depth 640×480 is 0.4 %


class ScanNet(FileDataset):
    """Frames of 1513 scans of rooms by a depth sensor on a tablet; colour is resized to the depth map's size.

    Expected, as SensReader of the data set's repository exports a scan::

        root/scene0000_00/color/0.jpg                       1296×968
        root/scene0000_00/depth/0.png                       640×480, 16-bit, millimetres, 0 invalid
        root/scene0000_00/pose/0.txt                        4×4, camera to world, metres
        root/scene0000_00/intrinsic/intrinsic_depth.txt     4×4 (intrinsic_color.txt beside it is not read)
        root/scannetv2_train.txt                            one scan a line, for `split="train"`; also _val and _test

    Colour is resized bilinearly with antialiasing and taken to be in register with depth, as is usual: the two cameras'
    intrinsics agree to about 1 % after it, and the intrinsics given are the depth camera's.

    Frames whose tracking was lost have a pose of -inf. With `poses=True` they are **left out** when the data set is
    opened, since a pose that is missing cannot be masked; with `poses=False` no pose is read and all frames are there,
    for their depth is as good as any.

    Source: Dai et al., "ScanNet", CVPR 2017; http://www.scan-net.org. Terms: its own, a signed form, for research.
    Published: 1513 scans, 2.5 million frames; lists of 1201, 312 and 100 scans. How many frames are on disk depends on
    the export, so no number of frames is compared.

    Keys: `image`, `depth`, `mask`, `intrinsics`, `name` (scene0000_00/0), `scene`, and `pose` (4×4, OpenCV axes).

    Args:
        root: the folder of the scans.
        split: `all` (the scans that are there), or `train`, `val`, `test` by the lists in the root.
        split_file: another list of scans, one a line, inside the root or anywhere. Goes with `split="all"`.
        poses: read poses, and leave out frames without.

    Raises:
        FileNotFoundError, ValueError: naming the file, and the line of a list.
    """

    PUBLISHED = MappingProxyType({})

    def __init__(self, root, *, split="all", split_file=None, poses=True):
        if split not in ("all", *LISTS):
            raise ValueError(f"split: expected one of all, {', '.join(LISTS)}, found {split!r}")
        if split_file is not None and split != "all":
            raise ValueError(f"split: expected 'all' with a split_file, which is a split by itself, found {split!r}")
        self.root, self.poses = root_folder(root, f"a folder of scans {SCENES}"), bool(poses)
        if split_file is not None or split in LISTS:
            scans = _listed(self.root / (split_file or LISTS[split]), self.root)
        else:
            scans = sorted(path for path in self.root.glob(SCENES) if path.is_dir())
        self.records = [record for scan in scans for record in _frames(scan, self.poses)]
        if not self.records:
            raise ValueError(f"{self.root}: found no frame; expected {SCENES}/color/0.jpg and depth/0.png")

    def read(self, record):
        """The sample of one record: a scan's folder and the number of a frame."""
        scan, number = record
        files = [_path(scan, number, part) for part in (COLOUR, DEPTH)]
        image, raw = read_image(files[0]), read_depth_png(files[1])
        stretch = (image.shape[2] / image.shape[1]) / (raw.shape[1] / raw.shape[0])
        if abs(stretch - 1) > _STRETCH:
            raise ValueError(
                f"{files[1]}: expected a depth map of the shape of {files[0]}, {tuple(image.shape[1:])}, found {raw.shape}"
            )
        image = F.interpolate(image[None], raw.shape, mode="bilinear", antialias=True)[0].clamp(0, 1)
        more = {"scene": scan.name}
        if self.poses:
            more["pose"] = torch.from_numpy(read_pose(_path(scan, number, POSE))).float()
        return metric_sample(
            image, raw / MILLIMETRES, raw > 0, files=files, name=f"{scan.name}/{number}", plausible=_PLAUSIBLE,
            intrinsics=read_camera(scan / CAMERA, raw.shape), **more,
        )  # fmt: skip


def _path(scan, number, part):
    name, suffix = part
    return scan / name / f"{number}{suffix}"


def _listed(path, root):
    """The folders of the scans of a list."""
    scans = []
    for line, fields in read_rows(path, "a list of scans, one a line", delimiter=" "):
        where, name = f"{path}, line {line}", " ".join(fields).strip()
        with naming(where, "the name of a scan"):
            scan = inside(root, name, where)
        if scan.parent != root or not scan.match(SCENES):
            raise ValueError(f"{where}: expected one scan such as scene0000_00, found {name!r}")
        if not scan.is_dir():
            raise FileNotFoundError(f"{where}: expected a folder of this scan, found no {scan}")
        if scan in scans:
            raise ValueError(f"{where}: expected each scan once, found {scan.name} again")
        scans.append(scan)
    if not scans:
        raise ValueError(f"{path}: expected a list of scans, one a line, found none")
    return scans


def _frames(scan, poses):
    """(scan, number) of its frames in order; with `poses`, of those that have one."""
    colours, depths = (_numbers(scan, part) for part in (COLOUR, DEPTH))
    if colours != depths:
        number = min(colours ^ depths, key=int)
        missing = _path(scan, number, DEPTH if number in colours else COLOUR)
        raise FileNotFoundError(f"{missing}: no such file; expected colour and depth of each frame")
    return [(scan, number) for number in sorted(colours, key=int) if not poses or _tracked(_path(scan, number, POSE))]


def _numbers(scan, part):
    place = folder(scan / part[0], f"the frames of a scan, 0{part[1]} and so on")
    return {path.stem for path in place.glob(f"*{part[1]}") if path.stem.isdecimal()}


def _tracked(path):
    """Whether a pose was found; only looked for here, the numbers are checked when the frame is read."""
    with naming(path, "a 4×4 camera-to-world matrix"):
        text = path.read_bytes().lower()
    return b"inf" not in text and b"nan" not in text
