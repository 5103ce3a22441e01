"""Pooling: the largest value or the mean of each window, and the mean of the whole image."""

import math

import minires.functional as F
from minires.checks import check_windows, pair
from minires.layers.base import Layer
from minires.layers.trace import Step, check_images


class _Pool(Layer):
    def __init__(self, kernel_size, *, stride=None, padding=0, ceil_mode=False):
        self.options = {
            "kernel_size": pair("kernel_size", kernel_size, least=1),
            "stride": pair("stride", kernel_size if stride is None else stride, least=1),
            "padding": pair("padding", padding, least=0),
            "ceil_mode": ceil_mode,
        }

    def _trace(self, x, remembers):
        """The Step of both poolings; remembers(y) returns what the cache keeps."""
        check_images(x)
        windows = check_windows(x.shape[2:], **self.options)
        y = x.like((*x.shape[:2], *windows.out_size))
        return Step(self, x, y, macs=y.size * math.prod(windows.kernel), remembers=remembers(y))


class MaxPool2d(_Pool):
    """Largest value of each window; see `F.max_pool2d_forward`."""

    def forward(self, x, *, train):
        return F.max_pool2d_forward(x, **self.options)

    def backward(self, dy, cache):
        return F.max_pool2d_backward(dy, cache)

    def trace(self, x):
        positions = math.prod(self.options["kernel_size"])
        return self._trace(x, lambda y: (y.like(y.shape, itemsize=1 if positions <= 256 else 4),))


class AvgPool2d(_Pool):
    """Mean of each window; see `F.avg_pool2d_forward`."""

    def forward(self, x, *, train):
        return F.avg_pool2d_forward(x, **self.options)

    def backward(self, dy, cache):
        return F.avg_pool2d_backward(dy, cache)

    def trace(self, x):
        return self._trace(x, lambda y: ())


class GlobalAvgPool2d(Layer):
    """Each channel's mean: (N, C, H, W) -> (N, C)."""

    def forward(self, x, *, train):
        return F.global_avg_pool2d_forward(x)

    def backward(self, dy, cache):
        return F.global_avg_pool2d_backward(dy, cache)

    def trace(self, x):
        check_images(x)
        return Step(self, x, x.like(x.shape[:2]), macs=x.size)
