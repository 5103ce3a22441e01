"""The fully-connected layer: each thread makes some columns of the product.

The textbook: `functional.linear`.
"""

import numpy as np

from minires.checks import check_gradient, check_linear
from minires.kernels.cpu import parallel


def linear_forward(x, weight, bias=None):
    """As `functional.linear_forward`."""
    check_linear(x, weight, bias)
    y = _product(x, weight.T)
    if bias is not None:
        y += bias
    return y, (x, weight, bias is not None)


def linear_backward(dy, cache):
    """As `functional.linear_backward`."""
    x, weight, has_bias = cache
    check_gradient(dy, (x.shape[0], weight.shape[0]), x.dtype, on=x)
    return _product(dy, weight), _product(dy.T, x), dy.sum(axis=0) if has_bias else None


def _product(a, b):
    """Return a @ b."""
    product = np.empty((a.shape[0], b.shape[1]), a.dtype)

    def chunk(begin, end):
        np.matmul(a, b[:, begin:end], out=product[:, begin:end])

    parallel.in_chunks(chunk, b.shape[1], b)
    return product
