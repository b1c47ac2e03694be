"""Any folder of colour images with depth maps beside them."""

from pathlib import Path

import numpy as np
import torch
from skimage import io
from torch.utils.data import Dataset

__all__ = ["RGBDFolder"]

_IMAGES = {".jpg", ".jpeg", ".png"}


class RGBDFolder(Dataset):
    """`<root>/rgb/*` and `<root>/depth/*.png` (16-bit, 0 = no measurement), paired in the order of their names.

    Keys: `image`, `depth`, `mask`, `name`.

    Args:
        root: the folder.
        depth_scale: depth units in a metre: 1000 for millimetres (default), 5000 for TUM, 256 for KITTI.
    """

    def __init__(self, root, *, depth_scale=1000.0):
        if not root:
            raise ValueError("root: rgbd-folder needs the folder that holds rgb/ and depth/")
        self.root, self.depth_scale = Path(root), float(depth_scale)
        if not self.depth_scale > 0:
            raise ValueError(f"depth_scale: expected units in a metre, above 0, found {depth_scale}")
        for part in ("rgb", "depth"):
            if not (self.root / part).is_dir():
                raise FileNotFoundError(f"{self.root / part}: no such folder; expected rgb/ and depth/ in {self.root}")
        self.images = sorted(path for path in (self.root / "rgb").iterdir() if path.suffix.lower() in _IMAGES)
        self.depths = sorted((self.root / "depth").glob("*.png"))
        if len(self.images) != len(self.depths) or not self.images:
            raise ValueError(f"{self.root}: found {len(self.images)} images and {len(self.depths)} depth maps")

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image, depth = io.imread(self.images[index]), io.imread(self.depths[index])
        if depth.dtype != np.uint16 or depth.ndim != 2:
            raise ValueError(f"{self.depths[index]}: expected one 16-bit channel, found {depth.dtype} {depth.shape}")
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[:2] != depth.shape:
            raise ValueError(
                f"{self.images[index]}: expected 8-bit colour of {depth.shape}, found {image.dtype} {image.shape}"
            )
        return {
            "image": torch.from_numpy(image[..., :3].copy()).permute(2, 0, 1).float() / 255,
            "depth": torch.from_numpy(depth.astype(np.float32) / self.depth_scale)[None],
            "mask": torch.from_numpy(depth > 0)[None],
            "name": self.images[index].stem,
        }
