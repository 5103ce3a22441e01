"""Normalisation: over the batch, over groups of channels, and across neighbouring channels."""

from typing import Any

import numpy as np

import minires.functional as F
from minires.checks import check_eps, check_groups, check_ndim, check_shape, number, plain, whole_number
from minires.layers.base import Buffer, Layer, Parameter
from minires.layers.trace import Blank, Step, check_images
from minires.typing import Array


class BatchNorm(Layer):
    """Batch normalisation of images (N, C, H, W) or vectors (N, C), channel by channel.

    Parameters
    ----------
    channels : int
        C.
    momentum : float, default 0.9
        The fraction of the running averages that stays at every training forward, 0 to 1. PyTorch's momentum
        is one minus ours.
    eps : float, default 1e-5
        Added to the variance before its root is taken; units of x squared.

    Attributes
    ----------
    gamma, beta : Parameter (C,)
        Scale and shift after the normalisation; they start at 1 and 0.
    running_mean, running_var : Buffer (C,)
        What eval mode normalises by; they start at 0 and 1.

    Raises
    ------
    ValueError
        For a momentum outside 0 to 1, no channel, or a negative eps.

    See Also
    --------
    minires.functional.batch_norm_train_forward, minires.functional.batch_norm_eval_forward : the arithmetic
    minires.train.recompute_statistics : the exact averages after training

    Notes
    -----
    y = gamma * (x - mean) / sqrt(var + eps) + beta

    In training mean and variance are the batch's, over N, H and W, and the running averages move:
    running = momentum * running + (1 - momentum) * batch. In eval mode, or frozen, mean and variance are the
    running ones.

    The cache is (backward, cache of the pair): the mode may change before backward, and the cache knows in
    which one it was made.

    Differs from common lecture code: the running variance averages the *unbiased* batch variance, divided by
    M - 1 instead of M.

    References
    ----------
    Ioffe & Szegedy 2015 (arXiv:1502.03167), Algorithm 1; Algorithm 2, line 10, for the unbiased variance.

    Examples
    --------
    >>> norm = BatchNorm(16)
    >>> x = 5 + np.random.default_rng(0).standard_normal((8, 16, 4, 4), dtype=np.float32)
    >>> y, cache = norm.forward(x, train=True)
    >>> bool(abs(y.mean()) < 1e-6), round(float(y.std()), 3)
    (True, 1.0)
    """

    def __init__(self, channels: int, *, momentum: float = 0.9, eps: float = 1e-5) -> None:
        momentum = number("momentum", momentum)
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum: expected the weight of the old average, 0 to 1, got {momentum}")
        channels = whole_number("channels", channels, least=1)
        self.momentum, self.eps = momentum, check_eps(eps)
        self.gamma = Parameter(np.ones(channels, np.float32))
        self.beta = Parameter(np.zeros(channels, np.float32))
        self.running_mean = Buffer(np.zeros(channels, np.float32))
        self.running_var = Buffer(np.ones(channels, np.float32))

    @property
    def channels(self) -> int:
        """Channels of x and y."""
        return len(self.gamma.data)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, Any]:
        gamma, beta = self.gamma.data, self.beta.data
        self._check(x.shape[1] if x.ndim > 1 else self.channels)
        if not train or self.frozen:
            # a copy for the cache: the next training forward moves the averages in place
            mean, var = self.running_mean.data.copy(), self.running_var.data
            y, cache = F.batch_norm_eval_forward(x, gamma, beta, mean, var, eps=self.eps)
            return y, (F.batch_norm_eval_backward, cache)
        y, cache, (mean, var) = F.batch_norm_train_forward(x, gamma, beta, eps=self.eps)
        F.update_running_averages(
            self.running_mean.data,
            self.running_var.data,
            mean,
            var,
            momentum=self.momentum,
            count=x.size // x.shape[1],
        )
        return y, (F.batch_norm_train_backward, cache)

    def _check(self, channels: int) -> None:
        if channels != self.channels:
            raise ValueError(f"x has {channels} channels, but this layer normalises {self.channels}")

    def backward(self, dy: Array, cache: Any) -> Array:
        backward, cache = cache  # the cache knows in which mode it was made
        dx, dgamma, dbeta = backward(dy, cache)
        self.gamma.accumulate(dgamma)
        self.beta.accumulate(dbeta)
        return dx

    def scale_and_shift(self) -> tuple[Parameter | None, Parameter | None]:
        return self.gamma, self.beta

    def trace(self, x: Blank) -> Step:
        channels = self.channels
        check_ndim("x", x, (2, "(N, C)"), (4, "(N, C, H, W)"))
        check_shape(
            "x", x, (x.shape[0], channels, *x.shape[2:]), f"this layer normalises {channels} channels"
        )
        mean_and_inverse_std = x.like((2, channels))
        return Step(self, x, x.like(x.shape), remembers=(x, mean_and_inverse_std))


class LocalResponseNorm(Layer):
    """Local response normalisation: each pixel over a power of the mean square of neighbouring channels.

    Parameters
    ----------
    size : int, default 5
        Channels in a window; that of channel c runs from c - size//2 to c + (size-1)//2.
    alpha : float, default 1e-4
        Weight of the mean square. PyTorch's alpha is the same; the paper's is ours divided by size.
    beta : float, default 0.75
        The power.
    k : float, default 2.0
        What is added, so that nothing is divided by 0.

    See Also
    --------
    minires.functional.local_response_norm_forward : the arithmetic

    Notes
    -----
    y[c] = x[c] / (k + alpha / size * sum_{c' around c} x[c']^2)^beta. Nothing is learned. AlexNet and
    GoogLeNet have it; VGG found that it helps nothing, and batch norm took its place.

    References
    ----------
    Krizhevsky, Sutskever & Hinton 2012, "ImageNet classification with deep convolutional neural networks",
    section 3.3.

    Examples
    --------
    >>> LocalResponseNorm(size=3).predict(np.ones((1, 4, 2, 2), np.float32)).shape
    (1, 4, 2, 2)
    """

    def __init__(self, *, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0) -> None:
        self.size, self.k = plain(size), number("k", k)
        self.alpha, self.beta = number("alpha", alpha), number("beta", beta)

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of the pair."""
        return {"size": self.size, "alpha": self.alpha, "beta": self.beta, "k": self.k}

    def forward(self, x: Array, *, train: bool) -> tuple[Array, tuple]:
        return F.local_response_norm_forward(x, **self.options)

    def backward(self, dy: Array, cache: tuple) -> Array:
        return F.local_response_norm_backward(dy, cache)

    def trace(self, x: Blank) -> Step:
        check_images(x)
        denominator = x.like(x.shape)
        return Step(self, x, x.like(x.shape), remembers=(x, denominator))


class GroupNorm(Layer):
    """Group normalisation of images (N, C, H, W) or vectors (N, C): each image by itself.

    Parameters
    ----------
    channels : int
        C.
    groups : int
        A divisor of C; C / groups channels that lie side by side are normalised together. 1 is layer norm, C
        instance norm.
    eps : float, default 1e-5
        Added to the variance before its root is taken; units of x squared.

    Attributes
    ----------
    gamma, beta : Parameter (C,)
        Scale and shift of each channel after the normalisation; they start at 1 and 0.

    Raises
    ------
    ValueError
        For groups that do not divide the channels, or a negative eps.

    See Also
    --------
    minires.functional.group_norm_forward : the arithmetic

    Notes
    -----
    Nothing is averaged over the batch, so there are no running averages, training and evaluation are the
    same, and a batch of one is as good as any.

    References
    ----------
    Wu & He 2018 (arXiv:1803.08494), equations 1, 2 and 7.

    Examples
    --------
    >>> GroupNorm(4, 2, eps=0.0).predict(np.array([[1.0, 3.0, 10.0, 30.0]], np.float32))
    array([[-1.,  1., -1.,  1.]], dtype=float32)
    """

    def __init__(self, channels: int, groups: int, *, eps: float = 1e-5) -> None:
        channels = whole_number("channels", channels, least=1)
        groups, eps = whole_number("groups", groups, least=1), number("eps", eps)
        if channels % groups or not eps >= 0:
            raise ValueError(
                f"expected groups that divide {channels} channels and eps >= 0, got {groups}, {eps}"
            )
        self.groups, self.eps = groups, eps
        self.gamma = Parameter(np.ones(channels, np.float32))
        self.beta = Parameter(np.zeros(channels, np.float32))

    @property
    def channels(self) -> int:
        """Channels of x and y."""
        return len(self.gamma.data)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, tuple]:
        return F.group_norm_forward(x, self.gamma.data, self.beta.data, groups=self.groups, eps=self.eps)

    def backward(self, dy: Array, cache: tuple) -> Array:
        dx, dgamma, dbeta = F.group_norm_backward(dy, cache)
        self.gamma.accumulate(dgamma)
        self.beta.accumulate(dbeta)
        return dx

    def scale_and_shift(self) -> tuple[Parameter | None, Parameter | None]:
        return self.gamma, self.beta

    def trace(self, x: Blank) -> Step:
        channels = self.channels
        check_ndim("x", x, (2, "(N, C)"), (4, "(N, C, H, W)"))
        check_shape(
            "x", x, (x.shape[0], channels, *x.shape[2:]), f"this layer normalises {channels} channels"
        )
        check_groups(x, self.groups)
        mean_and_inverse_std = x.like((2, x.shape[0], self.groups))
        return Step(self, x, x.like(x.shape), remembers=(x, mean_and_inverse_std))
