"""Layers without arithmetic: they pass on, lay out anew, or pad what they get."""

import math

import minires.functional as F
from minires.checks import pair
from minires.layers.base import Layer
from minires.layers.trace import Step, check_images


class Flatten(Layer):
    """(N, ...) -> (N, features)."""

    keeps_zero = True

    def forward(self, x, *, train):
        return F.flatten_forward(x)

    def backward(self, dy, cache):
        return F.flatten_backward(dy, cache)

    def trace(self, x):
        return Step(self, x, x.like((x.shape[0], math.prod(x.shape[1:]))))


class Identity(Layer):
    """x, untouched: the shortcut of a residual block."""

    keeps_zero = idempotent = True

    def forward(self, x, *, train):
        return x, ()

    def backward(self, dy, cache):
        () = cache
        return dy

    def trace(self, x):
        return Step(self, x, x)


class PadShortcut(Layer):
    """Parameter-free shortcut to fewer pixels and more channels; see `F.pad_shortcut_forward`."""

    def __init__(self, channels, *, stride, placement="append"):
        stride = pair("stride", stride, least=1)
        self.options = {"channels": channels, "stride": stride, "placement": placement}

    def forward(self, x, *, train):
        return F.pad_shortcut_forward(x, **self.options)

    def backward(self, dy, cache):
        return F.pad_shortcut_backward(dy, cache)

    def trace(self, x):
        check_images(x)
        channels, (down, across) = self.options["channels"], self.options["stride"]
        if x.shape[1] > channels:
            raise ValueError(f"channels: expected at least the input's {x.shape[1]}, got {channels}")
        if self.options["placement"] == "mean":  # an incomplete window at the edge is left out
            size = x.shape[2] // down, x.shape[3] // across
        else:
            size = -(-x.shape[2] // down), -(-x.shape[3] // across)
        if not all(size):
            raise ValueError(f"the window {down}x{across} is larger than the image {x.shape[2]}x{x.shape[3]}")
        return Step(self, x, x.like((x.shape[0], channels, *size)))


class Channels(Layer):
    """Some of the channels: y = x[:, start:stop]. Those left out get the gradient zero.

    x: (N, C, H, W), start < stop <= C; y: (N, stop - start, H, W), a view of x.
    """

    def __init__(self, start, stop):
        if not 0 <= start < stop:
            raise ValueError(f"expected 0 <= start < stop, got {start} and {stop}")
        self.start, self.stop = start, stop

    def forward(self, x, *, train):
        return F.channels_forward(x, start=self.start, stop=self.stop)

    def backward(self, dy, cache):
        return F.channels_backward(dy, cache)

    def trace(self, x):
        check_images(x)
        if x.shape[1] < self.stop:
            raise ValueError(f"x has {x.shape[1]} channels, but this layer takes {self.start} to {self.stop}")
        return Step(self, x, x.like((x.shape[0], self.stop - self.start, *x.shape[2:])))
