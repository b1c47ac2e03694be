"""DS-SIDENet's encoder: five blocks of depth-wise separable convolutions, for low and for high depth ranges."""

import torch
from torch import nn

from sidelib.models.trunks import scaled

__all__ = ["BLOCK4", "DSEncoder", "DenseLayer", "SeparableConvolution", "check_choice", "convbn"]

BLOCK4 = ("narrow", "wide", "dense")


def check_choice(name, found, expected):
    """`found` is one of `expected`, or a ValueError that names the option."""
    if found not in expected:
        raise ValueError(f"{name}: expected one of {', '.join(map(str, expected))}, found {found!r}")


def convbn(inputs, outputs, kernel=3, *, stride=1, dilation=1):
    """The paper's "convbn" with a ReLU: convolution without bias, batch norm, ReLU; same size at stride 1."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, dilation=dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class SeparableConvolution(nn.Sequential):
    """A depth-wise separable "convbn": depth-wise 3×3, point-wise 1×1, batch norm, ReLU.

    Parameters: 9·C + C·C' + 2·C', and 2·C more with `norm="both"`, which puts a batch norm and a ReLU between the two
    convolutions.
    """

    def __init__(self, inputs, outputs, *, stride=1, dilation=1, norm="last"):
        super().__init__()
        self.depthwise = nn.Conv2d(
            inputs, inputs, 3, stride=stride, padding=dilation, dilation=dilation, groups=inputs, bias=False
        )
        if norm == "both":
            self.depthwise_norm = nn.BatchNorm2d(inputs)
            self.depthwise_relu = nn.ReLU(inplace=True)
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)


class DenseLayer(SeparableConvolution):
    """A separable layer whose output is appended to its input: C channels become C + C'."""

    def forward(self, x):
        """`(B, C, h, w)` to `(B, C + C', h, w)`."""
        return torch.cat((x, super().forward(x)), dim=1)


class DSEncoder(nn.Module):
    """Table 1 of ds_sidenet: block 1 of two plain layers, blocks 2–5 of separable ones.

    Layers at width 1, "×n" for repeats, "s" for stride, "d" for dilation; all but those of block 1 and the last 1×1 are
    separable:

    ======  =============================  ==================  =============================  ==================
    block   low range                      output              high range                     output
    ======  =============================  ==================  =============================  ==================
    1       32 s2, 64                      64 × ½              32 s2, 64                      64 × ½
    2       64 ×3, 128 s2                  128 × ¼             64 ×3, 128 s2                  128 × ¼
    3       128 ×3, 256 s2                 256 × ⅛             128 ×3, 256                    256 × ¼
    4       32 d2 ×12, 256 s2              256 × 1/16          32 d2 ×12, 256                 256 × ¼
    5       256 s2, 1×1 512                512 × 1/32          256, 1×1 128                   128 × ¼
    ======  =============================  ==================  =============================  ==================

    Args:
        high: the high-range column.
        inputs: channels of the input, 3.
        block4: how the twelve layers of 32 channels join maps of 256. "narrow", the default: the first goes from 256
            to 32, eleven stay at 32, and the layer after the twelve widens 32 to 256. Every printed number holds, and the
            point-wise parts cost little, which is what the paper claims of its encoder; but no other block narrows.
            "wide": 32 is a misprint for 256, and the twelve keep their channels as the repeated layers of blocks 2
            and 3 do. "dense": 32 is a growth rate, as in DenseNet; each layer's output is appended to its input (256
            to 640) before the last layer returns to 256.
        norm: "last", one batch norm after the pair, as "convbn" with a separable convolution reads; or "both", as in
            MobileNet.
        width: factor on all channels but the input's.

    Parameters (low, high): narrow 365 856, 266 784; wide 1 219 744, 1 120 672; dense 714 592, 615 520.

    The paper names no activation: a ReLU follows every batch norm. A map of n cells becomes ⌈n/2⌉ at stride 2.

    Attributes:
        channels, strides: of the five maps.
    """

    def __init__(self, *, high=False, inputs=3, block4="narrow", norm="last", width=1.0):
        super().__init__()
        check_choice("block4", block4, BLOCK4)
        check_choice("norm", norm, ("last", "both"))

        def layer(before, after, **options):
            return SeparableConvolution(before, after, norm=norm, **options)

        c32, c64, c128, c256 = (scaled(c, width) for c in (32, 64, 128, 256))
        last = scaled(128 if high else 512, width)
        step = 1 if high else 2
        self.block1 = nn.Sequential(convbn(inputs, c32, stride=2), convbn(c32, c64))
        self.block2 = nn.Sequential(*(layer(c64, c64) for _ in range(3)), layer(c64, c128, stride=2))
        self.block3 = nn.Sequential(*(layer(c128, c128) for _ in range(3)), layer(c128, c256, stride=step))
        if block4 == "dense":
            twelve = [DenseLayer(c256 + i * c32, c32, dilation=2, norm=norm) for i in range(12)]
            joined = c256 + 12 * c32
        else:
            joined = c32 if block4 == "narrow" else c256
            twelve = [layer(c256 if i == 0 else joined, joined, dilation=2) for i in range(12)]
        self.block4 = nn.Sequential(*twelve, layer(joined, c256, stride=step))
        self.block5 = nn.Sequential(layer(c256, c256, stride=step), convbn(c256, last, 1))
        self.channels = [c64, c128, c256, c256, last]
        self.strides = [2, 4, 4, 4, 4] if high else [2, 4, 8, 16, 32]

    def forward(self, image):
        """The outputs of the five blocks."""
        features = []
        for block in (self.block1, self.block2, self.block3, self.block4, self.block5):
            image = block(image)
            features.append(image)
        return features
