"""The Motorcycle stereo pair of Middlebury 2014, a real photograph with measured depth, inside scikit-image's wheel."""

import warnings

import numpy as np
import torch
from torch.utils.data import Dataset

__all__ = ["Motorcycle"]

# From the calibration that Middlebury publishes, scaled to this quarter-size copy.
FOCAL_LENGTH = 994.978  # pixels
BASELINE = 0.193001  # metres
DISPARITY_OFFSET = 31.086  # pixels: the two principal points differ by this
PRINCIPAL_POINT = 311.193, 254.877  # pixels (u, v), of the left camera


class Motorcycle(Dataset):
    """One stereo pair, 500×741, with structured-light disparity (about 7 % of the pixels have none).

    Keys: `image` (left), `depth`, `mask`, `right`, `disparity` (1, H, W; pixels, x_right = x_left - disparity),
    `intrinsics` (of the left camera).
    Depth is 2.11 to 5.02 m: ``depth = baseline · focal length / (disparity + offset)``.

    Source: Scharstein et al. 2014, through `skimage.data.stereo_motorcycle`. Terms: the images are
    Middlebury's, free to use with citation; figures made from them are not covered by this book's licence.
    """

    def __init__(self, root=None):
        if root:
            raise ValueError(f"root: the motorcycle pair ships with scikit-image and takes none, found {root!r}")

    def __len__(self):
        return 1

    def __getitem__(self, index):
        if index != 0:
            raise IndexError(f"index: the motorcycle is one photograph, found {index}")
        with warnings.catch_warnings():
            # Its downloader's progress bar warns, in a notebook without widgets; nothing is downloaded here.
            warnings.filterwarnings("ignore", message="IProgress not found")
            from skimage import data

            left, right, disparity = data.stereo_motorcycle()
        mask = np.isfinite(disparity)
        disparity = np.where(mask, disparity, 0).astype(np.float32)
        depth = np.where(mask, BASELINE * FOCAL_LENGTH / (disparity + DISPARITY_OFFSET), 0).astype(np.float32)
        image, right = (torch.from_numpy(view).permute(2, 0, 1).float() / 255 for view in (left, right))
        depth, mask, disparity = (torch.from_numpy(map_)[None] for map_ in (depth, mask, disparity))
        u, v = PRINCIPAL_POINT
        intrinsics = torch.tensor([[FOCAL_LENGTH, 0, u], [0, FOCAL_LENGTH, v], [0, 0, 1]])
        maps = {"image": image, "depth": depth, "mask": mask, "right": right, "disparity": disparity}
        return maps | {"intrinsics": intrinsics}
