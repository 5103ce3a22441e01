"""Code of anybody's as a subject of the checker: the same calls, the same rules as for a pair of ours."""

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minires.gradcheck.foreign.assign import assign
from minires.gradcheck.foreign.border import Border
from minires.gradcheck.foreign.forms import Form, LayerForm
from minires.gradcheck.subject import Subject, convert, is_floating, shuffle
from minires.typing import Array, Generator


@dataclass
class Case:
    """One set of inputs. values: {parameter: value}, arrays, numbers, texts, and dicts and lists of them;
    constant: names of the parameters that have no gradient, whatever they are."""

    values: dict[str, Any]
    constant: set[str] = field(default_factory=set)


class Held:
    """What a forward remembers, where the checker cannot protect it."""

    def __init__(self, memory: Any) -> None:
        self.memory = memory


class ForeignSubject(Subject):
    """A Form at one Case. After `try_out`: arrays has what is differentiated, odd what is odd about it."""

    backward_repeats = True
    reorders = False  # in whose memory order its arrays come is nobody else's affair

    def __init__(self, form: Form, case: Case, border: Border, dtype: DTypeLike = np.float64) -> None:
        self.form, self.case, self.border = form, case, border
        self.protected = border.can_protect
        self.dy_name = form.upstream[0] if form.upstream else "dy"
        self.values = {
            name: _leaves(value, lambda _, a: convert(a, dtype)) for name, value in case.values.items()
        }
        self.weights = {path: convert(array, dtype) for path, array in form.weights.items()}
        self.arrays = self._floating()
        self.returned: dict[str, Any] = {}
        self.odd: list[str] = []
        self.notes: list[str] = []
        self.draws_in_backward = False
        self.absent: list[str] = []
        self.unwritten: list[str] = []
        self._candidates = self.arrays
        self._shapes: list[tuple[int, ...]] = [()]

    def _floating(self) -> dict[str, Array]:
        """Return {name: array} of the arrays that might have a gradient, those inside of dicts too."""
        found: dict[str, Array] = {}
        for name, value in self.values.items():
            if name not in self.case.constant:
                _leaves(value, lambda path, array: found.setdefault(path, array), name)
        found = {name: array for name, array in found.items() if name not in self.case.constant}
        return {**found, **self.weights}

    def try_out(self) -> None:
        """Run once, on copies, and find out which arrays have a gradient. Raises what the code raises."""
        protected, self.protected = self.protected, False
        self.border.seed()
        seeded = self.border.state()
        outputs, memory = self._run(self.arrays)
        if self.border.state() != seeded:
            self.notes.append("it draws global random numbers; the check seeds them before every forward")
        everything = self.arrays
        if isinstance(self.form, LayerForm):
            weights = {path: self.border.give(self.presented[path]) for path in self.weights}
            moved = self.form.moved(memory[0], weights)
            everything = {name: array for name, array in everything.items() if name not in moved}
        self._candidates = everything
        dys = [np.ones(np.shape(output)) if np.ndim(output) else 1.0 for output in outputs]
        drawn = self.border.state()
        returned = self._returned(dys, memory)
        self.draws_in_backward = self.border.state() != drawn
        self.unwritten = [name for name, gradient in returned.items() if gradient is None]
        self.arrays = {name: array for name, array in everything.items() if returned.get(name) is not None}
        self.absent = [name for name in everything if name not in self.arrays and name not in self.unwritten]
        self.protected = protected

    def _run(self, arrays: Mapping[str, Array]) -> tuple[list[Any], Any]:
        """Return (outputs as arrays, memory)."""
        given = {name: self.present(array) for name, array in arrays.items()}
        self.presented = {name: given[name] for name in self.arrays}

        def put(path: str, array: Array) -> Any:
            return self.border.give(given[path] if path in given else np.array(array))

        values = {name: _leaves(_copied(value), put, name, every=True) for name, value in self.values.items()}
        weights = {path: self.border.give(given.get(path, array)) for path, array in self.weights.items()}
        self.border.seed()
        outputs, memory = self.form.forward(values, weights)
        outputs = [self.border.take(output) for output in outputs]
        self._shapes = [np.shape(output) for output in outputs]
        return outputs, (memory, values if self.form.also else {})

    def _returned(self, dys: list[Any], both: Any) -> dict[str, Any]:
        """Return {name: gradient} of a backward."""
        memory, values = both
        raw = self.form.backward([self.border.give(dy) for dy in dys], memory, values)
        weights = self.border.take(self.form.weight_gradients(memory))
        weights = {name: gradient for name, gradient in weights.items() if name in self._candidates}
        inputs = {n: array for n, array in self._candidates.items() if n not in self.weights or not weights}
        if not inputs or raw is None and any(np.any(gradient) for gradient in weights.values()):
            return weights
        names = list(self.form.parameters)
        gradients, self.odd = assign(self.border.take(raw), inputs, names, self.form.order)
        return {**gradients, **weights}

    def forward(self, arrays: dict[str, Array] | None = None) -> tuple[Any, Any]:
        """Return (y, memory) at the present arrays, or at others; several outputs as one vector."""
        outputs, memory = self._run(arrays or self.arrays)
        memory = memory if self.protected else Held(memory)
        if len(outputs) == 1:
            y = outputs[0]
            return (float(y) if np.ndim(y) == 0 else y), memory
        return np.concatenate([np.reshape(output, -1) for output in outputs]), memory

    def backward(self, dy: Array, cache: Any) -> dict[str, Any]:
        """Return {name: gradient}."""
        memory = cache.memory if isinstance(cache, Held) else cache
        self.returned = self._returned(self.split(dy), memory)
        return {name: self.returned[name] for name in self.arrays if self.returned.get(name) is not None}

    def split(self, dy: Array) -> list[Any]:
        """Return the gradient of each output."""
        if len(self._shapes) == 1:
            return [dy if np.ndim(dy) else float(dy)]  # NumPy's would turn float32 into float64
        ends = np.cumsum([int(np.prod(shape)) for shape in self._shapes])
        parts = np.split(dy, ends[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, self._shapes, strict=True)]

    def like(self, dtype: DTypeLike) -> "ForeignSubject":
        """Return the same subject, tried out, in another dtype."""
        other = ForeignSubject(self.form, self.case, self.border, dtype)
        other.arrays = {name: other.arrays[name] for name in self.arrays}
        other._candidates = {name: convert(array, dtype) for name, array in self._candidates.items()}
        return other

    def shuffled(self, rng: Generator) -> dict[str, Array]:
        """Return other arrays of the same shapes."""
        return {name: shuffle(array, rng) for name, array in self.arrays.items()}


def _copied(value: Any) -> Any:
    """Return a copy of a value, so that code may change a dict that it is given; arrays are copied later."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_copied(item) for item in value)
    return value if hasattr(value, "dtype") else copy.deepcopy(value)


def _leaves(value: Any, change: Callable[[str, Any], Any], path: str = "", every: bool = False) -> Any:
    """Return a value with change(path, array) for every floating-point array in it (`every`: any array)."""
    if isinstance(value, dict):
        return {key: _leaves(item, change, f"{path}.{key}", every) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(_leaves(item, change, f"{path}[{i}]", every) for i, item in enumerate(value))
    if is_floating(value) and np.ndim(value) or every and isinstance(value, np.ndarray):
        return change(path, value)
    return value


def parameter_of(path: str) -> str:
    """Return "parameters" of "parameters.W", the parameter in which an array is."""
    return re.split(r"[.\[]", path)[0]
