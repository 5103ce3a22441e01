"""Nonlinearities: ReLU, leaky ReLU, sigmoid, softmax."""

from minires.backend import array_module
from minires.checks import check_floats, check_gradient, number
from minires.functional.dispatch import accelerated
from minires.sums import total
from minires.typing import Array, Cache


@accelerated
def relu_forward(x: Array) -> tuple[Array, Cache]:
    """Keep what is positive: y = max(x, 0).

    Parameters
    ----------
    x : array of any shape

    Returns
    -------
    y, like x; cache (y,): y is positive exactly where x was, and most often the next layer keeps it too

    References
    ----------
    Nair & Hinton 2010, "Rectified linear units improve restricted Boltzmann machines".

    Examples
    --------
    >>> y, cache = relu_forward(np.array([-1.0, 0.0, 2.0]))
    >>> y
    array([0., 0., 2.])
    >>> relu_backward(np.array([10.0, 10.0, 10.0]), cache)
    array([ 0.,  0., 10.])
    """
    xp = check_floats(x=x)
    y = xp.maximum(x, 0)
    return y, (y,)


@accelerated
def relu_backward(dy: Array, cache: Cache) -> Array:
    """Return dx: dy where x was positive, else 0 (also at the corner x = 0).

    Parameters
    ----------
    dy : like y
    cache : what `relu_forward` returned

    Returns
    -------
    dx, like x
    """
    (y,) = cache
    check_gradient(dy, y.shape, y.dtype, on=y)
    return array_module(y).where(y > 0, dy, 0)  # no product: where dy is infinite, 0 * dy is NaN


def leaky_relu_forward(x: Array, *, slope: float = 0.01) -> tuple[Array, Cache]:
    """Let a little of what is negative through: y = max(x, 0) + slope * min(x, 0).

    Parameters
    ----------
    x : array of any shape
    slope
        What is left of a negative x, at least 0; 0 is ReLU.

    Returns
    -------
    y, like x; cache (y, slope): y is positive exactly where x was, for slope is not negative

    Raises
    ------
    ValueError
        If slope is negative: y would no longer tell the sign of x.

    References
    ----------
    Maas, Hannun & Ng 2013, "Rectifier nonlinearities improve neural network acoustic models", section 2.

    Examples
    --------
    >>> y, cache = leaky_relu_forward(np.array([-1.0, 0.0, 2.0]), slope=0.1)
    >>> y
    array([-0.1,  0. ,  2. ])
    >>> leaky_relu_backward(np.array([10.0, 10.0, 10.0]), cache)
    array([ 1.,  1., 10.])
    """
    xp = check_floats(x=x)
    slope = number("slope", slope)
    if not slope >= 0:
        raise ValueError(f"slope: expected a number >= 0, got {slope}")
    y = xp.maximum(x, 0) + slope * xp.minimum(x, 0)
    return y, (y, slope)


def leaky_relu_backward(dy: Array, cache: Cache) -> Array:
    """Return dx, like dy: dy where x was positive, else slope * dy (also at the corner x = 0)."""
    y, slope = cache
    check_gradient(dy, y.shape, y.dtype, on=y)
    return array_module(y).where(y > 0, dy, slope * dy)


@accelerated
def sigmoid_forward(x: Array) -> tuple[Array, Cache]:
    """Squeeze x between 0 and 1: y = 1 / (1 + exp(-x)).

    Parameters
    ----------
    x : array of any shape

    Returns
    -------
    y, like x; cache (y,)

    Notes
    -----
    For negative x computed as exp(x) / (1 + exp(x)), the same number: exp(-abs(x)) never overflows; and what
    is small keeps all its digits. (It would not in (1 + tanh(x/2)) / 2, which is 0 below -18 in float32.)
    """
    xp = check_floats(x=x)
    small = xp.exp(-abs(x))  # from 0 to 1
    y = xp.where(x < 0, small, 1) / (1 + small)
    return y, (y,)


@accelerated
def sigmoid_backward(dy: Array, cache: Cache) -> Array:
    """Return dx = dy * y * (1 - y), of dy's shape."""
    (y,) = cache
    check_gradient(dy, y.shape, y.dtype, on=y)
    return dy * (y * (1 - y))


def softmax_forward(x: Array) -> tuple[Array, Cache]:
    """Turn scores into probabilities: y = exp(x) / sum(exp(x)) along the last axis.

    Parameters
    ----------
    x : (N, K), or any shape whose last axis counts the classes

    Returns
    -------
    y, like x: positive, and its sum along the last axis is 1; cache (y,)

    Raises
    ------
    ValueError
        If x has no axis.

    Notes
    -----
    The largest entry is subtracted first: this changes nothing, for numerator and denominator shrink alike,
    but exp can no longer overflow.
    """
    xp = check_floats(x=x)
    if x.ndim == 0:
        raise ValueError("x: expected at least the axis of the classes, got the shape ()")
    y = xp.exp(x - x.max(axis=-1, keepdims=True))
    y /= total(y, axis=-1, keepdims=True)
    return y, (y,)


def softmax_backward(dy: Array, cache: Cache) -> Array:
    """Return dx = y * (dy - sum_k dy_k y_k): each output depends on every input through the denominator."""
    (y,) = cache
    check_gradient(dy, y.shape, y.dtype, on=y)
    dx = y * (dy - total(dy * y, axis=-1, keepdims=True))
    # dx sums to 0; what it sums to instead is the error at a y near 1, where the difference lost its digits
    return dx - (y > 0.5) * total(dx, axis=-1, keepdims=True)
