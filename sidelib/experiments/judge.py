"""Judge a network on the test sets of an experiment: one row of numbers for each set and protocol."""

import torch

from sidelib.metrics import evaluate, mean_average_precision, order_from_depth, whdr

__all__ = ["judge", "rank_rows"]

_MAP_PIXELS = 2_000  # MAP sees this many random pixels of an image at most: its cuts grow with their number


def judge(network, tests, *, device, batch=16):
    """Rows for `Record.add`: `test`, `protocol`, metrics, and how many images and pixels counted.

    Args:
        network: images to a mapping with `depth` or `score`.
        tests: from `open_tests`.
    """
    rows = []
    for name, (dataset, judgement) in tests.items():
        if not judgement.protocols:
            rows.append({"test": name, "protocol": "ranking", **rank_rows(network, dataset, device=device)})
            continue
        found = evaluate(
            network, dataset, judgement.protocols, batch_size=batch, device=device, per_image=False, progress=False
        )
        for protocol, values in found.table.iterrows():
            rows.append({"test": name, "protocol": protocol, **values.to_dict()})
    return rows


def rank_rows(network, dataset, *, device, seed=0):
    """Mean over images of WHDR, over all pairs of pixels, and of MAP, over 2000 random pixels of each image."""
    errors, precisions = [], []
    generator = torch.Generator().manual_seed(seed)
    for index in range(len(dataset)):
        sample = dataset[index]
        with torch.no_grad():
            output = network(sample["image"][None].to(device))
        score = (output["score"] if "score" in output else -output["depth"]).float().flatten().cpu()
        depth, mask = sample["depth"].flatten().cpu(), sample["mask"].flatten().cpu()
        if mask.sum() < 2:
            continue
        order, levels = order_from_depth(depth, mask)
        errors.append(whdr(score, order, levels).item())
        kept = torch.zeros_like(mask)
        kept[torch.randperm(len(mask), generator=generator)[:_MAP_PIXELS]] = True
        precisions.append(mean_average_precision(score, *order_from_depth(depth, mask & kept)).item())
    count = len(errors)
    nan = float("nan")
    return {
        "whdr": sum(errors) / count if count else nan,
        "map": sum(precisions) / count if count else nan,
        "images": count,
    }
