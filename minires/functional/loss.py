"""Losses: one number for a whole batch. Their backward takes dloss, a number or 0-d array (1 to train)."""

import numpy as np

from minires.backend import array_module
from minires.checks import check_floats, check_ndim, check_shape
from minires.kernels.cuda import has_kernels, kernels


def softmax_cross_entropy_forward(logits, labels, *, label_smoothing=0.0):
    """Return the mean cross-entropy between softmax(logits) and the labels, and the cache.

    logits: (N, K), finite; labels: (N,) integers in [0, K); label_smoothing: the share of the target that is
    spread evenly over all K classes (Szegedy et al. 2015, arXiv:1512.00567, section 7).
    loss is a 0-d array in nats: ln K for a network that knows nothing.
    -log softmax is computed as logsumexp(z) - z, so that no probability can round to 0 before its logarithm.
    Raises ValueError if a label is out of range (on a GPU they are checked when they are batched, for a look
    at them here would stall the device), TypeError if they are not integers.
    """
    xp = check_floats(logits=logits)
    check_ndim("logits", logits, (2, "(N, K)"))
    array_module(logits, labels, names=("logits", "labels"))
    n, classes = logits.shape
    check_shape("labels", labels, (n,), "one for each row of logits")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels: expected integers, got {labels.dtype}")
    if xp is np and not (0 <= labels.min() and labels.max() < classes):
        raise ValueError(
            f"labels: expected integers from 0 to {classes - 1}, got {labels.min()} to {labels.max()}"
        )
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing: expected a number in [0, 1), got {label_smoothing}")
    if has_kernels(logits):
        losses, probabilities, targets = kernels.softmax_cross_entropy(logits, labels, label_smoothing)
        return losses.mean(), (probabilities, targets)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - xp.log(xp.exp(shifted).sum(axis=1, keepdims=True))  # (N, K)
    targets = xp.full(logits.shape, label_smoothing / classes, logits.dtype)
    targets[xp.arange(n), labels] += 1 - label_smoothing
    loss = xp.asarray(-(targets * log_probabilities).sum() / n, dtype=logits.dtype)
    return loss, (xp.exp(log_probabilities), targets)


def softmax_cross_entropy_backward(dloss, cache):
    """Return dlogits (N, K) = dloss * (softmax(logits) - targets) / N. dloss: a number, 1 to train."""
    probabilities, targets = cache
    dlogits = probabilities - targets
    dlogits *= dloss / len(dlogits)
    return dlogits


def squared_error_forward(y, target):
    """Return 1/2 sum (y - target)^2 / N, and the cache. y, target: the same shape (N, ...)."""
    xp = check_floats(y=y, target=target)
    if y.ndim == 0:
        raise ValueError("y: expected at least the axis of the batch, got the shape ()")
    check_shape("target", target, y.shape, "that of y")
    difference = y - target
    loss = xp.asarray((difference * difference).sum() * (0.5 / len(y)), dtype=y.dtype)
    return loss, (difference,)


def squared_error_backward(dloss, cache):
    """Return (dy, dtarget) = dloss * (y - target) / N and its negative."""
    (difference,) = cache
    dy = difference / len(difference)
    dy *= dloss  # in place: a float64 dloss does not turn float32 gradients into float64
    return dy, -dy
