"""DS-SIDENet's decoding branches: up-projections with skips from the encoder and from the image, SAM or hourglass."""

import torch
from torch import nn
from torch.nn import functional as F

from sidelib.models.ds_encoder import check_choice, convbn
from sidelib.models.hourglass import StackedHourglass
from sidelib.models.sam import StackedAtrousMultiscale
from sidelib.models.trunks import scaled
from sidelib.models.upprojection import UpProjection

__all__ = ["JOINS", "REFINEMENTS", "DecodingBranch", "UpProjectionConnection", "image_pyramid"]

JOINS = ("concat", "sum")
REFINEMENTS = {"sam": StackedAtrousMultiscale, "shg": StackedHourglass}

# One up-sampling block each: channels in and out, t, and the encoder block whose size (and skip) it meets; 0: the image.
_LOW = ((512, 256, 2, 4), (256, 128, 2, 3), (128, 64, 2, 2), (64, 32, 2, 1), (32, 16, 2, 0))
_HIGH = ((128, 64, 1, 4), (64, 32, 1, 3), (32, 16, 2, 1), (16, 8, 2, 0))
_HIGH_PLAIN = (*_HIGH[:2], (32, 32, 1, 2), *_HIGH[2:])


def image_pyramid(image, strides):
    """The image averaged to each stride: a list of `(B, 3, ⌈H/s⌉, ⌈W/s⌉)` from the image itself on.

    Args:
        image: `(B, 3, H, W)`. strides: of the levels, each the one before (1 for the first) or twice that.

    >>> [tuple(level.shape[-2:]) for level in image_pyramid(torch.zeros(1, 3, 5, 8), (2, 4, 4))]
    [(5, 8), (3, 4), (2, 2), (2, 2)]
    """
    levels, before = [image], 1
    for stride in strides:
        # Cells over the edge average the pixels that they have: the sizes are those of convolutions of stride 2.
        levels.append(F.avg_pool2d(levels[-1], 2, ceil_mode=True) if stride != before else levels[-1])
        before = stride
    return levels


class UpProjectionConnection(nn.Module):
    """The paper's "upproj-con": an up-projection joined by skips from the encoder and from the image.

    Source: ds_sidenet, §4.2 and Fig. 3c. X, the map of the block before, is up-projected from C to C' channels; Y is
    the encoder's map and Z the image, averaged, both of the output's size. How they are joined is in the figure only.

    Args:
        inputs, outputs: C and C'. scale: t, 1 or 2.
        encoder_channels, image_channels: of Y and Z; 0 leaves that skip out. Without either, this is the plain upproj.
        join: "concat", the default, which "con" and the cited U-Net suggest: X', Y and Z are concatenated, and a 3×3
            convbn brings them to C'. "sum": Y and Z are projected to C' channels (1×1 and 3×3, batch norm) and added
            to X', ReLU.
    """

    def __init__(self, inputs, outputs, *, scale=2, encoder_channels=0, image_channels=0, join="concat"):
        super().__init__()
        check_choice("join", join, JOINS)
        self.join, self.with_encoder, self.with_image = join, encoder_channels > 0, image_channels > 0
        self.up = UpProjection(inputs, outputs, scale=scale)
        if join == "sum":
            if self.with_encoder:
                self.encoder_skip = convbn(encoder_channels, outputs, 1)[:2]
            if self.with_image:
                self.image_skip = convbn(image_channels, outputs, 3)[:2]
        elif self.with_encoder or self.with_image:
            self.mix = convbn(outputs + encoder_channels + image_channels, outputs)

    def forward(self, x, encoder_map, image):
        """`(B, C, h, w)` to `(B, C', ·, ·)`, of the size of `image` (`(B, 3, ·, ·)`), cropped where t·h is larger.

        `encoder_map` may be None where that skip is left out.
        """
        x = self.up(x)[..., : image.shape[-2], : image.shape[-1]]
        if not (self.with_encoder or self.with_image):
            return x
        if self.join == "sum":
            x = x + self.encoder_skip(encoder_map) if self.with_encoder else x
            x = x + self.image_skip(image) if self.with_image else x
            return torch.relu(x)
        skips = [encoder_map] * self.with_encoder + [image.to(x.dtype)] * self.with_image
        return self.mix(torch.cat([x, *skips], dim=1))


class DecodingBranch(nn.Module):
    """One branch of the decoder (Table 2): `block1` to `block5` and `output`.

    Channels at width 1, low range: 512-256-128-64-32, then 16 and the output; t = 2. High range: 128-64-32 with t = 1,
    SAM at 32, 16 with t = 2, then 8 with t = 2 and the output. Each block halves its channels (C → C/2).

    Args:
        outputs: channels of the output, K or 1. high: the high-range column.
        encoder_channels: of the encoder's five maps; block i takes its skip from the encoder's map of its output size:
            encoder block 5 − i, except that the high network's t = 1 blocks 1 and 2 take 4 and 3, and its block of
            16 channels takes 1. The last block takes none (Table 2: upproj).
        image_channels, join: see `UpProjectionConnection`.
        encoder_skip, rgb_skip: with that kind of skip, in all blocks at once. "Removing" a skip connection is read so,
            since Table 7 switches "Skip-encoding" and "Skip-RGB" and names no block.
        refine: "sam", "shg" or None. refine_block: 3, 4 or 5: it becomes that block of the branch, with the channels and
            the size of the block before it; the other blocks keep their order. So block 3 of the high network is Table
            2, and blocks 4 and 5 work on larger maps, as §5.3.2 says. The low network then has six blocks. The high
            network without refinement has as block 3 an upproj-con with t = 1 that keeps 32 channels, so that the other
            blocks stay those of Table 2 (the rule C → C/2 would halve them all).
        output: "layer", the default: the last upproj also halves its channels, and an output layer, a convolution with
            bias, makes K or 1 of them, which agrees with the caption of Fig. 3 ("the output layer in classification
            branch is different"); Table 2's 1×W×H is then the expected label after it. "direct": the last upproj itself
            has K or 1 channels, and its ReLU is the last operation.
        output_kernel: 3 as in the cited up-projection network; 1 is the cheaper reading.
    """

    def __init__(
        self, outputs, *, high, encoder_channels, image_channels=3, encoder_skip=True, rgb_skip=True, join="concat",
        refine=None, refine_block=3, output="layer", output_kernel=3, width=1.0,
    ):  # fmt: skip
        super().__init__()
        check_choice("refine", refine, (*REFINEMENTS, None))
        check_choice("refine_block", refine_block, (3, 4, 5))
        check_choice("output", output, ("layer", "direct"))
        check_choice("output_kernel", output_kernel, (1, 3))
        plan = (_HIGH if refine else _HIGH_PLAIN) if high else _LOW
        plan = [[scaled(before, width), scaled(after, width), *rest] for before, after, *rest in plan]
        if output == "direct":
            plan[-1][1] = outputs
        blocks = []
        for before, after, scale, level in plan:
            skips = {} if level == 0 else {
                "encoder_channels": encoder_channels[level - 1] if encoder_skip else 0,
                "image_channels": image_channels if rgb_skip else 0,
            }  # fmt: skip
            blocks.append((level, UpProjectionConnection(before, after, scale=scale, join=join, **skips)))
        if refine:
            blocks.insert(refine_block - 1, (None, REFINEMENTS[refine](plan[refine_block - 2][1])))
        self.levels = [level for level, _ in blocks]
        for number, (_, block) in enumerate(blocks, start=1):
            self.add_module(f"block{number}", block)
        last = plan[-1][1]
        if output == "layer":
            self.output = nn.Conv2d(last, outputs, output_kernel, padding=output_kernel // 2)
        else:
            self.output = nn.Identity()

    def forward(self, features, images):
        """The encoder's five maps and `image_pyramid` to `(B, outputs, H, W)`."""
        x = features[-1]
        for number, level in enumerate(self.levels, start=1):
            block = getattr(self, f"block{number}")
            # Level 0 is the image's size, at which the encoder has no map.
            x = block(x) if level is None else block(x, features[level - 1] if level else None, images[level])
        return self.output(x)
