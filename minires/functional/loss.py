"""Losses: one number for a whole batch. Their backward takes dloss, a number or 0-d array (1 to train)."""

from minires.backend import array_module
from minires.checks import check_cross_entropy, check_floats, check_ndim, check_shape, number
from minires.functional.dispatch import accelerated
from minires.sums import total
from minires.typing import Array, Cache


@accelerated
def softmax_cross_entropy_forward(
    logits: Array, labels: Array, *, label_smoothing: float = 0.0
) -> tuple[Array, Cache]:
    """Return the mean cross-entropy between softmax(logits) and the labels.

    Parameters
    ----------
    logits : (N, K), finite
    labels : (N,)
        Integers from 0 to K - 1.
    label_smoothing : float
        The fraction of the target that is spread evenly over all K classes (Szegedy et al. 2015,
        arXiv:1512.00567, section 7).

    Returns
    -------
    loss : 0-d array
        In nats: ln K for a network that knows nothing.
    cache : (probabilities, targets, count)
        targets (N, K): 1 for the right class and 0 elsewhere, or smoothed; count: N. (Rows may have weights:
        then a row of targets sums to its weight, and count is the sum of the weights.)

    Raises
    ------
    ValueError
        If a label is out of range (on a GPU they are checked when they are batched, for a look at them here
        would stall the device), or label_smoothing is not in [0, 1).
    TypeError
        If labels are not integers.

    Notes
    -----
    -log softmax is computed as logsumexp(z) - z, so that no probability can round to 0 before its logarithm.

    Examples
    --------
    >>> loss, cache = softmax_cross_entropy_forward(np.zeros((1, 4)), np.array([2]))
    >>> round(float(loss), 6), round(float(np.log(4)), 6)
    (1.386294, 1.386294)
    >>> softmax_cross_entropy_backward(1.0, cache)
    array([[ 0.25,  0.25, -0.75,  0.25]])
    """
    label_smoothing = number("label_smoothing", label_smoothing)
    xp = check_cross_entropy(logits, labels, label_smoothing)
    n, classes = logits.shape
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - xp.log(xp.exp(shifted).sum(axis=1, keepdims=True))  # (N, K)
    targets = xp.full_like(logits, label_smoothing / classes)
    targets[xp.arange(n), labels] += 1 - label_smoothing
    loss = xp.asarray(-(targets * log_probabilities).sum() / n, dtype=logits.dtype)
    return loss, (xp.exp(log_probabilities), targets, n)


@accelerated
def softmax_cross_entropy_backward(dloss: float | Array, cache: Cache) -> Array:
    """Return dlogits (N, K) = dloss / N * (softmax(logits) - targets): what is believed minus what is so.

    Parameters
    ----------
    dloss : float or 0-d array
        1 to train.
    cache : what `softmax_cross_entropy_forward` returned

    Notes
    -----
    For rows with weights w, the sums of their targets: dloss / count * (w * softmax(logits) - targets).
    """
    probabilities, targets, count = cache
    dlogits = probabilities * targets.sum(axis=1, keepdims=True) - targets
    dlogits *= dloss / count  # in place: a float64 dloss does not turn float32 gradients into float64
    return dlogits


def pixel_cross_entropy_forward(y: Array, labels: Array) -> tuple[Array, Cache]:
    """Return the softmax cross-entropy averaged over all pixels: every pixel is an example of its own.

    Parameters
    ----------
    y : (N, K, H, W)
        Logits of every pixel.
    labels : (N, H, W)
        Integers from 0 to K - 1.

    Returns
    -------
    loss : 0-d array
    cache : (the cache of `softmax_cross_entropy_forward` on the (N*H*W, K) matrix of logits, y_shape)

    References
    ----------
    Long, Shelhamer & Darrell 2015 (arXiv:1411.4038), section 3.
    """
    check_floats(y=y)
    check_ndim("y", y, (4, "(N, K, H, W)"))
    array_module(y, labels, names=("y", "labels"))
    check_shape("labels", labels, (len(y), *y.shape[2:]), "one for each pixel")
    logits = y.transpose(0, 2, 3, 1).reshape(-1, y.shape[1])
    loss, cache = softmax_cross_entropy_forward(logits, labels.reshape(-1))
    return loss, (cache, y.shape)


def pixel_cross_entropy_backward(dloss: float | Array, cache: Cache) -> Array:
    """Return dy (N, K, H, W): the matrix of gradients, folded back."""
    cache, (n, k, h, w) = cache
    dlogits = softmax_cross_entropy_backward(dloss, cache)
    return dlogits.reshape(n, h, w, k).transpose(0, 3, 1, 2)


def squared_error_forward(y: Array, target: Array) -> tuple[Array, Cache]:
    """Return 1/2 sum (y - target)^2 / N.

    Parameters
    ----------
    y, target : the same shape (N, ...)

    Returns
    -------
    loss, a 0-d array; cache (difference,)
    """
    xp = check_floats(y=y, target=target)
    if y.ndim == 0:
        raise ValueError("y: expected at least the axis of the batch, got the shape ()")
    check_shape("target", target, y.shape, "that of y")
    difference = y - target
    loss = xp.asarray(total(difference * difference) * (0.5 / len(y)), dtype=y.dtype)
    return loss, (difference,)


def squared_error_backward(dloss: float | Array, cache: Cache) -> tuple[Array, Array]:
    """Return (dy, dtarget) = dloss * (y - target) / N and its negative."""
    (difference,) = cache
    dy = difference / len(difference)
    dy *= dloss
    return dy, -dy
