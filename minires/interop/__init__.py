"""Weights from and for PyTorch: the names of torchvision and of the common CIFAR repository::

    interop.load_torch(net, interop.read_weights("resnet18.safetensors"))
    interop.write_weights("mine.npz", interop.to_torch(net))

No number changes on the way: convolutions, fully-connected layers and batch norm store theirs alike, and the
running variance is the unbiased one in both. Only batch norm's *momentum*, which no file holds, is one minus
ours. What a file does not tell either, and the two networks must agree on: where the stride stands in a
bottleneck (torchvision: in the 3x3, v1.5), padding and ceil mode of the pools, batch norm's eps, and the
padded shortcuts' zeros (the CIFAR repository's option A is `placement="split"`). Images must be normalised as
in the training: torchvision's by ImageNet's means and deviations, its GoogLeNet's to -1 ... 1.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from minires.backend import array_module, to_module
from minires.interop.files import as_numpy, read_weights, write_weights
from minires.interop.names import NAMES, torch_arrays
from minires.layers import Layer
from minires.typing import Array

__all__ = ["NAMES", "load_torch", "read_weights", "to_torch", "write_weights"]


def load_torch(net: Layer, state: Mapping[str, Any]) -> None:
    """Copy a PyTorch model's weights into net, in place.

    Parameters
    ----------
    state
        {name: array}, of `read_weights` or a module's own `state_dict()`; arrays of NumPy, CuPy or PyTorch in
        any floating-point type, converted to net's. The names may be any of NAMES, all may begin with
        "module.", and batch norm's `num_batches_tracked` may be there, for nothing.

    Raises
    ------
    ValueError
        That lists what is missing, left over, misshapen and no array of floats, or if no names are known for
        such a network; then nothing has been changed.

    Examples
    --------
    >>> from minires import models
    >>> net, other = models.build("resnet20", rng=rng), models.build("resnet20", rng=rng)
    >>> load_torch(net, to_torch(other))
    >>> bool((net["conv"].weight.data == other["conv"].weight.data).all())
    True
    """
    given = {name: as_numpy(array) for name, array in _without_prefix(state).items()}
    own = max(torch_arrays(net).values(), key=lambda arrays: len(arrays.keys() & given.keys()))
    _check(own, given)
    for name, array in own.items():
        array[...] = to_module(given[name].astype(array.dtype), array_module(array))


def to_torch(net: Layer, names: str = "torchvision") -> dict[str, np.ndarray]:
    """Return copies of all weights and running averages under PyTorch's names.

    Parameters
    ----------
    names
        "torchvision" or "cifar".

    Returns
    -------
    state
        {name: NumPy array}. A PyTorch module of the same structure takes it strictly, once each array has
        become a tensor by `torch.from_numpy`. `num_batches_tracked` is 0, for ours do not count; PyTorch
        needs it only to average without a momentum.

    Raises
    ------
    ValueError
        If no such names are known for such a network.

    Examples
    --------
    >>> from minires import models
    >>> list(to_torch(models.build("resnet20", rng=rng)))[:3]
    ['conv1.weight', 'bn1.weight', 'bn1.bias']
    """
    known = torch_arrays(net)
    if names not in known:
        raise ValueError(f"names: expected one of {', '.join(known)} for this network, got {names!r}")
    own = known[names]
    state = {name: np.array(as_numpy(array), order="C") for name, array in own.items()}
    return state | {name: np.zeros((), np.int64) for name in _counters(own)}


def _without_prefix(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return state without the "module." that PyTorch's DataParallel puts before every name."""
    if not hasattr(state, "items"):
        raise TypeError(f"state: expected a dict {{name: array}}, got {type(state).__name__}")
    for name, value in state.items():
        if hasattr(value, "items"):
            raise ValueError(
                f"state: expected weights, got a checkpoint that has them inside: state[{name!r}]?"
            )
    if all(name.startswith("module.") for name in state):
        return {name.removeprefix("module."): array for name, array in state.items()}
    return dict(state)


def _counters(own: Mapping[str, Array]) -> list[str]:
    """Return the names of batch norm's counters, which only PyTorch has."""
    end = "running_mean"
    return [name.removesuffix(end) + "num_batches_tracked" for name in own if name.endswith(end)]


def _check(own: Mapping[str, Array], given: Mapping[str, Array]) -> None:
    """Raise ValueError that lists all ways in which given does not fit own. Both: {name: array}."""
    both = [name for name in own if name in given]
    problems = [f"missing: {name}" for name in own if name not in given]
    problems += [f"left over: {name}" for name in given.keys() - own.keys() - set(_counters(own))]
    for name in both:
        if given[name].dtype.kind != "f":
            problems.append(f"no floats: {name} holds {given[name].dtype}")
        if given[name].shape != own[name].shape:
            problems.append(f"misshapen: {name} is {given[name].shape}, expected {own[name].shape}")
    if problems:
        lines = "\n  ".join(sorted(problems))
        raise ValueError(f"these weights do not fit this network, in {len(problems)} ways:\n  {lines}")
