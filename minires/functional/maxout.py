"""Maxout: the largest of several affine pieces."""

from minires.backend import array_module
from minires.checks import check_floats, check_gradient, whole_number
from minires.kernels.cpu.layout import empty_images

MOST_PIECES = 255  # the winner's number is remembered in one byte


def maxout_forward(x, *, pieces):
    """Return the largest of every `pieces` neighbouring channels, and the cache.

    x: (N, C*pieces, H, W) or (N, C*pieces), what a convolution or a fully-connected layer put out. Channel c
    of y, (N, C, H, W) or (N, C), is the largest of the channels c*pieces to c*pieces + pieces - 1 of x.
    The cache remembers the number of each winner, one byte; of equals the first wins.
    Raises ValueError if pieces does not divide the channels.
    Goodfellow et al. 2013 (arXiv:1302.4389), section 3: h = max_j z_j with z = W x + b.
    """
    xp = check_floats(x=x)
    if whole_number("pieces", pieces, least=1) > MOST_PIECES:
        raise ValueError(f"pieces: expected at most {MOST_PIECES}, got {pieces}")
    if x.ndim < 2 or x.shape[1] % pieces:
        raise ValueError(f"x: expected (N, C*{pieces}, ...) for {pieces} pieces, got the shape {x.shape}")
    y = _empty(x, (x.shape[0], x.shape[1] // pieces, *x.shape[2:]))
    winner = xp.zeros_like(y, dtype=xp.uint8)
    y[...] = x[:, ::pieces]
    for piece in range(1, pieces):
        candidate = x[:, piece::pieces]
        # pieces are numbered upwards, so the largest number is that of the latest winner
        xp.maximum(winner, (candidate > y) * winner.dtype.type(piece), out=winner)
        xp.maximum(candidate, y, out=y)
    return y, (winner, pieces, x.shape, x.dtype)


def maxout_backward(dy, cache):
    """Return dx, of x's shape: dy for each winner, 0 for the other pieces."""
    winner, pieces, shape, dtype = cache
    check_gradient(dy, winner.shape, dtype, on=winner)
    dx = _empty(dy, shape)
    for piece in range(pieces):
        dx[:, piece::pieces] = dy * (winner == piece)
    return dx


def _empty(like, shape):
    if len(shape) == 4:
        return empty_images(like, shape)
    return array_module(like).empty(shape, like.dtype)
