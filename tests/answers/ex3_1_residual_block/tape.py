"""The cache is a list of backwards, run from its end; gradients are added into arrays of zeros."""

import numpy as np
from provided import conv2d_backward, conv2d_forward


class Conv:
    def __init__(self, weight, **how):
        self.weight, self.how = weight, how
        self.dweight = np.zeros(weight.shape, weight.dtype)

    def __call__(self, x):
        y, self.kept = conv2d_forward(x, self.weight, **self.how)
        return y

    def back(self, dy):
        dx, dweight = conv2d_backward(dy, self.kept)
        self.dweight += dweight
        return dx


class ReLU:
    def __call__(self, x):
        self.slope = (x > 0).astype(x.dtype)
        return x * self.slope

    def back(self, dy):
        return dy * self.slope


class Block:
    def __init__(self, weight1, weight2, stride, shortcut):
        self.branch = [Conv(weight1, stride=stride, padding=1), ReLU(), Conv(weight2, padding=1)]
        self.shortcut = shortcut

    def __call__(self, x):
        self.size = x.shape
        y = x
        for layer in self.branch:
            y = layer(y)
        z = x
        for layer in self.shortcut:
            z = layer(z)
        return y + z

    def back(self, dy):
        for layer in (self.branch[0], self.branch[2], *self.shortcut):
            layer.dweight = np.zeros_like(layer.dweight)  # backward may be called again
        dx = np.zeros(self.size, dy.dtype)
        for way in (self.branch, self.shortcut):
            d = dy
            for layer in reversed(way):
                d = layer.back(d)
            dx += d
        return (dx, *(layer.dweight for layer in (self.branch[0], self.branch[2], *self.shortcut)))


def identity_block_forward(x, weight1, weight2):
    block = Block(weight1, weight2, 1, [])
    return block(x), block


def identity_block_backward(dy, cache):
    return cache.back(dy)


def projection_block_forward(x, weight1, weight2, projection):
    block = Block(weight1, weight2, 2, [Conv(projection, stride=2)])
    return block(x), block


def projection_block_backward(dy, cache):
    return cache.back(dy)
