"""The fully-connected layer: one matrix product."""

from minires.checks import check_gradient, check_linear
from minires.functional.dispatch import accelerated
from minires.sums import total
from minires.typing import Array, Cache


@accelerated
def linear_forward(x: Array, weight: Array, bias: Array | None = None) -> tuple[Array, Cache]:
    """Return x @ weight.T + bias.

    Parameters
    ----------
    x : (N, I)
    weight : (O, I)
    bias : (O,) or None

    Returns
    -------
    y : (N, O)
    cache : (x, weight, has_bias)

    Raises
    ------
    ValueError
        For shapes that do not fit.
    TypeError
        For dtypes or devices that differ.

    Examples
    --------
    >>> y, cache = linear_forward(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]]))
    >>> y
    array([[11., 17.]])
    >>> dx, dweight, dbias = linear_backward(np.array([[1.0, 0.0]]), cache)
    >>> dx, dbias is None
    (array([[3., 4.]]), True)
    """
    check_linear(x, weight, bias)
    y = x @ weight.T
    if bias is not None:
        y += bias
    return y, (x, weight, bias is not None)


@accelerated
def linear_backward(dy: Array, cache: Cache) -> tuple[Array, Array, Array | None]:
    """Return the three gradients of `linear_forward`.

    Parameters
    ----------
    dy : (N, O)
    cache : what `linear_forward` returned

    Returns
    -------
    dx (N, I); dweight (O, I); dbias (O,), or None if there was no bias

    Notes
    -----
    Written out, y[n, o] = sum_i x[n, i] * weight[o, i] + bias[o], so each gradient sums over the index that
    its array lacks: dx over o, dweight over n, dbias over n.
    """
    x, weight, has_bias = cache
    check_gradient(dy, (len(x), len(weight)), x.dtype, on=x)
    return dy @ weight, dy.T @ x, total(dy, axis=0) if has_bias else None
