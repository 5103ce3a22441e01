"""Convolution, a layer that owns a bank of kernels."""

import numpy as np

import minires.functional as F
from minires import init as initialisers
from minires.checks import check_windows, pair
from minires.layers.base import Layer, Parameter
from minires.layers.trace import Step, check_images


class Conv2d(Layer):
    """Convolution, weight (O, C/groups, KH, KW) and bias (O,); see `F.conv2d_forward`.

    init: how the weight is drawn, MSRA by fan out unless asked otherwise; the bias starts at 0.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        *,
        stride=1,
        padding=0,
        groups=1,
        bias=True,
        init=initialisers.msra,
        rng,
    ):
        kernel = pair("kernel_size", kernel_size, least=1)
        self.stride = pair("stride", stride, least=1)
        self.padding = pair("padding", padding, least=0)
        self.groups = groups
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(f"groups: {groups} does not divide {in_channels} and {out_channels} channels")
        self.weight = Parameter(init((out_channels, in_channels // groups, *kernel), rng=rng))
        self.bias = Parameter(np.zeros(out_channels, self.weight.data.dtype)) if bias else None

    def forward(self, x, *, train):
        bias = self.bias.data if self.bias else None
        return F.conv2d_forward(
            x, self.weight.data, bias, stride=self.stride, padding=self.padding, groups=self.groups
        )

    def backward(self, dy, cache):
        dx, dweight, dbias = F.conv2d_backward(dy, cache, need_dx=self.input_gradient)
        self.weight.accumulate(dweight)
        if self.bias:
            self.bias.accumulate(dbias)
        return dx

    def scale_and_shift(self):
        return self.weight, self.bias

    def trace(self, x):
        o, c, *kernel = self.weight.data.shape
        check_images(x, c * self.groups)
        windows = check_windows(x.shape[2:], kernel_size=kernel, stride=self.stride, padding=self.padding)
        y = x.like((x.shape[0], o, *windows.out_size))
        return Step(self, x, y, macs=y.size * c * kernel[0] * kernel[1], remembers=(x,))
