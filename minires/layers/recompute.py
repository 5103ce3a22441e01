"""Gradient checkpointing: a layer that remembers its input alone, and computes the rest twice."""

from typing import Any

from minires.layers.base import Layer
from minires.layers.composite import check_layers, check_unused
from minires.layers.trace import Blank, Step
from minires.typing import Array


class Recompute(Layer):
    """The inner layer, remembering only its input: backward runs forward once more before it walks back.

    Elsewhere this is called gradient checkpointing, activation checkpointing or rematerialisation.

    Parameters
    ----------
    inner : Layer
        As a rule a part of a network whose caches take much memory, or a `Sequential` of several.

    See Also
    --------
    Sequential : its `segment` does this to every so many parts, and keeps their names

    Notes
    -----
    Memory for time: one more forward. The second forward leaves no trace: running averages have moved once,
    and random masks are drawn from the generators' states of the first. So every bit is the same.

    References
    ----------
    Chen et al. 2016 (arXiv:1604.06174), section 3.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> block = Sequential(Conv2d(3, 8, 3, padding=1, rng=rng), BatchNorm(8), ReLU())
    >>> [layer.cost((1, 3, 32, 32))[2] for layer in (Recompute(block), block)]  # bytes remembered
    [12288, 77888]
    """

    def __init__(self, inner: Layer) -> None:
        self.inner = inner
        check_layers(vars(self))

    def forward(self, x: Array, *, train: bool) -> tuple[Array, list]:
        states = self._generator_states()
        y, _ = self.inner.forward(x, train=train)
        return y, [(x, train, states)]

    def backward(self, dy: Array, cache: list) -> Array:
        check_unused(cache, 1)
        x, train, states = cache.pop()
        buffers = [(buffer.data, buffer.data.copy()) for _, buffer in self.inner.named_buffers()]
        now = self._generator_states()
        self._set_generator_states(states)
        _, inner_cache = self.inner.forward(x, train=train)
        self._set_generator_states(now)
        for live, saved in buffers:
            live[...] = saved
        return self.inner.backward(dy, inner_cache)

    def predict(self, x: Array) -> Array:
        return self.inner.predict(x)

    def trace(self, x: Blank) -> Step:
        inner = self.inner.trace(x)
        return Step(self, x, inner.y, remembers=(x,), inside=(inner,), recomputes=True)

    def _generator_states(self) -> list[Any]:
        return [rng.bit_generator.state for _, rng in self.inner.named_generators()]

    def _set_generator_states(self, states: list[Any]) -> None:
        for (_, rng), state in zip(self.inner.named_generators(), states, strict=True):
            rng.bit_generator.state = state
