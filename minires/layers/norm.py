"""Normalisation: over the batch, over groups of channels, and across neighbouring channels."""

import numpy as np

import minires.functional as F
from minires.checks import check_groups, check_ndim, check_shape
from minires.layers.base import Buffer, Layer, Parameter
from minires.layers.trace import Step, check_images


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
        F.move_averages(
            self.running_mean.data,
            self.running_var.data,
            mean,
            var,
            momentum=self.momentum,
            count=x.size // x.shape[1],
        )
        return y, (F.batch_norm_train_backward, cache)

    def _check(self, channels):
        own = len(self.gamma.data)
        if channels != own:
            raise ValueError(f"x has {channels} channels, but this layer normalises {own}")

    def backward(self, dy, cache):
        backward, cache = cache  # the cache knows in which mode it was made
        dx, dgamma, dbeta = backward(dy, cache)
        self.gamma.accumulate(dgamma)
        self.beta.accumulate(dbeta)
        return dx

    def scale_and_shift(self):
        return self.gamma, self.beta

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
        check_images(x)
        denominator = x.like(x.shape)
        return Step(self, x, x.like(x.shape), remembers=(x, denominator))


class GroupNorm(Layer):
    """Group normalisation of (N, C, H, W) or (N, C); gamma starts at 1, beta at 0.

    Each image is normalised by itself, in training as in evaluation, so it works with a batch of one; see
    `F.group_norm_forward`. Wu & He 2018 (arXiv:1803.08494).
    """

    def __init__(self, channels, groups, *, eps=1e-5):
        if not 1 <= groups <= channels or channels % groups or not eps >= 0:
            raise ValueError(
                f"expected groups that divide {channels} channels and eps >= 0, got {groups}, {eps}"
            )
        self.groups, self.eps = groups, eps
        self.gamma = Parameter(np.ones(channels, np.float32))
        self.beta = Parameter(np.zeros(channels, np.float32))

    def forward(self, x, *, train):
        return F.group_norm_forward(x, self.gamma.data, self.beta.data, groups=self.groups, eps=self.eps)

    def backward(self, dy, cache):
        dx, dgamma, dbeta = F.group_norm_backward(dy, cache)
        self.gamma.accumulate(dgamma)
        self.beta.accumulate(dbeta)
        return dx

    def scale_and_shift(self):
        return self.gamma, self.beta

    def trace(self, x):
        channels = len(self.gamma.data)
        check_ndim("x", x, (2, "(N, C)"), (4, "(N, C, H, W)"))
        check_shape(
            "x", x, (x.shape[0], channels, *x.shape[2:]), f"this layer normalises {channels} channels"
        )
        check_groups(x, self.groups)
        mean_and_inverse_std = x.like((2, x.shape[0], self.groups))
        return Step(self, x, x.like(x.shape), remembers=(x, mean_and_inverse_std))
