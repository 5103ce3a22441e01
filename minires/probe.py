"""Watch a network at work: every layer's input, output and gradients, without touching its code::

    with probe.watch(net, observer):
        y, cache = net.forward(x, train=True)
        net.backward(dy, cache)

calls observer.forward(name, layer, x, y) and observer.backward(name, layer, dy, dx) right after each layer
has run, inner layers before the composites around them. An observer may read the arrays, never write them.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from minires.backend import array_module
from minires.layers import Layer
from minires.typing import Array


class Observer:
    """Sees everything and does nothing: subclass it and override what you want to know."""

    def before(self, name: str, layer: Layer) -> None:
        """Called when the layer's forward or backward is about to run."""

    def forward(self, name: str, layer: Layer, x: Array, y: Array) -> None:
        """Called after the layer called `name` (a dotted path, "" for the whole) turned x into y."""

    def backward(self, name: str, layer: Layer, dy: Array, dx: Array | None) -> None:
        """Called after the layer turned the gradient dy into dx; None where only the parameters' gradients
        are wanted (`train.parameters_only`)."""


Seen = TypeVar("Seen", bound=Observer)


@contextlib.contextmanager
def watch(net: Layer, observer: Seen) -> Iterator[Seen]:
    """Call an observer's methods around the forward and backward of a network and every layer inside it.

    Parameters
    ----------
    net
        Run its forward to be seen, not predict: a composite's predict calls its parts' predict.
    observer
        What the `with` statement hands out.

    Notes
    -----
    On leaving, also after an error, the network is as it was. A layer that stands at two places of a network
    is reported by its first name. Watching may be nested.

    Examples
    --------
    >>> from minires.layers import Linear, ReLU, Sequential
    >>> net = Sequential(Linear(3, 2, rng=rng), ReLU())
    >>> with watch(net, Statistics()) as seen:
    ...     y, cache = net.forward(np.ones((5, 3), np.float32), train=True)
    >>> seen.names()
    ['0', '1', '']
    """
    layers = {id(layer): (name, layer) for name, layer in reversed(list(net.named_layers()))}
    before = {key: dict(vars(layer)) for key, (_, layer) in layers.items()}
    try:
        for name, layer in layers.values():
            vars(layer).update(
                forward=_watched_forward(layer.forward, name, layer, observer),
                backward=_watched_backward(layer.backward, name, layer, observer),
            )
        yield observer
    finally:
        for key, (_, layer) in layers.items():
            for method in ("forward", "backward"):
                if method in before[key]:
                    setattr(layer, method, before[key][method])
                else:
                    vars(layer).pop(method, None)


def _watched_forward(forward: Callable, name: str, layer: Layer, observer: Observer) -> Callable:
    def watched(x: Array, *, train: bool, **options: Any) -> tuple[Array, Any]:
        observer.before(name, layer)
        y, cache = forward(x, train=train, **options)  # a detector's forward takes more
        observer.forward(name, layer, x, y)
        return y, cache

    return watched


def _watched_backward(backward: Callable, name: str, layer: Layer, observer: Observer) -> Callable:
    def watched(dy: Array, cache: Any) -> Array | None:
        observer.before(name, layer)
        dx = backward(dy, cache)
        observer.backward(name, layer, dy, dx)
        return dx

    return watched


class Finding(NamedTuple):
    """Where a number was first not finite: `what` (in words) of the layer called name."""

    name: str
    layer: Layer
    what: str

    def __str__(self) -> str:
        return f"{self.what} of {self.name or 'the network'} ({type(self.layer).__name__})"


class FirstNonFinite(Observer):
    """Remember the first layer whose output or gradient was infinite or not a number (NaN).

    Attributes
    ----------
    found
        None, or a `Finding`. Inner layers report before their composites, so it is the innermost layer.

    Notes
    -----
    Looking at a number stalls a GPU: watch only to search.

    Examples
    --------
    >>> from minires.layers import Linear
    >>> layer = Linear(2, 1, bias=False, rng=rng)
    >>> layer.weight.data[0, 0] = np.inf
    >>> with watch(layer, FirstNonFinite()) as first:
    ...     y, cache = layer.forward(np.ones((1, 2), np.float32), train=True)
    >>> print(first.found)
    the output of the network (Linear)
    """

    def __init__(self) -> None:
        self.found: Finding | None = None

    def forward(self, name: str, layer: Layer, x: Array, y: Array) -> None:
        """Look at the output."""
        self._look(name, layer, "the output", y)

    def backward(self, name: str, layer: Layer, dy: Array, dx: Array | None) -> None:
        """Look at the gradients of the input and of every parameter."""
        if dx is not None:
            self._look(name, layer, "the gradient with respect to the input", dx)
        for path, parameter in layer.named_parameters():
            self._look(name, layer, f"the gradient of {path}", parameter.grad)

    def _look(self, name: str, layer: Layer, what: str, arrays: Any) -> None:
        if isinstance(arrays, tuple):  # a network with heads has several answers, a detector some of regions
            for array in arrays:
                self._look(name, layer, what, array)
        elif self.found is None and arrays is not None:
            if not bool(array_module(arrays).isfinite(arrays).all()):
                self.found = Finding(name, layer, what)


class Stopwatch(Observer):
    """Measure every layer's own time.

    Attributes
    ----------
    seconds
        {name: [forward, backward]}, summed over all calls. A composite's own time leaves out that of the
        layers inside it.

    Notes
    -----
    A GPU works on after a call returns: there, these are the seconds that Python needs to hand out the work.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}
        self._open: list[
            list[float]
        ] = []  # [start, seconds spent in inner layers] of every call that has not returned

    def before(self, name: str, layer: Layer) -> None:
        """Start the clock."""
        self._open.append([time.perf_counter(), 0.0])

    def forward(self, name: str, layer: Layer, x: Array, y: Array) -> None:
        """Stop the clock."""
        self._close(name, 0)

    def backward(self, name: str, layer: Layer, dy: Array, dx: Array | None) -> None:
        """Stop the clock."""
        self._close(name, 1)

    def _close(self, name: str, direction: int) -> None:
        start, inside = self._open.pop()
        whole = time.perf_counter() - start
        self.seconds.setdefault(name, [0.0, 0.0])[direction] += whole - inside
        if self._open:
            self._open[-1][1] += whole


class Statistics(Observer):
    """Record for every layer the statistics of the signal after it and of the gradient before it.

    `seen[name]` is a dict of floats with these measures:

    mean, variance, mean_square
        Over all elements of the output (variance around that mean).
    dead
        Fraction of the units (channels, features) that are 0 for the whole batch.
    dy_norm, dx_norm
        Length (L2) of the gradient with respect to the output and to the input.
    dy_variance, dx_variance
        The same gradients' variance over all elements.

    Notes
    -----
    Gradients are there once backward has run, dx only where it was computed. A second run overwrites. Outputs
    that are tuples (networks with heads) are left out. Every number read makes a GPU's host wait.

    Examples
    --------
    >>> from minires.layers import Linear, ReLU, Sequential
    >>> net = Sequential(Linear(100, 400, rng=rng), ReLU())
    >>> with watch(net, Statistics()) as seen:
    ...     y, cache = net.forward(rng.standard_normal((50, 100), np.float32), train=True)
    ...     dx = net.backward(np.ones_like(y), cache)
    >>> round(seen.series("mean_square", ReLU)[0], 1)  # He initialisation gives back what ReLU halves
    1.0
    >>> seen["1"]["dy_norm"]
    141.4213562373095
    """

    def __init__(self) -> None:
        self._layers: dict[str, Layer] = {}
        self._measures: dict[str, dict[str, float]] = {}

    def __getitem__(self, name: str) -> dict[str, float]:
        """Return {measure: float} of the layer of that name.

        Raises
        ------
        KeyError
            If it has not run.
        """
        return self._measures[name]

    def names(self, kind: type[Layer] = Layer) -> list[str]:
        """Return the names of the layers of that class, in the order of their forwards."""
        return [name for name, layer in self._layers.items() if isinstance(layer, kind)]

    def series(self, measure: str, kind: type[Layer] = Layer) -> list[float]:
        """Return a list of one measure for the layers of a class, in the order of their forwards.

        Raises
        ------
        ValueError
            If there is no layer of that class, or naming those that lack the measure.
        """
        names = self.names(kind)
        if not names:
            raise ValueError(f"kind: no {kind.__name__} has run while the network was watched")
        missing = [name for name in names if measure not in self[name]]
        if missing:
            raise ValueError(f"measure: {measure!r} was not recorded for {', '.join(missing[:5])}")
        return [self[name][measure] for name in names]

    def forward(self, name: str, layer: Layer, x: Array, y: Array) -> None:
        """Measure the output."""
        if isinstance(y, tuple):
            return
        self._layers.pop(name, None)  # a layer that runs again moves to the end
        self._layers[name] = layer
        mean, variance = _mean_and_variance(y)
        others = (0, *range(2, y.ndim))
        self._measures[name] = {
            "mean": mean,
            "variance": variance,
            "mean_square": variance + mean * mean,
            "dead": float((y == 0).all(axis=others).mean()) if y.ndim > 1 else float((y == 0).mean()),
        }

    def backward(self, name: str, layer: Layer, dy: Array, dx: Array | None) -> None:
        """Measure both gradients."""
        for which, gradient in (("dy", dy), ("dx", dx)):
            if name in self._measures and gradient is not None and not isinstance(gradient, tuple):
                mean, variance = _mean_and_variance(gradient)
                self._measures[name] |= {
                    f"{which}_norm": (gradient.size * (variance + mean * mean)) ** 0.5,
                    f"{which}_variance": variance,
                }


def _mean_and_variance(array: Array) -> tuple[float, float]:
    """Return mean and variance over all elements, computed in float64: squares of 1e30 are no float32."""
    return float(array.mean(dtype="float64")), float(array.var(dtype="float64"))
