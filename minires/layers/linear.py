"""The fully-connected layer."""

import numpy as np

import minires.functional as F
from minires import init as initialisers
from minires.checks import check_ndim, check_shape
from minires.layers.base import Layer, Parameter
from minires.layers.trace import Step


class Linear(Layer):
    """Fully-connected layer, weight (O, I) and bias (O,); see `F.linear_forward`.

    init: how the weight is drawn, MSRA by fan in unless asked otherwise; the bias starts at 0.
    """

    def __init__(self, in_features, out_features, *, bias=True, init=initialisers.msra_by_fan_in, rng):
        self.weight = Parameter(init((out_features, in_features), rng=rng))
        self.bias = Parameter(np.zeros(out_features, self.weight.data.dtype)) if bias else None

    def forward(self, x, *, train):
        return F.linear_forward(x, self.weight.data, self.bias.data if self.bias else None)

    def backward(self, dy, cache):
        dx, dweight, dbias = F.linear_backward(dy, cache)
        self.weight.accumulate(dweight)
        if self.bias:
            self.bias.accumulate(dbias)
        return dx

    def scale_and_shift(self):
        return self.weight, self.bias

    def trace(self, x):
        o, i = self.weight.data.shape
        check_ndim("x", x, (2, "(N, I)"))
        check_shape("x", x, (x.shape[0], i), f"this layer takes {i} features")
        return Step(self, x, x.like((x.shape[0], o)), macs=x.size * o, remembers=(x,))
