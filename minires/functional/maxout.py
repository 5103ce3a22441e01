"""Maxout: the largest of several affine pieces."""

from minires.backend import array_module
from minires.checks import check_floats, check_gradient, whole_number
from minires.typing import Array, Cache

MOST_PIECES = 256  # the number of the largest is remembered in one byte


def maxout_forward(x: Array, *, pieces: int) -> tuple[Array, Cache]:
    """Return the largest of every `pieces` neighbouring channels.

    Parameters
    ----------
    x : (N, C*pieces, H, W) or (N, C*pieces)
        What a convolution or a fully-connected layer put out.
    pieces : int
        At most 256.

    Returns
    -------
    y : (N, C, H, W) or (N, C)
        Channel c is the largest of the channels c*pieces to c*pieces + pieces - 1 of x.
    cache : (argmax, pieces, x_shape, dtype)
        argmax, like y: the number of the largest piece, the first of equals, uint8.

    Raises
    ------
    ValueError
        If pieces does not divide the channels.

    References
    ----------
    Goodfellow et al. 2013 (arXiv:1302.4389), section 3: h = max_j z_j with z = W x + b.
    """
    xp = check_floats(x=x)
    pieces = whole_number("pieces", pieces, least=1)
    if pieces > MOST_PIECES:
        raise ValueError(f"pieces: expected at most {MOST_PIECES}, got {pieces}")
    if x.ndim < 2 or x.shape[1] % pieces:
        raise ValueError(f"x: expected (N, C*{pieces}, ...) for {pieces} pieces, got the shape {x.shape}")
    y = x[:, ::pieces]
    argmax = xp.zeros_like(y, dtype=xp.uint8)
    for piece in range(1, pieces):
        candidate = x[:, piece::pieces]
        argmax = xp.where(candidate > y, xp.uint8(piece), argmax)
        y = xp.maximum(candidate, y)
    return y, (argmax, pieces, x.shape, x.dtype)


def maxout_backward(dy: Array, cache: Cache) -> Array:
    """Return dx, of x's shape: dy for the largest piece, 0 for the others."""
    argmax, pieces, x_shape, dtype = cache
    check_gradient(dy, argmax.shape, dtype, on=argmax)
    xp = array_module(dy)
    dx = xp.zeros_like(dy, shape=x_shape)
    for piece in range(pieces):
        dx[:, piece::pieces] = xp.where(argmax == piece, dy, 0)
    return dx
