"""Published weights: a checkpoint's state dict, read safely, and loaded only if all of it fits."""

import torch

__all__ = ["load_weights"]


def _same(key):
    return key


def load_weights(module, weights, rename=_same):
    """Load a checkpoint into a network or a part of one; what does not fit changes nothing.

    Args:
        module: what the weights are for.
        weights: None (nothing is done), a path to a checkpoint, or a `torchvision` weights entry such as
            `ResNet50_Weights.IMAGENET1K_V1`, which is downloaded. A checkpoint is a dict from names to tensors; it may
            be nested as `{"state_dict": …}` and its names may begin with "module.", as training scripts write them.
            Files are read with `weights_only`, so that none can run code.
        rename: from a name in the checkpoint to that in `module`, or None for what is left out.

    Raises:
        FileNotFoundError, ValueError: naming the file, and what was found or does not fit.
        OSError: a download that failed.

    The counts of batches in batch norms may be missing, as in files of old versions of torch.
    """
    if weights is None:
        return
    state, source = _read(weights)
    state = {new: value for key, value in state.items() if (new := rename(key)) is not None}
    own = module.state_dict()
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in state if key not in own]
    if missing or unexpected:
        raise ValueError(
            f"{source}: expected the keys of this network, missing {missing[:3]}, unexpected {unexpected[:3]}"
        )
    for key, value in state.items():
        if value.shape != own[key].shape:
            expected, found = tuple(own[key].shape), tuple(value.shape)
            raise ValueError(f"{source}: does not fit this network: {key}: expected shape {expected}, found {found}")
    module.load_state_dict(state, strict=False)


def _read(weights):
    """The state dict, and what to call it in an error."""
    if hasattr(weights, "get_state_dict"):
        return _downloaded(weights), str(weights)
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise FileNotFoundError(f"{weights}: no such file; expected a checkpoint") from None
    except Exception as error:
        raise ValueError(f"{weights}: expected a checkpoint, found {error}") from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not state:
        found = "an empty one" if isinstance(state, dict) else type(state).__name__
        raise ValueError(f"{weights}: expected a dict from names to tensors, found {found}")
    other = [key for key, value in state.items() if not isinstance(key, str) or not isinstance(value, torch.Tensor)]
    if other:
        found = f"{other[0]!r}: {type(state[other[0]]).__name__}"
        raise ValueError(f"{weights}: expected a dict from names to tensors, found {found}")
    return {key.removeprefix("module."): value for key, value in state.items()}, str(weights)


def _downloaded(entry):
    try:
        return entry.get_state_dict(progress=True, check_hash=True)
    except (OSError, RuntimeError) as error:  # no network; a file that is not what it should be
        raise OSError(
            f"{entry}: could not be downloaded ({error}); fetch {entry.url} where there is a network and give the "
            "file's path as `weights`"
        ) from error
