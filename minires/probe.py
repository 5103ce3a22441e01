"""Watch a network at work: every layer's input, output and gradients, without touching its code.

    with probe.watch(net, observer):
        y, cache = net.forward(x, train=True)
        net.backward(dy, cache)

calls observer.forward(name, layer, x, y) and observer.backward(name, layer, dy, dx) right after each layer
has run, inner layers before the composites around them. An observer may read the arrays, never write them.
"""

import contextlib
import time
from collections import namedtuple

from minires.backend import array_module
from minires.layers import Layer


class Observer:
    """Sees everything and does nothing: subclass it and override what you want to know."""

    def before(self, name, layer):
        """Called when the layer's forward or backward is about to run."""

    def forward(self, name, layer, x, y):
        """Called after the layer called `name` (a dotted path, "" for the whole) turned x into y."""

    def backward(self, name, layer, dy, dx):
        """Called after the layer turned the gradient dy into dx; None where only the parameters' gradients
        are wanted (`train.parameters_only`)."""


@contextlib.contextmanager
def watch(net, observer):
    """Call observer's methods around the forward and backward of net and every layer inside it.

    Run forward to be seen, not predict: a composite's predict calls its parts' predict.
    On leaving, also after an error, the network is as it was. A layer that stands at two places of a network
    is reported by its first name. Watching may be nested.
    """
    layers = {id(layer): (name, layer) for name, layer in reversed(list(net.named_layers()))}
    before = {key: dict(vars(layer)) for key, (_, layer) in layers.items()}
    try:
        for name, layer in layers.values():
            layer.forward = _watched_forward(layer.forward, name, layer, observer)
            layer.backward = _watched_backward(layer.backward, name, layer, observer)
        yield observer
    finally:
        for key, (_, layer) in layers.items():
            for method in ("forward", "backward"):
                if method in before[key]:
                    setattr(layer, method, before[key][method])
                else:
                    vars(layer).pop(method, None)


def _watched_forward(forward, name, layer, observer):
    def watched(x, *, train):
        observer.before(name, layer)
        y, cache = forward(x, train=train)
        observer.forward(name, layer, x, y)
        return y, cache

    return watched


def _watched_backward(backward, name, layer, observer):
    def watched(dy, cache):
        observer.before(name, layer)
        dx = backward(dy, cache)
        observer.backward(name, layer, dy, dx)
        return dx

    return watched


Finding = namedtuple("Finding", "name layer what")
Finding.__str__ = lambda self: f"{self.what} of {self.name or 'the network'} ({type(self.layer).__name__})"


class FirstNonFinite(Observer):
    """Remember the first layer whose output, gradient or parameter's gradient was infinite or not a number.

    found: None, or a Finding (name, layer, what). Inner layers report before their composites, so the
    finding is the innermost layer. Looking at a number stalls a GPU: watch only to search.
    """

    def __init__(self):
        self.found = None

    def forward(self, name, layer, x, y):
        self._look(name, layer, "the output", y)

    def backward(self, name, layer, dy, dx):
        if dx is not None:
            self._look(name, layer, "the gradient with respect to the input", dx)
        for path, parameter in layer.named_parameters():
            self._look(name, layer, f"the gradient of {path}", parameter.grad)

    def _look(self, name, layer, what, arrays):
        for array in arrays if isinstance(arrays, tuple) else (arrays,):  # a network with heads has several
            if self.found is None and not bool(array_module(array).isfinite(array).all()):
                self.found = Finding(name, layer, what)


class Stopwatch(Observer):
    """Measure every layer's own time: seconds[name] = [forward, backward], summed over all calls.

    A composite's own time leaves out that of the layers inside it. (A GPU works on after a call returns:
    there, these are the seconds that Python needs to hand out the work.)
    """

    def __init__(self):
        self.seconds = {}
        self._open = []  # [start, seconds spent in inner layers] of every call that has not returned

    def before(self, name, layer):
        self._open.append([time.perf_counter(), 0.0])

    def forward(self, name, layer, x, y):
        self._close(name, 0)

    def backward(self, name, layer, dy, dx):
        self._close(name, 1)

    def _close(self, name, direction):
        start, inside = self._open.pop()
        whole = time.perf_counter() - start
        self.seconds.setdefault(name, [0.0, 0.0])[direction] += whole - inside
        if self._open:
            self._open[-1][1] += whole


class Statistics(Observer):
    """Record for every layer the statistics of the signal after it and of the gradient before it.

        with probe.watch(net, probe.Statistics()) as seen:
            y, cache = net.forward(x, train=True)
            net.backward(dy, cache)
        seen.series("variance", ReLU)              # of every ReLU's output, in the order of the forwards
        seen["stage1.0.branch.1"]["dead"]

    seen[name] is a dict of floats with these measures:

    mean, variance, mean_square    over all elements of the output (variance around that mean)
    dead                           fraction of the units (channels, features) that are 0 for the whole batch
    dy_norm, dx_norm               length (L2) of the gradient with respect to the output and to the input
    dy_variance, dx_variance       the same gradients' variance over all elements

    Gradients are there once backward has run, dx only where it was computed. A second run overwrites. Outputs
    that are tuples (networks with heads) are left out. Every number read makes a GPU's host wait.
    """

    def __init__(self):
        self._layers, self._measures = {}, {}

    def __getitem__(self, name):
        """Return {measure: float} of the layer of that name. KeyError if it has not run."""
        return self._measures[name]

    def names(self, kind=Layer):
        """Return the names of the layers of that class, in the order of their forwards."""
        return [name for name, layer in self._layers.items() if isinstance(layer, kind)]

    def series(self, measure, kind=Layer):
        """Return a list of that measure for the layers of that class, in the order of their forwards.

        Raises ValueError naming the layers that have none, or if there is no layer of that class.
        """
        names = self.names(kind)
        if not names:
            raise ValueError(f"kind: no {kind.__name__} has run while the network was watched")
        missing = [name for name in names if measure not in self[name]]
        if missing:
            raise ValueError(f"measure: {measure!r} was not recorded for {', '.join(missing[:5])}")
        return [self[name][measure] for name in names]

    def forward(self, name, layer, x, y):
        if isinstance(y, tuple):
            return
        self._layers.pop(name, None)  # a layer that runs again moves to the end
        self._layers[name] = layer
        mean, variance = float(y.mean()), float(y.var())
        others = (0, *range(2, y.ndim))
        self._measures[name] = {
            "mean": mean,
            "variance": variance,
            "mean_square": variance + mean * mean,
            "dead": float((y == 0).all(axis=others).mean()) if y.ndim > 1 else float((y == 0).mean()),
        }

    def backward(self, name, layer, dy, dx):
        for which, gradient in (("dy", dy), ("dx", dx)):
            if name in self._measures and gradient is not None and not isinstance(gradient, tuple):
                length = float((gradient * gradient).sum()) ** 0.5
                self._measures[name] |= {
                    f"{which}_norm": length,
                    f"{which}_variance": float(gradient.var()),
                }
