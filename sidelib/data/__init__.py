"""Data sets behind one interface: `load(name, root=None, **options)` gives a torch Dataset of mappings."""

from sidelib.data.motorcycle import Motorcycle
from sidelib.data.rgbd_folder import RGBDFolder
from sidelib.scenes import ScenesDataset

__all__ = ["load"]

_DATA_SETS = {"motorcycle": Motorcycle, "rgbd-folder": RGBDFolder, "scenes": ScenesDataset}


def load(name, root=None, **options):
    """Open a data set by name.

    Every sample is a mapping with `image` (3, H, W) in [0, 1], `depth` (1, H, W) in metres, `mask` (1, H, W) bool, and
    what else the data set knows.

    Args:
        name: `motorcycle` (ships with scikit-image: needs no root), `scenes` (rendered: needs no root either), or
            `rgbd-folder`.
        root: folder of a data set on disk; for scenes, where to keep what was rendered.
        options: as the data set's own docstring lists them.

    Raises:
        ValueError: an unknown name, or a root that is missing or not wanted.
        FileNotFoundError: naming the folder that is not there.

    >>> sample = load("motorcycle")[0]
    >>> tuple(sample["image"].shape), tuple(sample["depth"].shape)
    ((3, 500, 741), (1, 500, 741))
    """
    if name not in _DATA_SETS:
        raise ValueError(f"name: expected one of {', '.join(_DATA_SETS)}, found {name!r}")
    return _DATA_SETS[name](root, **options)
