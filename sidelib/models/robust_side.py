"""Robust SIDE: the scene is understood first, then the network for its depth range estimates depth."""

import torch
from torch import nn
from torch.nn import functional as F

from sidelib.models.ds_sidenet import DSSIDENetHigh, DSSIDENetLow
from sidelib.models.image_network import ImageNetwork
from sidelib.models.trunks import ResNetTrunk, check_image
from sidelib.models.weights import load_weights

__all__ = [
    "RobustSIDE", "SceneClassifier", "coarse_vote", "expected_range_vote", "majority_vote", "weighted_vote",
]  # fmt: skip


class SceneClassifier(ImageNetwork):
    """A WideResNet-18 over scene categories: `(B, 3, H, W)` in [0, 1] to logits `(B, classes)`, at any size.

    Source: ds_sidenet, §3 and §5.1, "the official model of WideResNet-18 trained on the Places-365 dataset", at 224×224.

    Args:
        classes: 365.
        kind: what is wide. "map", the default: what Places-365's authors publish under this name
            (github.com/CSAILVision/places365, wideresnet.py) is a ResNet-18 of the usual channels without the
            max-pooling, so that 224×224 ends in a wide 14×14 map. "channels": a ResNet-18 with all channels doubled, as
            "wide residual network" means elsewhere.
        width: factor on all channels.
        weights: a checkpoint of this network and width, for `sidelib.models.weights.load_weights`: for "map" the file
            `wideresnet18_places365.pth.tar` of Places-365's authors, classifier included.

    Parameters: 11 363 757 ("map"), 45 042 157 ("channels").
    """

    def __init__(self, classes=365, *, kind="map", width=1.0, weights=None):
        super().__init__()
        if kind not in ("map", "channels"):
            raise ValueError(f'kind: expected "map" or "channels", found {kind!r}')
        self.trunk = ResNetTrunk(18, width=2 * width if kind == "channels" else width)
        if kind == "map":
            self.trunk.maxpool = nn.Identity()
        self.fc = nn.Linear(self.trunk.channels[-1], classes)
        load_weights(self, weights, lambda key: key if key.startswith("fc.") else f"trunk.{key}")

    def forward(self, image):
        """`(B, classes)` logits."""
        check_image(image)
        return self.fc(self.trunk(self.normalised(image))[-1].mean(dim=(2, 3)))


def _top(probabilities, ranges, top):
    if probabilities.ndim != 2 or ranges.shape != probabilities.shape[1:]:
        expected = f"(B, {ranges.numel()})"
        raise ValueError(f"probabilities: expected shape {expected}, found {tuple(probabilities.shape)}")
    if not 1 <= top <= ranges.numel():
        raise ValueError(f"top: expected 1 to {ranges.numel()} categories, found {top!r}")
    found, index = probabilities.topk(top, dim=1)
    return found, ranges.to(probabilities.device)[index]


def _checked(high):
    # Numbers are refused: they may be categories' indices, and ~1 is -2.
    if not isinstance(high, torch.Tensor) or high.dtype != torch.bool:
        found = high.dtype if isinstance(high, torch.Tensor) else type(high).__name__
        raise TypeError(f"high: expected a bool tensor, one value for each category, found {found}")
    return high


def majority_vote(probabilities, high, top=15):
    """Is the scene of high depth range? False where more than `top`/2 of the most probable categories are low.

    Source: ds_sidenet, §3, K = 15. With an even K a tie is high: the paper's condition for low fails.

    Args:
        probabilities: `(B, C)`. high: bool `(C,)`, which categories have a high depth range.

    Returns:
        bool `(B,)`.

    >>> p = torch.tensor([[0.5, 0.2, 0.2, 0.1]])
    >>> majority_vote(p, torch.tensor([True, False, False, True]), top=3).item()
    False
    """
    _, votes = _top(probabilities, _checked(high), top)
    return 2 * (~votes).sum(dim=1) <= top


def weighted_vote(probabilities, high, top=15):
    """As `majority_vote`, each category's vote weighing its probability ("weighted voting", §3).

    >>> p = torch.tensor([[0.5, 0.2, 0.2, 0.1]])
    >>> weighted_vote(p, torch.tensor([True, False, False, True]), top=3).item()
    True
    """
    weights, votes = _top(probabilities, _checked(high), top)
    return 2 * (weights * ~votes).sum(dim=1) <= weights.sum(dim=1)


def expected_range_vote(probabilities, ranges, sigma, top=None):
    """Is the expected depth range Σ p r above σ? ("expected depth range based on the predicted scene probabilities", §3)

    Args:
        probabilities: `(B, C)`. ranges: `(C,)`, the average depth range of each category in metres.
        sigma: metres. top: only this many of the most probable categories, their probabilities made to sum to 1.

    >>> expected_range_vote(torch.tensor([[0.5, 0.5]]), torch.tensor([2.0, 30.0]), sigma=10.0).item()
    True
    """
    weights, found = _top(probabilities, ranges, ranges.numel() if top is None else top)
    return (weights * found).sum(dim=1) / weights.sum(dim=1) > sigma


def coarse_vote(depth, sigma=5.89):
    """Is the largest depth of a coarse map above σ? (§3; 5.89 m comes from the challenge's validation images)

    >>> coarse_vote(torch.tensor([5.89, 5.9]).reshape(2, 1, 1, 1)).tolist()
    [False, True]
    """
    return depth.amax(dim=(1, 2, 3)) > sigma


class RobustSIDE(nn.Module):
    """The two-stage framework: scene understanding, then the low-range or the high-range DS-SIDENet.

    Source: ds_sidenet, §3 and Fig. 2.

    Input: `(B, 3, H, W)` in [0, 1], at least 32×32; each image of a batch takes its own way. Output: `depth`
    `(B, 1, H, W)`, metres; `high`, bool `(B,)`; and what the decision came from: `coarse` `(B, 1, H, W)`, metres, or
    `scene_logits` `(B, 365)`.

    Parts: `understanding` (`DSSIDENetLow` or `SceneClassifier`), `low`, `high`. The decision itself
    has no gradient: each part is trained on its own, as in the paper.

    Sending each image to its own network indexes by data, so that `torch.compile(fullgraph=True)` and the "meta" device
    are for the parts and not for this class.

    Args:
        stage1: "coarse", the default, or "scene". The paper prefers scene classification, but prints for no category
            whether its range is low or high; that mapping must be given.
        vote: for "scene": "majority" (the paper's), "weighted" or "expected".
        high_categories: bool `(C,)`, for "majority" and "weighted". ranges: `(C,)` metres, for "expected".
        top: K of the vote, 15; with "expected" all categories count.
        sigma: metres; 5.89 for the coarse map. The expected range is compared with it too: the paper gives no other.
        classifier: `kind` of `SceneClassifier`.
        low, high, coarse: options of the networks. The coarse network has the low network's layers (§3) and sees both
            ranges: 80 bins on 0.65–80 m, which the paper does not give.
        scene_size: 224, to which the image is resized for the classifier (§5.1: both sides, the aspect ratio is lost).
        width: of all networks.
        weights: of the `SceneClassifier`, which must be there (`stage1="scene"`).
    """

    def __init__(
        self, *, stage1="coarse", vote="majority", high_categories=None, ranges=None, top=15, sigma=5.89,
        classifier="map", low=None, high=None, coarse=None, scene_size=224, width=1.0, weights=None,
    ):  # fmt: skip
        super().__init__()
        if stage1 not in ("coarse", "scene"):
            raise ValueError(f'stage1: expected "coarse" or "scene", found {stage1!r}')
        if vote not in ("majority", "weighted", "expected"):
            raise ValueError(f'vote: expected "majority", "weighted" or "expected", found {vote!r}')
        if weights is not None and stage1 != "scene":
            raise ValueError('weights: expected None without a scene classifier (stage1="scene")')
        self.stage1, self.vote, self.top, self.sigma, self.scene_size = stage1, vote, top, sigma, scene_size
        if stage1 == "coarse":
            self.understanding = DSSIDENetLow(**{"k": 80, "beta": 80.0, "width": width, **(coarse or {})})
        else:
            name, wanted = ("ranges", ranges) if vote == "expected" else ("high_categories", high_categories)
            if wanted is None:
                raise ValueError(f"{name}: expected a value for each scene category, found None")
            categories = torch.as_tensor(wanted).flatten()
            if vote == "expected":
                categories = categories.float()
            elif categories.dtype != torch.bool:
                raise TypeError(f"{name}: expected True or False for each category, found {categories.dtype}")
            elif not 1 <= top <= categories.numel():
                raise ValueError(f"top: expected 1 to {categories.numel()} categories, found {top!r}")
            self.register_buffer("categories", categories)
            self.understanding = SceneClassifier(categories.numel(), kind=classifier, width=width, weights=weights)
        self.low = DSSIDENetLow(**{"width": width, **(low or {})})
        self.high = DSSIDENetHigh(**{"width": width, **(high or {})})

    def understand(self, image):
        """Stage one: a dict with `high` and with `coarse` or `scene_logits`."""
        check_image(image)
        if self.stage1 == "coarse":
            coarse = self.understanding(image)["depth"]
            return {"high": coarse_vote(coarse, self.sigma), "coarse": coarse}
        small = F.interpolate(image, size=(self.scene_size,) * 2, mode="bilinear", align_corners=False, antialias=True)
        logits = self.understanding(small)
        probabilities = logits.softmax(dim=1, dtype=torch.promote_types(logits.dtype, torch.float32))
        if self.vote == "expected":
            high = expected_range_vote(probabilities, self.categories, self.sigma)
        else:
            count = majority_vote if self.vote == "majority" else weighted_vote
            high = count(probabilities, self.categories, self.top)
        return {"high": high, "scene_logits": logits}

    def forward(self, image):
        """`image` `(B, 3, H, W)` to `depth`, `high`, and `coarse` or `scene_logits`."""
        found = self.understand(image)
        parts, order = [], []
        for network, chosen in ((self.low, ~found["high"]), (self.high, found["high"])):
            index = chosen.nonzero()[:, 0]
            if len(index):
                parts.append(network(image[index])["depth"])
                order.append(index)
        return {"depth": torch.cat(parts)[torch.cat(order).argsort()], **found}
