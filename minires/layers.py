"""Thin layers: each owns its parameters and calls one pair of functions. What is computed stands in
`minires.functional`; what is learned stands here."""

import math

import numpy as np

import minires.functional as F
from minires import init as initialisers
from minires.backend import array_module
from minires.cuda import has_kernels, kernels
from minires.functional.checks import check_ndim, check_shape, pair
from minires.functional.windows import sliding_windows
from minires.layer import Buffer, Layer, Parameter
from minires.trace import Step

__all__ = [
    "AvgPool2d",
    "BatchNorm",
    "Conv2d",
    "Dropout",
    "Flatten",
    "GlobalAvgPool2d",
    "Identity",
    "Linear",
    "LocalResponseNorm",
    "MaxPool2d",
    "PadShortcut",
    "ReLU",
    "Sigmoid",
    "Softmax",
]


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
        return self._accumulate(*F.conv2d_backward(dy, cache))

    def backward_parameters(self, dy, cache):
        self._accumulate(*F.conv2d_backward(dy, cache, need_dx=False))

    def _accumulate(self, dx, dweight, dbias):
        self.weight.accumulate(dweight)
        if self.bias:
            self.bias.accumulate(dbias)
        return dx

    def predict_folded(self, x, *, norm=None, relu=False):
        """Return y in eval mode, with a BatchNorm behind it and a ReLU behind that if asked for, in one.

        x: (N, C, H, W); norm: a BatchNorm of as many channels as y (N, O, OH, OW) has, or None; relu: bool.

        In eval mode batch norm is a line for each channel, and a line of a convolution is a convolution:
            scale * (weight x + bias) + shift = (scale * weight) x + (scale * bias + shift)
        """
        weight, bias = self.weight.data, self.bias.data if self.bias else None
        if norm is not None:
            scale, shift = norm.line(channels=len(weight))
            weight = weight * scale[:, None, None, None]
            bias = shift if bias is None else bias * scale + shift
        options = {"stride": self.stride, "padding": self.padding, "groups": self.groups}
        return F.conv2d_predict(x, weight, bias, **options, relu=relu)

    def trace(self, x):
        o, c, *kernel = self.weight.data.shape
        _check_images(x, c * self.groups)
        windows = sliding_windows(x.shape[2:], kernel_size=kernel, stride=self.stride, padding=self.padding)
        y = x.like((x.shape[0], o, *windows.out_size))
        return Step(self, x, y, macs=y.size * c * kernel[0] * kernel[1], remembers=(x,))


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

    def trace(self, x):
        o, i = self.weight.data.shape
        check_ndim("x", x, (2, "(N, I)"))
        check_shape("x", x, (x.shape[0], i), f"this layer takes {i} features")
        return Step(self, x, x.like((x.shape[0], o)), macs=x.size * o, remembers=(x,))


class BatchNorm(Layer):
    """Batch normalisation of (N, C, H, W) or (N, C); gamma starts at 1, beta at 0.

    In training it uses the batch's statistics and moves the running averages:
        running = momentum * running + (1 - momentum) * batch
    PyTorch's momentum is one minus ours. In eval mode, or frozen, it uses the running averages.
    Differs from common lecture code: the running variance averages the *unbiased* batch variance, divided by
    M - 1 instead of M (Ioffe & Szegedy 2015, Algorithm 2, line 10).
    """

    def __init__(self, channels, *, momentum=0.9, eps=1e-5):
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum: expected the share of the old average, 0 to 1, got {momentum}")
        if channels < 1 or not eps >= 0:
            raise ValueError(f"expected at least 1 channel and eps >= 0, got {channels} and {eps}")
        self.momentum, self.eps = momentum, eps
        self.gamma = Parameter(np.ones(channels, np.float32))
        self.beta = Parameter(np.zeros(channels, np.float32))
        self.running_mean = Buffer(np.zeros(channels, np.float32))
        self.running_var = Buffer(np.ones(channels, np.float32))

    def forward(self, x, *, train):
        gamma, beta = self.gamma.data, self.beta.data
        self._check(x.shape[1] if x.ndim > 1 else len(gamma))
        if not train or self.frozen:
            # a copy for the cache: the next training forward moves the averages in place
            mean, var = self.running_mean.data.copy(), self.running_var.data
            y, cache = F.batch_norm_eval_forward(x, gamma, beta, mean, var, eps=self.eps)
            return y, (F.batch_norm_eval_backward, cache)
        y, cache, (mean, var) = F.batch_norm_train_forward(x, gamma, beta, eps=self.eps)
        self._move_averages(mean, var, count=x.size // x.shape[1])
        return y, (F.batch_norm_train_backward, cache)

    def line(self, *, channels):
        """Return (scale, shift), each (C,): in eval mode y = scale * x + shift. channels: of x."""
        self._check(channels)
        xp = array_module(self.gamma.data)
        scale = self.gamma.data / xp.sqrt(self.running_var.data + self.eps)
        return scale, self.beta.data - self.running_mean.data * scale

    def _check(self, channels):
        own = len(self.gamma.data)
        if channels != own:
            raise ValueError(f"x has {channels} channels, but this layer normalises {own}")

    def _move_averages(self, mean, var, *, count):
        """Take in a batch's mean and variance; count: values a channel."""
        running_mean, running_var = self.running_mean.data, self.running_var.data
        if has_kernels(mean):
            kernels.move_averages(running_mean, running_var, mean, var, momentum=self.momentum, count=count)
            return
        self._move(running_mean, mean)
        self._move(running_var, var * (count / (count - 1)))

    def _move(self, running, batch):
        running *= self.momentum
        running += (1 - self.momentum) * batch

    def backward(self, dy, cache):
        backward, cache = cache  # the cache knows in which mode it was made
        dx, dgamma, dbeta = backward(dy, cache)
        self.gamma.accumulate(dgamma)
        self.beta.accumulate(dbeta)
        return dx

    def trace(self, x):
        channels = len(self.gamma.data)
        check_ndim("x", x, (2, "(N, C)"), (4, "(N, C, H, W)"))
        check_shape(
            "x", x, (x.shape[0], channels, *x.shape[2:]), f"this layer normalises {channels} channels"
        )
        mean_and_inverse_std = x.like((2, channels))
        return Step(self, x, x.like(x.shape), remembers=(x, mean_and_inverse_std))


class LocalResponseNorm(Layer):
    """Local response normalisation across channels; see `F.local_response_norm_forward`."""

    def __init__(self, *, size=5, alpha=1e-4, beta=0.75, k=2.0):
        self.options = {"size": size, "alpha": alpha, "beta": beta, "k": k}

    def forward(self, x, *, train):
        return F.local_response_norm_forward(x, **self.options)

    def backward(self, dy, cache):
        return F.local_response_norm_backward(dy, cache)

    def trace(self, x):
        _check_images(x)
        denominator = x.like(x.shape)
        return Step(self, x, x.like(x.shape), remembers=(x, denominator))


class ReLU(Layer):
    """max(x, 0)."""

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
        _check_images(x)
        windows = sliding_windows(x.shape[2:], **self.options)
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
        return self._trace(x, lambda y: (y.like(y.shape, itemsize=1 if positions < 256 else 4),))


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
        _check_images(x)
        return Step(self, x, x.like(x.shape[:2]), macs=x.size)


class Dropout(Layer):
    """In training, keep each value with probability `keep` and divide it by keep; otherwise the identity.

    rng: the layer's own generator; checkpoints save its state.
    """

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


class Flatten(Layer):
    """(N, ...) -> (N, features)."""

    def forward(self, x, *, train):
        return F.flatten_forward(x)

    def backward(self, dy, cache):
        return F.flatten_backward(dy, cache)

    def trace(self, x):
        return Step(self, x, x.like((x.shape[0], math.prod(x.shape[1:]))))


class Identity(Layer):
    """x, untouched: the shortcut of a residual block."""

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
        _check_images(x)
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


def _check_images(x, channels=None):
    """Raise ValueError unless the Blank x has the axes of images, and as many channels as asked."""
    check_ndim("x", x, (4, "(N, C, H, W)"))
    if channels is not None and x.shape[1] != channels:
        raise ValueError(f"x has {x.shape[1]} channels, but the weight expects {channels}")
