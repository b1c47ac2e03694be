"""The networks of the five papers: `build(name, **options)`; encoder, decoder and head as plain parts."""

from sidelib.models.cao import Cao
from sidelib.models.deeplab import FCN, DeepLabV2
from sidelib.models.dorn import DORN
from sidelib.models.ds_sidenet import DSSIDENetHigh, DSSIDENetLow
from sidelib.models.eigen import EigenCoarseFine, EigenThreeScale
from sidelib.models.encdec_resnet import EncDecResNet
from sidelib.models.fcrn import FCRN
from sidelib.models.hqmd import HQMDBaseline, HQMDBaselinePlus
from sidelib.models.resnete import ResNetEv1, ResNetEv2, ResNetEv3
from sidelib.models.robust_side import RobustSIDE
from sidelib.models.self_supervised import DepthCNN, ExplainabilityCNN, PoseCNN
from sidelib.models.unets import DENoSkip, DenseNetUNet, ResNetUNet

__all__ = ["build", "names"]

_NETWORKS = {
    "eigen-coarse-fine": EigenCoarseFine,
    "eigen-three-scale": EigenThreeScale,
    "fcrn": FCRN,
    "encdec-resnet": EncDecResNet,
    "dorn": DORN,
    "cao": Cao,
    "depth-cnn": DepthCNN,
    "pose-cnn": PoseCNN,
    "explainability-cnn": ExplainabilityCNN,
    "ds-sidenet-low": DSSIDENetLow,
    "ds-sidenet-high": DSSIDENetHigh,
    "robust-side": RobustSIDE,
    "deeplab-v2": DeepLabV2,
    "fcn": FCN,
    "de-noskip": DENoSkip,
    "resnete-v1": ResNetEv1,
    "resnete-v2": ResNetEv2,
    "resnete-v3": ResNetEv3,
    "densenet-unet": DenseNetUNet,
    "resnet-unet": ResNetUNet,
    "hqmd-baseline": HQMDBaseline,
    "hqmd-baseline-plus": HQMDBaselinePlus,
}


def names():
    """The networks that `build` knows, paper by paper.

    >>> names()[:3]
    ('eigen-coarse-fine', 'eigen-three-scale', 'fcrn')
    """
    return tuple(_NETWORKS)


def build(name, **options):
    """A network by name, with random weights unless its options say otherwise.

    Args:
        name: one of `names()`.
        options: as the network's own class lists them; `width` shrinks the channels of each, `weights` loads ImageNet
            weights into the trunk of those that have one (into the scene classifier of `robust-side`, Places-365's).

    Raises:
        ValueError: an unknown name.
        TypeError: an option that this network does not have.

    >>> import torch
    >>> network = build("fcrn", width=0.125).eval()
    >>> sorted(network(torch.rand(1, 3, 64, 96)))
    ['depth']
    """
    if name not in _NETWORKS:
        raise ValueError(f"name: expected one of {', '.join(_NETWORKS)}, found {name!r}")
    return _NETWORKS[name](**options)
