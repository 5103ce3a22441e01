"""Dropout of values and of weights, with a mask that the caller draws: nothing here is random."""

from minires.backend import array_module
from minires.checks import check_floats, check_gradient, check_ndim, check_shape
from minires.functional.dispatch import accelerated
from minires.sums import total
from minires.typing import Array, Cache


@accelerated
def dropout_forward(x: Array, mask: Array) -> tuple[Array, Cache]:
    """Return x * mask, and 0 where the mask is 0, whatever x is there.

    Parameters
    ----------
    x : array of any shape
    mask : like x
        0 (dropped) or 1/keep, so that the mean stays what it was and nothing has to be scaled at test time
        ("inverted dropout").

    Returns
    -------
    y, like x; cache (mask,)

    References
    ----------
    Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting", section 10.
    """
    xp = check_floats(x=x, mask=mask)
    check_shape("mask", mask, x.shape, "that of x")
    return xp.where(mask > 0, x, 0) * mask, (mask,)  # for infinite x, 0 * x would be NaN


@accelerated
def dropout_backward(dy: Array, cache: Cache) -> Array:
    """Return dx = dy * mask: what was dropped gets no gradient."""
    (mask,) = cache
    check_gradient(dy, mask.shape, mask.dtype, on=mask)
    return array_module(dy).where(mask > 0, dy, 0) * mask


def dropconnect_forward(x: Array, weight: Array, bias: Array | None, mask: Array) -> tuple[Array, Cache]:
    """Return y[n] = (mask[n] * weight) @ x[n] + bias: weights are dropped, where dropout drops values.

    Parameters
    ----------
    x : (N, I)
    weight : (O, I)
    bias : (O,) or None
    mask : (N, O, I)
        0 (dropped) or 1, another one for each example: one for the whole batch regularises too little.

    Returns
    -------
    y : (N, O)
    cache : (x, weight, mask, has_bias)

    Raises
    ------
    ValueError
        For shapes that do not fit.
    TypeError
        For dtypes or devices that differ.

    References
    ----------
    Wan et al. 2013, "Regularization of neural networks using DropConnect", equation 3 before the activation.
    """
    check_floats(x=x, weight=weight, bias=bias, mask=mask)
    check_ndim("x", x, (2, "(N, I)"))
    check_ndim("weight", weight, (2, "(O, I)"))
    check_shape("weight", weight, (len(weight), x.shape[1]), f"(O, I) for inputs of {x.shape[1]} features")
    check_shape("mask", mask, (len(x), *weight.shape), "a mask of the weight for each example")
    check_shape("bias", bias, weight.shape[:1], "one for each output")
    y = ((mask * weight) @ x[:, :, None])[:, :, 0]  # N products of a matrix and a vector
    if bias is not None:
        y += bias
    return y, (x, weight, mask, bias is not None)


def dropconnect_backward(dy: Array, cache: Cache) -> tuple[Array, Array, Array | None]:
    """Return dx (N, I), dweight (O, I) and dbias (O,) for dy (N, O); dbias is None if there was no bias.

    Written out, y[n, o] = sum_i mask[n, o, i] * weight[o, i] * x[n, i] + bias[o]: a weight that was dropped
    for an example gets no gradient from it.
    """
    x, weight, mask, has_bias = cache
    check_gradient(dy, (len(x), len(weight)), x.dtype, on=x)
    dx = (dy[:, None, :] @ (mask * weight))[:, 0]
    dweight = total(mask * dy[:, :, None] * x[:, None, :], axis=0)
    return dx, dweight, total(dy, axis=0) if has_bias else None
