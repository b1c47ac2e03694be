"""A fully connected conditional random field over depth classes, by mean field with exact pairwise terms."""

import torch
from torch.nn import functional as F

from sidelib.models.precision import without_autocast

__all__ = ["compatibility_matrix", "mean_field", "pairwise_kernel"]


def compatibility_matrix(kind, k):
    """What two labels cost each other, `(K, K)` with a zero diagonal.

    Args:
        kind: "potts": 1 for any two different labels, as in DeepLab; or "distance": |p − q| / (K − 1), which lets
            neighbouring depth bins meet at little cost, as order demands.
        k: number of classes.

    >>> compatibility_matrix("distance", 3)
    tensor([[0.0000, 0.5000, 1.0000],
            [0.5000, 0.0000, 0.5000],
            [1.0000, 0.5000, 0.0000]])
    """
    if kind == "potts":
        return 1 - torch.eye(k)
    if kind == "distance":
        labels = torch.arange(k, dtype=torch.float32)
        return (labels[:, None] - labels).abs() / max(k - 1, 1)
    raise ValueError(f'compatibility: expected "potts", "distance" or a (K, K) tensor, found {kind!r}')


def pairwise_kernel(features, weights, *, rows=None, norms=None):
    """The sum of Gaussian kernels Σ_m w_m exp(−|f_m(i) − f_m(j)|²/2), without a pixel's pair with itself.

    Args:
        features: `[(N, d_m), …]`, one for each kernel, already divided by its standard deviations.
        weights: one for each kernel.
        rows: a slice of the pixels i; None is all.
        norms: None, or `[(N,), …]`: kernel m is divided by √(norm(i) norm(j)).

    Returns:
        `(n, N)`, n the number of rows.

    >>> pairwise_kernel([torch.tensor([[0.0], [1.0]])], [2.0])
    tensor([[0.0000, 1.2131],
            [1.2131, 0.0000]])
    """
    pixels = torch.arange(features[0].shape[0], device=features[0].device)
    chosen = pixels if rows is None else pixels[rows]
    total = 0
    for m, (values, weight) in enumerate(zip(features, weights)):
        # Differences squared rather than the matrix-product form, which loses close pixels to cancellation.
        distance = torch.cdist(values[chosen], values, compute_mode="donot_use_mm_for_euclid_dist")
        kernel = (distance.square() / -2).exp()
        if norms is not None:
            scale = norms[m].clamp(min=torch.finfo(kernel.dtype).tiny).rsqrt()
            kernel = kernel * scale[chosen, None] * scale
        total = total + weight * kernel
    return total.where(chosen[:, None] != pixels, 0)


def mean_field(
    unary, image, *, iterations=10, size=None, compatibility="potts", appearance_weight=4.0, appearance_xy=50.0,
    appearance_colour=5 / 255, smoothness_weight=3.0, smoothness_xy=3.0, normalise=True, entries=2**25,
):  # fmt: skip
    """Approximate marginals of a fully connected CRF with Gaussian pairwise terms.

    The energy of a labelling is Σ_i u_i(x_i) + Σ_{i<j} μ(x_i, x_j) k(i, j), with
    k(i, j) = w₁ exp(−|p_i − p_j|²/2σ_xy² − |I_i − I_j|²/2σ_colour²) + w₂ exp(−|p_i − p_j|²/2σ_smooth²).
    Mean field starts from Q = softmax(−u) and repeats, for all pixels at once,
    Q_i(l) ∝ exp(−u_i(l) − Σ_l' μ(l, l') Σ_{j≠i} k(i, j) Q_j(l')).

    Every pair of pixels is summed, without the usual filtering approximation: time grows with the square of the number
    of pixels. So state `size` for anything larger than about 60×80, whose kernel still fits the default `entries`.

    Source: Krähenbühl & Koltun 2011; the second part of Cao et al. (thesis §2.1.2.1) and the last step of DeepLab v2
    (sid_segmentation §2, §3.1, Fig. 1). Neither text gives parameters; the defaults are ours, a start to tune from.

    Args:
        unary: `(B, K, H, W)`, energies: the lower, the likelier. For a network's logits: `-logits.log_softmax(1)`.
        image: `(B, 3, H, W)` in [0, 1].
        iterations: of the update; 0 gives softmax(−u).
        size: (h, w), at which the CRF is solved: energies and colours are averaged over cells, and the marginals
            enlarged bilinearly. None: at H × W. Distances are in pixels of the unary as it is given, at any `size`.
        compatibility: "potts", "distance" (`compatibility_matrix`) or a symmetric `(K, K)` tensor μ.
        appearance_weight, appearance_xy, appearance_colour: w₁, σ_xy in pixels, σ_colour in units of the image.
        smoothness_weight, smoothness_xy: w₂, σ_smooth in pixels.
        normalise: divide each kernel by √(n_i n_j), n_i = Σ_{j≠i} k(i, j), as public implementations do: the weights
            then mean about the same at any resolution. False is the formula as published, where they grow with the pixels.
        entries: of the N × N kernel that are held at once, with about three times as many for scratch. A kernel that
            fits is computed once, a larger one by rows and again in each iteration. But for rounding, results do not
            depend on it.

    Raises:
        TypeError, ValueError: naming the argument.

    Returns:
        `(B, K, H, W)` marginals, summing to 1 over K, float32 at least, also under autocast.

    >>> unary = torch.tensor([2.0, 0.0, 0.0, 2.0]).reshape(1, 2, 1, 2)  # a pixel likes label 1, its neighbour label 0
    >>> mean_field(unary, torch.zeros(1, 3, 1, 2), iterations=0)[0, :, 0].round(decimals=3)
    tensor([[0.1190, 0.8810],
            [0.8810, 0.1190]])
    """
    _check(unary, image, iterations, entries)
    dtype = torch.promote_types(unary.dtype, torch.float32)
    unary, image = unary.to(dtype), image.to(dtype)
    k, full = unary.shape[1], unary.shape[-2:]
    if isinstance(compatibility, str):
        compatibility = compatibility_matrix(compatibility, k)
    if not isinstance(compatibility, torch.Tensor):
        raise TypeError(f"compatibility: expected a name or a tensor, found {type(compatibility).__name__}")
    if compatibility.shape != (k, k) or not torch.equal(compatibility, compatibility.T):
        raise ValueError(f"compatibility: expected a symmetric ({k}, {k}) tensor, found {tuple(compatibility.shape)}")
    compatibility = compatibility.to(unary.device, dtype)
    if size is not None:
        if len(size) != 2 or not all(1 <= small <= large for small, large in zip(size, full)):
            raise ValueError(f"size: expected (h, w) within {full[0]}×{full[1]}, found {size!r}")
        unary, image = (F.adaptive_avg_pool2d(values, tuple(size)) for values in (unary, image))
    position = _positions(unary, full)
    weights, found = (appearance_weight, smoothness_weight), []
    for energies, colours in zip(unary.flatten(2).mT, image.flatten(2).mT):  # one image at a time: (N, K), (N, 3)
        appearance = torch.cat((position / appearance_xy, colours / appearance_colour), dim=1)
        features = [appearance, position / smoothness_xy]
        with without_autocast(unary):  # its products would come back in bfloat16, which has two to three digits
            found.append(_solve(energies, features, weights, compatibility, iterations, normalise, entries))
    marginals = torch.stack(found).mT.unflatten(2, unary.shape[-2:])
    if size is not None:
        marginals = F.interpolate(marginals, size=full, mode="bilinear", align_corners=False)
    return marginals


def _solve(energies, features, weights, compatibility, iterations, normalise, entries):
    n = energies.shape[0]
    step = max(1, entries // n)
    parts = [slice(start, start + step) for start in range(0, n, step)]
    norms = None
    if normalise:
        norms = [torch.cat([pairwise_kernel([part], [1.0], rows=rows).sum(1) for rows in parts]) for part in features]
    held = pairwise_kernel(features, weights, norms=norms) if len(parts) == 1 else None
    marginals = (-energies).softmax(1)
    for _ in range(iterations):
        if held is None:
            kernels = (pairwise_kernel(features, weights, rows=rows, norms=norms) for rows in parts)
            messages = torch.cat([kernel @ marginals for kernel in kernels])
        else:
            messages = held @ marginals
        marginals = (-energies - messages @ compatibility).softmax(1)
    return marginals


def _positions(unary, full):
    """Cell centres in pixels of the full size, `(N, 2)`, row by row."""
    axes = []
    for small, large in zip(unary.shape[-2:], full):
        axes.append((torch.arange(small, device=unary.device, dtype=unary.dtype) + 0.5) * (large / small) - 0.5)
    return torch.cartesian_prod(*axes)


def _check(unary, image, iterations, entries):
    for name, values, channels in (("unary", unary, "K"), ("image", image, 3)):
        if not isinstance(values, torch.Tensor) or not values.is_floating_point():
            found = values.dtype if isinstance(values, torch.Tensor) else type(values).__name__
            raise TypeError(f"{name}: expected a floating-point tensor, found {found}")
        if values.ndim != 4 or 0 in values.shape or (channels == 3 and values.shape[1] != 3):
            expected = f"(B, {channels}, H, W)"
            raise ValueError(f"{name}: expected shape {expected} with no empty axis, found {tuple(values.shape)}")
    if unary.shape[0] != image.shape[0] or unary.shape[-2:] != image.shape[-2:]:
        raise ValueError(f"image: expected batch and size of unary, {tuple(unary.shape)}, found {tuple(image.shape)}")
    for name, value, least in (("iterations", iterations, 0), ("entries", entries, 1)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name}: expected a whole number, at least {least}, found {value!r}")
