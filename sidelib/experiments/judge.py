"""Judge a network on the test sets of an experiment: rows of numbers for each set, and if asked for each image."""

from typing import NamedTuple

import torch

from sidelib.experiments.networks import Output
from sidelib.metrics import (
    depth_boundary_error,
    edge_precision_recall,
    evaluate,
    mean_average_precision,
    order_from_depth,
    whdr,
)

__all__ = ["Judged", "judge", "rank_rows"]

_MAP_PIXELS = 2_000  # MAP sees this many random pixels of an image at most: its cuts grow with their number
_EACH_IMAGE = ("abs_rel", "rmse", "irmse")
# A jump of 10 % over one pixel is an edge, near and far; Sobel's divisor 4 makes the threshold that of a straight step.
_EDGE = {"threshold": 0.0953, "relative": True, "divisor": 4}


class Judged(NamedTuple):
    """`rows`: a dict for each test set, protocol and output; `images`: a dict for each image of some of the sets."""

    rows: list
    images: list


def judge(network, tests, *, device, batch=16, outputs=("depth",), scenes=False):
    """What `Record.add` wants to know of a network.

    Args:
        network: set to evaluation mode; images to a mapping with what `outputs` names, or `score`, or `scene_logits`.
        tests: from `open_tests`.
        outputs: names of outputs that hold depth; with more than one, rows say which in `output`. May be empty for
            networks that give something else.
        scenes: the network tells categories of scenes, and no depth.
    """
    judged = Judged([], [])
    network.eval()
    for name, (dataset, judgement) in tests.items():
        if scenes:
            _add(judged, {"test": name}, *_scene_rows(network, dataset, judgement, device, batch))
        elif judgement.side_tasks and not outputs:
            _add(judged, {"test": name}, [{"protocol": "side tasks", **_side_tasks(network, dataset, device)}], [])
        elif not judgement.protocols:
            if not outputs:
                continue  # no depth, no ranking
            rows = [{"protocol": "ranking", **rank_rows(network, dataset, device=device)}]
            _add(judged, {"test": name}, rows, [])
        else:
            for output in outputs:
                own = {"test": name} if len(outputs) == 1 else {"test": name, "output": output}
                _add(judged, own, *_depth_rows(Output(network, output).eval(), dataset, judgement, device, batch))
    return judged


def _add(judged, own, rows, images):
    judged.rows.extend({**own, **row} for row in rows)
    judged.images.extend({**own, **row} for row in images)


def _depth_rows(network, dataset, judgement, device, batch):
    found = evaluate(
        network, dataset, judgement.protocols, batch_size=batch, device=device, per_image=judgement.each_image,
        progress=False,
    )  # fmt: skip
    more = _edge_rows(network, dataset, device) if judgement.edges else {}
    if judgement.side_tasks:
        more |= _side_tasks(network.network, dataset, device)
    rows = [{"protocol": protocol, **values.to_dict(), **more} for protocol, values in found.table.iterrows()]
    if not judgement.each_image:
        return rows, []
    table = found.per_image
    images = table[table["protocol"] == rows[0]["protocol"]][["image", *_EACH_IMAGE]].to_dict("records")
    for row in images:
        with torch.no_grad():
            depth = network(dataset[row["image"]]["image"][None].to(device))["depth"].float()
        row["farthest"] = depth.max().item()
        row["farthest_99"] = depth.flatten().quantile(0.99).item()
    return rows, images


def _edge_rows(network, dataset, device):
    """Means over images: precision, recall and F1 of edge pixels, and how many pixels edges lie apart."""
    found = []
    for index in range(len(dataset)):
        sample = dataset[index]
        with torch.no_grad():
            depth = network(sample["image"][None].to(device))["depth"].float().clamp(min=1e-3).cpu()
        maps = depth, sample["depth"][None].cpu(), sample["mask"][None].cpu()
        both = edge_precision_recall(*maps, **_EDGE) | depth_boundary_error(*maps, **_EDGE)
        found.append({f"edge_{name}": value for name, value in both.items()})
    return {name: torch.cat([one[name] for one in found]).nanmean().item() for name in found[0]}


def _side_tasks(network, dataset, device):
    """Mean angle to the true normals in degrees, and the share of pixels whose class is right, of what there is."""
    angles, right, normals, pixels = 0.0, 0, 0, 0
    for index in range(len(dataset)):
        sample = dataset[index]
        with torch.no_grad():
            output = network(sample["image"][None].to(device))
        if "normals" in output:
            cosine = (output["normals"][0].float().cpu() * sample["normals"].cpu()).sum(0, keepdim=True).clamp(-1, 1)
            mask = sample["mask"].cpu()
            angles += cosine[mask].arccos().rad2deg().double().sum().item()
            normals += int(mask.sum())
        if "semantic_logits" in output:
            found = output["semantic_logits"][0].argmax(0, keepdim=True).cpu()
            right += int((found == sample["semantic"].cpu()).sum())
            pixels += found.numel()
    made = {"normals_angle": angles / normals} if normals else {}
    return made | ({"semantic_accuracy": right / pixels} if pixels else {})


def _scene_rows(network, dataset, judgement, device, batch):
    """How often the most probable category is the true one; for each image the true one and all probabilities."""
    images, right = [], 0
    for first in range(0, len(dataset), batch):
        samples = [dataset[k] for k in range(first, min(first + batch, len(dataset)))]
        with torch.no_grad():
            logits = network(torch.stack([sample["image"] for sample in samples]).to(device))["scene_logits"]
        for index, (sample, own) in enumerate(zip(samples, logits.float().softmax(1).cpu().tolist()), first):
            right += max(range(len(own)), key=own.__getitem__) == sample["category"]
            # Digits that count, not decimals: a vote of the top K must find the order of small ones, too.
            probabilities = {f"p{k}": float(f"{value:.3g}") for k, value in enumerate(own)}
            images.append({"image": index, "category": sample["category"], **probabilities})
    row = {"protocol": "scene", "accuracy": right / len(dataset), "images": len(dataset)}
    return [row], images if judgement.each_image else []


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
