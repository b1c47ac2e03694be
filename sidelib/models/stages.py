"""A network as a few stages: which of its modules to show as one box, what they return, and which stages they read.

Everything comes from one run of the network: the shapes from forward hooks, the connections from the autograd graph.
"""

from dataclasses import dataclass, field

import torch

from sidelib.models.measure import evaluating, example_inputs, tensors

__all__ = ["Stage", "stages"]


@dataclass
class Stage:
    """One box: the modules that it stands for, the (C, H, W) that they return, and the stages that they read.

    `reads` holds indices into the list of stages; −1 is the image.
    """

    names: list
    shape: tuple
    reads: list = field(default_factory=list)

    @property
    def label(self):
        """The first and the last module's name; the last without the part that both share."""
        first, last = self.names[0], self.names[-1]
        if first == last:
            return first
        parent = first.rpartition(".")[0]
        return f"{first} … {last.removeprefix(parent + '.') if parent else last}"


def _run(model, size):
    """The network's calls in order, as (name, shape or None, graph node), and the node that made the image."""
    calls, handles, given = [], [], {}

    def noting_inputs(name):
        # Before the call: an in-place layer changes the node of its own input.
        def note(module, inputs):
            given[name] = [x.grad_fn for x in inputs if isinstance(x, torch.Tensor) and x.grad_fn is not None]

        return note

    def noting(name):
        def note(module, inputs, output):
            maps = [tensor for tensor in tensors(output).values() if tensor.ndim == 4]
            single = isinstance(output, torch.Tensor) and len(maps) == 1
            if single and output.grad_fn in given.pop(name, ()):
                return  # hands on what it was given, as dropout does in evaluation: no stage of its own
            calls.append((name, tuple(output.shape[1:]) if single else None, output.grad_fn if single else None))

        return note

    for name, part in model.named_modules():
        if name:
            handles.append(part.register_forward_pre_hook(noting_inputs(name)))
            handles.append(part.register_forward_hook(noting(name)))
    try:
        inputs = [tensor.requires_grad_(True) * 1 for tensor in example_inputs(model, size)]
        # Nothing is kept for a backward pass: only the graph's shape is wanted.
        keep_nothing = torch.autograd.graph.saved_tensors_hooks(lambda tensor: None, lambda nothing: None)
        with evaluating(model), torch.enable_grad(), keep_nothing:
            outputs = model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    # The outputs are handed on so that their graph stays alive while it is walked.
    return calls, [tensor.grad_fn for tensor in inputs], outputs


def _children(name, calls):
    depth = name.count(".") + 1 if name else 0
    prefix = f"{name}." if name else ""
    return [call for call in calls if call[0].startswith(prefix) and call[0].count(".") == depth and call[0] != name]


def _chosen(calls, limit):
    """Calls that become boxes: children, opened while they change the resolution inside and the boxes suffice."""
    chosen = _open("", calls)
    for wanted in (_must_open, _changes_resolution, _changes_shape):
        position = 0
        while position < len(chosen):
            call = chosen[position]
            inner = _open(call[0], calls)
            fits = wanted is _must_open or _boxes(chosen) + _boxes(inner) - 1 <= limit
            if inner and fits and wanted(call, inner, calls):
                # Its parts' calls are all in `inner`, also those of a second call, which has no box of its own then.
                rest = [other for other in chosen if other[0] != call[0]]
                chosen, position = sorted(rest + inner, key=calls.index), 0
            else:
                position += 1
    return [call for call in chosen if call[1] is not None]


def _must_open(call, inner, calls):
    return call[1] is None


def _changes_resolution(call, inner, calls):
    resolutions = {shape[1:] for _, shape, _ in inner if shape is not None}
    # A few plain layers around one change, such as a stem or a DenseNet's transition, stay one box.
    plain = not any(_open(name, calls) for name, _, _ in inner)
    return len(resolutions) > (2 if plain else 1)


def _changes_shape(call, inner, calls):
    return "." not in call[0] and len({shape for _, shape, _ in inner if shape is not None}) > 1


def _open(name, calls):
    """The calls of a module's children; a child that does not run itself (a list of modules) gives its own children."""
    direct = _children(name, calls)
    ran = {call[0] for call in direct}
    prefix, depth = (f"{name}." if name else ""), (name.count(".") + 1 if name else 0)
    silent = []
    for other, *_ in calls:
        parts = other.split(".")
        child = ".".join(parts[: depth + 1])
        if other.startswith(prefix) and len(parts) > depth + 1 and child not in ran and child not in silent:
            silent.append(child)
    found = direct + [call for child in silent for call in _open(child, calls)]
    return sorted(found, key=calls.index)


def _merged(chosen):
    groups = []
    for call in chosen:
        if groups and call[1] is not None and _continues(groups[-1][-1], call):
            groups[-1].append(call)
        else:
            groups.append([call])
    return groups


def _boxes(chosen):
    return sum(1 for group in _merged(chosen) if group[0][1] is not None)


def _sources(node, owner, own):
    """Owners of the nodes that `node` is reached from without passing a third owner."""
    found, waiting, seen = set(), [node], set()
    while waiting:
        current = waiting.pop()
        if current is None or current in seen:
            continue
        seen.add(current)
        other = owner.get(current, own)
        if other != own:
            found.add(other)
            continue
        waiting.extend(following for following, _ in current.next_functions)
    return found


def stages(model, size, *, limit=16):
    """The network as at most about `limit` stages, in the order in which they finish.

    A container is opened while its parts differ in resolution and the number of boxes allows it, and always if it
    returns something other than one feature map. Neighbours of equal shape under one parent share a box, if each is
    read by the next only.

    Args:
        model: an `nn.Module` that maps an image to a tensor or a mapping; on "meta" this takes no memory.
        size: (H, W) of the image.

    Raises:
        ValueError: no part of the network returns a feature map.

    >>> made = stages(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, 2, 1), torch.nn.ReLU(), torch.nn.Conv2d(8, 1, 1)), (8, 8))
    >>> [(stage.label, stage.shape, stage.reads) for stage in made]
    [('0 … 1', (8, 4, 4), [-1]), ('2', (1, 4, 4), [0])]
    """
    calls, image, _outputs = _run(model, size)
    chosen = _chosen(calls, limit)
    if not chosen:
        raise ValueError(f"model: no part of {type(model).__name__} returns a feature map (B, C, H, W)")
    owner = {node: -1 for node in image}
    for index, (_, _, node) in enumerate(chosen):
        if node is not None:
            owner.setdefault(node, index)
    reads = [_sources(node, owner, index) for index, (_, _, node) in enumerate(chosen)]
    place, made = {-1: -1}, []
    for index, (name, shape, _) in enumerate(chosen):
        joined = index and _continues(chosen[index - 1], chosen[index]) and reads[index] == {index - 1}
        # A box must end where somebody else reads it, or the line would start at the wrong module.
        if joined and not any(index - 1 in later for later in reads[index + 1 :]):
            made[-1].names.append(name)
            place[index] = len(made) - 1
            continue
        place[index] = len(made)
        made.append(Stage([name], shape, sorted({place[read] for read in reads[index] if read in place})))
    return made


def _continues(before, call):
    return before[1] == call[1] and before[0].rpartition(".")[0] == call[0].rpartition(".")[0]
