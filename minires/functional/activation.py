"""Nonlinearities: ReLU, sigmoid, softmax."""

from minires.backend import array_module
from minires.checks import check_floats, check_gradient
from minires.kernels.cpu.parallel import elementwise
from minires.kernels.cuda import has_kernels, kernels


def relu_forward(x):
    """Return max(x, 0) for x of any shape, and the cache.

    The output alone is remembered: it is positive exactly where the input was, and the next layer keeps it
    anyway. Nair & Hinton 2010.
    """
    xp = check_floats(x=x)
    y = elementwise(lambda x, out: xp.maximum(x, 0, out=out), x)
    return y, (y,)


def relu_backward(dy, cache):
    """Return dx: dy where x was positive, else 0 (also at the corner x = 0)."""
    (y,) = cache
    check_gradient(dy, y.shape, y.dtype, on=y)
    if has_kernels(y):
        return kernels.relu_backward(dy, y)
    xp = array_module(y)
    return elementwise(lambda y, dy, out: xp.multiply(dy, y > 0, out=out), y, dy)


def sigmoid_forward(x):
    """Return 1 / (1 + exp(-x)) for x of any shape, and the cache.

    Computed as (1 + tanh(x/2)) / 2, which is the same number and never overflows.
    """
    xp = check_floats(x=x)

    def tile(x, out):
        xp.tanh(x * 0.5, out=out)
        out += 1
        out *= 0.5

    y = elementwise(tile, x)
    return y, (y,)


def sigmoid_backward(dy, cache):
    """Return dx = dy * y * (1 - y), of dy's shape."""
    (y,) = cache
    check_gradient(dy, y.shape, y.dtype, on=y)
    xp = array_module(y)
    return elementwise(lambda y, dy, out: xp.multiply(dy, y * (1 - y), out=out), y, dy)


def softmax_forward(x):
    """Return exp(x) / sum(exp(x)) along the last axis, and the cache.

    x: (N, K), or any shape whose last axis counts the classes. The largest entry is subtracted first: this
    changes nothing, for numerator and denominator shrink alike, but exp can no longer overflow.
    """
    xp = check_floats(x=x)
    if x.ndim == 0:
        raise ValueError("x: expected at least the axis of the classes, got the shape ()")
    y = xp.exp(x - x.max(axis=-1, keepdims=True))
    y /= y.sum(axis=-1, keepdims=True)
    return y, (y,)


def softmax_backward(dy, cache):
    """Return dx = y * (dy - sum_k dy_k y_k): each output depends on every input through the denominator."""
    (y,) = cache
    check_gradient(dy, y.shape, y.dtype, on=y)
    return y * (dy - (dy * y).sum(axis=-1, keepdims=True))
