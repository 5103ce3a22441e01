"""Losses: one number for a whole batch. Their backward takes dloss, a number or 0-d array (1 to train)."""

from typing import Any

from minires.backend import array_module
from minires.checks import check_cross_entropy, check_floats, check_ndim, check_shape
from minires.functional.dispatch import accelerated
from minires.sums import total
from minires.typing import Array, Cache


@accelerated
def softmax_cross_entropy_forward(
    logits: Array,
    labels: Array,
    *,
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
    class_weights: Array | None = None,
) -> tuple[Array, Cache]:
    """Return the mean cross-entropy between softmax(logits) and the labels.

    Parameters
    ----------
    logits : (N, K)
        May be minus infinity: that class is impossible.
    labels : (N,)
        Integers from 0 to K - 1.
    label_smoothing : float
        The fraction of the target that is spread evenly over all K classes (Szegedy et al. 2015,
        arXiv:1512.00567, section 7).
    ignore_index : int or None
        Rows with this label, which need not be a class, count for nothing. (PyTorch's default is -100.)
    class_weights : (K,) or None
        What a row of each class counts, at least 0: the loss is the weighted mean. (A smoothed target is
        weighted class by class, as PyTorch does it.)

    Returns
    -------
    loss : 0-d array
        In nats: ln K for a network that knows nothing; 0 if no row counts.
    cache : (probabilities, targets, count)
        targets (N, K): 1 for the right class and 0 elsewhere, or smoothed, or weighted; count: N, or the sum
        of the rows' weights (1 if they are all 0).

    Raises
    ------
    ValueError
        If a label is out of range or a weight negative (on a GPU labels are checked when they are batched,
        for a look at them here would stall the device), or label_smoothing is not in [0, 1).
    TypeError
        If labels are not integers.

    Notes
    -----
    -log softmax is computed as logsumexp(z) - z, so that no probability can round to 0 before its logarithm,
    and the sum without its largest term, which is 1, so that a loss of 1e-9 is not rounded to 0.

    Differs from PyTorch, where the mean over no row is NaN: a batch in which nothing counts teaches nothing.

    Examples
    --------
    >>> loss, cache = softmax_cross_entropy_forward(np.zeros((1, 4)), np.array([2]))
    >>> round(float(loss), 6), round(float(np.log(4)), 6)
    (1.386294, 1.386294)
    >>> softmax_cross_entropy_backward(1.0, cache)
    array([[ 0.25,  0.25, -0.75,  0.25]])
    """
    xp, label_smoothing = check_cross_entropy(logits, labels, label_smoothing, ignore_index, class_weights)
    targets, count = _targets(logits, labels, label_smoothing, ignore_index, class_weights)
    shifted = logits - logits.max(axis=1, keepdims=True)
    others = xp.exp(shifted)
    others[xp.arange(len(logits)), logits.argmax(axis=1)] -= 1  # the largest, exp(0): log1p adds it
    log_probabilities = shifted - xp.log1p(others.sum(axis=1, keepdims=True))  # (N, K)
    losses = targets * xp.where(targets == 0, 0, -log_probabilities)  # 0 * infinity is NaN
    loss = xp.asarray(losses.sum(dtype="float64") / count, dtype=logits.dtype)
    return loss, (xp.exp(log_probabilities), targets, count)


def _targets(
    logits: Array,
    labels: Array,
    label_smoothing: float,
    ignore_index: int | None,
    class_weights: Array | None,
) -> tuple[Array, Any]:
    """Return what the probabilities (N, K) shall be, times the rows' weights, and the sum of the weights."""
    xp, (n, classes) = array_module(logits), logits.shape
    targets = xp.full_like(logits, label_smoothing / classes)
    if ignore_index is None and class_weights is None:
        targets[xp.arange(n), labels] += 1 - label_smoothing
        return targets, n
    counts = xp.ones_like(labels, dtype=bool) if ignore_index is None else labels != ignore_index
    labels = xp.where(counts, labels, 0)  # what is ignored may be no class
    weights = xp.ones_like(logits, shape=(classes,)) if class_weights is None else class_weights
    targets *= weights
    targets[xp.arange(n), labels] += (1 - label_smoothing) * weights[labels]
    targets *= counts[:, None]
    count = (weights[labels] * counts).sum(dtype="float64")
    return targets, xp.asarray(count + (count == 0))


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

    Where the right answer is nearly certain, p - 1 has lost its digits. But a row of gradients sums to 0 (a
    number added to all logits changes nothing); so what it sums to instead is the error of that largest one.
    """
    probabilities, targets, count = cache
    dlogits = probabilities * targets.sum(axis=1, keepdims=True) - targets
    dlogits -= (probabilities > 0.5) * dlogits.sum(axis=1, keepdims=True)
    dlogits *= dloss / count  # in place: a float64 dloss does not turn float32 gradients into float64
    return dlogits


def pixel_cross_entropy_forward(
    y: Array,
    labels: Array,
    *,
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
    class_weights: Array | None = None,
) -> tuple[Array, Cache]:
    """Return the softmax cross-entropy averaged over all pixels: every pixel is an example of its own.

    Parameters
    ----------
    y : (N, K, H, W)
        Logits of every pixel.
    labels : (N, H, W)
        Integers from 0 to K - 1.
    label_smoothing, ignore_index, class_weights
        As for `softmax_cross_entropy_forward`; ignored are, as a rule, the borders between objects.

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
    loss, cache = softmax_cross_entropy_forward(
        logits,
        labels.reshape(-1),
        label_smoothing=label_smoothing,
        ignore_index=ignore_index,
        class_weights=class_weights,
    )
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
