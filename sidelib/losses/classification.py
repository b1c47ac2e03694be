"""Losses on depth bins: Cao et al.'s information gain, DORN's ordinal regression, DS-SIDENet's soft classification.

Convention for all: labels are 0 … K - 1, as `sidelib.bins.depth_to_label` makes them; any other label (its -100, say) is
outside the range, and its pixel does not count, as where `mask` is False.
"""

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

from sidelib.geometry._checks import check_mask, check_tensor
from sidelib.losses._masked import check_choice, check_weight, masked_mean

__all__ = ["information_gain_cross_entropy", "ordinal_regression", "soft_bin_classification"]


def information_gain_cross_entropy(logits, labels, mask=None, *, alpha=0.2, normalise=False):
    """Cross entropy weighted by information gain: -Σ_k H(label, k) ln P(k), H(p, q) = exp(-α (p - q)²); then the mean.

    Source: Cao et al.; thesis, Eq. 2.19, where "ith image" should read ith pixel and B is K. α is not in the thesis; 0.2
    is Cao et al.'s.

    Convention: as printed, the rows of H do not sum to 1 (3.96 in the middle, 2.48 at either end of the range), so that
    the loss weighs labels near the ends less; `normalise=True` makes each row a distribution. Neither loss is 0 at
    its best. α → ∞ gives `torch.nn.functional.cross_entropy`.

    Args:
        logits: `(B, K, H, W)`, before the softmax.
        labels: int64 `(B, 1, H, W)`.
        mask: bool `(B, 1, H, W)`, True where the label is valid; without it every label of 0 … K - 1 counts.
        alpha: α, at least 0. normalise: divide each row of H by its sum.

    Returns:
        Scalar, the mean over valid pixels, float32 (float64 for float64 logits); 0 with zero gradient if there is none.
        Beside the gradient, memory for one *image* of logits is used at a time. No second derivative.

    >>> logits, label = torch.tensor([2.0, 1.0, 0.0]).reshape(1, 3, 1, 1), torch.tensor([[[[0]]]])
    >>> round(information_gain_cross_entropy(logits, label).item(), 4)  # 0.4076 + 0.8187 × 1.4076 + 0.4493 × 2.4076
    2.6419
    """
    check_weight("alpha", alpha)
    valid = _check(logits, labels, mask)
    dtype = torch.promote_types(logits.dtype, torch.float32)
    bins = torch.arange(logits.shape[1], device=logits.device, dtype=dtype)
    gain = (-alpha * (bins[:, None] - bins).square()).exp()
    if normalise:
        gain = gain / gain.sum(dim=1, keepdim=True)
    labels = torch.where(valid, labels, 0)
    return masked_mean(_GainEntropy.apply(logits, labels, gain), valid)


class _GainEntropy(torch.autograd.Function):
    """Σ_k H(l, k) (L - z_k) of each pixel, `(B, 1, H, W)`, L = ln Σ_k exp(z_k).

    The gradient is (Σ_k H(l, k)) softmax(z) - H(l, ·). Written with torch's operations, rows of H, log-probabilities
    and their product would all be kept for every image: 123 MB each for one of 640×480 with 100 bins.
    """

    @staticmethod
    def forward(ctx, logits, labels, gain):
        partition, loss = (torch.empty_like(labels, dtype=gain.dtype) for _ in range(2))
        for image in range(len(logits)):
            scores = logits[image].to(gain.dtype)
            partition[image] = scores.logsumexp(dim=0)
            loss[image] = (partition[image] - scores).mul_(_rows(gain, labels[image])).sum(dim=0)
        ctx.save_for_backward(logits, labels, gain, partition)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream):
        logits, labels, gain, partition = ctx.saved_tensors
        total, gradient = gain.sum(dim=1), torch.empty_like(logits)
        for image in range(len(logits)):
            slope = (logits[image].to(gain.dtype) - partition[image]).exp_().mul_(total[labels[image]])
            gradient[image] = slope.sub_(_rows(gain, labels[image])).mul_(upstream[image])
        return gradient, None, None


def _rows(gain, labels):
    """H(l, ·) for labels `(1, H, W)`: `(K, H, W)`."""
    return gain.T[:, labels[0]]


def ordinal_regression(logits, labels, mask=None, *, thresholds="upper", as_printed=False):
    """DORN's loss: for each pixel the sum of K binary cross entropies, "is it farther than threshold k?"; then the mean.

    -Σ_k { ln ŷᵏ where the pixel is farther than head k's threshold, ln(1 - ŷᵏ) where it is not }, with ŷᵏ the softmax
    of head k's pair, its second entry. Computed as softplus(± (z_farther - z_nearer)), which cannot overflow.

    Source: Fu et al. 2018; thesis, Eq. 2.21 (a sum over the heads, a mean over pixels; the threshold of head k, not that
    of pixel i as printed).

    Convention: ŷ is the probability of "farther", so that Eq. 2.22, which counts the heads with ŷ ≥ 0.5, decodes what
    was trained; this is `sidelib.models.dorn`. Eq. 2.21 as printed trains the opposite, ŷ = "nearer".

    Args:
        logits: `(B, K, 2, H, W)`, as DORN returns them, or `(B, 2K, H, W)` with channels 2k and 2k + 1 for head k: the
            scores of "nearer" and "farther".
        labels: int64 `(B, 1, H, W)`.
        mask: bool `(B, 1, H, W)`, True where the label is valid; without it every label of 0 … K - 1 counts.
        thresholds: what head k compares with: "upper", the upper edge of bin k (a pixel of bin l has l heads that say
            "farther"), or "lower", its lower edge (l + 1 heads). As the network's option of this name.
        as_printed: ŷ as the probability of "nearer", Eq. 2.21 to the letter.

    Returns:
        Scalar, float32 (float64 for float64 logits); 0 with zero gradient if no pixel is valid.

    >>> logits = torch.tensor([0.0, 2.0, 0.0, -1.0]).reshape(1, 4, 1, 1)  # farther than the first, not than the second
    >>> [round(ordinal_regression(logits, torch.tensor([[[[label]]]])).item(), 4) for label in (0, 1)]
    [2.4402, 0.4402]
    """
    check_choice("thresholds", thresholds, ("upper", "lower"))
    if isinstance(logits, torch.Tensor) and logits.ndim == 4 and logits.shape[1] % 2 == 0:
        logits = logits.unflatten(1, (-1, 2))
    logits = check_tensor("logits", logits)
    if logits.ndim != 5 or logits.shape[2] != 2:
        raise ValueError(f"logits: expected shape (B, K, 2, H, W) or (B, 2K, H, W), found {tuple(logits.shape)}")
    valid = _check(logits[:, :, 0], labels, mask)
    nearer, farther = logits.unbind(dim=2)
    head = torch.arange(logits.shape[1], device=logits.device)[:, None, None]
    says_farther = head < labels if thresholds == "upper" else head <= labels
    sign = torch.where(says_farther != as_printed, -1.0, 1.0)
    loss = F.softplus(sign * (farther - nearer)).sum(dim=1, keepdim=True)
    return masked_mean(loss, valid)


def soft_bin_classification(logits, labels, mask=None, *, first_label=0, reduction="mean"):
    """Soft classification: smooth L1 between the expected label Σ_j j p_j and the true one.

    Below a difference of 1 it is y² / 2, above |y| - 1/2: bins apart, not metres.

    Source: ds_sidenet §4.3, Eq. 2 and the first term of Eq. 3, after Kendall et al.'s soft argmin.

    Convention: a pixel whose probability lies on either side of the true bin costs nothing; unlike cross entropy, the
    loss sees only the mean.

    Args:
        logits: `(B, K, H, W)`, before the softmax.
        labels: `(B, 1, H, W)`: int64, or floating point if they were not rounded (`DSSIDENet.depth_label`).
        mask: bool `(B, 1, H, W)`, True where the label is valid; without it every label from `first_label` to
            `first_label + K - 1` counts.
        first_label: the label of the first logit: 1 for the sum from j = 1 that the paper prints (`levels="printed"`).
        reduction: "mean" over valid pixels, or "sum", as Eq. 3 prints; the size of a sum depends on that of the images.

    Returns:
        Scalar, float32 (float64 for float64 logits); 0 with zero gradient if no pixel is valid.

    >>> logits = torch.tensor([0.5, 0.25, 0.25]).log().reshape(1, 3, 1, 1)  # expected label 0.75
    >>> [round(soft_bin_classification(logits, torch.tensor([[[[label]]]])).item(), 5) for label in (0, 1, 2)]
    [0.28125, 0.03125, 0.75]
    """
    check_choice("reduction", reduction, ("mean", "sum"))
    if isinstance(first_label, bool) or not isinstance(first_label, int):
        raise TypeError(f"first_label: expected a whole number, found {first_label!r}")
    valid = _check(logits, labels, mask, first_label, real=True)
    logits = check_tensor("logits", logits)
    values = torch.arange(first_label, first_label + logits.shape[1], device=logits.device, dtype=logits.dtype)
    expected = (logits.softmax(dim=1) * values[:, None, None]).sum(dim=1, keepdim=True)
    expected, true = torch.where(valid, expected, 0.0), torch.where(valid, labels.to(logits.dtype), 0.0)
    loss = F.smooth_l1_loss(expected, true, reduction="none")
    return masked_mean(loss, valid) if reduction == "mean" else loss.sum()


def _check(logits, labels, mask, first=0, real=False):
    """Which pixels count, bool `(B, 1, H, W)`."""
    if not isinstance(logits, torch.Tensor) or not logits.is_floating_point():
        found = logits.dtype if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise TypeError(f"logits: expected a floating-point tensor, found {found}")
    if logits.ndim != 4 or not logits.numel():
        raise ValueError(f"logits: expected shape (B, K, H, W), found {tuple(logits.shape)}")
    if not isinstance(labels, torch.Tensor) or not (
        labels.dtype == torch.int64 or (real and labels.is_floating_point())
    ):
        found = labels.dtype if isinstance(labels, torch.Tensor) else type(labels).__name__
        raise TypeError(f"labels: expected an int64 {'or floating-point ' * real}tensor, found {found}")
    shape = (len(logits), 1, *logits.shape[2:])
    if labels.shape != shape:
        raise ValueError(f"labels: expected shape {shape}, found {tuple(labels.shape)}")
    if labels.device != logits.device:
        raise ValueError(f"labels: expected on {logits.device}, with logits, found on {labels.device}")
    valid = (labels >= first) & (labels <= first + logits.shape[1] - 1)
    if mask is not None:
        check_mask(mask, labels)
        valid = valid & mask
    return valid
