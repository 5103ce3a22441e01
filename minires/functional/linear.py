"""The fully-connected layer: one matrix product."""

from minires.backend import array_module
from minires.checks import check_floats, check_gradient, check_ndim, check_shape
from minires.kernels.cpu import parallel
from minires.kernels.cuda import blas, has_kernels


def linear_forward(x, weight, bias=None):
    """Return x @ weight.T + bias.

    x: (N, I); weight: (O, I); bias: (O,) or None. Returns y (N, O) and the cache.
    Raises ValueError for shapes that do not fit, TypeError for dtypes or devices that differ.
    """
    check_floats(x=x, weight=weight, bias=bias)
    check_ndim("x", x, (2, "(N, I)"))
    check_ndim("weight", weight, (2, "(O, I)"))
    check_shape(
        "weight", weight, (weight.shape[0], x.shape[1]), f"(O, I) for inputs of {x.shape[1]} features"
    )
    check_shape("bias", bias, weight.shape[:1], "one for each output")
    y = _product(x, weight.T)
    if bias is not None:
        y += bias
    cache = (x, weight, bias is not None)
    return y, cache


def linear_backward(dy, cache):
    """Return dx (N, I), dweight (O, I) and dbias (O,) for dy (N, O); dbias is None if there was no bias.

    Written out, y[n, o] = sum_i x[n, i] * weight[o, i] + bias[o], so each gradient sums over the index that
    its array lacks: dx over o, dweight over n, dbias over n.
    """
    x, weight, has_bias = cache
    check_gradient(dy, (x.shape[0], weight.shape[0]), x.dtype, on=x)
    return _product(dy, weight), _product(dy.T, x), dy.sum(axis=0) if has_bias else None


def _product(a, b):
    """Return a @ b; each thread makes some columns of it."""
    if has_kernels(a):
        return blas.matmul(a, b)
    product = array_module(a).empty((a.shape[0], b.shape[1]), a.dtype)

    def band(begin, end):
        array_module(a).matmul(a, b[:, begin:end], out=product[:, begin:end])

    parallel.bands(band, b.shape[1], b)
    return product
