"""Initial weights. With n inputs and weights of variance v, a linear layer multiplies variances by n*v; each
rule chooses v so that nothing vanishes or explodes on the way through many layers.

Every initialiser is called as rule(shape, rng=rng) and draws on the CPU, so that all devices start equal.
"""

import math

import numpy as np

FANS = ("in", "out", "average")


class _ShapesOnly(np.random.Generator):
    """Stands where a generator is expected, and makes every weight a view of one zero."""

    def __init__(self):
        super().__init__(np.random.PCG64(0))

    def __repr__(self):
        return "SHAPES_ONLY"

    __str__ = __repr__


SHAPES_ONLY = _ShapesOnly()  # rng=SHAPES_ONLY: a network to count, not to run; its weights take no memory


def fans(shape):
    """Return (fan in, fan out) of a weight (O, I) or (O, C, KH, KW): how many products make one output, and
    in how many outputs one input takes part (at stride 1)."""
    if len(shape) < 2 or min(shape) < 1:
        raise ValueError(f"shape: expected (O, I) or (O, C, KH, KW), each at least 1, got {tuple(shape)}")
    pixels = math.prod(shape[2:])
    return shape[1] * pixels, shape[0] * pixels


def xavier(shape, *, rng, fan="average", uniform=False, dtype=np.float32):
    """Draw weights of variance 1/fan: they keep the variance of a linear layer.

    fan: "in" keeps it forward, "out" backward, "average" is the compromise, 2 / (in + out). uniform: draw
    from U(-sqrt(3/fan), sqrt(3/fan)) instead of a normal distribution (Caffe's "xavier" with fan="in").
    Glorot & Bengio 2010, equations 10 to 12 and 16.
    """
    return _draw(shape, 1 / _fan(shape, fan), rng, uniform, dtype)


def msra(shape, *, rng, fan="out", uniform=False, dtype=np.float32):
    """Draw weights of variance 2/fan: ReLU halves the mean square, and the 2 gives it back.

    fan: "in" or "out", either suffices; the ResNet codes use "out". Drawn from a normal distribution, or from
    U(-sqrt(6/fan), sqrt(6/fan)). He et al. 2015 (arXiv:1502.01852), equations 10 and 14.
    """
    return _draw(shape, 2 / _fan(shape, fan), rng, uniform, dtype)


def msra_by_fan_in(shape, *, rng, dtype=np.float32):
    """Return `msra` weights that keep the forward signal: the rule for fully-connected layers."""
    return msra(shape, rng=rng, fan="in", dtype=dtype)


def zero(shape, *, rng=None, dtype=np.float32):
    """Return zeros: a residual branch whose last weight is zero starts as the identity."""
    return _blank(shape, dtype) if rng is SHAPES_ONLY else np.zeros(shape, dtype)


def identity(shape, *, rng=None, dtype=np.float32):
    """Return the weight (O, I) or (O, C, KH, KW) of the layer that copies channel i to channel i.

    The centre of each kernel is 1 where O and C agree (a Dirac kernel). With odd kernels and padding
    (K - 1) / 2 the convolution returns its input. Raises ValueError for an even kernel, which has no centre.
    """
    fans(shape)  # complains of an impossible shape
    if any(size % 2 == 0 for size in shape[2:]):
        raise ValueError(f"shape: an identity kernel needs odd sizes, got {tuple(shape)}")
    if rng is SHAPES_ONLY:
        return _blank(shape, dtype)
    weight = np.zeros(shape, dtype)
    channels = np.arange(min(shape[:2]))
    weight[(channels, channels, *(size // 2 for size in shape[2:]))] = 1
    return weight


def check_generator(rng):
    """Raise TypeError unless rng is a numpy.random.Generator."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng: expected numpy.random.default_rng(seed), got {type(rng).__name__}")


def _fan(shape, fan):
    if fan not in FANS:
        raise ValueError(f"fan: expected one of {', '.join(FANS)}, got {fan!r}")
    fan_in, fan_out = fans(shape)
    return {"in": fan_in, "out": fan_out, "average": (fan_in + fan_out) / 2}[fan]


def _draw(shape, variance, rng, uniform, dtype):
    check_generator(rng)
    if rng is SHAPES_ONLY:
        return _blank(shape, dtype)
    if uniform:
        bound = math.sqrt(3 * variance)
        return rng.uniform(-bound, bound, shape).astype(dtype)
    return (rng.standard_normal(shape) * math.sqrt(variance)).astype(dtype)


def _blank(shape, dtype):
    """Return a read-only array of that shape whose elements are all the same zero in memory."""
    return np.broadcast_to(np.zeros((), dtype), shape)
