"""What can be counted of a network without training it: parameters, feature sizes, multiply-adds, peak memory.

Everything here runs the network once, on the device on which it is. `model.to("meta")` makes that instant and free of
memory, for networks whose control flow does not look at the data: only shapes are computed there.
"""

from collections.abc import Mapping
from contextlib import contextmanager, nullcontext

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["evaluating", "example_inputs", "feature_sizes", "multiply_adds", "parameters", "peak_memory", "tensors"]


def example_inputs(model, size, *, batch=1, device=None, dtype=None):
    """A tuple of zeros that `model(*inputs)` takes, by default one image `(batch, 3, H, W)`.

    A network that takes something else has a method `example_inputs((H, W), batch)` that returns a tuple of tensors.

    Args:
        size: (H, W), at least 1 each.
        device, dtype: those of the network's first parameter if None.

    >>> [tuple(tensor.shape) for tensor in example_inputs(torch.nn.Conv2d(3, 8, 3), (4, 6))]
    [(1, 3, 4, 6)]
    """
    size = tuple(size)
    if len(size) != 2 or not all(isinstance(n, int) and n > 0 for n in size):
        raise ValueError(f"size: expected a height and a width of at least 1, found {size!r}")
    if not isinstance(batch, int) or batch < 1:
        raise ValueError(f"batch: expected a whole number of at least 1, found {batch!r}")
    like = next(model.parameters(), torch.empty(0))
    own = getattr(model, "example_inputs", None)
    made = own(size, batch) if own is not None else (torch.zeros(batch, 3, *size),)
    return tuple(tensor.to(device or like.device, dtype or like.dtype) for tensor in made)


@contextmanager
def evaluating(model):
    """The network in evaluation mode inside the block; afterwards each part is in its own mode again."""
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        yield model
    finally:
        for part, training in modes:
            part.training = training


def tensors(value, name=""):
    """The tensors in a network's output by name: `name` itself, `name[key]` of a mapping, `name[i]` of a sequence.

    >>> list(tensors({"depth": torch.zeros(1), "pyramid": [torch.zeros(1)] * 2}))
    ['[depth]', '[pyramid][0]', '[pyramid][1]']
    """
    if isinstance(value, torch.Tensor):
        return {name: value}
    if isinstance(value, Mapping):
        parts = value.items()
    else:
        parts = enumerate(value) if isinstance(value, (list, tuple)) else ()
    return {key: found for part, inner in parts for key, found in tensors(inner, f"{name}[{part}]").items()}


def parameters(model):
    """How many numbers a network learns: the total, and a dict by part (its children; what it owns itself is "").

    A parameter that two parts share counts in the first only, so that the parts sum to the total.

    >>> parameters(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8)))
    (240, {'0': 224, '1': 16})
    """
    parts = {}
    for name, parameter in model.named_parameters():
        part = name.rpartition(".")[0].split(".")[0]
        parts[part] = parts.get(part, 0) + parameter.numel()
    return sum(parts.values()), parts


def feature_sizes(model, size):
    """The shape of what each submodule returns, in the order in which they finish, for one image of zeros.

    Args:
        model: an `nn.Module` that maps an image to a tensor, or to a mapping or sequence of tensors.
        size: (H, W) of the image.

    Returns:
        Dict of tuples. Keys are the submodules' names (`encoder.layer1`); the network itself is "". Several outputs are
        `encoder[0]`, or `[depth]`; a submodule's second call is `head#2`.

    >>> feature_sizes(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, stride=2), torch.nn.ReLU()), (9, 11))
    {'0': (1, 8, 4, 5), '1': (1, 8, 4, 5), '': (1, 8, 4, 5)}
    """
    found, calls, handles = {}, {}, []

    def noting(name):
        def note(module, inputs, output):
            calls[name] = calls.get(name, 0) + 1
            shown = name if calls[name] == 1 else f"{name}#{calls[name]}"
            found.update({key: tuple(tensor.shape) for key, tensor in tensors(output, shown).items()})

        return note

    for name, part in model.named_modules():
        handles.append(part.register_forward_hook(noting(name)))
    try:
        with evaluating(model), torch.no_grad():
            model(*example_inputs(model, size))
    finally:
        for handle in handles:
            handle.remove()
    return found


def multiply_adds(model, size):
    """Multiply-adds of one image: (transposed) convolutions, linear layers and matrix products; half their FLOPs.

    What is not counted, as is usual: biases, normalisation, non-linearities, pooling, resizing.

    >>> multiply_adds(torch.nn.Conv2d(3, 8, 3, padding=1), (4, 6)) == 4 * 6 * 8 * 3 * 3 * 3
    True
    """
    counter = FlopCounterMode(display=False)
    with evaluating(model), torch.no_grad(), counter:
        model(*example_inputs(model, size))
    return counter.get_total_flops() // 2


class _LiveBytes(TorchDispatchMode):
    """Follows which storages are alive after each operation, and keeps the largest sum of their bytes."""

    def __init__(self, known):
        super().__init__()
        self.known = {StorageWeakRef(tensor.untyped_storage()).cdata for tensor in known}
        self.live, self.peak = {}, 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        # The inputs are still held here, so what an operation reads and what it writes count together.
        self.live = {key: (ref, size) for key, (ref, size) in self.live.items() if not ref.expired()}
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                ref = StorageWeakRef(tensor.untyped_storage())
                if ref.cdata not in self.known:
                    self.live[ref.cdata] = (ref, tensor.untyped_storage().nbytes())
        self.peak = max(self.peak, sum(size for _, size in self.live.values()))
        return result


def peak_memory(model, size, *, device=None, batch=1, dtype=None):
    """Bytes that inference needs: `weights` (with buffers), and `activations`, the most alive at once, input included.

    On CUDA the second is what the allocator reports, with the operations' workspace. Elsewhere every operation's result
    is followed from its making to its freeing; workspace inside an operation (the copies that some convolutions
    unfold) is not seen. On "meta" the same is computed from shapes alone, give or take the few kilobytes of statistics
    that normalisation allocates there and not on the CPU.

    Args:
        device: where to run, the network's own if None; another one is refused, since moving it would change the model.
        dtype: run under autocast to this type, such as `torch.bfloat16`; the weights stay as they are.

    Raises:
        ValueError: `device` is not where the network is.
    """
    own = next(model.parameters(), torch.empty(0)).device
    if device is not None and torch.device(device).type != own.type:
        raise ValueError(f"device: the network is on {own.type}, found {device!r}; move it first")
    held = [*model.parameters(), *model.buffers()]
    weights = sum(tensor.nbytes for tensor in {id(tensor): tensor for tensor in held}.values())
    cast = torch.autocast(own.type, dtype) if dtype not in (None, torch.float32) else nullcontext()
    with evaluating(model), torch.no_grad(), cast:
        if own.type == "cuda":
            torch.cuda.synchronize(own)
            torch.cuda.reset_peak_memory_stats(own)
            before = torch.cuda.memory_allocated(own)
            model(*example_inputs(model, size, batch=batch))
            torch.cuda.synchronize(own)
            return {"weights": weights, "activations": torch.cuda.max_memory_allocated(own) - before}
        inputs = example_inputs(model, size, batch=batch)
        live = _LiveBytes(held)
        live.peak = given = sum(tensor.untyped_storage().nbytes() for tensor in inputs)
        for tensor in inputs:
            ref = StorageWeakRef(tensor.untyped_storage())
            live.live[ref.cdata] = (ref, tensor.untyped_storage().nbytes())
        with live:
            model(*inputs)
    return {"weights": weights, "activations": max(live.peak, given)}
