"""Data sets behind one interface: `load(name, root=None, **options)` gives a torch Dataset of mappings."""

from sidelib.data.kitti import KITTI
from sidelib.data.make3d import Make3D
from sidelib.data.motorcycle import Motorcycle
from sidelib.data.nyu import NYULabelled
from sidelib.data.nyu_folder import NYUFolder
from sidelib.data.relative import DIW, ReDWeb, YouTube3D
from sidelib.data.rgbd_folder import RGBDFolder
from sidelib.data.scannet import ScanNet
from sidelib.data.scenenet import SceneNet
from sidelib.data.sun_rgbd import SUNRGBD
from sidelib.data.synthia import Synthia
from sidelib.scenes import ScenesDataset

__all__ = ["load", "names", "published"]

_DATA_SETS = {
    "motorcycle": Motorcycle,
    "scenes": ScenesDataset,
    "nyu": NYULabelled,
    "nyu-folder": NYUFolder,
    "kitti": KITTI,
    "scannet": ScanNet,
    "sun-rgbd": SUNRGBD,
    "scenenet": SceneNet,
    "synthia": Synthia,
    "make3d": Make3D,
    "diw": DIW,
    "redweb": ReDWeb,
    "youtube3d": YouTube3D,
    "rgbd-folder": RGBDFolder,
}


def _find(name):
    if name not in _DATA_SETS:
        raise ValueError(f"name: expected one of {', '.join(_DATA_SETS)}, found {name!r}")
    return _DATA_SETS[name]


def names():
    """The data sets that `load` knows.

    >>> names()[:3]
    ('motorcycle', 'scenes', 'nyu')
    """
    return tuple(_DATA_SETS)


def load(name, root=None, **options):
    """Open a data set by name; nothing is read before a sample is asked for but lists and folder names.

    Every sample is a mapping. Metric data sets have `image` (3, H, W) in [0, 1], `depth` (1, H, W) z-depth in metres,
    0 where invalid, `mask` (1, H, W) bool, and where known `intrinsics` (3, 3) and more. Relative ones have `image`
    and `pairs` (n, 2) with `relation` (n), +1 first closer, −1 second closer, 0 equal, or `score` (1, H, W), larger =
    closer, with `mask`. Files have a `name`.

    Args:
        name: one of `names()`. `motorcycle` ships with scikit-image and `scenes` are rendered: neither needs a root.
        root: folder of a data set on disk, as `python -m data_scripts.<name>` leaves it; for scenes, where to keep
            what was rendered.
        options: as the data set's own class lists them, `split` among them.

    Raises:
        ValueError: an unknown name or split, a root that is missing or not wanted, a file that does not fit its format.
        FileNotFoundError: naming the file or folder that is not there.

    >>> sample = load("motorcycle")[0]
    >>> tuple(sample["image"].shape), tuple(sample["depth"].shape)
    ((3, 500, 741), (1, 500, 741))
    """
    return _find(name)(root, **options)


def published(name):
    """How many samples each split of a data set is published to have; empty where nobody says.

    >>> dict(published("nyu"))
    {'train': 795, 'test': 654, 'all': 1449}
    """
    return getattr(_find(name), "PUBLISHED", {})
