"""Receptive fields: how far a network could look, computed exactly, and how far it does look, measured by gradient."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from sidelib.models.measure import evaluating, example_inputs, tensors

__all__ = ["ReceptiveField", "effective_field", "receptive_field", "theoretical_field"]

# Each output depends on its own input alone; normalisation too, with the statistics of evaluation mode.
_POINTWISE = {
    "relu", "relu6", "elu", "selu", "celu", "gelu", "silu", "mish", "leaky_relu", "prelu", "rrelu", "threshold",
    "hardtanh", "hardswish", "hardsigmoid", "sigmoid", "tanh", "softplus", "softsign", "logsigmoid", "exp", "expm1",
    "log", "log1p", "log2", "log10", "sqrt", "rsqrt", "square", "abs", "reciprocal", "pow", "clamp", "clamp_min",
    "clamp_max", "clip", "sin", "cos", "atan", "batch_norm", "dropout", "dropout2d", "feature_dropout",
    "alpha_dropout",
}  # fmt: skip


@dataclass(frozen=True)
class ReceptiveField:
    """Of the central output pixel, in input pixels.

    Attributes:
        height, width: of the smallest box that holds every pixel on which it can depend.
        reaches_border: that box touches the image's border, so that a larger image may show a larger one.
        effective: side of the smallest square around the centre that holds the share of the gradient's energy; None if
            that gradient is zero everywhere, as behind a final ReLU that random weights have left dead.
    """

    height: int
    width: int
    reaches_border: bool
    effective: int | None


def _name(function):
    name = getattr(function, "__name__", "")
    return name if name.startswith("__") else name.removesuffix("_")


def _groups_mean(x, groups):
    """The mean over the channels of each group, `(B, groups, H, W)`."""
    return x.unflatten(1, (groups, -1)).mean(2)


class _Averaging(TorchFunctionMode):
    """Each operation as an average with positive weights over everything that it reads.

    A pixel then has a positive gradient exactly where it can have an influence: nothing cancels, no unit is dead and no
    maximum hides its rivals. All channels of a group get the same mean, so a convolution costs one channel's work.
    """

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs, name = kwargs or {}, _name(function)
        if name in _POINTWISE and args and _depends(args[0]):  # whole-number labels stay what they are
            return args[0]
        if name in ("conv2d", "conv_transpose2d"):
            return _convolution(name, *args, **kwargs)
        if name == "linear":
            return _linear(*args, **kwargs)
        if name.startswith("max_pool2d"):
            pooled = _pool(*args, **kwargs)
            return (pooled, torch.zeros_like(pooled, dtype=torch.int64)) if "indices" in name else pooled
        if name in ("adaptive_max_pool2d", "max_unpool2d"):
            raise ValueError(f"receptive_field: {name} has no averaging form here")
        if name in ("softmax", "log_softmax"):
            dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
            return args[0] + args[0].mean(dim, keepdim=True)
        if name in ("amax", "amin"):
            return torch.mean(*args, **kwargs)
        if name in ("sub", "__sub__", "__isub__", "subtract") and all(_depends(part) for part in args[:2]):
            return args[0] + args[1]  # equal channels would cancel
        if name in ("add", "__iadd__"):  # what is written to may be shared between channels here
            return torch.add(*args, **kwargs)
        return function(*args, **kwargs)


class _Unclamped(TorchFunctionMode):
    """Clamps let everything pass: below its smallest depth an output would have no gradient, whatever it looks at."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if _name(function) in ("clamp", "clamp_min", "clamp_max", "clip") and args and _depends(args[0]):
            return args[0]
        return function(*args, **(kwargs or {}))


def _depends(value):
    return isinstance(value, torch.Tensor) and value.requires_grad


def _convolution(name, x, weight, bias=None, stride=1, padding=0, *rest, **options):
    if name == "conv2d":
        dilation, groups = (*rest, *(1, 1)[len(rest) :])
        dilation, groups = options.get("dilation", dilation), options.get("groups", groups)
        kernel = x.new_full((groups, 1, *weight.shape[2:]), 1 / weight[0, 0].numel())
        made = F.conv2d(_groups_mean(x, groups), kernel, None, stride, padding, dilation, groups)
        return (
            made.repeat_interleave(weight.shape[0] // groups, 1) if groups > 1 else made.expand(-1, len(weight), -1, -1)
        )
    output_padding, groups, dilation = (*rest, *(0, 1, 1)[len(rest) :])
    output_padding = options.get("output_padding", output_padding)
    groups, dilation = options.get("groups", groups), options.get("dilation", dilation)
    kernel = x.new_full((groups, 1, *weight.shape[2:]), 1 / weight[0, 0].numel())
    made = F.conv_transpose2d(_groups_mean(x, groups), kernel, None, stride, padding, output_padding, groups, dilation)
    return made.repeat_interleave(weight.shape[1], 1)


def _linear(x, weight, bias=None):
    return x.mean(-1, keepdim=True).expand(*x.shape[:-1], len(weight))


def _pool(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    if dilation not in (1, (1, 1), [1, 1]):
        raise ValueError(f"receptive_field: max-pooling with dilation {dilation} has no averaging form here")
    return F.avg_pool2d(x, kernel_size, stride or kernel_size, padding, ceil_mode)


def _central(outputs, output):
    """The sum over channels of the output's central pixel: of `output`, or of the first that has a gradient."""
    found = {name.strip("[]"): tensor for name, tensor in tensors(outputs).items()}
    wanted = [output] if output is not None else ["depth", "score", *found]
    for name in wanted:
        tensor = found.get(name)
        if tensor is not None and tensor.requires_grad:
            if tensor.ndim >= 4:
                tensor = tensor[..., tensor.shape[-2] // 2, tensor.shape[-1] // 2]
            return tensor.sum()
    raise ValueError(f"output: expected one with a gradient among {', '.join(found) or 'none'}, found {output!r}")


def _gradient(model, inputs, output):
    for tensor in inputs:
        tensor.requires_grad_(True)
    with evaluating(model), torch.enable_grad():
        return torch.autograd.grad(_central(model(*inputs), output), inputs[0])[0]


def theoretical_field(model, size, *, output=None):
    """The box of pixels on which the central output pixel can depend: (top, left, bottom, right), ends excluded.

    Exact for networks of convolutions, linear layers, pooling, resizing, joining and pointwise functions: each is
    replaced by an average over what it reads, and the gradient is positive where a path exists. Weights play no part.

    >>> theoretical_field(torch.nn.Conv2d(3, 8, 3, dilation=2, padding=2), (9, 11))
    (2, 3, 7, 8)
    """
    inputs = tuple(torch.ones_like(tensor) for tensor in example_inputs(model, size, dtype=torch.float64))
    with _Averaging():
        gradient = _gradient(model, inputs, output)
    touched = (gradient.flatten(0, -3) != 0).any(0)
    if not bool(touched.any()):
        raise ValueError(f"size: the central output does not depend on an image of {tuple(size)}")
    rows, columns = touched.any(1).nonzero(), touched.any(0).nonzero()
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1


def effective_field(model, size, *, share=0.95, images=2, seed=0, output=None):
    """Side of the smallest square around the centre that holds `share` of the energy of the central output's gradient.

    The energy is the squared gradient with respect to the image, summed over channels and over `images` images of
    uniform noise; with the network's own weights, so that a trained and a random network differ. The square may pass
    the border. Clamps are passed by, so that a depth below the smallest one has a gradient too. Source: the idea of Luo
    et al. 2016, who compare against the theoretical field.

    Returns:
        None if the gradient is zero everywhere, as behind a dead ReLU.

    Raises:
        ValueError: a share outside (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"share: expected more than 0 and at most 1, found {share!r}")
    generator, energy = torch.Generator().manual_seed(seed), 0
    for _ in range(images):
        drawn = tuple(
            torch.rand(tensor.shape, generator=generator).to(tensor) for tensor in example_inputs(model, size)
        )
        with _Unclamped():
            gradient = _gradient(model, drawn, output)
        energy = energy + gradient.double().square().flatten(0, -3).sum(0)
    height, width = energy.shape
    y = (torch.arange(height, device=energy.device) - height // 2).abs()
    x = (torch.arange(width, device=energy.device) - width // 2).abs()
    radius = torch.maximum(y[:, None], x[None, :]).flatten()
    by_radius = torch.zeros(int(radius.max()) + 1, dtype=energy.dtype, device=energy.device)
    held = by_radius.index_add(0, radius, energy.flatten()).cumsum(0)
    if not bool(held[-1] > 0):
        return None
    # The last sum is exact only up to rounding: a share of 1 must still be found.
    return 2 * int((held < share * held[-1] * (1 - 1e-12)).sum()) + 1


def receptive_field(model, size, *, share=0.95, images=2, seed=0, output=None):
    """How far the central output pixel could look, and how far it does: a `ReceptiveField`.

    Args:
        model: a network on a real device ("meta" has no gradient to look at).
        size: (H, W) of the image; the computed box ends at its border at the latest.
        share, images, seed: see `effective_field`.
        output: which output to look at; by default `depth`, then `score`, then the first that has a gradient (a depth
            that comes from an arg-max has none).

    >>> receptive_field(torch.nn.Conv2d(3, 8, 3, padding=1), (9, 11), share=1)
    ReceptiveField(height=3, width=3, reaches_border=False, effective=3)
    """
    top, left, bottom, right = theoretical_field(model, size, output=output)
    border = top == 0 or left == 0 or bottom == size[0] or right == size[1]
    effective = effective_field(model, size, share=share, images=images, seed=seed, output=output)
    return ReceptiveField(bottom - top, right - left, border, effective)
