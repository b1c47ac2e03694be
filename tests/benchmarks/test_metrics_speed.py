"""The NYU test set's size under ten protocols at once, against the NumPy loop that most evaluation scripts hold.

Nothing is asserted: the numbers are printed. Ratios compare medians of the same run, taken in turn. The loop gets
float32 maps, as ours does, and computes the same twelve numbers.
"""

import resource

import numpy as np
import torch

from sidelib.metrics import PROTOCOLS, Protocol, crop_box, evaluate

MAPS, SIZE = 654, (480, 640)
NAMED = ["thesis", "ds_sidenet-nyu", "hqmd", "nyu-toolbox", "fcrn", "dorn", "densedepth", "bts-nyu", "midas"]
MEDIAN = Protocol(
    "median", crop="nyu-bts", min_depth=0.001, max_depth=10.0, clip=(0.001, 10.0), alignment="median", pooling="images"
)
TEN = [*(PROTOCOLS[name] for name in NAMED), MEDIAN]


class Maps(torch.utils.data.Dataset):
    """`count` random truths (eight different ones, so that memory holds no more than the evaluation itself needs)."""

    def __init__(self, count):
        generator = torch.Generator().manual_seed(0)
        self.count = count
        self.truth = torch.rand(8, 1, *SIZE, generator=generator) * 9 + 0.5
        self.guess = self.truth * torch.exp(0.2 * torch.randn(self.truth.shape, generator=generator))

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        truth = self.truth[index % 8]
        return {"image": truth, "depth": truth, "mask": truth > 0.6}

    def predictions(self):
        return (self.guess[index % 8] for index in range(self.count))


def numpy_errors(t, p):
    thresh = np.maximum(t / p, p / t)
    log = np.log(p) - np.log(t)
    return (
        *((thresh < 1.25**k).mean() for k in (1, 2, 3)),
        np.mean(np.abs(t - p) / t),
        np.mean((t - p) ** 2 / t),
        np.mean((t - p) ** 2 / t**2),
        np.sqrt(np.mean((t - p) ** 2)),
        np.sqrt(np.mean((np.log(t) - np.log(p)) ** 2)),
        np.sqrt(np.mean(log**2) - np.mean(log) ** 2),
        np.mean(np.abs(np.log10(t) - np.log10(p))),
        np.mean(np.abs(t - p)),
        np.sqrt(np.mean((1 / t - 1 / p) ** 2)),
    )


def numpy_loop(maps):
    found = []
    for sample, prediction in zip((maps[k] for k in range(len(maps))), maps.predictions()):
        truth, mask, prediction = sample["depth"][0].numpy(), sample["mask"][0].numpy(), prediction[0].numpy()
        for protocol in TEN:
            valid = mask & (truth > protocol.min_depth) & (truth < protocol.max_depth)
            inside = np.zeros_like(valid)
            top, bottom, left, right = crop_box(protocol.crop, truth.shape)
            inside[top:bottom, left:right] = True
            t, p = truth[valid & inside], prediction[valid & inside]
            if protocol.alignment == "median":
                p = p * (np.median(t) / np.median(p))
            elif protocol.alignment == "scale_shift_disparity":
                columns = np.stack([1 / p, np.ones_like(p)], axis=1)
                scale, shift = np.linalg.lstsq(columns, 1 / t, rcond=None)[0]
                p = 1 / np.maximum(scale / p + shift, 0.1)
            found.append(numpy_errors(t, np.clip(p, *protocol.clip)))
    return found


def test_ten_protocols_on_654_maps(medians, print_table):
    maps = Maps(MAPS)
    seconds = medians(
        {
            "NumPy loop": lambda: numpy_loop(maps),
            "evaluate": lambda: evaluate(maps.predictions(), maps, TEN, progress=False),
        },
        rounds=3,
    )
    rows = [["", "s", "ms a map", "ratio"]]
    for name, value in seconds.items():
        ratio = seconds["NumPy loop"] / value
        rows.append([name, f"{value:.1f}", f"{1000 * value / MAPS:.1f}", f"{ratio:.2f}"])
    print_table(f"All metrics of {MAPS} maps of {SIZE[0]}×{SIZE[1]} under ten protocols", rows)


def test_memory_does_not_grow_with_the_number_of_maps(benchmark, print_table):
    rows = [["maps", "peak memory, MB"]]

    def peaks():
        for count in (25, 100, 400):
            maps = Maps(count)
            evaluate(maps.predictions(), maps, TEN, per_image=False, progress=False)
            rows.append([count, f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}"])

    benchmark.pedantic(peaks, rounds=1)
    print_table("Peak memory of the process so far (it can only rise)", rows)
