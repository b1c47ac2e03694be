"""What an experiment is: a small value that says which data, networks, losses, schedule, protocols, seeds and sizes."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field

from sidelib.training.objectives import Objective
from sidelib.training.schedule import Schedule

__all__ = ["PROFILES", "DataPlan", "Experiment", "Judgement", "Sizes", "Source", "Variant"]

PROFILES = ("smoke", "laptop", "gpu")


@dataclass(frozen=True)
class Source:
    """A data set as `sidelib.data.load` opens it, or several of them joined.

    `name` and `options` are those of `load`. In a source of scenes `share` is its part of the number of scenes.
    """

    name: str
    options: dict = field(default_factory=dict)
    share: float = 1.0


@dataclass(frozen=True)
class Judgement:
    """A data set to judge on, and how: `protocols` for depth in metres, or none for a ranking (WHDR and MAP).

    Images and their depth are resized to the experiment's size first; `aspect` (width over height) widens that for
    pictures of another shape.
    """

    sources: tuple
    protocols: tuple = ()
    aspect: float | None = None


@dataclass(frozen=True)
class DataPlan:
    """Training, validation and test data of one choice of `--data`; `tests` maps a name to a `Judgement`."""

    train: tuple
    val: tuple
    tests: dict
    needs_root: bool = False


@dataclass(frozen=True)
class Variant:
    """One thing that is compared: a network, what it descends, and what differs from the experiment's schedule.

    `model` and `options` are those of `sidelib.models.build`. `bins`, if any, are (alpha, beta, K, decoding) for a network
    over SID bins; the decoding "ordinal" gives it DORN's pairs of heads. `lr` replaces the schedule's.
    """

    name: str
    model: str
    objective: Objective
    options: dict = field(default_factory=dict)
    bins: tuple | None = None
    lr: float | None = None

    def __post_init__(self):
        if not re.fullmatch(r"[a-z0-9+-]+", self.name):  # it names files
            raise ValueError(f"name: expected small letters, digits, + and -, found {self.name!r}")


@dataclass(frozen=True)
class Sizes:
    """What a profile changes: image size, how many scenes, network width, batch, steps, seeds."""

    image: tuple
    scenes: int
    test_scenes: int
    width: float
    batch: int
    steps: int
    round_steps: int
    seeds: int


@dataclass(frozen=True)
class Experiment:
    """Everything that decides a result but the code and the machine.

    Args:
        name: of its folder in `book/results`.
        about: one sentence: what is compared and why.
        variants: in the sequence of the tables.
        plans: mapping from a choice of data to its `DataPlan`; the first is the default.
        schedule: `Schedule`.
        sizes: mapping from profile to `Sizes`.
        augment: augment the training images (`sidelib.training.augmentation`).
    """

    name: str
    about: str
    variants: tuple
    plans: dict
    schedule: Schedule
    sizes: dict
    augment: bool = True

    def __post_init__(self):
        names = [variant.name for variant in self.variants]
        if len(set(names)) != len(names):
            raise ValueError(f"variants: expected different names, found {names}")
        unknown = sorted(set(self.sizes) - set(PROFILES))
        if unknown:
            raise ValueError(f"sizes: expected profiles among {', '.join(PROFILES)}, found {unknown[0]!r}")

    def plan(self, data):
        """The `DataPlan` of a choice of data."""
        if data not in self.plans:
            raise ValueError(f"--data: expected one of {', '.join(self.plans)} for {self.name}, found {data!r}")
        return self.plans[data]

    def size(self, profile):
        """The `Sizes` of a profile."""
        if profile not in self.sizes:
            raise ValueError(f"--profile: expected one of {', '.join(self.sizes)} for {self.name}, found {profile!r}")
        return self.sizes[profile]

    def settings(self, variant, data, profile):
        """All that decides the result of one variant but its seed, as a digest: a record with another is out of date."""
        sizes = asdict(self.size(profile)) | {"seeds": None}
        parts = (asdict(variant), asdict(self.plan(data)), asdict(self.schedule), sizes, self.augment)
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
