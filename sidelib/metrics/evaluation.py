"""Judge predictions under several protocols in one pass over a data set."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F

from sidelib.metrics._sums import NAMES, SUMS, error_terms, metrics_from_sums, replace_invalid, with_log_variance
from sidelib.metrics.alignment import align
from sidelib.metrics.named_protocols import PROTOCOLS
from sidelib.metrics.protocol import Protocol, crop_box

__all__ = ["Evaluation", "evaluate"]

_PIXELS = SUMS.index("pixels")


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    `table`: a DataFrame with one row a protocol: every metric, `images` that count, `skipped` images without a valid
    pixel, and `pixels`. `per_image`: one row an image and protocol: `protocol`, `image` (index in the data set),
    `name`, every metric, `pixels`, and the `scale` and `shift` of the alignment; None if it was not asked for.
    """

    table: object
    per_image: object


def evaluate(
    predictions,
    dataset,
    protocols,
    *,
    predicts="depth",
    batch_size=1,
    device="auto",
    per_image=True,
    progress=None,
):
    """Judge predictions, or a model, on a data set under one or more protocols.

    Each sample is read once and each prediction made once; protocols that differ only in their crop share all work
    on pixels. Memory does not grow with the data set, but for the rows of `per_image`.

    Args:
        predictions: a model (a callable from images `(B, 3, H, W)` to depth `(B, 1, h, w)`, or to a mapping with
            `depth`, or `disparity` or `score`), or an iterable of one depth map per sample, `(h, w)` up to leading
            ones, tensors or arrays.
        dataset: anything with a length whose samples have `image`, `depth` and `mask`, such as `sidelib.data.load`
            gives. Samples may differ in size.
        protocols: names in `PROTOCOLS`, `Protocol` values, or a mixture; one or a sequence.
        predicts: "depth" in metres, or "disparity": its inverse up to scale and shift, larger = closer, which only
            protocols with alignment `scale_shift_disparity` can judge.
        batch_size: how many images of equal size a model gets at once.
        device: where the model's input and the arithmetic live.
        per_image: keep a row of numbers for each image and protocol.
        progress: show a progress bar; by default if the error stream is a terminal.

    Returns:
        `Evaluation`.

    Raises:
        ValueError, TypeError: naming the sample, and what about it does not fit.

    >>> sample = {"image": torch.zeros(3, 2, 2), "depth": torch.ones(1, 2, 2), "mask": torch.ones(1, 2, 2).bool()}
    >>> found = evaluate([torch.full((2, 2), 1.5)], [sample], ["thesis", Protocol("aligned", alignment="median")])
    >>> found.table["abs_rel"].tolist()
    [0.5, 0.0]
    """
    import pandas as pd

    protocols = _protocols(protocols)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    totals = torch.zeros(len(protocols), len(SUMS), dtype=torch.float64)
    image_values = torch.zeros(len(protocols), len(NAMES), dtype=torch.float64)
    images = torch.zeros(len(protocols), dtype=torch.int64)
    rows, count = [], 0
    for index, sample, prediction in _pairs(predictions, dataset, predicts, batch_size, device, progress):
        name = sample.get("name", str(index))
        try:
            sums, fits = _image(prediction, sample, protocols, predicts, device)
        except (ValueError, TypeError) as error:
            raise type(error)(f"sample {index} ({name}): {error}") from error
        values = torch.stack(list(metrics_from_sums(sums).values()), dim=-1)
        pixels = sums[:, _PIXELS].long()
        totals += sums
        image_values += torch.where(pixels[:, None] > 0, values, 0.0)
        images += pixels > 0
        count += 1
        if per_image:
            numbers = zip(protocols, values.tolist(), pixels.tolist(), fits)
            rows += [(protocol.name, index, name, *value, number, *fit) for protocol, value, number, fit in numbers]
    pooled = torch.stack(list(metrics_from_sums(totals).values()), dim=-1)
    chosen = torch.tensor([protocol.pooling == "pixels" for protocol in protocols])
    numbers = torch.where(chosen[:, None], pooled, image_values / images[:, None])
    names = pd.Index([protocol.name for protocol in protocols], name="protocol")
    table = pd.DataFrame(numbers.numpy(), index=names, columns=list(NAMES))
    table["images"], table["skipped"] = images.numpy(), (count - images).numpy()
    table["pixels"] = totals[:, _PIXELS].long().numpy()
    columns = ["protocol", "image", "name", *NAMES, "pixels", "scale", "shift"]
    return Evaluation(table, pd.DataFrame(rows, columns=columns) if per_image else None)


def _protocols(protocols):
    protocols = [protocols] if isinstance(protocols, (str, Protocol)) else list(protocols)
    for k, protocol in enumerate(protocols):
        if isinstance(protocol, str):
            if protocol not in PROTOCOLS:
                raise ValueError(f"protocols: expected names among {', '.join(PROTOCOLS)}, found {protocol!r}")
            protocols[k] = PROTOCOLS[protocol]
        elif not isinstance(protocol, Protocol):
            raise TypeError(f"protocols: expected names or Protocol values, found {type(protocol).__name__}")
    names = [protocol.name for protocol in protocols]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"protocols: expected at least one, with different names, found {names}")
    return protocols


def _pairs(predictions, dataset, predicts, batch_size, device, progress):
    """Yield (index, sample, prediction), reading each sample once and running a model batch by batch."""
    from tqdm import tqdm

    bar = tqdm(range(len(dataset)), desc="evaluate", unit="image", disable=None if progress is None else not progress)
    if isinstance(predictions, Callable) and not isinstance(predictions, torch.Tensor):
        yield from _run(predictions, dataset, bar, predicts, batch_size, device)
        return
    if not isinstance(predictions, Iterable):
        raise TypeError(f"predictions: expected a callable or an iterable, found {type(predictions).__name__}")
    given, nothing = iter(predictions), object()
    for index in bar:
        prediction = next(given, nothing)
        if prediction is nothing:
            raise ValueError(f"predictions: expected {len(dataset)}, one a sample, found {index}")
        yield index, dataset[index], prediction
    if next(given, nothing) is not nothing:
        raise ValueError(f"predictions: expected {len(dataset)}, one a sample, found more")


def _run(model, dataset, bar, predicts, batch_size, device):
    training = getattr(model, "training", False)
    if isinstance(model, torch.nn.Module):
        model.eval()
    try:
        waiting = []
        for index in bar:
            sample = dataset[index]
            if waiting and (len(waiting) == batch_size or waiting[0][1]["image"].shape != sample["image"].shape):
                yield from _predict(model, waiting, predicts, device)
                waiting = []
            waiting.append((index, sample))
        if waiting:
            yield from _predict(model, waiting, predicts, device)
    finally:
        if training:
            model.train()


def _predict(model, waiting, predicts, device):
    images = torch.stack([sample["image"] for _, sample in waiting]).to(device)
    with torch.no_grad():
        output = model(images)
    if not isinstance(output, torch.Tensor):
        keys = ("depth",) if predicts == "depth" else ("disparity", "score")
        found = [key for key in keys if key in output]
        if not found:
            raise ValueError(f"predictions: expected a model that returns {' or '.join(keys)}, found {sorted(output)}")
        output = output[found[0]]
    if len(output) != len(waiting):
        raise ValueError(f"predictions: expected {len(waiting)} maps from the model, found {len(output)}")
    for (index, sample), prediction in zip(waiting, output):
        yield index, sample, prediction


def _map(name, value, device):
    value = torch.as_tensor(value).detach().to(device)
    if value.ndim < 2 or value.numel() != value.shape[-1] * value.shape[-2]:
        raise ValueError(f"{name}: expected one map (h, w), up to leading ones, found shape {tuple(value.shape)}")
    value = value.reshape(value.shape[-2:])
    return value if value.dtype in (torch.bool, torch.float64) else value.float()


def _image(prediction, sample, protocols, predicts, device):
    """Sums `(protocols, len(SUMS))` of one image, and the scale and shift of each protocol's alignment."""
    prediction, target, mask = (
        _map(*pair, device)
        for pair in (("prediction", prediction), ("depth", sample["depth"]), ("mask", sample["mask"]))
    )
    sums = torch.zeros(len(protocols), len(SUMS), dtype=torch.float64)
    fits = [(1.0, 0.0)] * len(protocols)
    sized, groups = {}, {}
    for k, protocol in enumerate(protocols):
        size = (protocol.compare_at, protocol.resample, protocol.interpolation)
        if size not in sized:
            sized[size] = (*_same_size(prediction, target, mask, protocol), {})
        depth_range = (protocol.min_depth, protocol.max_depth, protocol.bounds_count)
        masks = sized[size][3]
        if depth_range not in masks:
            valid = _in_range(*sized[size][1:3], *depth_range)
            # Ranges that leave the same pixels of this image share their work too.
            masks[depth_range] = next((other for other in masks.values() if torch.equal(valid, other)), valid)
        same = id(masks[depth_range])
        crop = None if protocol.alignment == "none" else protocol.crop  # an alignment is fitted inside the crop
        key = (size, same, crop, protocol.alignment, protocol.clip, protocol.delta_inclusive)
        groups.setdefault(key, (masks[depth_range], []))[1].append(k)
    for (size, *_), (valid, members) in groups.items():
        resized, true = sized[size][:2]
        found, scale, shift = _group(resized, true, valid, [protocols[k] for k in members], predicts)
        for k, row in zip(members, found.cpu()):
            sums[k], fits[k] = row, (scale.item(), shift.item())
    return sums, fits


def _in_range(target, mask, low, high, bounds_count):
    if bounds_count:
        return mask & (target >= low) & (target <= high)
    return mask & (target > low) & (target < high)


def _group(prediction, target, mask, protocols, predicts):
    """Sums of protocols that differ in crop and pooling only, `(protocols, len(SUMS))`, and their alignment's fit."""
    first = protocols[0]
    boxes = [crop_box(protocol.crop, tuple(target.shape)) for protocol in protocols]
    top, left = (min(box[side] for box in boxes) for side in (0, 2))
    bottom, right = (max(box[side] for box in boxes) for side in (1, 3))
    prediction, target, mask = (part[top:bottom, left:right] for part in (prediction, target, mask))
    farthest = torch.inf if first.clip is None else first.clip[1]
    prediction, scale, shift = align(prediction, target, mask, first.alignment, farthest=farthest, predicts=predicts)
    if first.clip is not None:
        prediction = prediction.clamp(*first.clip)
    target, prediction = replace_invalid("target", target, mask), replace_invalid("prediction", prediction, mask)
    terms = error_terms(prediction, target, mask, first.delta_inclusive)
    boxes = [(box[0] - top, box[1] - top, box[2] - left, box[3] - left) for box in boxes]
    return with_log_variance(torch.cat([_box_sums(part, boxes) for part in terms], dim=-1)), scale, shift


def _box_sums(terms, boxes):
    """Sums of maps `(K, H, W)` over several boxes, `(boxes, K)`: each pixel is added once, however many boxes hold it."""
    columns = sorted({edge for box in boxes for edge in box[2:]})
    strips = torch.stack([terms[..., a:b].sum(-1, dtype=torch.float64) for a, b in pairwise(columns)], dim=-1)
    return torch.stack(
        [
            strips[:, top:bottom, columns.index(left) : columns.index(right)].sum((1, 2))
            for top, bottom, left, right in boxes
        ]
    )


def _same_size(prediction, target, mask, protocol):
    at = {"target": tuple(target.shape), "prediction": tuple(prediction.shape)}.get(
        protocol.compare_at, protocol.compare_at
    )
    if tuple(target.shape) != at:
        target, mask = _nearest(target, at), _nearest(mask.float(), at) > 0
    if tuple(prediction.shape) != at:
        if protocol.interpolation == "nearest":
            prediction = _nearest(prediction, at)
        else:
            inverse = protocol.resample == "disparity"
            resized = F.interpolate((1 / prediction if inverse else prediction)[None, None], at, mode="bilinear")[0, 0]
            prediction = 1 / resized if inverse else resized
    return prediction, target, mask


def _nearest(values, size):
    return F.interpolate(values[None, None], size, mode="nearest-exact")[0, 0]
