"""Probe images: the thesis's seven categories and the settings around them, as functions with parameters and a truth."""

import inspect
from functools import partial
from numbers import Integral, Real

import numpy as np
import torch
import torch.nn.functional as F

from sidelib.scenes import probe_illusions as illusions
from sidelib.scenes import probe_scenes as staged
from sidelib.scenes.generate import check_arguments
from sidelib.scenes.render import render

__all__ = ["PROBES", "probe_image"]

_FLIPS = {"none": (), "horizontal": (3,), "vertical": (2,), "both": (2, 3)}

_MAKERS = {
    "top-down": {"land": staged.land, "desk": staged.desk},
    "corners": {
        "concave": staged.corner,
        "brick": partial(staged.corner, texture="brick"),
        "convex": partial(staged.corner, kind="convex"),
    },
    "unattached": {"aeroplane": staged.aeroplane, "balloon": staged.balloon},
    "illusions": {
        "ames": illusions.ames,
        "rectangular": partial(illusions.ames, skew=0.0),
        "hand": illusions.hand,
        "tower": illusions.tower,
        "chair": partial(illusions.chair, person=False),
        "chair-and-person": illusions.chair,
        "craters": partial(illusions.relief, convex=False),
        "bumps": partial(illusions.relief, convex=True),
    },
    "water": {"calm": partial(staged.water, waves=0.7), "swell": partial(staged.water, waves=2.5)},
    "shadows": {
        "pillars": staged.pillars,
        "people": staged.walkers,
        "fence": staged.fence_shadow,
        "hidden": staged.hidden_caster,
    },
    "plain": dict.fromkeys(("colour", "horizontal", "vertical", "diagonal", "radial")),
    "floor": {"tiles": staged.floor, "boards": partial(staged.floor, texture="boards")},
    "street-object": {kind: partial(staged.street_object, kind=kind) for kind in ("car", "person", "box", "cabinet")},
}
PROBES = {category: tuple(variants) for category, variants in _MAKERS.items()}
# What each number may be; whole where both limits are. Where it depends on what is shown: see `_OWN_RANGES`.
_RANGES = {
    "heading": (-180.0, 180.0), "skew": (0.0, 0.22),
    "factor": (1.0, 6.0), "lean": (0.0, 15.0), "light": (-360.0, 360.0), "count": (1, 12), "height": (0.5, 60.0),
    "waves": (0.05, 10.0), "pitch": (0.0, 45.0), "elevation": (5.0, 80.0), "scale": (0.1, 10.0), "lift": (0.0, 10.0),
    "lateral": (-3.0, 3.0),
}  # fmt: skip
# Nearer, the camera would be inside of something; farther, there would be nothing to see.
_OWN_RANGES = {
    staged.land: {"altitude": (15.0, 120.0)}, staged.desk: {"altitude": (0.5, 3.0)},
    staged.aeroplane: {"distance": (20.0, 120.0)}, staged.balloon: {"distance": (10.0, 120.0)},
    illusions.hand: {"distance": (4.0, 60.0)}, illusions.tower: {"distance": (20.0, 120.0)},
    staged.street_object: {"distance": (4.0, 80.0)}, staged.hidden_caster: {"elevation": (5.0, 40.0)},
}  # fmt: skip
_COLOURS, _FLAGS = ("colour", "to"), ("person", "people", "interior", "contact")


def probe_image(category, variant=None, *, size=(240, 320), seed=0, cues=None, flip="none", device="cpu", **parameters):
    """One probe image with its truth, where there is one.

    | category | after | parameters |
    |---|---|---|
    | `top-down` | Fig. 3.1 (a), 3.2 | `altitude` in metres |
    | `corners` | Fig. 3.1 (b) | |
    | `unattached` | Fig. 3.1 (c), 3.2 | `distance` in metres, `heading` in degrees |
    | `illusions` | Fig. 1.2, 3.1 (d), 3.4, 3.6 | `skew`, `people` (ames); `distance`, `lean` (hand, tower); `factor`, `person` (chair); `light`, `count` (craters, bumps) |
    | `water` | Fig. 3.1 (e), 3.7 | `height` of the camera, `waves` in metres, `pitch` in degrees |
    | `shadows` | Fig. 3.1 (f), 3.8 | `elevation` of the sun in degrees |
    | `plain` | Fig. 3.1 (g), 3.5 | `colour`, `to`: RGB in [0, 1] |
    | `floor` | Fig. 3.3 | |
    | `street-object` | §3.4, van Dijk and de Croon | `distance`, `scale`, `lift`, `lateral`, `colour`, `interior`, `contact` |

    Sources: thesis, §3.2 and §3.4.

    Args:
        category, variant: as listed in `PROBES`; the first variant by default.
        size: (H, W).
        seed: of what is drawn by chance.
        cues: a `Cues`, for its states of perspective, texture, atmosphere, shading and shadows.
        flip: `horizontal`, `vertical` or `both` flips the image and everything that is known about it: it is what
            the same camera, with the same `pose`, sees of a world mirrored in the planes through its axes.
        device: where to render.
        parameters: of the category, as above. `interior=False` leaves only a rim of the object and shows the empty street
            within; `contact=False` takes away its lowest fifth; its shadow stays. A street-object's `distance` is
            that of its middle: its face is nearer, by 2 m for a car, and `depth` within `object_mask` is what counts.

    Returns:
        The mapping of `rooms` with B = 1, as far as it is known: `plain` images have a `mask` that is nowhere true. And
        `about`, a sentence that says what is true; `virtual_depth` of an Ames room, the depth that it seems to have;
        `object_mask` of what a street-object or chair is about.

    Raises:
        ValueError, TypeError: naming the argument, what was found and what was expected.

    >>> probe = probe_image("water", size=(24, 32), height=10.0)
    >>> probe["about"]
    'A flat sea 10 m below the camera, to a horizon nine kilometres away.'
    >>> probe_image("plain", "horizontal", size=(24, 32))["mask"].any().item()
    False
    """
    if category not in list(_MAKERS):
        raise ValueError(f"category: expected one of {', '.join(PROBES)}, found {category!r}")
    variant = PROBES[category][0] if variant is None else variant
    if variant not in PROBES[category]:
        raise ValueError(f"variant: expected one of {', '.join(PROBES[category])} for {category}, found {variant!r}")
    if flip not in list(_FLIPS):
        raise ValueError(f"flip: expected one of {', '.join(_FLIPS)}, found {flip!r}")
    cues = check_arguments("rooms", seed, size, cues, None)
    size = tuple(int(side) for side in size)
    try:
        device = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device: expected cpu, cuda or another device of torch, found {device!r}") from error
    # One draw for a whole category: its variants differ in what they are about and in nothing else.
    rng = np.random.default_rng([seed, list(PROBES).index(category)])
    if category == "plain":
        _check(_parameters(_plain), parameters)
        fields = _plain(variant, size, device, **parameters)
    else:
        fields = _shown(_MAKERS[category][variant], rng, size, cues, device, parameters)
    return _flipped(fields, _FLIPS[flip])


def _check(known, parameters, ranges=_RANGES):
    """Raise if a parameter is not among those known, or not of the kind that it should be."""
    for name, value in parameters.items():
        if name not in known:
            raise ValueError(f"{name}: expected one of the parameters {', '.join(known) or '(none)'}, found this one")
        if name in _FLAGS:
            if not isinstance(value, bool):
                raise TypeError(f"{name}: expected True or False, found {value!r}")
        elif name in _COLOURS:
            rgb = isinstance(value, (tuple, list)) and len(value) == 3
            if not rgb or not all(isinstance(part, Real) and 0 <= part <= 1 for part in value):
                raise ValueError(f"{name}: expected three numbers from 0 to 1, found {value!r}")
        else:
            low, high = ranges[name]
            number, what = (Integral, "an integer") if isinstance(low, int) else (Real, "a number")
            if isinstance(value, bool) or not isinstance(value, number) or not low <= value <= high:
                raise ValueError(f"{name}: expected {what} from {low:g} to {high:g}, found {value!r}")


def _parameters(function):
    """The names that a maker takes from whoever asks for a probe."""
    own = ("rng", "size", "kind", "texture", "convex", "variant", "device")
    return [name for name in inspect.signature(function).parameters if name not in own]


def _shown(maker, rng, size, cues, device, parameters):
    base = maker.func if isinstance(maker, partial) else maker
    erasable = ("interior", "contact") if base is staged.street_object else ()
    _check([*_parameters(base), *erasable], parameters, {**_RANGES, **_OWN_RANGES.get(base, {})})
    on_object = {name: parameters.get(name, True) for name in erasable}
    parameters = {name: value for name, value in parameters.items() if name not in erasable}
    if "size" in inspect.signature(base).parameters:
        probe = maker(rng, size, **parameters)
        fields = {name: value.to(device) for name, value in probe.fields.items()}
    else:
        probe = maker(rng, **parameters)
        fields = render([probe.scene], size, cues, device)
    fields["about"] = probe.about
    for name, scene in (probe.others or {}).items():
        fields[name] = render([scene], size, cues, device)["depth"]
    if probe.marked is not None:
        fields["object_mask"] = fields["instance"] == probe.marked
    if not all(on_object.values()):
        bare = render([probe.bare], size, cues, device)
        gone = _gone(fields["object_mask"], **on_object)
        fields["image"] = torch.where(gone, bare["image"], fields["image"])
    return fields


def _gone(mask, interior, contact):
    """Which pixels of an object to take from the picture: all but its rim, or its lowest fifth."""
    gone = torch.zeros_like(mask)
    if not interior:
        rim = max(1, round(0.008 * mask.shape[-1]))
        gone |= -F.max_pool2d(-F.pad(mask.float(), (rim,) * 4), 2 * rim + 1, 1) > 0.5
    if not contact and mask.any():
        rows = mask[0, 0].any(1).nonzero()[:, 0]
        top, bottom = int(rows[0]), int(rows[-1])
        gone[..., bottom - (bottom - top) // 5 :, :] |= mask[..., bottom - (bottom - top) // 5 :, :]
    return gone


def _plain(variant, size, device, colour=(0.30, 0.45, 0.65), to=(0.92, 0.90, 0.85)):
    """One colour, or a gradient from `colour` to `to`; nothing is known about its depth, as there is none."""
    height, width = size
    y = torch.linspace(0, 1, height)[:, None].expand(size)
    x = torch.linspace(0, 1, width).expand(size)
    share = {
        "colour": torch.zeros(size), "horizontal": x, "vertical": y, "diagonal": (x + y) / 2,
        "radial": (torch.hypot(x - 0.5, (y - 0.5) * height / width) / 0.625).clamp(max=1),
    }[variant]  # fmt: skip
    first, last = (torch.tensor([float(part) for part in value])[:, None, None] for value in (colour, to))
    return {
        "image": torch.lerp(first, last, share)[None].to(device),
        "depth": torch.zeros(1, 1, *size, device=device),
        "mask": torch.zeros(1, 1, *size, dtype=torch.bool, device=device),
        "about": "A picture of nothing: no depth is right or wrong.",
    }


def _flipped(fields, axes):
    """Everything that is known, mirrored along image axes; normals turn with the picture, the camera stays."""
    if not axes:
        return fields
    flipped = {}
    for name, value in fields.items():
        if isinstance(value, torch.Tensor) and value.ndim == 4:
            value = value.flip(axes)
            if name == "normals":
                sign = value.new_tensor([-1.0 if 3 in axes else 1.0, -1.0 if 2 in axes else 1.0, 1.0])
                value = value * sign[:, None, None]
        flipped[name] = value
    return flipped
