"""Up-projection (Laina et al. 2016): un-pooling, a 5×5 convolution and a projected shortcut, plain or interleaved."""

import torch
from torch import nn
from torch.nn import functional as F

__all__ = ["UnpoolConvolution", "UpProjection", "interleave", "unpool"]

# The four sub-kernels of a 5×5 kernel, by the parity of the output's row and column: name, rows, columns.
_PARTS = (("even_even", 0, 0), ("even_odd", 0, 1), ("odd_even", 1, 0), ("odd_odd", 1, 1))
_CORNERS = ("bottom-right", "top-left")


def unpool(x, scale=2):
    """Enlarge `(B, C, H, W)` to `(B, C, scale·H, scale·W)`, each value at the top left of its cell, zeros elsewhere.

    >>> unpool(torch.tensor([[[[1.0, 2.0]]]])).tolist()
    [[[[1.0, 0.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0]]]]
    """
    b, c, h, w = x.shape
    cells = F.pad(x.reshape(b, c, h, 1, w, 1), (0, scale - 1, 0, 0, 0, scale - 1))
    return cells.reshape(b, c, scale * h, scale * w)


def interleave(even_even, even_odd, odd_even, odd_odd):
    """Weave four `(B, C, H, W)` maps into `(B, C, 2H, 2W)`; the names give the parity of the output's row and column.

    `PixelShuffle` on maps joined along the channels is another operation: it would mix channels. Here the four maps
    are stacked *inside* each channel first.

    >>> maps = [torch.full((1, 1, 1, 2), float(k)) for k in range(4)]
    >>> interleave(*maps).tolist()
    [[[[0.0, 1.0, 0.0, 1.0], [2.0, 3.0, 2.0, 3.0]]]]
    """
    return F.pixel_shuffle(torch.stack((even_even, even_odd, odd_even, odd_odd), 2).flatten(1, 2), 2)


class UnpoolConvolution(nn.Module):
    """Un-pooling with zeros and a 5×5 convolution, from `(B, C, H, W)` to `(B, C', 2H, 2W)`.

    Three quarters of what the plain form multiplies are zeros. The fast form takes the kernel's even and odd rows and
    columns as four kernels (3×3, 3×2, 2×3, 2×2: the same 25 weights) on the small map and interleaves their results.

    Args:
        plain: do it in the plain way. State dicts of both forms load into both.
        corner: where the fast form pads the kernels with two rows or columns: "bottom-right" is exactly the plain form;
            "top-left" is what the official network was trained with, and equals no un-pooling with a 5×5 kernel, so
            that it has no plain form here.
        bias: add one bias a channel, after the interleaving.
    """

    def __init__(self, inputs, outputs, *, plain=False, corner="bottom-right", bias=False):
        super().__init__()
        if corner not in _CORNERS:
            raise ValueError(f"corner: expected one of {', '.join(_CORNERS)}, found {corner!r}")
        if plain and corner != "bottom-right":
            raise ValueError(f"corner: the plain form is the one padded at 'bottom-right', found {corner!r}")
        self.plain, self.corner = plain, corner
        whole = nn.Conv2d(inputs, outputs, 5, padding=2, bias=False)
        nn.init.kaiming_normal_(whole.weight, mode="fan_in", nonlinearity="relu")
        with torch.no_grad():
            whole.weight *= 2.0  # three quarters of the input are zeros: only a quarter of the fan-in is felt
        if plain:
            self.whole = whole
        else:
            for name, row, column in _PARTS:
                part = nn.Conv2d(inputs, outputs, (3 - row, 3 - column), bias=False)
                part.weight = nn.Parameter(whole.weight.detach()[:, :, row::2, column::2].clone())
                setattr(self, name, part)
        self.bias = nn.Parameter(torch.zeros(outputs, 1, 1)) if bias else None
        self.register_load_state_dict_pre_hook(_convert)

    def forward(self, x):
        """`(B, C', 2H, 2W)`."""
        y = self.whole(unpool(x)) if self.plain else self._interleaved(x)
        return y if self.bias is None else y + self.bias

    def _interleaved(self, x):
        one, before = (1, 1), (0, 1) if self.corner == "bottom-right" else (1, 0)
        maps = []
        for name, row, column in _PARTS:
            padding = (before if column else one) + (before if row else one)
            maps.append(getattr(self, name)(F.pad(x, padding)))
        return interleave(*maps)


def _convert(module, state, prefix, *_):
    """Before loading: split a 5×5 kernel into four, or join four, so that either form reads the other's weights."""
    whole = f"{prefix}whole.weight"
    names = [(f"{prefix}{name}.weight", row, column) for name, row, column in _PARTS]
    if not module.plain and whole in state:
        kernel = state.pop(whole)
        for key, row, column in names:
            state[key] = kernel[:, :, row::2, column::2]
    elif module.plain and all(key in state for key, _, _ in names):
        first = state[names[0][0]]
        kernel = first.new_zeros(*first.shape[:2], 5, 5)
        for key, row, column in names:
            kernel[:, :, row::2, column::2] = state.pop(key)
        state[whole] = kernel


class UpProjection(nn.Module):
    """An up-projection block, from `(B, C, H, W)` to `(B, C', 2H, 2W)`.

    Source: Laina et al. 2016, §3.2 and Fig. 2; used by FCRN and by DS-SIDENet's decoder. Un-pooling, then branch one: 5×5,
    batch norm, ReLU, 3×3, batch norm; branch two: 5×5, batch norm; their sum; ReLU. The convolutions have no bias, as
    a batch norm follows each.

    Args:
        inputs, outputs: channels.
        plain: un-pool and convolve 5×5 instead of interleaving four convolutions; the same function for
            `corner="bottom-right"`.
        scale: 2, or 1 for the same two branches without un-pooling (t = 1 in DS-SIDENet).
        corner: padding of the fast form, see `UnpoolConvolution`.

    Parameters: 50·C·C' + 9·C'² + 6·C'.
    """

    def __init__(self, inputs, outputs, *, plain=False, scale=2, corner="bottom-right"):
        super().__init__()
        if scale not in (1, 2):
            raise ValueError(f"scale: expected 1 or 2, found {scale!r}")

        def enlarge():
            if scale == 1:
                return nn.Conv2d(inputs, outputs, 5, padding=2, bias=False)
            return UnpoolConvolution(inputs, outputs, plain=plain, corner=corner)

        self.branch1 = nn.Sequential(
            enlarge(),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.branch2 = nn.Sequential(enlarge(), nn.BatchNorm2d(outputs))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        """`(B, C', scale·H, scale·W)`."""
        return self.relu(self.branch1(x) + self.branch2(x))
