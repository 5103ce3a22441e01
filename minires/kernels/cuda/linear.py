"""The fully-connected layer, with products that may be captured.

The textbook: `functional.linear`.
"""

from minires.checks import check_gradient, check_linear
from minires.kernels.cuda import blas
from minires.sums import total


def linear_forward(x, weight, bias=None):
    """As `functional.linear_forward`."""
    check_linear(x, weight, bias)
    y = blas.matmul(x, weight.T)
    if bias is not None:
        y += bias
    return y, (x, weight, bias is not None)


def linear_backward(dy, cache):
    """As `functional.linear_backward`."""
    x, weight, has_bias = cache
    check_gradient(dy, (x.shape[0], weight.shape[0]), x.dtype, on=x)
    return blas.matmul(dy, weight), blas.matmul(dy.T, x), total(dy, axis=0) if has_bias else None
