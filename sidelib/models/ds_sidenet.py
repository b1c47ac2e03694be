"""DS-SIDENet: depth from a separable encoder and two decoding branches, classification and regression."""

import torch
from torch import nn
from torch.nn import functional as F

from sidelib.models.bin_classifier import BinClassifier
from sidelib.models.ds_decoder import DecodingBranch, image_pyramid
from sidelib.models.ds_encoder import DSEncoder, check_choice
from sidelib.models.precision import without_autocast

__all__ = ["DSSIDENet", "DSSIDENetHigh", "DSSIDENetLow"]

_BRANCHES = {
    "both": ("classification", "regression"),
    "classification": ("classification",),
    "regression": ("regression",),
}
# How many logits there are beyond K, the label of the first, and where label 0 lies, in bins above alpha.
_LEVELS = {"bins": (0, 0, 0.5), "printed": (0, 1, 0.0), "all": (1, 0, 0.0)}


class DSSIDENet(BinClassifier):
    """The multi-task network of ds_sidenet, §4, Tables 1–2 and Fig. 3; take `DSSIDENetLow` or `DSSIDENetHigh`.

    Input: `(B, 3, H, W)` in [0, 1], at least 32×32; odd sizes pass: maps round up on the way down and are cropped at the
    bottom and right on the way up. Output, at input size: `depth` `(B, 1, H, W)`, metres; with the classification
    branch `logits` `(B, K, H, W)` and `quantised` `(B, 1, H, W)`, the expected label d = Σ j p_j; with the regression
    branch `regression` `(B, 1, H, W)`. In evaluation mode only the branch that gives `depth` is run, as in the paper.

    Parts: `encoder` (`DSEncoder`: sizes of its blocks there), `decoder` (a dict of `DecodingBranch`:
    `decoder.classification.block1` is the paper's "decoding block 1-1").

    Options:
        k, alpha, beta: bins and range in metres; the paper gives none. Edges are equally spaced in log depth (Eq. 1).
        branches: "both", or one alone for the single-task networks of Table 6.
        depth_from: the branch that gives `depth`: "classification" (the paper's choice at test, and what an only branch
            overrides) or "regression".
        decode: "soft", d = Σ j p_j; or "hard", the most probable label, for Table 6's hard-cls.
        all_outputs: also run the other branch in evaluation mode. It may be set later.
        decoder: "upproj-con"; "upproj" is that without both skips (Table 7, first row).
        encoder_skip, rgb_skip: each kind of skip, in all blocks at once, as Table 7 is read; `DecodingBranch`.
        join, refine, refine_block, output, output_kernel: see `DecodingBranch`.
        block4, norm: see `DSEncoder`.
        depth_input: the network also takes a depth map (`sidelib.models.ds_fusion.RGBDRefinement`), in metres; zeros
            mean that nothing was measured, and like all depth below alpha they enter as alpha.
        normalise, width (K stays).

    Ambiguities beyond those of the parts:
        levels: which labels there are, and the depth of each. "bins", the default: K logits for the labels 0 … K − 1 of
            the K bins of `sidelib.bins`; label j stands for its bin's geometric centre, α·10^(q(j + ½)), so that targets
            are the same as everywhere here. "printed": j = 1 … D = K as in the sum after Eq. 1, which rounds to the
            nearest level, α·10^(qj); the level 0 that Eq. 1 also gives (at x = α) has no probability. "all": K + 1
            logits for 0 … K. Decoded, "bins" is half a bin from either of the others; those two agree but in the lowest
            half bin, where "printed" has no level 0 and so is a whole bin above "all", and up to that above the depth.
        regression_as: the text says that this branch outputs a "disparity map" and that its loss compares it with depth.
            "depth", the default, follows the loss: `regression` is metres. "disparity": `regression` is 1/metres.
        positive: the paper does not say how an unbounded output becomes a depth. Here `regression` = softplus + 0.001
            (with output="direct", whose last operation is a ReLU: that + 0.001).
    """

    def __init__(
        self, *, high, k, alpha, beta, branches="both", depth_from="classification", decode="soft", levels="bins",
        regression_as="depth", all_outputs=False, decoder="upproj-con", encoder_skip=True, rgb_skip=True, join="concat",
        refine=None, refine_block=3, output="layer", output_kernel=3, block4="narrow", norm="last", depth_input=False,
        normalise=True, width=1.0,
    ):  # fmt: skip
        super().__init__(k=k, alpha=alpha, beta=beta, decode="expectation-log", normalise=normalise)
        check_choice("branches", branches, _BRANCHES)
        check_choice("depth_from", depth_from, _BRANCHES["both"])
        check_choice("decode", decode, ("soft", "hard"))
        check_choice("levels", levels, _LEVELS)
        check_choice("regression_as", regression_as, ("depth", "disparity"))
        check_choice("decoder", decoder, ("upproj-con", "upproj"))
        self.branches = _BRANCHES[branches]
        self.depth_from = depth_from if depth_from in self.branches else self.branches[0]
        self.decode, self.regression_as, self.output = decode, regression_as, output
        self.all_outputs, self.depth_input = all_outputs, depth_input
        more, first, self.offset = _LEVELS[levels]
        self.register_buffer("labels", torch.arange(first, first + k + more).float()[:, None, None], persistent=False)
        inputs = 4 if depth_input else 3
        self.encoder = DSEncoder(high=high, inputs=inputs, block4=block4, norm=norm, width=width)
        skips = decoder == "upproj-con"
        self.decoder = nn.ModuleDict({
            branch: DecodingBranch(
                k + more if branch == "classification" else 1, high=high, encoder_channels=self.encoder.channels,
                image_channels=inputs, encoder_skip=encoder_skip and skips, rgb_skip=rgb_skip and skips, join=join,
                refine=refine, refine_block=refine_block, output=output, output_kernel=output_kernel, width=width,
            )
            for branch in self.branches
        })  # fmt: skip

    def forward(self, image, depth=None):
        """`image` `(B, 3, H, W)`, and with `depth_input` also `depth` `(B, 1, H, W)` in metres, to a dict.

        The given depth is clamped to the network's range, so that zeros, where nothing was measured, enter as alpha.
        """
        x = self.prepared(image)
        if self.depth_input != (depth is not None):
            raise ValueError(f"depth: expected {'a depth map' if self.depth_input else 'none'} (depth_input)")
        if depth is not None:
            x = torch.cat((x, self._depth_channel(depth, x)), dim=1)
        features = self.encoder(x)
        images = image_pyramid(x, self.encoder.strides[:4])
        found = {}
        for branch in self.branches:
            if self.training or self.all_outputs or branch == self.depth_from:
                scores = self.decoder[branch](features, images)
                scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
                found |= self._classified(scores) if branch == "classification" else self._regressed(scores)
        return {"depth": found.pop(f"depth_{self.depth_from}")} | {
            name: value for name, value in found.items() if not name.startswith("depth_")
        }

    def _classified(self, logits):
        if self.decode == "hard":
            label = logits.argmax(dim=1, keepdim=True) + self.labels[0, 0, 0]
        else:
            label = _expected(logits, self.labels)
        return {"depth_classification": self.label_depth(label), "logits": logits, "quantised": label}

    def _depth_channel(self, depth, image):
        """Log depth, from −1 at alpha to 1 at beta: about the scale of the normalised image."""
        if not isinstance(depth, torch.Tensor) or not depth.is_floating_point():
            found = depth.dtype if isinstance(depth, torch.Tensor) else type(depth).__name__
            raise TypeError(f"depth: expected a floating-point tensor, found {found}")
        expected = (len(image), 1, *image.shape[-2:])
        if depth.shape != expected:
            raise ValueError(f"depth: expected shape (B, 1, H, W), here {expected}, found {tuple(depth.shape)}")
        depth = depth.to(image.dtype).clamp(self.edges[0], self.edges[-1])
        low, step = self._log_scale()
        return 2 * (depth.log() - low) / (step * self.k) - 1

    def _log_scale(self):
        """log α and q of Eq. 1 (times log 10), from the edges, which are saved with the weights."""
        low = self.edges[0].log()
        return low, (self.edges[-1].log() - low) / self.k

    def label_depth(self, label):
        """Metres of labels, which need not be whole: α·10^(q(j + offset)), Eq. 1 the other way round."""
        low, step = self._log_scale()
        return ((label + self.offset) * step + low).exp()

    def depth_label(self, depth):
        """Labels of metres, not rounded: (log x − log α)/q − offset, between the first label and the last."""
        low, step = self._log_scale()
        label = (depth.log() - low) / step - self.offset
        return label.clamp(self.labels[0, 0, 0], self.labels[-1, 0, 0])

    def _regressed(self, scores):
        positive = (scores if self.output == "direct" else F.softplus(scores)) + 1e-3
        depth = positive if self.regression_as == "depth" else 1 / positive
        return {"depth_regression": depth, "regression": positive}


def _expected(logits, labels):
    # Σ j p_j as two sums over e^logits in one matrix product: softmax, a product and a sum would each write K maps of the
    # image's size, and softmax copies a channels-last tensor. Autocast would round the labels to bfloat16.
    with without_autocast(logits):
        weights = (logits - logits.amax(dim=1, keepdim=True)).exp_()
        pair = torch.stack((torch.ones_like(labels), labels)).flatten(1).to(weights.dtype)
        total, mean = torch.matmul(pair, weights.flatten(2)).unflatten(2, logits.shape[2:]).chunk(2, dim=1)
        return mean / total


class DSSIDENetLow(DSSIDENet):
    """DS-SIDENet for low depth ranges: output stride 32, five up-projections with t = 2. Options: `DSSIDENet`.

    Defaults that the paper does not give: 68 bins on 0.65–10 m, those of `sidelib.models.dorn` for the same data.

    Parameters: 365 856 + 22 594 837 (both branches) = 22 960 693; the paper publishes no count.
    """

    def __init__(self, *, k=68, alpha=0.65, beta=10.0, refine=None, **options):
        super().__init__(high=False, k=k, alpha=alpha, beta=beta, refine=refine, **options)


class DSSIDENetHigh(DSSIDENet):
    """DS-SIDENet for high depth ranges: output stride 4, SAM as block 3. Options: `DSSIDENet`.

    Defaults that the paper does not give: 80 bins on 1–80 m, KITTI's range as it is usually evaluated.

    Parameters: 266 784 + 2 104 473 (both branches) = 2 371 257; the paper publishes no count.
    """

    def __init__(self, *, k=80, alpha=1.0, beta=80.0, refine="sam", **options):
        super().__init__(high=True, k=k, alpha=alpha, beta=beta, refine=refine, **options)
