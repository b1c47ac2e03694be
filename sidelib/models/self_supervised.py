"""Depth, pose and explainability networks that learn from video without depth (Zhou et al. 2017)."""

import torch
from torch import nn
from torch.nn import functional as F

from sidelib.geometry import rotation_from_angles
from sidelib.models.image_network import check_size
from sidelib.models.trunks import scaled

__all__ = ["DepthCNN", "ExplainabilityCNN", "PoseCNN", "SequenceEncoder"]


def _conv(inputs, outputs, kernel=3, stride=2):
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2), nn.ReLU())


def _up(inputs, outputs, kernel=3):
    up = nn.ConvTranspose2d(inputs, outputs, kernel, 2, kernel // 2, output_padding=1)
    return nn.Sequential(up, nn.ReLU())


def _like(x, reference):
    """Doubled maps brought to the size of the encoder's map, which rounds up, by the nearest neighbour."""
    return F.interpolate(x, size=reference.shape[-2:], mode="nearest")


def _initialise(module):
    for part in module.modules():
        if isinstance(part, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.xavier_uniform_(part.weight)
            nn.init.zeros_(part.bias)


def _sequence(target, sources, expected, normalise):
    """Target and sources, checked, as `(B, 3 (1 + S), H, W)`, the target's colours first."""
    target = _prepared(target, normalise)
    shape = (len(target), expected, *target.shape[1:])
    if not isinstance(sources, torch.Tensor) or not sources.is_floating_point():
        found = sources.dtype if isinstance(sources, torch.Tensor) else type(sources).__name__
        raise TypeError(f"sources: expected a floating-point tensor, found {found}")
    if sources.shape != shape:
        raise ValueError(f"sources: expected shape (B, S, 3, H, W), here {shape}, found {tuple(sources.shape)}")
    return torch.cat([target, sources.flatten(1, 2) * 2 - 1 if normalise else sources.flatten(1, 2)], dim=1)


def _prepared(image, normalise):
    """An image, checked and, as in the original, scaled to [-1, 1]."""
    check_size(image)
    return image * 2 - 1 if normalise else image


class DepthCNN(nn.Module):
    """Disparity at four scales from one image: ``D_t = DepthCNN(I_t)``.

    Source: thesis, §2.1.1.2, Eq. 2.6, which gives no layers; these are those of Zhou et al. 2017 and their code
    (github.com/tinghuiz/SfMLearner), after DispNet.

    Input: `(B, 3, H, W)` in [0, 1], at least 32×32. Output: `depth` `(B, 1, H, W)`, one over the finest disparity, so
    0.0999 to 100 in a unit that video does not tell: metres only after scaling; `disparities`, a tuple of four,
    `(B, 1, H/2ᵏ, W/2ᵏ)`, k = 0 … 3, rounded up, each 10 times a sigmoid plus 0.01.

    Sizes for 128×416: `encoder`, seven pairs of convolutions, the first of stride 2: 64×208 (32, kernel 7), 32×104 (64,
    kernel 5), 16×52 (128), 8×26 (256), 4×13 (512), 2×7 (512), 1×4 (512); `ups`, transposed 3×3 to 512, 512, 256, 128,
    64, 32 and 16 channels, each joined with the encoder's map and, in the last three, the coarser disparity, and mixed
    by a 3×3 of `mixes`; `heads`, 3×3 to one channel, of the last four. 31 596 900 parameters, by hand.

    As in the original: layers, widths, ReLU without batch norm, 10 · sigmoid + 0.01, images scaled to [−1, 1]
    (`normalise`), Xavier weights and zero biases, maps resized to the encoder's by the nearest neighbour.
    Otherwise: padding is symmetric, TensorFlow's is not where the stride is 2 (half a pixel at most of each map); the
    original resizes the three coarsest maps only and so needs multiples of 16, here any size passes.

    Options: `normalise`; `width` (of all channels but the outputs').
    """

    def __init__(self, *, normalise=True, width=1.0):
        super().__init__()
        self.normalise = normalise
        channels = [scaled(count, width) for count in (32, 64, 128, 256, 512, 512, 512)]
        inputs, stages = 3, []
        for outputs, kernel in zip(channels, (7, 5, 3, 3, 3, 3, 3)):
            stages.append(nn.Sequential(_conv(inputs, outputs, kernel), _conv(outputs, outputs, kernel, 1)))
            inputs = outputs
        self.encoder = nn.ModuleList(stages)
        ups, mixes = [], []
        decoder = [scaled(count, width) for count in (512, 512, 256, 128, 64, 32, 16)]
        for k, outputs in enumerate(decoder):
            skip = channels[5 - k] if k < 6 else 0
            ups.append(_up(inputs, outputs))
            mixes.append(_conv(outputs + skip + (k > 3), outputs, 3, 1))
            inputs = outputs
        self.ups, self.mixes = nn.ModuleList(ups), nn.ModuleList(mixes)
        self.heads = nn.ModuleList(nn.Conv2d(outputs, 1, 3, padding=1) for outputs in decoder[3:])
        _initialise(self)

    def forward(self, image):
        """`image` `(B, 3, H, W)` to `depth` and `disparities`."""
        features, disparities = [_prepared(image, self.normalise)], []
        for stage in self.encoder:
            features.append(stage(features[-1]))
        x = features[-1]
        for k, (up, mix) in enumerate(zip(self.ups, self.mixes)):
            reference = features[6 - k]
            parts = [_like(up(x), reference)]
            if k < 6:
                parts.append(reference)
            if disparities:
                size = reference.shape[-2:]
                parts.append(F.interpolate(disparities[-1], size=size, mode="bilinear", align_corners=False))
            x = mix(torch.cat(parts, dim=1))
            if k >= 3:
                logits = self.heads[k - 3](x)
                logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
                disparities.append(10 * torch.sigmoid(logits) + 0.01)
        return {"depth": 1 / disparities[-1], "disparities": tuple(reversed(disparities))}


class SequenceEncoder(nn.Module):
    """Five convolutions of stride 2 (16, 32, 64, 128 and 256 channels; kernels 7, 5, 3, 3, 3), each with ReLU."""

    def __init__(self, inputs, width=1.0):
        super().__init__()
        self.channels = [scaled(count, width) for count in (16, 32, 64, 128, 256)]
        steps = zip([inputs, *self.channels], self.channels, (7, 5, 3, 3, 3))
        self.stages = nn.ModuleList(_conv(*step) for step in steps)

    def forward(self, x):
        """Five maps, from 1/2 to 1/32, rounded up."""
        features = [x]
        for stage in self.stages:
            features.append(stage(features[-1]))
        return features[1:]


class PoseCNN(nn.Module):
    """The motions of the camera from the target frame to each source frame.

    ``M_{t→t−1}, M_{t→t+1} = PoseCNN(I_t, I_{t−1}, I_{t+1})``: thesis, §2.1.1.2, Eq. 2.7; the layers are those of Zhou et
    al. 2017 and their code.

    Input: `target` `(B, 3, H, W)` and `sources` `(B, S, 3, H, W)` in [0, 1], at least 32×32, concatenated by channel.
    Output: `pose` `(B, S, 6)`: translation (tx, ty, tz), in the unit of the depth that is learned with it, and angles
    (rx, ry, rz) in radians, all 0.01 times what the last layer says, so that motions start small; `transform`
    `(B, S, 4, 4)`, which moves *points* of the target's frame to the source's, as `sidelib.geometry.warp_motion` wants.

    Sizes for 128×416 and S = 2: `encoder` (`SequenceEncoder` of 9 channels) 64×208 (16) to 4×13 (256); `decoder`, two
    3×3 of stride 2: 2×7 and 1×4 (256); `head` (1×1) 6 S channels, averaged over the cells. 1 590 668 parameters, by
    hand.

    As in the original: layers, order of the six numbers, 0.01, R = Rx Ry Rz, images in [−1, 1] (`normalise`).
    Otherwise: symmetric padding, as in `DepthCNN`.

    Options: `sources` (S, 2); `normalise`; `width` (of all channels but the poses').
    """

    def __init__(self, *, sources=2, normalise=True, width=1.0):
        super().__init__()
        self.sources, self.normalise = _count(sources), normalise
        self.encoder = SequenceEncoder(3 * (1 + sources), width)
        wide = self.encoder.channels[-1]
        self.decoder = nn.Sequential(_conv(wide, wide), _conv(wide, wide))
        self.head = nn.Conv2d(wide, 6 * sources, 1)
        self.register_buffer("last_row", torch.tensor([[0.0, 0.0, 0.0, 1.0]]), persistent=False)
        _initialise(self)

    def example_inputs(self, size, batch=1):
        """Zeros of the shapes that `forward` takes for images of `size` (H, W)."""
        return torch.zeros(batch, 3, *size), torch.zeros(batch, self.sources, 3, *size)

    def forward(self, target, sources):
        """`target` `(B, 3, H, W)` and `sources` `(B, S, 3, H, W)` to `pose` and `transform`."""
        x = self.encoder(_sequence(target, sources, self.sources, self.normalise))[-1]
        mean = self.head(self.decoder(x)).mean(dim=(2, 3))
        pose = 0.01 * mean.to(torch.promote_types(mean.dtype, torch.float32)).unflatten(1, (self.sources, 6))
        rotation = rotation_from_angles(*pose[..., 3:].unbind(-1))
        # Put together here: `rigid_motion` looks whether it is a rotation, for which a GPU would have to be waited for.
        upper = torch.cat([rotation, pose[..., :3, None]], dim=-1)
        last = self.last_row.to(upper.dtype).expand(*upper.shape[:-2], 1, 4)
        return {"pose": pose, "transform": torch.cat([upper, last], dim=-2)}


class ExplainabilityCNN(nn.Module):
    """How far each pixel obeys the model of a rigid, matt, visible scene, between 0 and 1, at four scales.

    Source: thesis, §2.1.1.2, Eq. 2.10; the layers are those of Zhou et al. 2017 and their code.

    Input: with `inputs="sequence"` `target` `(B, 3, H, W)` and `sources` `(B, S, 3, H, W)`, with "target" the first
    alone; in [0, 1], at least 32×32. Output: `masks`, a tuple of four `(B, S, H/2ᵏ, W/2ᵏ)`, k = 0 … 3, rounded up;
    `logits`, of the same sizes, `(B, S, 2, h, w)`: "not explained" and "explained", whose softmax's second the mask is.

    Sizes for 128×416 and S = 2: `encoder` (`SequenceEncoder`) as of `PoseCNN`; `decoder`, transposed convolutions to
    8×26 (256), 16×52 (128), 32×104 (64), 64×208 (32, kernel 5), 128×416 (16, kernel 7); `heads` (3, 3, 5 and 7) of 2 S
    channels, of the last four. 407 424 + 1 035 248 + 13 264 parameters, by hand.

    Ambiguities:
        inputs: "sequence", as in the original, where each source has its mask, since what one hides another may show;
            "target", as Eq. 2.10 is printed, ExplainabilityCNN(I_t), with one mask (S = 1) for both.
        encoder: the thesis has "an additional network"; in the original the encoder is PoseCNN's, which is handed over
            as `encoder=pose.encoder`. Own by default.
    Without a further term in the loss (Eq. 2.10 has none), masks of 0 everywhere are best; the original adds one.

    As in the original: layers, softmax over two, images in [−1, 1] (`normalise`). Otherwise: symmetric padding and
    nearest resizing where doubled maps do not fit, as in `DepthCNN`.

    Options: also `sources` (S, 2); `width` (of all channels but the masks').
    """

    def __init__(self, *, inputs="sequence", sources=2, encoder=None, normalise=True, width=1.0):
        super().__init__()
        if inputs not in ("sequence", "target"):
            raise ValueError(f'inputs: expected "sequence" or "target", found {inputs!r}')
        self.inputs, self.normalise = inputs, normalise
        self.sources = _count(sources) if inputs == "sequence" else 1
        colours = 3 * (1 + sources) if inputs == "sequence" else 3
        made = SequenceEncoder(colours, width)
        wide, ups, heads = made.channels[-1], [], []
        for count, kernel in zip((256, 128, 64, 32, 16), (3, 3, 3, 5, 7)):
            ups.append(_up(wide, scaled(count, width), kernel))
            wide = scaled(count, width)
            heads.append(nn.Conv2d(wide, 2 * self.sources, kernel, padding=kernel // 2))
        self.encoder, self.decoder, self.heads = made, nn.ModuleList(ups), nn.ModuleList(heads[1:])
        _initialise(self)
        if encoder is not None:
            found = encoder.stages[0][0].in_channels, encoder.channels
            if found != (colours, made.channels):
                raise ValueError(f"encoder: expected (inputs, channels) {(colours, made.channels)}, found {found}")
            self.encoder = encoder

    def example_inputs(self, size, batch=1):
        """Zeros of the shapes that `forward` takes for images of `size` (H, W)."""
        target = torch.zeros(batch, 3, *size)
        return (target, torch.zeros(batch, self.sources, 3, *size)) if self.inputs == "sequence" else (target,)

    def forward(self, target, sources=None):
        """`target` `(B, 3, H, W)` and `sources` `(B, S, 3, H, W)` to `masks` and `logits`."""
        if self.inputs == "sequence":
            images = _sequence(target, sources, self.sources, self.normalise)
        else:
            images = _prepared(target, self.normalise)
        features = [images, *self.encoder(images)]
        x, logits = features[5], []
        for k, up in enumerate(self.decoder):
            x = _like(up(x), features[4 - k])
            if k:
                scores = self.heads[k - 1](x)
                scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
                logits.append(scores.unflatten(1, (self.sources, 2)))
        logits = tuple(reversed(logits))
        return {"masks": tuple(scores.softmax(dim=2)[:, :, 1] for scores in logits), "logits": logits}


def _count(sources):
    if not isinstance(sources, int) or sources < 1:
        raise ValueError(f"sources: expected a number of frames, at least 1, found {sources!r}")
    return sources
