"""What the report's six networks share: the way in for an image and the way out to metres."""

import torch
from torch.nn import functional as F

from sidelib.models.image_network import ImageNetwork

__all__ = ["ReportNetwork", "enlarge"]


def enlarge(x, size):
    """`x` `(B, C, h, w)` resized bilinearly to `size`, without aligned corners."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


class ReportNetwork(ImageNetwork):
    """What the report's six networks share: the input's normalisation and the step from their output to metres.

    The networks learn depth scaled to [0, 1] (report, §3), and their own output is returned as `regression`: unbounded,
    as no activation is described, or at least 0 where the report names a final ReLU. `depth` is `regression` times
    `max_depth`, clamped from below at `min_depth`, in training too; there is no gradient below the clamp, so that
    training compares `regression` with scaled depth, as the report does.

    Args:
        max_depth: metres that 1 stands for. The report does not say how it scales; 10 m is NYU's usual cap.
        min_depth: metres.
        normalise: subtract ImageNet's mean colour and divide by its standard deviation, as torchvision's weights want;
            the report does not say.
    """

    def __init__(self, *, max_depth=10.0, min_depth=1e-3, normalise=True):
        super().__init__(normalise)
        if not 0 < min_depth < max_depth:
            raise ValueError(
                f"min_depth, max_depth: expected 0 < min_depth < max_depth, found {min_depth}, {max_depth}"
            )
        self.max_depth, self.min_depth = max_depth, min_depth

    def outputs(self, x, size):
        """`regression`, enlarged to `size` in float32 at least, and the `depth` in metres that it stands for."""
        regression = enlarge(x.to(torch.promote_types(x.dtype, torch.float32)), size)
        return {"depth": (regression * self.max_depth).clamp(min=self.min_depth), "regression": regression}
