"""Nonlinearities: ReLU, sigmoid, softmax."""

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
