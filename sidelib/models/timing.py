"""Latency of networks: medians after warm-up, and ratios of networks that take turns in one run."""

import copy
import statistics
import time
from contextlib import nullcontext
from dataclasses import dataclass

import torch

from sidelib.models.measure import example_inputs

__all__ = ["Latency", "latencies", "latency"]


@dataclass(frozen=True)
class Latency:
    """Seconds of one forward pass of a batch: median, lower and upper quartile, over `rounds` passes."""

    seconds: float
    low: float
    high: float
    rounds: int
    batch: int

    @property
    def images_per_second(self):
        """Throughput at the median."""
        return self.batch / self.seconds


def _prepared(model, device, compiled, channels_last):
    # A copy: the caller's network keeps its device, its layout and its mode.
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = copy.deepcopy(model).eval().to(device=device, memory_format=layout)
    return torch.compile(model) if compiled else model


def latencies(
    models,
    size,
    *,
    device="cpu",
    dtype=torch.float32,
    compiled=False,
    channels_last=False,
    batch=1,
    rounds=10,
    warm_up=2,
    budget=None,
):
    """Time several networks in one run: in every round each has its turn, so that a slow spell hits all alike.

    Args:
        models: mapping from name to network. Copies of them are timed, without gradients, in evaluation mode.
        size: (H, W) of the image.
        device: "cpu" or "cuda"; CUDA is synchronised before and after each pass.
        dtype: `torch.float32`, or `torch.bfloat16` or `torch.float16` under autocast (the weights stay float32). All
            passes share one autocast, which casts each weight once, in the warm-up, and keeps the copy: what is timed
            is the steady state of a stream of images. A single call under an autocast of its own also pays for the
            casts.
        compiled: through `torch.compile`; compilation falls into the warm-up.
        channels_last: weights and image in that layout.
        batch, rounds, warm_up: images a pass; timed passes and passes before them, at least 1 each.
        budget: stop after so many seconds of timed passes, though not before three rounds (or `rounds`, if fewer).

    Returns:
        Dict from name to `Latency`.

    Raises:
        ValueError: no network, another dtype, or no round.
    """
    if not models:
        raise ValueError("models: expected at least one network, found none")
    if dtype not in (torch.float32, torch.bfloat16, torch.float16):
        raise ValueError(f"dtype: expected float32, bfloat16 or float16, found {dtype}")
    for name, value in (("rounds", rounds), ("warm_up", warm_up)):
        if value < 1:
            raise ValueError(f"{name}: expected at least 1, found {value!r}")
    device = torch.device(device)
    if compiled:
        torch.compiler.reset()  # after a few recompilations of one forward, dynamo would run it uncompiled and say nothing
    ready = {name: _prepared(model, device, compiled, channels_last) for name, model in models.items()}
    inputs = {name: example_inputs(model, size, batch=batch, device=device) for name, model in models.items()}
    if channels_last:
        inputs = {name: tuple(_last(tensor) for tensor in given) for name, given in inputs.items()}
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    cast = torch.autocast(device.type, dtype) if dtype != torch.float32 else nullcontext()
    found = {name: [] for name in models}
    with torch.no_grad(), cast:
        for _ in range(warm_up):
            for name, model in ready.items():
                model(*inputs[name])
        wait()
        begun = time.perf_counter()
        for done in range(rounds):
            if budget is not None and done >= 3 and time.perf_counter() - begun > budget:
                break
            for name, model in ready.items():
                started = time.perf_counter()
                model(*inputs[name])
                wait()
                found[name].append(time.perf_counter() - started)
    return {name: _summary(seconds, batch) for name, seconds in found.items()}


def _last(tensor):
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor


def _summary(seconds, batch):
    if len(seconds) == 1:
        low = median = high = seconds[0]
    else:
        low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return Latency(median, low, high, len(seconds), batch)


def latency(model, size, **options):
    """Time one network; the options are those of `latencies`.

    >>> found = latency(torch.nn.Conv2d(3, 8, 3), (16, 16), rounds=3)
    >>> found.rounds, found.low <= found.seconds <= found.high
    (3, True)
    """
    return latencies({"": model}, size, **options)[""]
