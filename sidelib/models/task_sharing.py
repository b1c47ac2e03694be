"""Depth, normals and semantics from one network, in five ways of sharing, all over FCRN's encoder and decoder."""

import math
from functools import partial
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from sidelib.models.fcrn import FCRN
from sidelib.models.image_network import ImageNetwork
from sidelib.models.task_messages import affinity, diffuse, distillation_gate
from sidelib.models.trunks import scaled
from sidelib.models.upprojection import UpProjection

__all__ = [
    "AlternatingNetwork",
    "DistillationNetwork",
    "PatternAffinityNetwork",
    "SharedDecoder",
    "TaskIdentityNetwork",
]

_TASKS = ("depth", "normals", "semantic")
_KNOWN = (*_TASKS, "contours")
_PROBABILITIES = {"semantic": partial(torch.softmax, dim=1), "contours": torch.sigmoid}
_FUSIONS = ("gate", "concatenation", "sum")


def _convolution(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


def _head(inputs, outputs):
    head = nn.Conv2d(inputs, outputs, 3, padding=1)
    nn.init.normal_(head.weight, std=0.01)
    nn.init.zeros_(head.bias)
    return head


def _prediction(task, x):
    """What a task's map, of any range, says: metres, unit normals, or logits as they are; float32 at least.

    Zeros, about where the heads start, are 2.1 m, a normal towards the camera, and equal classes.
    """
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    if task == "depth":
        return F.softplus(x + 2) + 1e-3
    if task == "normals":
        return F.normalize(x - x.new_tensor((0.0, 0.0, 1.0)).reshape(3, 1, 1), dim=1, eps=1e-6)
    return x


def _chosen(tasks, known):
    tasks = (tasks,) if isinstance(tasks, str) else tuple(tasks)
    if not tasks or len(set(tasks)) < len(tasks) or not set(tasks) <= set(known):
        raise ValueError(f"tasks: expected some of {', '.join(known)}, each once, found {tasks!r}")
    return tasks


class _TaskNetwork(ImageNetwork):
    """What the five share: FCRN's encoder, `reduce` and the first `shared` of its four up-projections."""

    def __init__(self, tasks, classes, shared, width, normalise, weights):
        super().__init__(normalise)
        tasks = _chosen(tasks, _KNOWN)
        if "semantic" in tasks and (isinstance(classes, bool) or not isinstance(classes, int) or classes < 2):
            raise ValueError(f"classes: expected how many, at least 2, for semantic, found {classes!r}")
        self.tasks, self.channels = tasks, {"depth": 1, "normals": 3, "semantic": classes, "contours": 1}
        backbone = FCRN(dropout=0.0, width=width, weights=weights)
        self.encoder, self.reduce, self.decoder = backbone.encoder, backbone.reduce, backbone.decoder[:shared]
        self.widths = [scaled(n, width) for n in (1024, 512, 256, 128, 64)]

    def features(self, image):
        """What all tasks read."""
        return self.decoder(self.reduce(self.encoder(self.prepared(image))[-1]))

    def each(self, make):
        """One module of its own for each task."""
        return nn.ModuleDict({task: make(task) for task in self.tasks})

    def heads(self, inputs):
        return self.each(lambda task: _head(inputs, self.channels[task]))

    def outputs(self, maps, size, name="{}"):
        """Each task's map `(B, ·, h, w)`, resized bilinearly and read, under its name."""
        found = {}
        for task, x in maps.items():
            key = name.format("semantic_logits" if task == "semantic" else task)
            found[key] = _prediction(task, F.interpolate(x, size=size, mode="bilinear", align_corners=False))
        return found


class SharedDecoder(_TaskNetwork):
    """Hard sharing: one encoder, one decoder, and a 3×3 convolution for each task; with one task, its baseline.

    Source: thesis §2.1.2.2: what the other four are compared with.

    Input, here and in the others: `(B, 3, H, W)` in [0, 1], at least 32×32. Output, for the tasks asked for: `depth`
    `(B, 1, H, W)` metres, `normals` `(B, 3, H, W)`, unit, camera frame, `semantic_logits` `(B, K, H, W)`, and `contours`
    `(B, 1, H, W)`, logits of an outline.

    Args:
        tasks: some of "depth", "normals", "semantic", "contours", in the order in which they are run where order matters.
            The default is the first three. A task that is not asked for has no parameters.
        classes: K, needed with "semantic".
        width: factor on FCRN's channels.
        normalise: by ImageNet's mean and standard deviation.
        weights: of the trunk, for `load_trunk`.
    """

    def __init__(self, *, tasks=_TASKS, classes=None, width=1.0, normalise=True, weights=None):
        super().__init__(tasks, classes, 4, width, normalise, weights)
        self.final = self.heads(self.widths[4])

    def forward(self, image):
        """`depth`, `normals`, `semantic_logits`."""
        x = self.features(image)
        return self.outputs({task: head(x) for task, head in self.final.items()}, image.shape[-2:])


class DistillationNetwork(_TaskNetwork):
    """PAD-Net: first predictions of all tasks, whose features, gated, help each task's second prediction.

    Source: Xu et al. 2018 as in thesis §2.1.2.2, Eq. 2.25: d = H_d(cat(f_d, a_d ⊗ f_sf, a_d ⊗ f_c, a_d ⊗ f_ss)).

    Our reading: the decoders D_t are FCRN's last up-projection, one for each task, after three that are shared. f_t
    comes from the first prediction alone (metres, unit normals, probabilities) by a 3×3 convolution, batch norm and
    ReLU; a_t = σ(3×3 convolution of f_t); H_t is one more such block and a 3×3 convolution. Every task asked for gets a
    second prediction, where the thesis names depth and semantics only; its four tasks are those of `SharedDecoder`.

    Output: those of `SharedDecoder`, and `first_depth`, `first_normals`, `first_semantic_logits`; the thesis
    puts the losses of the final predictions on these too.

    Args:
        fusion: "gate" is Eq. 2.25; "concatenation" leaves the attention out; "sum" adds the f_t instead.
        tasks, classes, width, normalise, weights: of `SharedDecoder`. One task alone has no message to gate.
    """

    def __init__(self, *, tasks=_TASKS, classes=None, fusion="gate", width=1.0, normalise=True, weights=None):
        super().__init__(tasks, classes, 3, width, normalise, weights)
        if fusion not in _FUSIONS:
            raise ValueError(f"fusion: expected one of {', '.join(_FUSIONS)}, found {fusion!r}")
        n, joined = self.widths[4], 1 if fusion == "sum" else len(self.tasks)
        self.fusion = fusion
        self.decoders = self.each(lambda task: UpProjection(self.widths[3], n))
        self.first = self.heads(n)
        self.expand = self.each(lambda task: _convolution(self.channels[task], n))
        if fusion == "gate" and joined > 1:
            self.attention = self.each(lambda task: nn.Conv2d(n, n, 3, padding=1))
        self.fuse = self.each(lambda task: _convolution(joined * n, n))
        self.final = self.heads(n)

    def forward(self, image):
        """`depth`, `normals`, `semantic_logits`, and the same with `first_` before."""
        x, size = self.features(image), image.shape[-2:]
        first = {task: self.first[task](self.decoders[task](x)) for task in self.tasks}
        features = {}
        for task, logits in first.items():
            said = _prediction(task, logits)
            if task in _PROBABILITIES:
                said = _PROBABILITIES[task](said)
            features[task] = self.expand[task](said)
        final = {task: self.final[task](self.fuse[task](self.distilled(task, features))) for task in self.tasks}
        return self.outputs(final, size) | self.outputs(first, size, "first_{}")

    def distilled(self, task, features):
        """What a task's second prediction is made of, from the mapping of all tasks' f_t."""
        own, others = features[task], [x for other, x in features.items() if other != task]
        if self.fusion == "sum":
            return own + sum(others)
        if self.fusion == "gate" and others:
            others = distillation_gate(self.attention[task](own), others)
        return torch.cat([own, *others], 1)


class _Turn(nn.Module):
    """One task's turn at one scale: its features of the scale before, balanced with the latest of another task.

    The first to take its turn doubles the size. Those after it find the other's features doubled already: their own are
    brought to as many channels and enlarged bilinearly before the two are balanced.
    """

    def __init__(self, inputs, outputs, doubles, balanced):
        super().__init__()
        n = inputs if doubles else outputs
        self.project = nn.Identity() if doubles else nn.Conv2d(inputs, outputs, 1)
        if balanced:
            self.gate = nn.Conv2d(2 * n, n, 3, padding=1)
        self.block = UpProjection(n, outputs, scale=2 if doubles else 1)

    def forward(self, own, other=None):
        own = self.project(own)
        if other is None:
            return self.block(own)
        if own.shape != other.shape:
            own = F.interpolate(own, size=other.shape[-2:], mode="bilinear", align_corners=False)
        share = self.gate(torch.cat((own, other), 1)).sigmoid()
        return self.block(share * own + (1 - share) * other)


class AlternatingNetwork(_TaskNetwork):
    """Task-recursive learning: at each of four scales the tasks take turns, each seeing what the last one found.

    Source: Zhang et al. 2018 as in thesis §2.1.2.2, Eq. 2.26: depth's features at scale i are
    D_d^i(TAM(f_s^(i−1), f_d^(i−1))), those of semantics after it D_s^i(TAM(f_s^(i−1), f_d^i)), with a head for each task
    and scale.

    Our reading: a turn is TAM(own features of the scale before, the latest of the task whose turn was last), which is
    Eq. 2.26 for depth and semantics, and goes on for a third task. The thesis says of TAM only that it gates with
    attention: here a = σ(3×3 convolution of both), and a ⊗ own + (1 − a) ⊗ other. Sizes differ in the second row of the
    equation, where f_s^(i−1) is enlarged. At the first scale the first turn has only what the encoder gives. D_t^i is
    an up-projection, for turns after the first without un-pooling. The encoder's skip connections are left out.

    Output: those of `SharedDecoder` at the last scale, and `depth_1` to `depth_3` and so on of the scales before it, from
    coarse to fine, all resized to the image.

    Args: those of `SharedDecoder`. The order of `tasks` is that of the turns; with one task the network is FCRN with a
    head at each scale.
    """

    def __init__(self, *, tasks=_TASKS, classes=None, width=1.0, normalise=True, weights=None):
        super().__init__(tasks, classes, 0, width, normalise, weights)
        self.turns, self.scales = nn.ModuleList(), nn.ModuleList()
        for scale, (inputs, outputs) in enumerate(pairwise(self.widths)):
            turns = nn.ModuleDict()
            for task in self.tasks:
                first = task == self.tasks[0]
                turns[task] = _Turn(inputs, outputs, first, balanced=len(self.tasks) > 1 and not (first and scale == 0))
            self.turns.append(turns)
            self.scales.append(self.heads(outputs))

    def forward(self, image):
        """`depth`, `normals`, `semantic_logits`, and the same with `_1` to `_3` after."""
        features, latest, found = dict.fromkeys(self.tasks, self.features(image)), None, []
        for turns, heads in zip(self.turns, self.scales):
            for task in self.tasks:
                features[task] = turns[task](features[task], latest)
                latest = features[task] if len(self.tasks) > 1 else None
            found.append({task: heads[task](features[task]) for task in self.tasks})
        output = self.outputs(found[-1], image.shape[-2:])
        for scale, maps in enumerate(found[:-1], 1):
            output |= self.outputs(maps, image.shape[-2:], f"{{}}_{scale}")
        return output


class PatternAffinityNetwork(_TaskNetwork):
    """Pattern-affinitive propagation: pixels that some task calls alike share their features in every task.

    Source: Zhang et al. 2019 as in thesis §2.1.2.2, Eq. 2.27: each task's matrix of affinities M_t; "a linear weighting
    using a separate learnable weight set for each task"; propagation; final predictions.

    Our reading: two shared up-projections lead to an eighth of the image's size, where a 3×3 block for each task gives
    f_t, the first predictions and `affinity(f_t)`; each task's weights are a softmax, so that rows still sum to one; the
    features that `diffuse` gives, and nothing else, pass each task's own two last up-projections. Matrices of
    n × n, n = h·w at an eighth of the size (1280 for 228×304), one for each task and one mixed: memory grows with the
    fourth power of the image's side, by 6.6 MB a matrix and image at n = 1280, 92 MB at 4800 (480×640).

    Output: those of `DistillationNetwork`.

    Args:
        kind: of `affinity`.
        temperature: of `affinity`; None is the square root of the channels, ours: at 1 the rows of "l1" start as those
            of an identity, and neither diffusion nor its weights learn.
        steps: of `diffuse`.
        tasks, classes, width, normalise, weights: of `SharedDecoder`. One task alone has its own matrix only.
    """

    def __init__(
        self, *, tasks=_TASKS, classes=None, kind="l1", temperature=None, steps=1, width=1.0, normalise=True,
        weights=None,
    ):  # fmt: skip
        super().__init__(tasks, classes, 2, width, normalise, weights)
        n = self.widths[2]
        self.kind, self.steps, self.temperature = kind, steps, math.sqrt(n) if temperature is None else temperature
        self.branches, self.first = self.each(lambda task: _convolution(n, n)), self.heads(n)
        if len(self.tasks) > 1:
            self.mixing = nn.Parameter(torch.zeros(len(self.tasks), len(self.tasks)))
        self.rest = self.each(lambda task: nn.Sequential(*(UpProjection(i, o) for i, o in pairwise(self.widths[2:]))))
        self.final = self.heads(self.widths[4])

    def forward(self, image):
        """`depth`, `normals`, `semantic_logits`, and the same with `first_` before."""
        x, size = self.features(image), image.shape[-2:]
        features = {task: self.branches[task](x) for task in self.tasks}
        first = {task: self.first[task](features[task]) for task in self.tasks}
        own = [affinity(features[task], self.kind, temperature=self.temperature) for task in self.tasks]
        weights = self.mixing.softmax(1) if len(own) > 1 else [[1.0]]
        final = {}
        for task, row in zip(self.tasks, weights):
            mixed = sum(weight * matrix for weight, matrix in zip(row, own))
            final[task] = self.final[task](self.rest[task](diffuse(features[task], mixed, self.steps)))
        return self.outputs(final, size) | self.outputs(first, size, "first_{}")


class TaskIdentityNetwork(_TaskNetwork):
    """One decoder, run once for each task, which is told only by the task's identity which one to solve.

    Source: Chen et al. 2019 as in thesis §2.1.2.2, Eq. 2.28: z = E(I), ŷ = D(cat(z, t)), and f(ŷ); "t is just a layer
    with all 1s for the depth estimation task and all 0s for the semantic segmentation task"; f is a softmax for
    semantics, and for depth "pixel-wise average pooling", which we read as the mean over the channels of ŷ.

    Our reading for any tasks: as many layers t as tasks, less one; the k-th task has ones in the k-th, the last task
    zeros in all. Of depth and semantics that is the thesis's single layer. Normals are the means of the first, second
    and last third of the channels. `semantic_logits` are ŷ before the softmax. The encoder's skip connections and the
    two self-supervised losses are left out.

    All tasks pass the decoder in one batch. A run of its own for each would train a network that cannot tell them apart:
    a layer of ones adds a constant to each channel of a 1×1 convolution, which the batch norm after it, over one
    task's batch, takes off again.

    The mean gives each channel a K-th of depth's gradient: depth wants a larger weight than with a head of its own.

    Output: those of `SharedDecoder`.

    Args: those of `SharedDecoder`; with normals at least 3 classes.
    """

    def __init__(self, *, tasks=_TASKS, classes=None, width=1.0, normalise=True, weights=None):
        super().__init__(tasks, classes, 4, width, normalise, weights)
        channels = max(self.channels[task] for task in self.tasks)
        if "semantic" in self.tasks and channels > classes:
            raise ValueError(
                f"classes: expected at least 3 with normals, whose means are over thirds, found {classes!r}"
            )
        inputs = self.encoder.channels[-1] + len(self.tasks) - 1
        self.reduce[0] = nn.Conv2d(inputs, self.widths[0], 1, bias=False)
        self.head = _head(self.widths[4], channels)

    def identity(self, task):
        """The values of the layers t for a task, `(T − 1,)`."""
        return torch.eye(len(self.tasks))[self.tasks.index(task), :-1]

    def forward(self, image, tasks=None):
        """`depth`, `normals`, `semantic_logits`; in evaluation, of some `tasks` only, if wanted."""
        tasks = self.tasks if tasks is None else _chosen(tasks, self.tasks)
        z = self.encoder(self.prepared(image))[-1]
        layers = [self.identity(task).to(z)[:, None, None].expand(len(z), -1, *z.shape[-2:]) for task in tasks]
        joined = torch.cat([torch.cat((z, t), 1) for t in layers])
        found = self.head(self.decoder(self.reduce(joined))).chunk(len(tasks))
        return self.outputs({task: self.pooled(task, y) for task, y in zip(tasks, found)}, image.shape[-2:])

    def pooled(self, task, y):
        """From the channels of ŷ to those of a task: their mean, the means of their thirds, or all of them."""
        if task == "semantic":
            return y
        return torch.cat([part.mean(1, keepdim=True) for part in y.tensor_split(self.channels[task], 1)], 1)
