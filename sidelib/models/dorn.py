"""DORN: depth as ordinal regression, with a scene understanding module over a dilated ResNet."""

import torch
from torch import nn
from torch.nn import functional as F

from sidelib.bins import bin_centres, label_to_depth, sid_edges
from sidelib.models.bin_classifier import BinClassifier
from sidelib.models.trunks import ResNetTrunk, load_trunk, scaled

__all__ = ["DORN", "FullImageEncoder", "SceneUnderstanding"]


class FullImageEncoder(nn.Module):
    """What the whole image is like, copied to every cell: average pooling, a fully connected layer, 1×1 convolution.

    The fully connected layer needs a fixed number of cells. The original pools 16×16 cells, rounding up, which gives
    4×5 of a 385×513 input; here pooling is adaptive to `cells`, so that any input size passes.
    """

    def __init__(self, inputs, outputs, *, cells=(4, 5), dropout=0.5):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(cells)
        self.dropout = nn.Dropout2d(dropout)
        self.fc = nn.Linear(inputs * cells[0] * cells[1], outputs)
        self.conv = nn.Conv2d(outputs, outputs, 1)

    def forward(self, features):
        """`(B, inputs, h, w)` to `(B, outputs, h, w)`, the same in every cell."""
        x = torch.relu(self.fc(self.dropout(self.pool(features)).flatten(1)))
        return self.conv(x[:, :, None, None]).expand(-1, -1, *features.shape[-2:])


class SceneUnderstanding(nn.Module):
    """The full-image encoder, a 1×1 convolution and three dilated 3×3 ones side by side, concatenated and mixed.

    The thesis names these parts. As in public re-implementations, convolutions have biases and no batch norm, and each
    of the branches ends in a 1×1 convolution of its own.
    """

    def __init__(self, inputs, branch, outputs, *, rates=(6, 12, 18), cells=(4, 5), dropout=0.5):
        super().__init__()
        self.full_image = FullImageEncoder(inputs, branch, cells=cells, dropout=dropout)
        first = [nn.Conv2d(inputs, branch, 1)]
        first += [nn.Conv2d(inputs, branch, 3, padding=rate, dilation=rate) for rate in rates]
        self.branches = nn.ModuleList(
            nn.Sequential(conv, nn.ReLU(inplace=True), nn.Conv2d(branch, branch, 1), nn.ReLU(inplace=True))
            for conv in first
        )
        self.mix = nn.Sequential(
            nn.Dropout2d(dropout),
            nn.Conv2d(branch * (2 + len(rates)), outputs, 1),
            nn.ReLU(inplace=True),
            nn.Dropout2d(dropout),
        )

    def forward(self, features):
        """`(B, inputs, h, w)` to `(B, outputs, h, w)`."""
        parts = [self.full_image(features), *(branch(features) for branch in self.branches)]
        return self.mix(torch.cat(parts, dim=1))


class DORN(BinClassifier):
    """Deep ordinal regression network: one binary classifier for each depth threshold.

    Source: Fu et al. 2018 through the thesis, §2.1.2.1 and Eqs 2.20–2.22.

    Input: `(B, 3, H, W)` in [0, 1], at least 32×32. Output, at input size: `depth` `(B, 1, H, W)` in metres; `label`
    `(B, 1, H, W)`, int64, 0 … K − 1; `logits` `(B, K, 2, H, W)`, for each head the scores of "nearer" and "farther";
    `ordinal` `(B, K, H, W)`, the softmax of each pair's second: the probability ŷᵏ of "farther" than head k's
    threshold. Logits are enlarged bilinearly from 1/8 of the size before they vote.

    Parts: `encoder` (`ResNetTrunk`, 2048 channels at 1/8), `scene` (`SceneUnderstanding`: five branches of 512, 2560
    concatenated, mixed to 2048), `head` (1×1, 2048 → 2K; channels 2k and 2k + 1 belong to head k). With ResNet-101
    and K = 68: 42 500 160 + 56 892 416 + 278 664 = 99 671 240 parameters; the thesis publishes no count.

    Ambiguities:
        thresholds: which depth head k compares with. "upper", the default: t_{k+1}, the upper edge of bin k. Then a
            pixel of bin l has l heads that vote "farther", and Eq. 2.22 decodes the number of votes l̂ to the centre of
            [t_l̂, t_{l̂+1}], its own bin. "lower": t_k, as the text of the thesis has it (heads for t₀ … t_{K−1}). Then
            a pixel of bin l has l + 1 votes, and Eq. 2.22 as printed lands one bin too far; this option subtracts one.
        l̂ = K (or, with "lower", 0): a bin that does not exist; the nearest one is taken.
        sign: Eq. 2.21 as printed trains ŷ to be the probability of "nearer", which Eq. 2.22 then counts as "farther".
            Here ŷ is "farther", so that Eq. 2.22 holds.
        ŷ = 0.5 votes "farther" (≥, Eq. 2.22).
        k, alpha, beta, shift: not in the thesis. 68 bins on 0.65–10 m: close to what users worked out from the released
            decoding for NYU (0.657–9.972 m: github.com/hufu6371/DORN, issue 16). For KITTI, the
            paper of DORN shifts depth by ξ so that the range begins at 1: `k=80, alpha=1, beta=81, shift=1`; the
            edges are then those of depth + shift, and the shift is subtracted from what is decoded.
        trunk: torchvision's stem (one 7×7 convolution), so that its weights load; public re-implementations have a
            deep stem of three 3×3. Stages 3 and 4 are dilated by 2 and 4 in every block.

    Options: also `trunk_depth` (101), `cells` of the full-image encoder, `dropout`, `normalise`, `width` (of all
    channels but the 2K), `weights` (`load_trunk`).
    """

    def __init__(
        self, *, k=68, alpha=0.65, beta=10.0, shift=0.0, thresholds="upper", trunk_depth=101, cells=(4, 5),
        dropout=0.5, normalise=True, width=1.0, weights=None,
    ):  # fmt: skip
        super().__init__(k=k, alpha=alpha, beta=beta, decode="argmax-arithmetic", normalise=normalise)
        if thresholds not in ("upper", "lower"):
            raise ValueError(f'thresholds: expected "upper" or "lower", found {thresholds!r}')
        first = float(bin_centres(sid_edges(alpha, beta, k), "arithmetic")[0])
        if not shift < first:
            raise ValueError(f"shift: expected less than the first centre, {first:g} m, found {shift!r}")
        self.thresholds, self.shift = thresholds, shift
        self.encoder = ResNetTrunk(trunk_depth, output_stride=8, multi_grid=(1,) * _last(trunk_depth), width=width)
        load_trunk(self.encoder, weights)
        wide = scaled(2048, width)
        self.scene = SceneUnderstanding(
            self.encoder.channels[-1], scaled(512, width), wide, cells=cells, dropout=dropout
        )
        self.head = nn.Conv2d(wide, 2 * k, 1)

    def forward(self, image):
        """`image` `(B, 3, H, W)` to `depth`, `label`, `logits` and `ordinal`."""
        scores = self.head(self.scene(self.encoder(self.prepared(image))[-1]))
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        logits = F.interpolate(scores, size=image.shape[-2:], mode="bilinear", align_corners=False)
        logits = logits.unflatten(1, (self.k, 2))
        ordinal = logits.softmax(dim=2)[:, :, 1]
        label = self.label(ordinal)
        depth = label_to_depth(label, self.edges, "arithmetic") - self.shift
        return {"depth": depth, "label": label, "logits": logits, "ordinal": ordinal}

    def label(self, ordinal):
        """The bin that the heads vote for (Eq. 2.22): `(B, K, H, W)` probabilities of "farther" to `(B, 1, H, W)`."""
        votes = (ordinal >= 0.5).sum(dim=1, keepdim=True)
        return (votes - 1 if self.thresholds == "lower" else votes).clamp(0, self.k - 1)


def _last(trunk_depth):
    return 2 if trunk_depth == 18 else 3
