"""Initial weights. With n inputs and weights of variance v, a linear layer multiplies variances by n*v; each
rule chooses v so that nothing vanishes or explodes on the way through many layers.

Every initialiser is called as rule(shape, rng=rng) and draws on the CPU, so that all devices start equal.
"""

import math

import numpy as np
from numpy.typing import DTypeLike

from minires.typing import Generator, Shape

FANS = ("in", "out", "average")


class _ShapesOnly(np.random.Generator):
    """Stands where a generator is expected, and makes every weight a view of one zero."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))

    def __repr__(self) -> str:
        return "SHAPES_ONLY"

    __str__ = __repr__


SHAPES_ONLY = _ShapesOnly()  # rng=SHAPES_ONLY: a network to count, not to run; its weights take no memory


def fans(shape: Shape) -> tuple[int, int]:
    """Return (fan in, fan out) of a weight: how many products make one output, and how many use one input.

    Parameters
    ----------
    shape : (O, I) or (O, C, KH, KW)

    Returns
    -------
    fan_in, fan_out : int
        Fan out counts the outputs at stride 1.

    Examples
    --------
    >>> fans((64, 3, 7, 7))
    (147, 3136)
    """
    if len(shape) < 2 or min(shape) < 1:
        raise ValueError(f"shape: expected (O, I) or (O, C, KH, KW), each at least 1, got {tuple(shape)}")
    pixels = math.prod(shape[2:])
    return shape[1] * pixels, shape[0] * pixels


def xavier(
    shape: Shape,
    *,
    rng: Generator,
    fan: str = "average",
    uniform: bool = False,
    dtype: DTypeLike = np.float32,
) -> np.ndarray:
    """Draw weights of variance 1/fan, which keep a linear layer's variance: Xavier or Glorot initialisation.

    Parameters
    ----------
    shape : (O, I) or (O, C, KH, KW)
    fan
        "in" keeps the variance forward, "out" backward; "average" is the compromise, 2 / (in + out).
    uniform
        Draw from U(-sqrt(3/fan), sqrt(3/fan)) instead of a normal distribution (Caffe's "xavier" with
        fan="in").

    References
    ----------
    Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks",
    equations 10 to 12 and 16.

    Examples
    --------
    >>> weight = xavier((300, 200), rng=np.random.default_rng(0))
    >>> weight.shape, weight.dtype, round(float(weight.std()) * 250**0.5, 2)
    ((300, 200), dtype('float32'), 1.0)
    """
    return _draw(shape, 1 / _fan(shape, fan), rng, uniform, dtype)


def msra(
    shape: Shape, *, rng: Generator, fan: str = "out", uniform: bool = False, dtype: DTypeLike = np.float32
) -> np.ndarray:
    """Draw weights of variance 2/fan, the MSRA, He or Kaiming initialisation: for layers before a ReLU.

    ReLU halves the mean square, and the 2 gives it back.

    Parameters
    ----------
    shape : (O, I) or (O, C, KH, KW)
    fan
        "in" keeps the forward signal, "out" the gradient; either suffices, and the ResNet codes use "out".
    uniform
        Draw from U(-sqrt(6/fan), sqrt(6/fan)) instead of a normal distribution.

    References
    ----------
    He et al. 2015, "Delving deep into rectifiers" (arXiv:1502.01852), equations 10 and 14.

    Examples
    --------
    >>> weight = msra((64, 3, 7, 7), rng=np.random.default_rng(0))
    >>> weight.shape, round(float(weight.std()) * (64 * 7 * 7 / 2) ** 0.5, 2)
    ((64, 3, 7, 7), 1.0)
    """
    return _draw(shape, 2 / _fan(shape, fan), rng, uniform, dtype)


def msra_by_fan_in(shape: Shape, *, rng: Generator, dtype: DTypeLike = np.float32) -> np.ndarray:
    """Draw `msra` weights that keep the forward signal: the He initialisation of fully-connected layers."""
    return msra(shape, rng=rng, fan="in", dtype=dtype)


def normal(shape: Shape, *, std: float, rng: Generator, dtype: DTypeLike = np.float32) -> np.ndarray:
    """Draw weights of one standard deviation, whatever the fans: the last layers of detectors begin small.

    Parameters
    ----------
    shape
    std
        The standard deviation; 0.01 for a detector's classes, 0.001 for its boxes.

    References
    ----------
    Girshick 2015, "Fast R-CNN" (arXiv:1504.08083), section 2.3.

    Examples
    --------
    >>> weight = normal((300, 200), std=0.01, rng=np.random.default_rng(0))
    >>> weight.dtype, round(float(weight.std()), 4)
    (dtype('float32'), 0.01)
    """
    return _draw(shape, std**2, rng, False, dtype)


def zero(shape: Shape, *, rng: Generator | None = None, dtype: DTypeLike = np.float32) -> np.ndarray:
    """Return zeros: a residual branch whose last weight is zero starts as the identity."""
    return _blank(shape, dtype) if rng is SHAPES_ONLY else np.zeros(shape, dtype)


def identity(shape: Shape, *, rng: Generator | None = None, dtype: DTypeLike = np.float32) -> np.ndarray:
    """Return the weight of the layer that copies channel i to channel i, a Dirac kernel.

    Parameters
    ----------
    shape : (O, I) or (O, C, KH, KW)
        With odd kernels and padding (K - 1) / 2 the convolution returns its input.
    rng
        Not drawn from.

    Returns
    -------
    weight
        1 at the centre of each kernel where O and C agree, 0 elsewhere.

    Raises
    ------
    ValueError
        For an even kernel, which has no centre.

    Examples
    --------
    >>> identity((2, 3))
    array([[1., 0., 0.],
           [0., 1., 0.]], dtype=float32)
    """
    fans(shape)  # complains of an impossible shape
    if any(size % 2 == 0 for size in shape[2:]):
        raise ValueError(f"shape: an identity kernel needs odd sizes, got {tuple(shape)}")
    if rng is SHAPES_ONLY:
        return _blank(shape, dtype)
    weight = np.zeros(shape, dtype)
    for channel in range(min(shape[:2])):
        weight[(channel, channel, *(size // 2 for size in shape[2:]))] = 1
    return weight


def check_generator(rng: object) -> None:
    """Raise TypeError unless rng is a numpy.random.Generator."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng: expected numpy.random.default_rng(seed), got {type(rng).__name__}")


def _fan(shape: Shape, fan: str) -> float:
    if fan not in FANS:
        raise ValueError(f"fan: expected one of {', '.join(FANS)}, got {fan!r}")
    fan_in, fan_out = fans(shape)
    return {"in": fan_in, "out": fan_out, "average": (fan_in + fan_out) / 2}[fan]


def _draw(shape: Shape, variance: float, rng: Generator, uniform: bool, dtype: DTypeLike) -> np.ndarray:
    check_generator(rng)
    if rng is SHAPES_ONLY:
        return _blank(shape, dtype)
    if uniform:
        bound = math.sqrt(3 * variance)
        return rng.uniform(-bound, bound, shape).astype(dtype)
    return (rng.standard_normal(shape) * math.sqrt(variance)).astype(dtype)


def _blank(shape: Shape, dtype: DTypeLike) -> np.ndarray:
    """Return a read-only array of that shape whose elements are all the same zero in memory."""
    return np.broadcast_to(np.zeros((), dtype), shape)
