"""What is being checked, a pure function pair or a layer, behind one interface.

A subject owns float64 copies of everything that is differentiated (`arrays`: name -> array) and can run
forward and backward on them. It hands out read-only views, so that code which writes into what it was
given stops at the very line; with `protected = False` it hands out fresh copies instead.
"""

import copy
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike

from minires.backend import array_module
from minires.typing import Array, Generator


class WrongGradients(Exception):
    """Backward returned something that cannot be matched with the inputs."""


class SubjectLayer(Protocol):
    """What is asked of a layer to check it, so that a class with these methods need not be one of ours."""

    forward: Callable[..., tuple[Any, Any]]
    backward: Callable[..., Any]
    astype: Callable[..., Any]
    named_parameters: Callable[[], Iterable[tuple[str, Any]]]
    named_buffers: Callable[[], Iterable[tuple[str, Any]]]
    named_generators: Callable[[], Iterable[tuple[str, Any]]]


class Subject:
    """Base of the two kinds of subjects.

    arrays: {name: array}, the tensors to differentiate; write into them to move the point of evaluation.
    presented: {name: array}, what the latest forward was really given.
    """

    arrays: dict[str, Array]
    presented: dict[str, Array]
    forward: Callable[..., tuple[Any, Any]]
    backward: Callable[..., dict[str, Any]]
    shuffled: Callable[[Generator], dict[str, Array]]
    backward_repeats: bool

    # NumPy can protect an array; CuPy cannot, so there every call works on copies that are compared after.
    protected = True
    reorders = True  # images are presented in the memory order, too, that the library's own layers hand on
    reordered = False  # at present they are
    dy_name = "dy"  # what its backward calls the gradient of its output

    def present(self, array: Array) -> Array:
        """Return a read-only view of array, or a copy where protection is off or does not exist."""
        if not self.protected or not hasattr(array, "setflags"):
            return array.copy()
        view = array.view()
        if self.reordered and array.ndim == 4:  # memory (H, C, W, N)
            view = np.ascontiguousarray(array.transpose(2, 1, 3, 0)).transpose(3, 1, 0, 2)
        view.setflags(write=False)
        return view

    def present_cache(self, cache: Any) -> Any:
        """Return the cache with every array in its tuples, lists and dicts presented."""
        if isinstance(cache, dict):
            return {key: self.present_cache(value) for key, value in cache.items()}
        if isinstance(cache, tuple) and hasattr(cache, "_fields"):  # a named tuple
            return type(cache)(*map(self.present_cache, cache))
        if isinstance(cache, (tuple, list)):
            return type(cache)(map(self.present_cache, cache))
        return self.present(cache) if hasattr(cache, "dtype") and getattr(cache, "ndim", 0) > 0 else cache

    def value(self) -> Any:
        """Return y at the present arrays."""
        return self.forward()[0]


class FunctionSubject(Subject):
    """A pair: forward of the inputs gives (y, cache, ...), backward(dy, cache) gives gradients.

    Floating-point inputs are differentiated unless their name is in `fixed`; integers (labels), booleans,
    Python floats and None (an absent bias) are passed through.
    """

    backward_repeats = True  # calling backward twice with one cache must be possible

    def __init__(
        self,
        forward: Callable[..., tuple],
        backward: Callable[..., Any],
        inputs: Sequence[Any],
        *,
        names: Sequence[str] | None = None,
        fixed: Sequence[str] = (),
        dtype: DTypeLike = np.float64,
    ) -> None:
        self._forward, self._backward = forward, backward
        self.names = list(names) if names else input_names(forward, len(inputs))
        if len(self.names) != len(inputs):
            raise ValueError(f"names: expected one for each of the {len(inputs)} inputs, got {self.names}")
        unknown = set(fixed) - set(self.names)
        if unknown:
            raise ValueError(f"fixed: {sorted(unknown)} are not among the inputs {self.names}")
        self.inputs = [convert(value, dtype) for value in inputs]
        self.arrays = {
            name: value
            for name, value in zip(self.names, self.inputs, strict=True)
            if is_floating(value) and name not in fixed
        }
        if not self.arrays:
            raise ValueError("inputs: expected at least one floating-point array to differentiate")

    def forward(self, arrays: dict[str, Array] | None = None) -> tuple[Any, Any]:
        """Return (y, cache) at the present arrays, or at others of the same names and shapes."""
        given = [
            (arrays or self.arrays).get(name, value)
            for name, value in zip(self.names, self.inputs, strict=True)
        ]
        given = [self.present(value) if hasattr(value, "dtype") else value for value in given]
        self.presented = {n: v for n, v in zip(self.names, given, strict=True) if n in self.arrays}
        return tuple(self._forward(*given))[:2]

    def backward(self, dy: Array, cache: Any) -> dict[str, Any]:
        """Return {name: gradient}. Raises WrongGradients if their number fits neither the inputs nor the
        differentiated ones."""
        gradients = self._backward(dy, cache)
        if not isinstance(gradients, (tuple, list)):
            gradients = (gradients,)
        for names in (self.names, list(self.arrays)):
            if len(gradients) == len(names):
                by_name = dict(zip(names, gradients, strict=True))
                return {name: by_name[name] for name in self.arrays}
        raise WrongGradients(
            f"backward returned {len(gradients)} gradients; expected one for each of the "
            f"{len(self.names)} inputs {', '.join(self.names)}"
        )

    def shuffled(self, rng: Generator) -> dict[str, Array]:
        """Return other arrays of the same shapes and range: the elements in another order, scaled."""
        return {name: shuffle(array, rng) for name, array in self.arrays.items()}


class LayerSubject(Subject):
    """A layer, deep-copied, with its input x. Every forward starts from the same running averages and the
    same random state, so that forward is a function of the arrays alone."""

    backward_repeats = False  # a composite's cache is emptied by its backward

    def __init__(self, layer: SubjectLayer, x: Array, *, train: bool, dtype: DTypeLike = np.float64) -> None:
        self.layer = copy.deepcopy(layer).astype(dtype)
        self.train = train
        self.parameters = dict(self.layer.named_parameters())
        self.arrays = {"x": convert(x, dtype)}
        self.arrays.update({name: parameter.data for name, parameter in self.parameters.items()})
        self._buffers = [(buffer, buffer.data.copy()) for _, buffer in self.layer.named_buffers()]
        self._random = [
            (rng, copy.deepcopy(rng.bit_generator.state)) for _, rng in self.layer.named_generators()
        ]

    def forward(self, arrays: dict[str, Array] | None = None) -> tuple[Any, Any]:
        """Return (y, cache) at the present arrays, or at others of the same names and shapes."""
        for buffer, start in self._buffers:
            buffer.data[...] = start
        for rng, state in self._random:
            rng.bit_generator.state = state
        self.presented = {name: self.present(a) for name, a in (arrays or self.arrays).items()}
        for name, parameter in self.parameters.items():
            parameter.data = self.presented[name]
        return self.layer.forward(self.presented["x"], train=self.train)

    def backward(self, dy: Array, cache: Any, prefill: float = 0.0) -> dict[str, Any]:
        """Return {name: gradient}; prefill is what every parameter's grad holds before."""
        for parameter in self.parameters.values():
            parameter.grad.fill(prefill)
        gradients = {"x": self.layer.backward(dy, cache)}
        gradients.update({name: parameter.grad.copy() for name, parameter in self.parameters.items()})
        return gradients

    def shuffled(self, rng: Generator) -> dict[str, Array]:
        """Return the same parameters with another x."""
        return {**self.arrays, "x": shuffle(self.arrays["x"], rng)}


def is_floating(value: Any) -> bool:
    """Whether value is a floating-point array (a Python float is a setting, not an array)."""
    return hasattr(value, "dtype") and not isinstance(value, float) and value.dtype.kind == "f"


def convert(value: Any, dtype: DTypeLike) -> Any:
    """Return a contiguous copy in dtype of a floating-point array; anything else as it is."""
    if not is_floating(value):
        return value
    return array_module(value).array(value, dtype=dtype, order="C")


def shuffle(array: Array, rng: Generator) -> Array:
    """Return the same numbers times 3/4 in a random order: positive stays positive, masks change."""
    order = array_module(array).asarray(rng.permutation(array.size))
    return 0.75 * array.reshape(-1)[order].reshape(array.shape)


def input_names(forward: Callable[..., tuple], count: int) -> list[str]:
    """Return the names of the first count parameters of forward; "input 0", ... where it has none."""
    parameters: Iterable[inspect.Parameter] = ()
    try:
        parameters = inspect.signature(forward).parameters.values()
    except (TypeError, ValueError):  # some built-in functions have no signature
        pass
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return named[:count] if len(named) >= count else [f"input {i}" for i in range(count)]
