"""Dropout with a mask that the caller draws: functions here have no randomness of their own."""

from minires.backend import array_module
from minires.checks import check_floats, check_gradient, check_shape
from minires.kernels.cpu.parallel import elementwise


def dropout_forward(x, mask):
    """Return x * mask and the cache.

    x: any shape; mask: the same shape and dtype, holding 0 (dropped) or 1/keep, so that the mean stays what
    it was and nothing has to be scaled at test time ("inverted dropout").
    Srivastava et al. 2014, section 10.
    """
    xp = check_floats(x=x, mask=mask)
    check_shape("mask", mask, x.shape, "that of x")
    return elementwise(lambda x, mask, out: xp.multiply(x, mask, out=out), x, mask), (mask,)


def dropout_backward(dy, cache):
    """Return dx = dy * mask: what was dropped gets no gradient."""
    (mask,) = cache
    check_gradient(dy, mask.shape, mask.dtype, on=mask)
    xp = array_module(mask)
    return elementwise(lambda dy, mask, out: xp.multiply(dy, mask, out=out), dy, mask)
