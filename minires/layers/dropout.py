"""Layers that drop values or weights at random: each has a generator of its own."""

from collections.abc import Callable
from typing import Any

import numpy as np

import minires.functional as F
from minires import init as initialisers
from minires.backend import array_module
from minires.checks import number
from minires.layers.base import Layer
from minires.layers.linear import Linear
from minires.layers.trace import Blank, Step
from minires.typing import Array


class Dropout(Layer):
    """In training, drop each value with probability 1 - keep; otherwise the identity.

    Parameters
    ----------
    keep : float, default 0.5
        The probability with which a value stays, in (0, 1]. PyTorch's p is one minus ours.
    rng : numpy.random.Generator
        The layer's own generator, which draws the masks; checkpoints save its state.

    Raises
    ------
    ValueError
        For a probability out of range.

    See Also
    --------
    minires.functional.dropout_forward : the arithmetic

    Notes
    -----
    What stays is divided by keep, so that the mean is what it was ("inverted dropout") and eval mode, or a
    frozen layer, has nothing to scale.

    References
    ----------
    Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".

    Examples
    --------
    >>> layer = Dropout(0.5, rng=np.random.default_rng(0))
    >>> y, cache = layer.forward(np.ones((1, 6)), train=True)
    >>> y
    array([[0., 2., 2., 2., 0., 0.]])
    """

    keeps_zero = True

    def __init__(self, keep: float = 0.5, *, rng: np.random.Generator) -> None:
        keep = number("keep", keep)
        if not 0 < keep <= 1:
            raise ValueError(f"keep: expected a probability in (0, 1], got {keep}")
        initialisers.check_generator(rng)
        self.keep, self.rng = keep, rng

    def forward(self, x: Array, *, train: bool) -> tuple[Array, tuple]:
        if not train or self.frozen:
            return x, ()
        xp = array_module(x)
        mask: Any = (self.rng.random(x.shape) < self.keep) * (1 / self.keep)  # drawn on the CPU, then moved
        return F.dropout_forward(x, xp.asarray(mask.astype(x.dtype)))

    def backward(self, dy: Array, cache: tuple) -> Array:
        return F.dropout_backward(dy, cache) if cache else dy

    def trace(self, x: Blank) -> Step:
        if self.frozen:
            return Step(self, x, x)
        mask = x.like(x.shape)
        return Step(self, x, x.like(x.shape), remembers=(mask,))


class DropConnect(Linear):
    """A fully-connected layer that in training drops weights, for every example anew.

    Parameters
    ----------
    in_features, out_features : int
        I and O: numbers in an example of x and of y.
    keep : float, default 0.5
        The probability with which a weight stays, in (0, 1].
    bias : bool, default True
        Whether a number, which is never dropped, is added to each output.
    init : callable, default `init.msra_by_fan_in`
        Called as init((O, I), rng=rng): how the weight is drawn. The bias starts at 0.
    rng : numpy.random.Generator
        Draws the weight, and then is the layer's own generator; checkpoints save its state.

    Attributes
    ----------
    weight : Parameter (O, I)
    bias : Parameter (O,), or None

    Raises
    ------
    ValueError
        For a probability out of range.

    See Also
    --------
    minires.functional.dropconnect_forward : the arithmetic

    Notes
    -----
    In eval mode, or frozen, it takes the mean of the dropped weight, keep * weight. Nothing is divided by
    keep in training, unlike in `Dropout`.

    Differs from the paper: its section 3.2 approximates each output at test time by a normal distribution of
    the right mean and variance, and averages the activation over samples of it; here the mean stands for all.

    References
    ----------
    Wan et al. 2013, "Regularization of neural networks using DropConnect", section 3.

    Examples
    --------
    >>> layer = DropConnect(64, 10, keep=0.8, rng=np.random.default_rng(0))
    >>> layer.predict(np.ones((8, 64), np.float32)).shape
    (8, 10)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        keep: float = 0.5,
        bias: bool = True,
        init: Callable[..., Array] = initialisers.msra_by_fan_in,
        rng: np.random.Generator,
    ) -> None:
        keep = number("keep", keep)
        if not 0 < keep <= 1:
            raise ValueError(f"keep: expected a probability in (0, 1], got {keep}")
        super().__init__(in_features, out_features, bias=bias, init=init, rng=rng)
        self.keep, self.rng = keep, rng

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Any]:
        weight, bias = self.weight.data, self.bias.data if self.bias else None
        if not train or self.frozen:
            keep = float(self.keep)
            y, cache = F.linear_forward(x, keep * weight, bias)
            return y, (F.linear_backward, keep, cache)
        mask = (
            self.rng.random((len(x), *weight.shape), np.float32) < self.keep
        )  # drawn on the CPU, then moved
        mask = array_module(x).asarray(mask.astype(x.dtype))
        y, cache = F.dropconnect_forward(x, weight, bias, mask)
        return y, (F.dropconnect_backward, 1.0, cache)

    def backward(self, dy: Array, cache: Any) -> Array:
        backward, factor, cache = cache  # the cache knows in which mode it was made
        dx, dweight, dbias = backward(dy, cache)
        self.weight.accumulate(factor * dweight)
        if self.bias:
            self.bias.accumulate(dbias)
        return dx

    def trace(self, x: Blank) -> Step:
        step = super().trace(x)
        o, i = self.weight.data.shape
        if self.frozen:
            remembers = (x, x.like((o, i)))
        else:
            remembers = (x, x.like((x.shape[0], o, i)))
        return Step(self, x, step.y, macs=step.macs, remembers=remembers)
