"""Where autocast must not round: log depth, labels and marginals."""

from contextlib import nullcontext

import torch

__all__ = ["without_autocast"]


def without_autocast(tensor):
    """A context in which operations on the device of `tensor` keep their operands' precision.

    The bfloat16 of autocast has a step of 3 % in depth where log depth is near 4, and rounds labels above 256.

    >>> x = torch.ones(1, 1)
    >>> with torch.autocast("cpu", torch.bfloat16), without_autocast(x):
    ...     (x @ x).dtype
    torch.float32
    """
    # "meta" has no autocast, and torch.autocast refuses it.
    return nullcontext() if tensor.is_meta else torch.autocast(tensor.device.type, enabled=False)
