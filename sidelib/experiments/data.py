"""From an experiment's data plan to data sets: opened, joined, and brought to one size."""

import os
from pathlib import Path

import torch
from torch.utils.data import ConcatDataset, Dataset

from sidelib.data import load
from sidelib.provenance import ROOT

__all__ = ["CACHE", "Joined", "checked_root", "open_sources", "open_tests", "open_training", "worker_count"]

CACHE = ROOT / "_build" / "cache" / "scenes"
_CPU_PIXELS = 200_000  # scenes of more pixels are not kept on disk: at 480×640 each would take 5 MB


class _Resized(Dataset):
    """Another data set, each sample resized; scenes come at their size already."""

    def __init__(self, dataset, transform):
        self.dataset, self.transform = dataset, transform

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        return self.transform(self.dataset[index])


class Joined(ConcatDataset):
    """Several data sets after one another, which still hands batches on to those that render them at once."""

    def __getitems__(self, indices):
        """Samples in the sequence of `indices`."""
        found = {}
        for k, dataset in enumerate(self.datasets):
            first = self.cumulative_sizes[k - 1] if k else 0
            own = [i for i in indices if first <= i < self.cumulative_sizes[k]]
            if own and hasattr(dataset, "__getitems__"):
                found |= dict(zip(own, dataset.__getitems__([i - first for i in own])))
            else:
                found |= {i: dataset[i - first] for i in own}
        return [found[i] for i in indices]


def open_sources(sources, *, split, count, size, root=None, device="cpu"):
    """The data sets of some `Source`s, joined.

    Args:
        sources: `Source`s. Scenes get `split`, their share of `count`, and `size`; they are rendered once to a cache
            on the CPU, and on the fly on a GPU. Data sets on disk get `root`, and are resized to `size`.
        split: of scenes.
        count: number of scenes.
        size: (H, W).

    Raises:
        ValueError, FileNotFoundError: as `sidelib.data.load`.
    """
    made = []
    for source in sources:
        options = dict(source.options)
        if source.name == "scenes":
            cache = CACHE if device == "cpu" and size[0] * size[1] <= _CPU_PIXELS else None
            where = {"root": cache, "device": device}
            made.append(
                load("scenes", split=split, count=max(1, round(count * source.share)), size=size, **where, **options)
            )
        else:
            where = None if source.name == "motorcycle" else root
            made.append(_Resized(load(source.name, where, **options), _resize(size)))
    return made[0] if len(made) == 1 else Joined(made)


def _resize(size):
    from sidelib.training.augmentation import Resize

    return Resize(size)


def open_training(plan, sizes, *, root=None, device="cpu"):
    """Training and validation data of a plan."""
    where = {"size": sizes.image, "root": root, "device": device}
    train = open_sources(plan.train, split="train", count=sizes.scenes, **where)
    return train, open_sources(plan.val, split="val", count=max(sizes.test_scenes // 2, 8), **where)


def open_tests(plan, sizes, *, root=None):
    """Mapping from the name of each test set to its data and its `Judgement`."""
    found = {}
    for name, judgement in plan.tests.items():
        size = sizes.image
        if judgement.aspect is not None:
            size = (size[0], round(size[0] * judgement.aspect))
        found[name] = (
            open_sources(judgement.sources, split="test", count=sizes.test_scenes, size=size, root=root), judgement
        )  # fmt: skip
    return found


def checked_root(plan, data, root):
    """The folder of data on disk as a `Path`, or None; ValueError if it is missing or not wanted."""
    if plan.needs_root and not root:
        raise ValueError(f"--data-root: expected the folder of {data}, found none")
    if not plan.needs_root and root:
        raise ValueError(f"--data-root: {data} needs none, found {root}")
    return Path(root) if root else None


def worker_count(dataset, device):
    """Processes that load data: some for files and a GPU, none else.

    Cached scenes are read faster than handed over from another process, and what renders on the GPU must stay in this one.
    """
    parts = getattr(dataset, "datasets", [dataset])
    renders = any(getattr(part, "arrays", "files") is None for part in parts)
    if renders or torch.device(device).type != "cuda":
        return 0
    return min(8, os.cpu_count() or 1)
