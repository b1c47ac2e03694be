"""Joint augmentation of image, depth, mask, labels, normals and camera, and the resizing used for validation."""

import math
from dataclasses import KW_ONLY, dataclass

import torch

from sidelib.training._views import check_sample, make_view, resample

__all__ = ["EigenAugmentation", "Resize", "UNetReportAugmentation"]

_TOLERANCE = 1e-3  # by which an image may leave [0, 1]


@dataclass(frozen=True)
class Resize:
    """Resize, then crop the centre: what validation does, and any use without chance.

    FCRN's protocol is ``Resize((240, 320), crop=(228, 304))`` on 480×640. The U-Net report "just rescales" its test
    images, which is ``Resize((128, 128))``.

    Convention: integer coordinates are pixel centres, so that resizing by s takes u to (u + 0.5) s − 0.5, and an offset
    of the crop is the whole number of pixels at or below half of what is cut. Intrinsics follow exactly: focal lengths
    times s, the principal point as a point. Depth is not changed. Disparity is multiplied by s of the width; `right`,
    `occlusion` and `pose` are kept. What else is kept or dropped, and how pixels are taken: see `EigenAugmentation`.

    Args:
        size: (H, W) to resize to; the two directions need not shrink alike.
        crop: (H, W) of the centre to keep, or None for all.

    Raises:
        ValueError, TypeError: naming the argument or the key of the sample.

    >>> sample = {"image": torch.rand(3, 480, 640), "mask": torch.ones(1, 480, 640, dtype=torch.bool)}
    >>> sample["intrinsics"] = torch.tensor([[500.0, 0.0, 319.5], [0.0, 500.0, 239.5], [0.0, 0.0, 1.0]])
    >>> after = Resize((240, 320), crop=(228, 304))(sample)
    >>> tuple(after["image"].shape), after["intrinsics"][0].tolist()
    ((3, 228, 304), [250.0, 0.0, 151.5])
    """

    size: tuple
    _: KW_ONLY
    crop: tuple | None = None

    def __post_init__(self):
        object.__setattr__(self, "size", _checked_size("size", self.size))
        if self.crop is not None:
            object.__setattr__(self, "crop", _checked_size("crop", self.crop))
            if self.crop[0] > self.size[0] or self.crop[1] > self.size[1]:
                raise ValueError(f"crop: expected at most the size {self.size}, found {self.crop}")

    def __call__(self, sample, generator=None):
        """The sample after; `generator` is not used."""
        height, width = check_sample(sample)
        crop = self.crop or self.size
        view = make_view(
            (height, width), crop, zoom=(self.size[1] / width, self.size[0] / height),
            offset=((self.size[1] - crop[1]) // 2, (self.size[0] - crop[0]) // 2),
        )  # fmt: skip
        return resample(sample, view, same_camera=True)


@dataclass(frozen=True)
class EigenAugmentation:
    """Scale, rotation, translation, flip and colour of Eigen et al., done to all of a sample at once.

    Source: Eigen, Puhrsch and Fergus, NIPS 2014: the picture is enlarged by s in [1, 1.5] and depth divided by s,
    turned by up to 5 degrees, cropped at a random place, flipped with probability 0.5, and each colour channel
    multiplied by its own number in [0.8, 1.2]. The thesis (3.2.1) uses it "excluding rotations": `rotation=0`.

    What the camera is afterwards. An image enlarged by s looks as if taken s times closer *with the same lens*, which is
    why depth is divided, so the focal length stays (but for `resize`, which multiplies it), and only the principal point
    moves. For a surface that faces the camera this is exact. The scene as a whole is squeezed: a point (X, Y, Z) becomes
    (X, Y, Z / s), so that slanted surfaces become steeper or shallower, and normals turn as they must,
    (nx, ny, s nz) made a unit again. Rotation turns points about the optical axis (about the principal point, not the
    middle of the picture), and a flip takes X to −X; both are exact. A crop changes no point, but moves the principal
    point, which a network that is not told the intrinsics cannot know. Back-projecting the new depth with the new
    intrinsics always gives the moved points.

    How pixels are taken: everything is sampled once, from the original. `image` and `albedo` bilinear, and averaged
    over whole pixels where they shrink by two or more; `depth`, `mask`, `score`, `normals`, `semantic` and `instance`
    nearest, so that no depth is a mean of two surfaces. Where a turned picture has no pixels the image is black, depth 0,
    `mask` False and labels −1. Colour touches `image` only, and is clipped to [0, 1].

    What becomes of the other keys: `disparity`, read as baseline × focal length / depth, is nearest and multiplied by s
    (and the factor of `resize`); after a flip or rotation it is a length along the flipped or turned baseline. `right`,
    `occlusion`, `flow`, `pose`, `pairs` and `relation` are dropped, because they would be wrong, and so is every other
    tensor or array with dimensions. Strings, numbers and tensors without dimensions (`name`, `index`, `family`) pass.

    Args:
        size: (H, W) of the crop, the size after.
        resize: (H, W) of the picture before any enlarging, such as (240, 320) for NYU, or None to leave it as it is.
        scale: (lowest, highest) s. The crop must fit into the picture at the lowest.
        rotation: largest angle in degrees, either way.
        flip: probability.
        colour: (lowest, highest) factor of a channel.

    Raises:
        ValueError, TypeError: naming the argument or the key of the sample.

    >>> sample = {"image": torch.rand(3, 48, 64), "depth": torch.full((1, 48, 64), 3.0)}
    >>> sample["mask"] = torch.ones(1, 48, 64, dtype=torch.bool)
    >>> after = EigenAugmentation((40, 56), scale=(1.5, 1.5), rotation=0)(sample, torch.Generator().manual_seed(0))
    >>> tuple(after["image"].shape), after["depth"].unique().tolist()
    ((3, 40, 56), [2.0])
    """

    size: tuple
    _: KW_ONLY
    resize: tuple | None = None
    scale: tuple = (1.0, 1.5)
    rotation: float = 5.0
    flip: float = 0.5
    colour: tuple = (0.8, 1.2)

    def __post_init__(self):
        object.__setattr__(self, "size", _checked_size("size", self.size))
        if self.resize is not None:
            object.__setattr__(self, "resize", _checked_size("resize", self.resize))
        object.__setattr__(self, "scale", _checked_range("scale", self.scale))
        if not self.scale[0] > 0:
            raise ValueError(f"scale: expected factors above 0, found {self.scale}")
        object.__setattr__(self, "colour", _checked_range("colour", self.colour))
        _check_chance(self.rotation, self.flip)

    def __call__(self, sample, generator):
        """The sample after, with all chance from `generator` (a `torch.Generator`)."""
        height, width = check_sample(sample)
        s, angle, down, across, flip, *colour = _draws(generator, 8)
        base = self.resize or (height, width)
        s = _between(self.scale, s)
        view = make_view(
            (height, width), self.size, zoom=(s * base[1] / width, s * base[0] / height),
            offset=(
                _crop_start(across, s * base[1], self.size[1], "width"),
                _crop_start(down, s * base[0], self.size[0], "height"),
            ),
            closer=s, angle=_between((-self.rotation, self.rotation), angle), mirrored=flip < self.flip,
            intrinsics=sample.get("intrinsics"),
        )  # fmt: skip
        return _coloured(resample(sample, view), [_between(self.colour, share) for share in colour])


@dataclass(frozen=True)
class UNetReportAugmentation:
    """The augmentation of the U-Net report: rotation, a square crop, brightness, flip, and downsizing.

    Source: the U-Net report, section 3: on NYU (480×640), rotation by up to 5 degrees, a random crop of 480×480,
    brightness multiplied by a number in [0.8, 1.2], horizontal flip with probability 0.5; images downsized to 128×128.
    Depth keeps its values: there is no scaling of the scene.

    What the report leaves open, and what is done here. *Order*: as listed, rotation before the crop, and downsizing last
    (a crop of 480 allows no other). *Corners that a turned picture does not fill*: not valid (the mask is False), so
    that nobody learns depths that were made up. *Centre of rotation*: the principal point, or the middle of the picture
    where there are no intrinsics. *Interpolation of depth*: nearest. *Brightness*: one factor for the three channels, of
    the values as they are stored, clipped to [0, 1]. *Normalised depth* (the report trains on depths in [0, 1]) is left
    to whoever trains: depth stays in metres. *Test images* are "just rescaled": a whole 480×640 squeezed to 128×128
    narrows everything by a quarter against the square crops of training. That is ``Resize((128, 128))``;
    ``Resize((128, 171), crop=(128, 128))`` keeps the shapes.

    The report says that these transformations preserve the geometry. Rotation and flip do. The crop moves the principal
    point by up to 80 pixels, which the intrinsics here follow and a network without them cannot.

    Keys, pixels and the camera: as in `EigenAugmentation`, but downsizing multiplies the focal lengths.

    Args:
        size: (H, W) after downsizing.
        crop: (H, W) cropped from the original; None is the largest square, 480×480 on NYU.
        rotation: largest angle in degrees, either way.
        brightness: (lowest, highest) factor.
        flip: probability.

    Raises:
        ValueError, TypeError: naming the argument or the key of the sample.

    >>> sample = {"image": torch.rand(3, 48, 64), "mask": torch.ones(1, 48, 64, dtype=torch.bool)}
    >>> tuple(UNetReportAugmentation((16, 16))(sample, torch.Generator().manual_seed(0))["image"].shape)
    (3, 16, 16)
    """

    size: tuple = (128, 128)
    _: KW_ONLY
    crop: tuple | None = None
    rotation: float = 5.0
    brightness: tuple = (0.8, 1.2)
    flip: float = 0.5

    def __post_init__(self):
        object.__setattr__(self, "size", _checked_size("size", self.size))
        if self.crop is not None:
            object.__setattr__(self, "crop", _checked_size("crop", self.crop))
        object.__setattr__(self, "brightness", _checked_range("brightness", self.brightness))
        _check_chance(self.rotation, self.flip)

    def __call__(self, sample, generator):
        """The sample after, with all chance from `generator` (a `torch.Generator`)."""
        height, width = check_sample(sample)
        angle, down, across, brightness, flip = _draws(generator, 5)
        crop = self.crop or (min(height, width),) * 2
        zoom = (self.size[1] / crop[1], self.size[0] / crop[0])
        view = make_view(
            (height, width), self.size, zoom=zoom,
            offset=(
                _crop_start(across, width, crop[1], "width") * zoom[0],
                _crop_start(down, height, crop[0], "height") * zoom[1],
            ),
            angle=_between((-self.rotation, self.rotation), angle), mirrored=flip < self.flip,
            intrinsics=sample.get("intrinsics"),
        )  # fmt: skip
        return _coloured(resample(sample, view), [_between(self.brightness, brightness)] * 3)


def _coloured(sample, gains):
    image = sample["image"]
    low, high = (float(bound) for bound in torch.aminmax(image))
    if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):
        raise ValueError(f"image: expected values in [0, 1], found {low:g} to {high:g}")
    return sample | {"image": (image * image.new_tensor(gains)[:, None, None]).clamp(0, 1)}


def _draws(generator, count):
    """Uniform numbers in [0, 1), always as many, so that what one option draws does not depend on another."""
    if not isinstance(generator, torch.Generator):
        raise TypeError(f"generator: expected a torch.Generator, found {type(generator).__name__}")
    return torch.rand(count, generator=generator, device=generator.device, dtype=torch.float64).tolist()


def _between(bounds, share):
    return bounds[0] + (bounds[1] - bounds[0]) * share


def _crop_start(share, whole, part, side):
    """A whole number of pixels, so that a crop alone does not interpolate."""
    room = math.floor(whole - part + 1e-6)
    if room < 0:
        raise ValueError(f"image: expected a {side} of at least {part} pixels to crop from, found {whole:g}")
    return math.floor(share * (room + 1))


def _checked_size(name, value):
    good = isinstance(value, (tuple, list)) and len(value) == 2
    if not good or not all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in value):
        raise ValueError(f"{name}: expected (H, W), two integers above 0, found {value!r}")
    return tuple(value)


def _checked_range(name, value):
    good = isinstance(value, (tuple, list)) and len(value) == 2
    if not good or not 0 <= value[0] <= value[1] < math.inf:
        raise ValueError(f"{name}: expected (lowest, highest), numbers of at least 0, found {value!r}")
    return tuple(value)


def _check_chance(rotation, flip):
    if not 0 <= rotation <= 180:
        raise ValueError(f"rotation: expected degrees from 0 to 180, found {rotation!r}")
    if not 0 <= flip <= 1:
        raise ValueError(f"flip: expected a probability from 0 to 1, found {flip!r}")
