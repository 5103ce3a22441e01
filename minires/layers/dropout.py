"""Layers that drop values or weights at random: each has a generator of its own."""

import numpy as np

import minires.functional as F
from minires import init as initialisers
from minires.backend import array_module
from minires.layers.base import Layer
from minires.layers.linear import Linear
from minires.layers.trace import Step


class Dropout(Layer):
    """In training, keep each value with probability `keep` and divide it by keep; otherwise the identity.

    rng: the layer's own generator; checkpoints save its state.
    """

    keeps_zero = True

    def __init__(self, keep=0.5, *, rng):
        if not 0 < keep <= 1:
            raise ValueError(f"keep: expected a probability in (0, 1], got {keep}")
        initialisers.check_generator(rng)
        self.keep, self.rng = keep, rng

    def forward(self, x, *, train):
        if not train or self.frozen:
            return x, ()
        xp = array_module(x)
        mask = (self.rng.random(x.shape) < self.keep) * (1 / self.keep)  # drawn on the CPU, then moved
        return F.dropout_forward(x, xp.asarray(mask.astype(x.dtype)))

    def backward(self, dy, cache):
        return F.dropout_backward(dy, cache) if cache else dy

    def trace(self, x):
        if self.frozen:
            return Step(self, x, x)
        mask = x.like(x.shape)
        return Step(self, x, x.like(x.shape), remembers=(mask,))


class DropConnect(Linear):
    """A fully-connected layer, weight (O, I) and bias (O,), that in training drops weights.

    Each is dropped with probability 1 - keep, for every example anew; see `F.dropconnect_forward`. In eval
    mode, or frozen, it takes the mean of the dropped weight: keep * weight. (Nothing is divided by keep in
    training, unlike in `Dropout`.)
    rng: draws the weights, and then is the layer's own generator; checkpoints save its state.
    Wan et al. 2013, "Regularization of neural networks using DropConnect", section 3.
    Differs from the paper: its section 3.2 approximates each output at test time by a normal distribution of
    the right mean and variance, and averages the activation over samples of it; here the mean stands for all.
    """

    def __init__(
        self,
        in_features,
        out_features,
        *,
        keep=0.5,
        bias=True,
        init=initialisers.msra_by_fan_in,
        rng,
    ):
        if not 0 < keep <= 1:
            raise ValueError(f"keep: expected a probability in (0, 1], got {keep}")
        super().__init__(in_features, out_features, bias=bias, init=init, rng=rng)
        self.keep, self.rng = float(keep), rng

    def forward(self, x, *, train):
        weight, bias = self.weight.data, self.bias.data if self.bias else None
        if not train or self.frozen:
            y, cache = F.linear_forward(x, self.keep * weight, bias)
            return y, (F.linear_backward, self.keep, cache)
        mask = (
            self.rng.random((len(x), *weight.shape), np.float32) < self.keep
        )  # drawn on the CPU, then moved
        mask = array_module(x).asarray(mask.astype(x.dtype))
        y, cache = F.dropconnect_forward(x, weight, bias, mask)
        return y, (F.dropconnect_backward, 1.0, cache)

    def backward(self, dy, cache):
        backward, share, cache = cache  # the cache knows in which mode it was made
        dx, dweight, dbias = backward(dy, cache)
        self.weight.accumulate(share * dweight)
        if self.bias:
            self.bias.accumulate(dbias)
        return dx

    def trace(self, x):
        step = super().trace(x)
        o, i = self.weight.data.shape
        if self.frozen:
            remembers = (x, x.like((o, i)))
        else:
            remembers = (x, x.like((x.shape[0], o, i)))
        return Step(self, x, step.y, macs=step.macs, remembers=remembers)
