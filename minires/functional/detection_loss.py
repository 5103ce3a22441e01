"""The losses of a detector: where a box lies (smooth L1), and whether there is an object (two classes).

Both are weighted sums: of each row's weight times its loss. In detection most rows do not count: with weights
of 1 / (number sampled) for the sampled anchors and 0 for the others the sum is a mean over the sample, and
with 1 / (number sampled) for its *positives* the loss of their boxes is measured in the same unit. Without
positives it is 0, and nothing is divided by nothing.
"""

from minires.checks import check_positive, check_rows
from minires.sums import total
from minires.typing import Array, Cache


def smooth_l1_forward(
    y: Array, target: Array, weights: Array | None = None, *, sigma: float = 1.0
) -> tuple[Array, Cache]:
    """Return the weighted sum over rows of smooth L1: a parabola for small differences, straight beyond.

    Parameters
    ----------
    y, target : (..., D)
        Found and wanted, D numbers a row (the four of a box).
    weights : (...)
        Of each row; None: 1 / (number of rows), a mean.
    sigma
        The parabola ends at a difference of 1 / sigma^2.

    Returns
    -------
    loss : 0-d array
    cache : (difference, weights, sigma)

    Raises
    ------
    ValueError
        For shapes that do not fit, or if sigma is not positive.

    Notes
    -----
    Of a difference d: (sigma d)^2 / 2 if abs(d) < 1 / sigma^2, else abs(d) - 1 / (2 sigma^2). PyTorch's beta
    is 1 / sigma^2, and its smooth_l1_loss(beta=...) is the same function.

    References
    ----------
    Girshick 2015, "Fast R-CNN" (arXiv:1504.08083), equations 2 and 3; sigma is that of its program.

    Examples
    --------
    >>> loss, cache = smooth_l1_forward(np.array([[0.5, 3.0]]), np.zeros((1, 2)))
    >>> float(loss)
    2.625
    >>> smooth_l1_backward(1.0, cache)
    array([[0.5, 1. ]])
    """
    sigma = check_positive("sigma", sigma)
    if getattr(y, "ndim", 1) == 0:
        raise ValueError("y: expected at least one axis, the numbers of a row, got the shape ()")
    xp = check_rows(y, target, weights, getattr(y, "shape", ())[:-1], "y")
    if weights is None:
        weights = xp.full_like(y, y.shape[-1] / y.size, shape=y.shape[:-1])
    difference, end = y - target, 1 / sigma**2
    size = abs(difference)
    each = xp.where(size < end, 0.5 * sigma**2 * difference**2, size - 0.5 * end)
    loss = xp.asarray(total(weights * each.sum(axis=-1)))
    return loss, (difference, weights, sigma)


def smooth_l1_backward(dloss: float | Array, cache: Cache) -> Array:
    """Return dy = dloss * weights * clip(sigma^2 * difference, -1, 1): the slope is never above 1.

    The target is a constant and has no gradient.
    """
    difference, weights, sigma = cache
    dy = (sigma**2 * difference).clip(-1, 1) * weights[..., None]
    dy *= dloss  # in place: a float64 dloss does not turn float32 gradients into float64
    return dy


def binary_cross_entropy_forward(
    logits: Array, target: Array, weights: Array | None = None
) -> tuple[Array, Cache]:
    """Return the weighted sum of the cross-entropies between sigmoid(logits) and the targets.

    Parameters
    ----------
    logits : any shape, finite
    target : like logits
        1 for an object, 0 for none, or a probability between.
    weights : like logits
        None: 1 / (number of logits), a mean.

    Returns
    -------
    loss : 0-d array
        In nats: ln 2 for a network that knows nothing.
    cache : (difference, weights)
        difference, like logits: sigmoid(logits) - target.

    Raises
    ------
    ValueError
        For shapes that do not fit.

    Notes
    -----
    From the logits z, not from probabilities: -t log sigmoid(z) - (1 - t) log(1 - sigmoid(z)) is
    max(z, 0) - t z + log(1 + exp(-abs(z))), where nothing overflows and no logarithm sees a 0. And p - t,
    which loses its digits where p is nearly 1 and t is 1, is (1 - t) p - t (1 - p).

    References
    ----------
    Ren, He, Girshick & Sun 2015, "Faster R-CNN" (arXiv:1506.01497), equation 1: the first of its two losses.

    Examples
    --------
    >>> loss, cache = binary_cross_entropy_forward(np.array([0.0, 800.0]), np.array([1.0, 0.0]))
    >>> round(float(loss), 4)  # (ln 2 + 800) / 2
    400.3466
    >>> binary_cross_entropy_backward(1.0, cache)
    array([-0.25,  0.5 ])
    """
    xp = check_rows(logits, target, weights, getattr(logits, "shape", ()), "logits")
    if weights is None:
        weights = xp.full_like(logits, 1 / logits.size)
    small = xp.exp(-abs(logits))  # from 0 to 1
    each = logits.clip(0, None) - target * logits + xp.log1p(small)
    larger, smaller = 1 / (1 + small), small / (1 + small)  # sigmoid of abs(z), and of -abs(z)
    yes, no = xp.where(logits >= 0, larger, smaller), xp.where(logits >= 0, smaller, larger)
    difference = (1 - target) * yes - target * no
    loss = xp.asarray(total(weights * each))
    return loss, (difference, weights)


def binary_cross_entropy_backward(dloss: float | Array, cache: Cache) -> Array:
    """Return dlogits = dloss * weights * (sigmoid(logits) - target): what is believed minus what is so."""
    difference, weights = cache
    dlogits = difference * weights
    dlogits *= dloss
    return dlogits
