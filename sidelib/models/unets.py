"""The report's six networks: DE NoSkip, DenseNet UNet and ResNet UNet here, ResNetE v1 to v3 from `resnete`."""

import torch
from torch import nn

from sidelib.models.report_network import ReportNetwork, enlarge
from sidelib.models.resnete import ResNetEv1, ResNetEv2, ResNetEv3
from sidelib.models.trunks import DenseNetTrunk, ResNetTrunk, load_trunk, scaled

__all__ = ["DENoSkip", "DenseNetUNet", "ResNetEv1", "ResNetEv2", "ResNetEv3", "ResNetUNet"]


class _BilinearBlock(nn.Module):
    """Bilinear ×2, 3×3 convolution, ReLU; with `skip`, plus the input through a convolution and ×2, then batch norm."""

    def __init__(self, inputs, outputs, skip):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if skip else None
        self.norm = nn.BatchNorm2d(outputs) if skip else None

    def forward(self, x):
        size = (2 * x.shape[-2], 2 * x.shape[-1])
        y = torch.relu(self.conv(enlarge(x, size)))
        return y if self.skip is None else self.norm(y + enlarge(self.skip(x), size))


class DENoSkip(ReportNetwork):
    """DE NoSkip: ResNet-50 without its last stage, and a bilinear decoder.

    Source: unet_report, §5.

    Input: `(B, 3, H, W)` in [0, 1], at least 32×32; the report's is 128×128. Output, at input size: `depth`
    `(B, 1, H, W)` in metres, `regression` `(B, 1, H, W)` (see `ReportNetwork`), at least 0.

    Sizes for 128×128: `encoder` (`ResNetTrunk`) 64² (64 channels), 32² (256), 16² (512), 8² (1024); `bridge` (3×3 and
    batch norm) 8² (512); `decoder`, four blocks: 16² (256), 32² (128), 64² (64), 128² (32); `head` (3×3, ReLU)
    128² (1). 8 543 296 + 4 719 616 + 1 610 880 + 289 = 14 874 081 parameters; the report publishes no count, and its
    widths are not given. A size that is no multiple of 16 comes out larger, and is resized.

    Ambiguities:
        encoder_stages: 3, "without the last convolutional block": 1024 channels at 1/16, which four doublings bring
            back to full size. 4: the whole trunk, whose 2048 channels the same sentence names, at 1/32; the output is
            then half the input's size and is enlarged. The "first convolutional block", which the description of v1
            implies was removed here, cannot be: the weights of the rest, trained behind it, would not fit.
        skip_blocks: "no skip connections between the two parts" and "using 3 skip connections" both hold if the three
            are inside the decoder, as "from the lower resolution feature map" says. Four blocks have three steps from
            one block to the next, so blocks 2, 3 and 4 by default, each from the block before; (1, 2, 3) would start
            at the bridge.
        a skip: "a convolutional layer and an upsample layer", 1×1 as in a ResNet's shortcut; added, then batch norm
            ("after each connection").
        ReLU: "each of them is followed by a ReLU" is read as each block. After each upsampling too, it would change
            only the bridge's output, since the later maps are enlarged by averaging.

    The last convolution's bias starts at 0.5, the middle of the scaled depth: from torch's own start, near 0, the final
    ReLU leaves about half of the pixels at 0, without a gradient; from here about a sixth.

    Options: also `channels` of the bridge and the four blocks, `max_depth`, `min_depth`, `normalise`, `width`,
        `weights` (`load_trunk`).
    """

    def __init__(
        self, *, encoder_stages=3, skip_blocks=(2, 3, 4), channels=(512, 256, 128, 64, 32), max_depth=10.0,
        min_depth=1e-3, normalise=True, width=1.0, weights=None,
    ):  # fmt: skip
        super().__init__(max_depth=max_depth, min_depth=min_depth, normalise=normalise)
        if encoder_stages not in (3, 4):
            raise ValueError(f"encoder_stages: expected 3 or 4, found {encoder_stages!r}")
        if not set(skip_blocks) <= {1, 2, 3, 4}:
            raise ValueError(f"skip_blocks: expected numbers from 1 to 4, found {skip_blocks!r}")
        self.encoder_stages = encoder_stages
        self.encoder = ResNetTrunk(50, width=width)
        load_trunk(self.encoder, weights)
        if encoder_stages == 3:
            self.encoder.layer4 = nn.Identity()  # after loading, so that a whole checkpoint fits
        wide = _scaled(channels, width)
        self.bridge = nn.Sequential(
            nn.Conv2d(self.encoder.channels[encoder_stages], wide[0], 3, padding=1, bias=False),
            nn.BatchNorm2d(wide[0]),
        )
        self.decoder = nn.Sequential(
            *(_BilinearBlock(wide[k - 1], wide[k], skip=k in skip_blocks) for k in (1, 2, 3, 4))
        )
        self.head = nn.Sequential(nn.Conv2d(wide[4], 1, 3, padding=1), nn.ReLU())
        nn.init.constant_(self.head[0].bias, 0.5)

    def forward(self, image):
        """`image` `(B, 3, H, W)` to `depth` and `regression`."""
        features = self.encoder(self.prepared(image))[self.encoder_stages]
        return self.outputs(self.head(self.decoder(self.bridge(features))), image.shape[-2:])


class _ConcatBlock(nn.Module):
    """Bilinear to the size of the encoder's map, concatenation with it, twice 3×3 convolution, batch norm and ReLU."""

    def __init__(self, inputs, skip, outputs):
        super().__init__()
        layers = []
        for wide in (inputs + skip, outputs):
            layers += [nn.Conv2d(wide, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)]
            layers.append(nn.ReLU(inplace=True))
        self.convs = nn.Sequential(*layers)

    def forward(self, x, skip):
        return self.convs(torch.cat([enlarge(x, skip.shape[-2:]), skip], dim=1))


class _UNet(ReportNetwork):
    """The decoder that DenseNet UNet and ResNet UNet share, after an encoder with maps at 1/2 … 1/32."""

    def __init__(self, encoder, *, enlarged, channels, weights, width, **scaling):
        super().__init__(**scaling)
        if enlarged not in ("output", "features"):
            raise ValueError(f'enlarged: expected "output" or "features", found {enlarged!r}')
        self.enlarged = enlarged
        self.encoder = encoder
        load_trunk(encoder, weights)
        wide = _scaled(channels, width)
        self.bridge = nn.Conv2d(encoder.channels[4], wide[0], 3, padding=1)
        self.decoder = nn.ModuleList(_ConcatBlock(wide[k], encoder.channels[3 - k], wide[k + 1]) for k in range(4))
        self.head = nn.Conv2d(wide[4], 1, 3, padding=1)

    def forward(self, image):
        """`image` `(B, 3, H, W)` to `depth` and `regression`."""
        *skips, x = self.encoder(self.prepared(image))
        x = self.bridge(x)
        for block, skip in zip(self.decoder, reversed(skips)):
            x = block(x, skip)
        if self.enlarged == "features":
            x = enlarge(x, image.shape[-2:])
        return self.outputs(self.head(x), image.shape[-2:])


class DenseNetUNet(_UNet):
    """DenseNet UNet: DenseNet-121 and a decoder that concatenates the encoder's maps.

    Source: unet_report, §5.

    Input: `(B, 3, H, W)` in [0, 1], at least 32×32; the report's is 128×128. Output, at input size: `depth`
    `(B, 1, H, W)` in metres, `regression` `(B, 1, H, W)` (see `ReportNetwork`).

    Sizes for 128×128: `encoder` (`DenseNetTrunk`) 64² (64), 32² (64), 16² (128), 8² (256), 4² (1024); `bridge` (3×3)
    4² (512); `decoder` 8² (256), 16² (128), 32² (64), 64² (32); `head` (3×3) 64² (1), enlarged to 128². 6 953 856 +
    4 719 104 + 3 144 576 + 289 = 14 817 825 parameters; the report publishes no count, and its widths are not given.
    Each block enlarges to the size of the encoder's map, which is twice its input's where that is even.

    Ambiguities:
        enlarged: four blocks that double 4² end at 64², half the input's size, and the text has no further step.
            "output": the one-channel output is enlarged bilinearly, which adds nothing to the description but the last step that it
            needs. "features": the last block's features are enlarged, and the final convolution sees the full size.
        skips: "the corresponding feature maps from the encoder", of which there are two at 1/4, 1/8 and 1/16.
            "pooled", after pooling, as in the work that the report takes for its example (Alhashim and Wonka 2018);
            "blocks", before (256, 512 and 1024 channels).
        bridge: "an intermediate convolutional layer", here without batch norm or activation, which are not named.

    Options: also `channels` of the bridge and the four blocks, `max_depth`, `min_depth`, `normalise`, `width`,
        `weights` (`load_trunk`).
    """

    def __init__(
        self, *, enlarged="output", skips="pooled", channels=(512, 256, 128, 64, 32), max_depth=10.0,
        min_depth=1e-3, normalise=True, width=1.0, weights=None,
    ):  # fmt: skip
        super().__init__(
            DenseNetTrunk(skips=skips, width=width), enlarged=enlarged, channels=channels, weights=weights,
            width=width, max_depth=max_depth, min_depth=min_depth, normalise=normalise,
        )  # fmt: skip


class ResNetUNet(_UNet):
    """ResNet UNet: the whole ResNet-50 and the decoder of `DenseNetUNet`.

    Source: unet_report, §5 ("the same approach"; "the full ResNet50, without the classification head").

    Input, output, options and ambiguities are those of `DenseNetUNet`, but for `skips`: a ResNet has one map a size.

    Sizes for 128×128: `encoder` (`ResNetTrunk`) 64² (64), 32² (256), 16² (512), 8² (1024), 4² (2048); the rest as
    there. 23 508 032 + 9 437 696 + 5 467 008 + 289 = 38 413 025 parameters; the report publishes no count.
    """

    def __init__(
        self, *, enlarged="output", channels=(512, 256, 128, 64, 32), max_depth=10.0, min_depth=1e-3,
        normalise=True, width=1.0, weights=None,
    ):  # fmt: skip
        super().__init__(
            ResNetTrunk(50, width=width), enlarged=enlarged, channels=channels, weights=weights,
            width=width, max_depth=max_depth, min_depth=min_depth, normalise=normalise,
        )  # fmt: skip


def _scaled(channels, width):
    if len(channels) != 5:
        raise ValueError(f"channels: expected 5 numbers, of the bridge and four blocks, found {channels!r}")
    return [scaled(count, width) for count in channels]
