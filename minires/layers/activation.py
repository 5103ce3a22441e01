"""Nonlinearities: ReLU, leaky ReLU, sigmoid, softmax."""

import minires.functional as F
from minires.layers.base import Layer
from minires.layers.trace import Step


class ReLU(Layer):
    """max(x, 0)."""

    keeps_zero = idempotent = True

    def forward(self, x, *, train):
        return F.relu_forward(x)

    def backward(self, dy, cache):
        return F.relu_backward(dy, cache)

    def trace(self, x):
        y = x.like(x.shape)
        return Step(self, x, y, remembers=(y,))


class LeakyReLU(Layer):
    """max(x, 0) + slope * min(x, 0): no unit stays silent for good, as one behind a ReLU may."""

    keeps_zero = True

    def __init__(self, slope=0.01):
        self.slope = float(slope)  # a NumPy float64 would turn float32 into float64

    def forward(self, x, *, train):
        return F.leaky_relu_forward(x, slope=self.slope)

    def backward(self, dy, cache):
        return F.leaky_relu_backward(dy, cache)

    def trace(self, x):
        y = x.like(x.shape)
        return Step(self, x, y, remembers=(y,))


class Sigmoid(Layer):
    """1 / (1 + exp(-x))."""

    def forward(self, x, *, train):
        return F.sigmoid_forward(x)

    def backward(self, dy, cache):
        return F.sigmoid_backward(dy, cache)

    def trace(self, x):
        y = x.like(x.shape)
        return Step(self, x, y, remembers=(y,))


class Softmax(Layer):
    """Softmax along the last axis. To train, leave it out: the loss contains it."""

    def forward(self, x, *, train):
        return F.softmax_forward(x)

    def backward(self, dy, cache):
        return F.softmax_backward(dy, cache)

    def trace(self, x):
        y = x.like(x.shape)
        return Step(self, x, y, remembers=(y,))
