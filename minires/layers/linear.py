"""The fully-connected layer."""

from collections.abc import Callable

import numpy as np

import minires.functional as F
from minires import init as initialisers
from minires.checks import check_ndim, check_shape, whole_number
from minires.layers.base import Layer, Parameter
from minires.layers.trace import Blank, Step
from minires.typing import Array


class Linear(Layer):
    """Fully-connected layer: every output is a weighted sum of all inputs, y = x @ weight.T + bias.

    Parameters
    ----------
    in_features, out_features : int
        I and O: numbers in an example of x and of y. Images need a `Flatten` before.
    bias : bool, default True
        Whether a number is added to each output.
    init : callable, default `init.msra_by_fan_in`
        Called as init((O, I), rng=rng): how the weight is drawn. The bias starts at 0.
    rng : numpy.random.Generator
        Draws the weight.

    Attributes
    ----------
    weight : Parameter (O, I)
    bias : Parameter (O,), or None

    See Also
    --------
    minires.functional.linear_forward : the arithmetic

    Examples
    --------
    >>> layer = Linear(64, 10, rng=np.random.default_rng(0))
    >>> layer.predict(np.ones((8, 64), np.float32)).shape
    (8, 10)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: bool = True,
        init: Callable[..., Array] = initialisers.msra_by_fan_in,
        rng: np.random.Generator,
    ) -> None:
        shape = [
            whole_number("out_features", out_features, least=1),
            whole_number("in_features", in_features, least=1),
        ]
        self.weight = Parameter(init(tuple(shape), rng=rng))
        self.bias = Parameter(np.zeros(out_features, self.weight.data.dtype)) if bias else None

    @property
    def in_features(self) -> int:
        """Numbers in an example of x."""
        return self.weight.data.shape[1]

    @property
    def out_features(self) -> int:
        """Numbers in an example of y."""
        return self.weight.data.shape[0]

    def forward(self, x: Array, *, train: bool) -> tuple[Array, tuple]:
        return F.linear_forward(x, self.weight.data, self.bias.data if self.bias else None)

    def backward(self, dy: Array, cache: tuple) -> Array:
        dx, dweight, dbias = F.linear_backward(dy, cache)
        self.weight.accumulate(dweight)
        if self.bias:
            self.bias.accumulate(dbias)  # type: ignore[arg-type]  # None only without a bias
        return dx

    def scale_and_shift(self) -> tuple[Parameter | None, Parameter | None]:
        return self.weight, self.bias

    def trace(self, x: Blank) -> Step:
        o, i = self.weight.data.shape
        check_ndim("x", x, (2, "(N, I)"))
        check_shape("x", x, (x.shape[0], i), f"this layer takes {i} features")
        return Step(self, x, x.like((x.shape[0], o)), macs=x.size * o, remembers=(x,))
