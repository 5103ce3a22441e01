"""The fully-connected layer: each of our threads makes some columns of the product.

The textbook: `functional.linear`. On an idle machine its product, made by BLAS's own threads, is as fast.
But those wait for each other in busy loops: with a second process at work, a step of a 22-layer perceptron
took 30 times as long. These here are as many as `set_threads` says.
"""

import numpy as np

from minires.checks import check_gradient, check_linear
from minires.kernels.cpu import parallel
from minires.sums import total


def linear_forward(x, weight, bias=None):
    """As `functional.linear_forward`."""
    if _too_small(x, weight):
        return NotImplemented
    check_linear(x, weight, bias)
    y = _product(x, weight.T)
    if bias is not None:
        y += bias
    return y, (x, weight, bias is not None)


def linear_backward(dy, cache):
    """As `functional.linear_backward`."""
    x, weight, has_bias = cache
    if _too_small(x, weight):
        return NotImplemented
    check_gradient(dy, (x.shape[0], weight.shape[0]), x.dtype, on=x)
    return _product(dy, weight), _product(dy.T, x), total(dy, axis=0) if has_bias else None


def _too_small(x, weight):
    """Whether BLAS makes a product of that size alone; or weight is no matrix, as the textbook will say."""
    return getattr(weight, "ndim", 0) != 2 or x.size * len(weight) < parallel.ALONE


def _product(a, b):
    """Return a @ b."""
    if b.size < parallel.WORTH_THREADS:
        with parallel.one_blas_thread:
            return a @ b
    product = np.empty((a.shape[0], b.shape[1]), a.dtype)

    def chunk(begin, end):
        np.matmul(a, b[:, begin:end], out=product[:, begin:end])

    parallel.in_chunks(chunk, b.shape[1], b)
    return product
