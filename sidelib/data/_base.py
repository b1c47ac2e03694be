"""What every data set of files shares: lazy samples of one shape, and the checks that catch a wrong scale."""

from abc import ABC, abstractmethod

import torch
from torch.utils.data import Dataset

__all__ = ["FileDataset", "metric_sample"]


class FileDataset(Dataset, ABC):
    """A list of records (paths, not pixels), each read when it is asked for by `read(record)`.

    A subclass fills `records` in `__init__`, sorted or in the order of its published list, and defines `read`.
    """

    records = ()

    def __len__(self):
        return len(self.records)

    def __getitem__(self, index):
        if not -len(self) <= index < len(self):
            raise IndexError(f"index: expected 0 to {len(self) - 1}, found {index}")
        return self.read(self.records[index])

    @abstractmethod
    def read(self, record):
        """The sample of one record: a mapping."""


def metric_sample(image, metres, valid, *, files, name, plausible=None, intrinsics=None, **more):
    """Join one image and its depth to a sample, or raise ValueError naming the file that does not fit.

    Args:
        image: float32 `(3, H, W)` in [0, 1].
        metres: NumPy `(H, W)`, z-depth in metres; what is not valid may be anything.
        valid: NumPy bool `(H, W)`.
        files: (image path, depth path), for messages.
        name: what this sample is called, unique in its data set.
        plausible: (lowest, highest) median of the valid depth in metres, or None to allow any. Catches millimetres
            read as metres, and the reverse.
        intrinsics: float32 `(3, 3)`, if known.
        more: further keys of the sample.
    """
    image_path, depth_path = files
    if tuple(image.shape[1:]) != metres.shape:
        raise ValueError(
            f"{depth_path}: expected the size of {image_path}, {tuple(image.shape[1:])}, found {metres.shape}"
        )
    mask = torch.from_numpy(valid)[None]
    depth = torch.where(mask, torch.from_numpy(metres.astype("float32"))[None], 0.0)
    if not bool((depth[mask].isfinite() & (depth[mask] > 0)).all()):
        raise ValueError(f"{depth_path}: expected finite depth above 0 m where it is valid")
    if plausible is not None and bool(mask.any()):
        low, high = plausible
        median = depth[mask].median().item()
        if not low <= median <= high:
            raise ValueError(
                f"{depth_path}: expected a median depth from {low:g} to {high:g} m, found {median:g} m: "
                "is the scale that of this data set (millimetres read as metres)?"
            )
    sample = {"image": image, "depth": depth, "mask": mask, "name": name}
    return sample | ({} if intrinsics is None else {"intrinsics": intrinsics}) | more
