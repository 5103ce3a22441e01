"""Weights from and for PyTorch: the names of torchvision, of timm and of the common CIFAR repositories::

    interop.load_torch(net, interop.read_weights("resnet18.pth"))
    interop.write_weights("mine.npz", interop.to_torch(net))

No number changes on the way: convolutions, fully-connected layers and batch norm store theirs alike, and the
running variance is the unbiased one in both. Only batch norm's *momentum*, which no file holds, is one minus
ours. What a file does not tell either, and the two networks must agree on: where the stride stands in a
bottleneck (torchvision, timm: in the 3x3, v1.5), padding and ceil mode of the pools, batch norm's eps, and
the padded shortcuts' zeros (the CIFAR repository's option A is `placement="split"`). `load_torch` compares
all these with what the networks of the `source` have, and refuses weights that would give other numbers.

Images must be normalised as in the training: torchvision's and the CIFAR repository's by ImageNet's means and
deviations, those of torchvision's GoogLeNet and of timm's pre-activation networks to -1 ... 1.

A detector's trunk shares the parts of its classifier, so the classifier takes the weights. Those of the
residual network inside torchvision's detectors fit the trunk as they are, once the rest is left out::

    net = models.build("resnet18", rng=rng)
    interop.load_torch(net, interop.read_weights("resnet18.pth"))
    detector = faster_rcnn(trunk_of(net), in_channels=3, num_classes=20, rng=rng)

    state = interop.read_weights("fasterrcnn_resnet50_fpn.pth")
    body = {name: array for name, array in state.items() if name.startswith("backbone.body.")}
    interop.load_torch(detector.trunk, body, source="torchvision")
"""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from minires.backend import array_module, to_module
from minires.interop.files import as_numpy, read_weights, write_weights
from minires.interop.names import NAMES, torch_arrays
from minires.interop.sources import SOURCES, check_source, differences
from minires.layers import Layer
from minires.typing import Array

PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.body.")

__all__ = ["NAMES", "SOURCES", "load_torch", "read_weights", "to_torch", "write_weights"]


def load_torch(net: Layer, state: Mapping[str, Any], *, source: str | None = None) -> None:
    """Copy a PyTorch model's weights into net, in place, or raise: never other numbers without a word.

    Parameters
    ----------
    state
        {name: array}, of `read_weights` or a module's own `state_dict()`; arrays of NumPy, CuPy or PyTorch in
        any floating-point type, converted to net's. The names may be any of NAMES, all may begin with what
        wrappers put before them (PREFIXES: "module." of DataParallel, "_orig_mod." of compile, "model." of
        training frameworks, "backbone.body." of torchvision's detectors), and batch norm's
        `num_batches_tracked` may be there, for nothing.
    source
        Whose weights they are, for what names and shapes do not tell: "torchvision", "timm", "cifar" (the
        repositories for CIFAR) or "same": of a network that computes exactly what net does, such as one of
        yours. None: the owner of the names. A bottleneck's stride and, except under the CIFAR repository's
        names, the padded shortcuts' zeros are nobody's alone; then `source` must be given.

    Raises
    ------
    ValueError
        That lists what is missing, left over, misshapen and no array of finite floats; if no names are known
        for such a network; if the source's networks compute something else, with what to build instead; if
        `source` is needed. Then nothing has been changed.

    Examples
    --------
    >>> from minires import models
    >>> net, other = (models.build("resnet20", placement="split", rng=rng) for _ in range(2))
    >>> load_torch(net, to_torch(other, "cifar"))
    >>> bool((net["conv"].weight.data == other["conv"].weight.data).all())
    True
    """
    prefix, bare = _without_prefix(state)
    given = {name: as_numpy(array) for name, array in bare.items()}
    known = torch_arrays(net)
    names = max(known, key=lambda names: len(known[names].keys() & given.keys()))
    own = known[names]
    _check(own, given, prefix)
    check_source(net, names, source)
    for name, array in own.items():
        array[...] = to_module(given[name].astype(array.dtype), array_module(array))


def to_torch(net: Layer, names: str = "torchvision") -> dict[str, np.ndarray]:
    """Return copies of all weights and running averages under PyTorch's names.

    Parameters
    ----------
    names
        "torchvision", "timm" (pre-activation networks) or "cifar"; not every network has every one's.

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

    Warns
    -----
    UserWarning
        If a PyTorch network of these names computes something else with these arrays.

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
    wrong = differences(net, names, only_known=True)
    if wrong:
        warnings.warn(
            f"PyTorch's networks with the names of {names} give other numbers with these arrays: "
            f"{'; '.join(wrong)}",
            stacklevel=2,
        )
    state = {name: np.array(as_numpy(array), order="C") for name, array in own.items()}
    return state | {name: np.zeros((), np.int64) for name in _counters(own)}


def _without_prefix(state: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return what wrappers have put before every name, such as "module.", and state without it."""
    if not hasattr(state, "items"):
        raise TypeError(f"state: expected a dict {{name: array}}, got {type(state).__name__}")
    for name, value in state.items():
        if hasattr(value, "items"):
            raise ValueError(
                f"state: expected weights, got a checkpoint that has them inside: state[{name!r}]?"
            )
    prefix, names = "", list(state)
    while names and (more := [word for word in PREFIXES if all(name.startswith(word) for name in names)]):
        prefix += more[0]
        names = [name.removeprefix(more[0]) for name in names]
    return prefix, dict(zip(names, state.values(), strict=True))


def _counters(own: Mapping[str, Array]) -> list[str]:
    """Return the names of batch norm's counters, which only PyTorch has."""
    end = "running_mean"
    return [name.removesuffix(end) + "num_batches_tracked" for name in own if name.endswith(end)]


def _check(own: Mapping[str, Array], given: Mapping[str, Array], prefix: str) -> None:
    """Raise ValueError that lists all ways in which given does not fit own. Both: {name: array}."""
    both = [name for name in own if name in given]
    problems = [f"missing: {name}" for name in own if name not in given]
    problems += [f"left over: {name}" for name in given.keys() - own.keys() - set(_counters(own))]
    for name in both:
        if given[name].dtype.kind != "f":
            problems.append(f"no floats: {name} holds {given[name].dtype}")
        elif not np.isfinite(given[name]).all():
            problems.append(f"no number: {name} has NaN or infinity in it")
        if given[name].shape != own[name].shape:
            problems.append(f"misshapen: {name} is {given[name].shape}, expected {own[name].shape}")
    if problems:
        lines = "\n  ".join(sorted(problems))
        taken = f" (without the {prefix!r} before every name)" if prefix else ""
        raise ValueError(f"these weights{taken} do not fit this network, in {len(problems)} ways:\n  {lines}")
