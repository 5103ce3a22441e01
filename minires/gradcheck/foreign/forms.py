"""How a forward and a backward of anybody's are called: the forms in which courses write them.

A Form runs the code, once forward and once backward, and hides from the checker how that is done:

PairForm
    `out, cache = f_forward(x, w, b)`, `dx, dw, db = f_backward(dout, cache)`; several outputs have several
    upstream gradients; a backward may also take the inputs themselves.
LossForm
    `loss, dx = softmax_loss(x, y)`: its backward is in its second result.
LayerForm
    `layer.forward(x)`, `layer.backward(dout)`; gradients of its weights are left in the object.
NetworkForm
    `loss, grads = net.loss(X, y)` with the weights in `net.params`.
"""

import ast
import contextlib
import copy
import inspect
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from minires.gradcheck.foreign import objects
from minires.gradcheck.foreign.border import Border

MEMORY = re.compile(r"cache|ctx|context|saved|memory|tape", re.IGNORECASE)


class WrongReturn(Exception):
    """A function returned something from which nothing can be taken; the message says what and why."""


class NotWritten(Exception):
    """A function returned None: nobody has written it yet."""


class Form:
    """What can be checked.

    name: what it is called; names: of its functions, forward and backward; upstream: names of the gradients
    that its backward takes; parameters: of its forward, by name; also: names of further arguments that
    its backward takes; weights: {path: array} that are inside of an object.
    """

    def __init__(self, name: str, names: Sequence[str], function: Callable[..., Any]) -> None:
        self.name, self.names = name, tuple(names)
        self.parameters = parameters(function)
        self.upstream: list[str] = ["dout"]
        self.also: dict[str, inspect.Parameter] = {}
        self.weights: dict[str, np.ndarray] = {}
        self.order: list[str] | None = None  # names of the gradients, where the code says them
        self.needs: list[str] = []  # arguments of a constructor that nobody has given

    def start(self, border: Border) -> None:
        """Make what must exist before the first call."""

    def forward(self, values: Mapping[str, Any], weights: Mapping[str, Any]) -> tuple[list[Any], Any]:
        """Return (outputs, memory). values: {parameter: value}; weights: {path: array}."""
        raise NotImplementedError

    def backward(self, dys: Sequence[Any], memory: Any, values: Mapping[str, Any]) -> Any:
        """Return what backward returned: an array, a tuple, or {name: gradient}."""
        raise NotImplementedError

    def weight_gradients(self, memory: Any) -> dict[str, Any]:
        """Return {path: gradient} that the latest backward left in an object."""
        return {}

    def required(self) -> list[str]:
        """Return the names of the arguments that must be given."""
        everything = {**self.parameters, **self.also}
        return [name for name, p in everything.items() if p.default is p.empty]


class PairForm(Form):
    """Two functions."""

    def __init__(
        self, name: str, forward: Callable[..., Any], backward: Callable[..., Any], names: Sequence[str]
    ) -> None:
        super().__init__(name, names, forward)
        self._forward, self._backward = forward, backward
        self.roles = Roles(backward, self.parameters)
        self.upstream, self.also = self.roles.upstream, self.roles.also
        self._results, self.order = results(forward), results(backward)

    def forward(self, values: Mapping[str, Any], weights: Mapping[str, Any]) -> tuple[list[Any], Any]:
        return self.roles.split(call(self._forward, values), self.names[0], self._results)

    def backward(self, dys: Sequence[Any], memory: Any, values: Mapping[str, Any]) -> Any:
        return self.roles.backward(self._backward, dys, memory, values)


class LossForm(Form):
    """A function that returns a loss and its gradient."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        super().__init__(name, (name, name), function)
        self._function = function
        self.upstream = []
        self.order = (results(function) or [])[1:] or None

    def forward(self, values: Mapping[str, Any], weights: Mapping[str, Any]) -> tuple[list[Any], Any]:
        return self._split(call(self._function, values))

    def _split(self, returned: Any) -> tuple[list[Any], Any]:
        if returned is None:
            raise NotWritten(f"{self.names[0]} returns None")
        if not isinstance(returned, (tuple, list)) or len(returned) < 2:
            raise WrongReturn(f"{self.names[0]} must return (loss, gradient); it returned {kind(returned)}")
        loss, *gradients = returned
        if loss is None:
            raise NotWritten(f"{self.names[0]} returns None for the loss")
        if np.ndim(loss) and np.size(loss) != 1:
            raise WrongReturn(f"{self.names[0]} must return a number as its loss; it returned {kind(loss)}")
        return [loss], gradients[0] if len(gradients) == 1 else tuple(gradients)

    def backward(self, dys: Sequence[Any], memory: Any, values: Mapping[str, Any]) -> Any:
        return times(memory, dys[0])


class LayerForm(Form):
    """An object with forward and backward, and weights inside it. make: returns a new one."""

    def __init__(self, name: str, kind: Any, make: Callable[[], Any]) -> None:
        super().__init__(name, (f"{name}.forward", f"{name}.backward"), kind.forward)
        self.parameters = without_self(kind, "forward", self.parameters)
        self._make = make
        backward = without_self(kind, "backward", parameters(kind.backward))
        self.roles = Roles(kind.backward, self.parameters, backward)
        self.upstream, self.also = self.roles.upstream, self.roles.also
        self._results, self.order = results(kind.forward), results(kind.backward)

    def start(self, border: Border) -> None:
        self._border, self._template = border, self._make()
        found = dict(objects.arrays(self._template, border))
        self.weights = {path: border.take(a) for path, a in objects.without_gradients(found).items()}

    def _with(self, weights: Mapping[str, Any]) -> Any:
        layer = copy.deepcopy(self._template)
        for path, array in weights.items():
            objects.put(layer, path, array)
        return layer

    def forward(self, values: Mapping[str, Any], weights: Mapping[str, Any]) -> tuple[list[Any], Any]:
        layer = self._with(weights)
        outputs, cache = self.roles.split(call(layer.forward, values), self.names[0], self._results)
        return outputs, Memory(layer, cache)

    def moved(self, memory: Any, weights: Mapping[str, Any]) -> list[str]:
        """Return the paths of what forward has replaced: averages, not weights."""
        return [path for path, array in weights.items() if not same(objects.get(memory.layer, path), array)]

    def backward(self, dys: Sequence[Any], memory: Any, values: Mapping[str, Any]) -> Any:
        # on a copy, for a second backward may add to what the first one left
        layer, cache = copy.deepcopy((memory.layer, memory.cache))
        memory.after = layer
        return self.roles.backward(layer.backward, dys, cache, values)

    def weight_gradients(self, memory: Any) -> dict[str, Any]:
        found = {path: objects.gradient(memory.after, path) for path in self.weights}
        return {path: value for path, value in found.items() if value is not None}


class NetworkForm(LossForm):
    """An object whose loss(...) returns (loss, {name: gradient}) and whose params are {name: weight}."""

    def __init__(self, name: str, kind: Any, make: Callable[[], Any]) -> None:
        super().__init__(f"{name}.loss", kind.loss)
        self.name, self._make = name, make
        self.parameters = without_self(kind, "loss", self.parameters)
        self.order = None

    def start(self, border: Border) -> None:
        self._template = self._make()
        params = getattr(self._template, "params", None)
        if isinstance(params, dict):
            self.weights = {key: border.take(array) for key, array in params.items()}

    def forward(self, values: Mapping[str, Any], weights: Mapping[str, Any]) -> tuple[list[Any], Any]:
        net = copy.deepcopy(self._template)
        getattr(net, "params", {}).update(weights)
        return self._split(call(net.loss, values))


class Memory:
    """What a layer remembers, as one thing that the checker does not look into."""

    def __init__(self, layer: Any, cache: Any) -> None:
        self.layer, self.cache, self.after = layer, cache, layer


class Roles:
    """Which argument of a backward is what: upstream gradients first, then the cache, then others by name."""

    def __init__(
        self,
        backward: Callable[..., Any],
        inputs: Mapping[str, inspect.Parameter],
        own: Mapping[str, inspect.Parameter] | None = None,
    ) -> None:
        own = parameters(backward) if own is None else own
        names = list(own)
        cache = next((i for i, name in enumerate(names) if MEMORY.search(name)), None)
        if cache is None and len(names) > 1 and not all(name in inputs for name in names[1:]):
            cache = 1
        self.has_cache = cache is not None
        count = cache if cache is not None else min(1, len(names))
        self.upstream = names[:count]
        self.also = {name: own[name] for name in names[count + self.has_cache :]}

    def split(self, returned: Any, name: str, names: list[str] | None) -> tuple[list[Any], Any]:
        """Return (outputs, cache) of what a forward returned. names: of what it returns, if known."""
        if returned is None:
            raise NotWritten(f"{name} returns None")
        count = max(1, len(self.upstream))
        if not self.has_cache and len(self.also) == 1:
            # named like an input: relu_backward(dout, x)
            self.has_cache = isinstance(returned, tuple) and len(returned) == count + 1
            if self.has_cache:
                self.also.clear()
        if not self.has_cache:
            outputs = list(returned) if isinstance(returned, tuple) else [returned]
            cache = None
        else:
            if not isinstance(returned, (tuple, list)) or len(returned) <= count:
                wanted = "out" if count == 1 else ", ".join(f"out{i + 1}" for i in range(count))
                raise WrongReturn(f"{name} must return ({wanted}, cache); it returned {kind(returned)}")
            place = next((i for i, each in enumerate(names or []) if each and MEMORY.search(each)), -1)
            outputs, cache = list(returned), returned[place if place < len(returned) else -1]
        if any(output is None for output in outputs[:count]):
            raise NotWritten(f"{name} returns None")
        return outputs[:count], cache

    def backward(
        self, function: Callable[..., Any], dys: Sequence[Any], cache: Any, values: Mapping[str, Any]
    ) -> Any:
        """Call a backward by position."""
        given = list(dys[: len(self.upstream)]) + ([cache] if self.has_cache else [])
        others = {name: values[name] for name in self.also if name in values}
        returned = function(*given, **others)
        return returned if self.upstream else times(returned, dys[0])


def parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return {name: parameter} of a function, without *args and **kwargs."""
    with contextlib.suppress(TypeError, ValueError):
        found = inspect.signature(function).parameters
        return {n: p for n, p in found.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    return {}


def without_self(kind: type, name: str, found: dict[str, inspect.Parameter]) -> dict[str, inspect.Parameter]:
    """Return the parameters of a method as its caller sees them."""
    if isinstance(inspect.getattr_static(kind, name), (staticmethod, classmethod)):
        return found
    return dict(list(found.items())[1:])


def call(function: Callable[..., Any], values: Mapping[str, Any]) -> Any:
    """Call a function with those of the values that it takes, by name where it has names."""
    takes = parameters(function)
    first = [values[n] for n, p in takes.items() if p.kind is p.POSITIONAL_ONLY and n in values]
    named = {n: values[n] for n, p in takes.items() if p.kind is not p.POSITIONAL_ONLY and n in values}
    return function(*first, **named) if takes else function(*values.values())


def results(function: Callable[..., Any]) -> list[str] | None:
    """Return the names in a function's last `return a, b, c`, "" for what has none; None if unknown."""
    with contextlib.suppress(OSError, TypeError, SyntaxError, IndentationError):
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        found = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return) and node.value]
        last = max(found, key=lambda node: node.lineno, default=None)
        items = last.elts if isinstance(last, ast.Tuple) else [last]
        return [item.id if isinstance(item, ast.Name) else "" for item in items] if found else None
    return None


def times(gradients: Any, dy: Any) -> Any:
    """Return gradients of a loss, in whatever they are, times the gradient that arrives at the loss."""
    if isinstance(gradients, dict):
        return {name: times(value, dy) for name, value in gradients.items()}
    if isinstance(gradients, (tuple, list)):
        return type(gradients)(times(value, dy) for value in gradients)
    return gradients * dy if hasattr(gradients, "dtype") or isinstance(gradients, float) else gradients


def same(a: Any, b: Any) -> bool:
    """Whether two arrays are the same object, or of the same shape and values."""
    return a is b or (np.shape(a) == np.shape(b) and bool((a == b).all()))


def kind(value: Any) -> str:
    """Return what a value is, in words."""
    if value is None:
        return "None"
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        word = "an array" if isinstance(value, (np.ndarray, np.generic)) else "a tensor"
        return f"{word} of shape {tuple(value.shape)}" if value.shape else "a number"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}: " + ", ".join(map(kind, value[:4]))
    if isinstance(value, (int, float)):
        return "a number"
    return f"a {type(value).__name__}"
