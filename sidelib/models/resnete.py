"""The report's ResNetE Decoder v1, v2 and v3: ResNet-34 and decoders of learned up-convolutions."""

import torch
from torch import nn

from sidelib.models.report_network import ReportNetwork, enlarge
from sidelib.models.trunks import ResNetTrunk, load_trunk, scaled

__all__ = ["ResNetEv1", "ResNetEv2", "ResNetEv3"]


class _UpBlock(nn.Module):
    """Transposed 2×2 convolution of stride 2, ReLU; with `refine`, 3×3 convolution and ReLU too."""

    def __init__(self, inputs, outputs, refine=True):
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
        self.conv = nn.Conv2d(outputs, outputs, 3, padding=1) if refine else None

    def forward(self, x, size):
        # A ResNet's sizes round up, so that a doubled map is at most one row and column too large.
        x = torch.relu(self.up(x))[..., : size[0], : size[1]]
        return x if self.conv is None else torch.relu(self.conv(x))


class _Enlarging(nn.Module):
    """A skip connection inside the decoder: 1×1 convolution as in DE NoSkip, bilinear upsampling, ReLU."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x, size):
        return torch.relu(enlarge(self.conv(x), size))


class _SumDecoder(nn.Module):
    """Four `_UpBlock`s; the encoder's map, and for blocks in `residuals` the block's own input enlarged, are added.

    norms: "each", batch norm after each sum; "joint", one after both.
    """

    def __init__(self, channels, residuals, norms):
        super().__init__()
        if norms not in ("each", "joint"):
            raise ValueError(f'norms: expected "each" or "joint", found {norms!r}')
        if not set(residuals) <= {1, 2, 3, 4}:
            raise ValueError(f"residuals: expected numbers from 1 to 4, found {residuals!r}")
        steps = list(zip(channels[:0:-1], channels[-2::-1]))
        self.blocks = nn.ModuleList(_UpBlock(inputs, outputs) for inputs, outputs in steps)
        self.norms = nn.ModuleList(nn.BatchNorm2d(outputs) for _, outputs in steps)
        self.residuals = nn.ModuleDict({str(k): _Enlarging(*steps[k - 1]) for k in sorted(residuals)})
        kept = sorted(residuals) if norms == "each" else ()
        self.residual_norms = nn.ModuleDict({str(k): nn.BatchNorm2d(steps[k - 1][1]) for k in kept})

    def forward(self, features):
        """The encoder's five maps to the four blocks' outputs, from 1/16 to 1/2."""
        *skips, x = features
        found = []
        for k, (block, norm, skip) in enumerate(zip(self.blocks, self.norms, reversed(skips)), start=1):
            size, key = skip.shape[-2:], str(k)
            y = block(x, size) + skip
            if key in self.residuals:
                residual = self.residuals[key](x, size)
                x = self.residual_norms[key](norm(y) + residual) if key in self.residual_norms else norm(y + residual)
            else:
                x = norm(y)
            found.append(x)
        return found


class _SumNetwork(ReportNetwork):
    """What v1 and v2 share: encoder, decoder with sums, last block and output convolution at half size."""

    def __init__(self, *, residuals, norms, last, width, weights, **scaling):
        super().__init__(**scaling)
        self.encoder = ResNetTrunk(34, width=width)
        load_trunk(self.encoder, weights)
        self.decoder = _SumDecoder(self.encoder.channels, residuals, norms)
        inputs, wide = self.encoder.channels[0], scaled(last, width)
        self.last_block = nn.Sequential(
            nn.Conv2d(inputs, wide, 3, padding=1), nn.ReLU(), nn.Conv2d(wide, wide, 3, padding=1), nn.ReLU()
        )
        self.head = nn.Conv2d(wide, 1, 3, padding=1)


class ResNetEv1(_SumNetwork):
    """ResNetE Decoder v1: sums with the encoder's maps, and residual connections inside the decoder.

    Source: unet_report, §5.

    Input: `(B, 3, H, W)` in [0, 1], at least 32×32; the report's is 128×128. Output, at input size: `depth`
    `(B, 1, H, W)` in metres, `regression` `(B, 1, H, W)` (see `ReportNetwork`).

    Sizes for 128×128: `encoder` (`ResNetTrunk`) 64² (64), 32² (64), 16² (128), 8² (256), 4² (512); `decoder`, four
    up-convolution blocks: 8² (256), 16² (128), 32² (64), 64² (64); `last_block`, two 3×3: 64² (32); `head` (3×3) 64²
    (1), enlarged to 128². 21 284 672 + 1 563 392 + 27 712 + 289 = 22 876 065 parameters; the report publishes no
    count. Where a doubled map is larger than the encoder's, its last row or column is cropped.

    Ambiguities:
        five blocks: "each made of an up-convolution and a convolution", yet "the last block is a sequence of
            convolutions", followed by "a convolution and a final upsample". Four up-convolution blocks and one of
            convolutions lead from 4² to 64², and the final upsampling to 128². Five up-convolutions and the final one
            would end at 256². How many convolutions make the last block is not given: two, the shortest sequence.
        encoder skips: "after each block of the encoder, connected to each block of the decoder". Five maps; the
            deepest is the decoder's input, the other four belong to the four blocks that double.
        residuals: "only 3 of them", each a convolution and a ×2 upsampling: from one doubling block to the next, as in
            DE NoSkip, so blocks 2, 3 and 4 by default; (1, 2, 3) starts at the encoder's last map.
        norms: "using the sum, followed by a batch norm". "each": after each sum, as DE NoSkip says in words; "joint":
            the block, the encoder's map and the residual are added up first.
        transposed kernel: not given; 2×2, which does not overlap. Widths: the encoder's, as the sums need.

    Options: also `last` (32, channels of the last block), `max_depth`, `min_depth`, `normalise`, `width`, `weights`
        (`load_trunk`).
    """

    def __init__(
        self, *, residuals=(2, 3, 4), norms="each", last=32, max_depth=10.0, min_depth=1e-3, normalise=True,
        width=1.0, weights=None,
    ):  # fmt: skip
        super().__init__(
            residuals=residuals, norms=norms, last=last, width=width, weights=weights,
            max_depth=max_depth, min_depth=min_depth, normalise=normalise,
        )  # fmt: skip

    def forward(self, image):
        """`image` `(B, 3, H, W)` to `depth` and `regression`."""
        x = self.decoder(self.encoder(self.prepared(image)))[-1]
        return self.outputs(self.head(self.last_block(x)), image.shape[-2:])


class ResNetEv2(_SumNetwork):
    """ResNetE Decoder v2: v1 with one residual connection left, which meets input and output in a last concatenation.

    Source: unet_report, §5.

    Input and output as `ResNetEv1`. Sizes for 128×128: up to `head` as there, whose 64² (1) is enlarged to 128²;
    `skip` 128² (32); with the image, 3 + 32 + 1 channels; `final` (3×3) 128² (1). 21 284 672 + 1 517 568 + 27 712 +
    289 + 2 080 + 325 = 22 832 646 parameters; the report publishes no count.

    Ambiguities, besides those of v1:
        skip_from: all skip connections in the decoder are removed "except for the one coming from the last block",
            which then joins the concatenation at full size. A skip is a convolution and a ×2 upsampling; one that
            ends at full size starts at half size. 4, the default: the last block that doubles. 5: the last block of
            convolutions, of which the network's output is made too. 3: the source of v1's last residual, enlarged ×4.
        the input is concatenated as the encoder sees it, normalised.
        the "output of the network" is v1's: one channel, enlarged.

    Options: also `skip` (32, the skip's channels), `last`, `max_depth`, `min_depth`, `normalise`, `width`, `weights`.
    """

    def __init__(
        self, *, skip_from=4, skip=32, last=32, max_depth=10.0, min_depth=1e-3, normalise=True, width=1.0,
        weights=None,
    ):  # fmt: skip
        super().__init__(
            residuals=(), norms="each", last=last, width=width, weights=weights,
            max_depth=max_depth, min_depth=min_depth, normalise=normalise,
        )  # fmt: skip
        if skip_from not in (3, 4, 5):
            raise ValueError(f"skip_from: expected 3, 4 or 5, found {skip_from!r}")
        self.skip_from = skip_from
        source = scaled(last, width) if skip_from == 5 else self.encoder.channels[4 - skip_from]
        self.skip = _Enlarging(source, scaled(skip, width))
        self.final = nn.Conv2d(3 + scaled(skip, width) + 1, 1, 3, padding=1)

    def forward(self, image):
        """`image` `(B, 3, H, W)` to `depth` and `regression`."""
        seen, size = self.prepared(image), image.shape[-2:]
        maps = self.decoder(self.encoder(seen))
        maps.append(self.last_block(maps[-1]))
        output = enlarge(self.head(maps[-1]), size)
        return self.outputs(self.final(torch.cat([seen, self.skip(maps[self.skip_from - 1], size), output], 1)), size)


class ResNetEv3(ReportNetwork):
    """ResNetE Decoder v3: up-convolutions only, and every skip a concatenation, that of the input too.

    Source: unet_report, §5.

    Input and output as `ResNetEv1`. Sizes for 128×128: `encoder` as there; `decoder`, a transposed 2×2 convolution and
    ReLU each: 8² (256), 16² (128), 32² (64), 64² (64), with the encoder's maps 512, 256, 128 and 128 channels, and
    128² (32), with the image 35; `last_block`, three 3×3 with ReLU between: 128² (32, 16, 1). 21 284 672 + 901 664 +
    14 881 = 22 201 217 parameters; the report publishes no count. Larger maps are cropped as in v1.

    Ambiguities:
        last_up: the input joins at full size, which four doublings of 4² do not reach. "transposed": a fifth decoder
            block, since v1, which this simplifies, has five. "bilinear": four blocks, and their output is enlarged,
            as at the end of v1.
        the decoder's own skip connections, which the text does not mention here, are gone ("simplifying").
        the last of the three convolutions gives the depth, without activation.

    Options: also `last` (32, channels of the last block), `max_depth`, `min_depth`, `normalise`, `width`, `weights`.
    """

    def __init__(
        self, *, last_up="transposed", last=32, max_depth=10.0, min_depth=1e-3, normalise=True, width=1.0,
        weights=None,
    ):  # fmt: skip
        super().__init__(max_depth=max_depth, min_depth=min_depth, normalise=normalise)
        if last_up not in ("transposed", "bilinear"):
            raise ValueError(f'last_up: expected "transposed" or "bilinear", found {last_up!r}')
        self.encoder = ResNetTrunk(34, width=width)
        load_trunk(self.encoder, weights)
        channels, wide, narrow = self.encoder.channels, scaled(last, width), scaled(last // 2, width)
        inputs, blocks = channels[4], []
        for skip in channels[3::-1]:
            blocks.append(_UpBlock(inputs, skip, refine=False))
            inputs = 2 * skip
        if last_up == "transposed":
            blocks.append(_UpBlock(inputs, wide, refine=False))
            inputs = wide
        self.decoder = nn.ModuleList(blocks)
        self.last_block = nn.Sequential(
            nn.Conv2d(inputs + 3, wide, 3, padding=1), nn.ReLU(),
            nn.Conv2d(wide, narrow, 3, padding=1), nn.ReLU(),
            nn.Conv2d(narrow, 1, 3, padding=1),
        )  # fmt: skip

    def forward(self, image):
        """`image` `(B, 3, H, W)` to `depth` and `regression`."""
        seen, size = self.prepared(image), image.shape[-2:]
        *skips, x = self.encoder(seen)
        for block, skip in zip(self.decoder, [*reversed(skips), seen]):
            x = torch.cat([block(x, skip.shape[-2:]), skip], dim=1)
        if len(self.decoder) == 4:
            x = torch.cat([enlarge(x, size), seen], dim=1)
        return self.outputs(self.last_block(x), size)
