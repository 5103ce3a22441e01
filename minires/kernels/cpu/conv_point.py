"""Convolution with a 1x1 kernel: the same matrix at every pixel, or at every stride-th one.

    y[:, pixel] = weight @ x[:, pixel]        dx = weight.T @ dy        dweight = sum over pixels of dy x.T

In memory ordered (H, C, W, N) an image row of all channels is a (C, W*N) matrix as it stands, and so is a row
of y. So there is nothing to lay out: a product for each row, from where x is to where y shall be. With a
stride the pixels that take part are copied together first; the others get no gradient.

Every function takes and fills contiguous rows (H, C, W*N), see `layout`.
"""

import numpy as np

from minires.kernels.cpu import parallel

NARROW = 256  # columns below which a product spends its time on the weights, and rows are better put together
WIDE = 1024  # pixels from which on a product makes up for adding its weight gradient to the others'


def supports(x, windows, groups):
    """Whether this algorithm applies and is faster: kernels of one pixel, no padding, long enough rows."""
    if groups > 1 or windows.kernel != (1, 1) or windows.padding != (0, 0):
        return False
    return x.shape[0] * windows.out_size[1] >= NARROW


def convolve(x, weight, bias, y, windows, relu=False):
    """Fill y (OH, O, OW*N): x (H, C, W*N) times weight (O, C, 1, 1), plus bias (O,) or None; max(y, 0) if
    relu."""
    _multiply(weight, _pixels_of(x, windows), bias, y, relu)


def convolve_transposed(dy, weight, dx, windows):
    """Fill dx (H, C, W*N) from dy (OH, O, OW*N)."""
    turned = weight.transpose(1, 0, 2, 3)
    if windows.stride == (1, 1):
        _multiply(turned, dy, None, dx)
        return
    taken = np.empty((len(dy), dx.shape[1], dy.shape[2]), dy.dtype)
    _multiply(turned, dy, None, taken)
    dx[...] = 0
    pixels = _view_of_pixels(dx, windows)
    pixels[...] = taken.reshape(pixels.shape)


def weight_gradient(dy, x, weight_shape, windows):
    """Return dweight (O, C, 1, 1) from dy (OH, O, OW*N) and x (H, C, W*N)."""
    x = _pixels_of(x, windows)
    (o, c), length = weight_shape[:2], x.shape[2]

    def chunk(begin, end):
        dweight = np.zeros((o, c), x.dtype)
        part = parallel.scratch("part", (o, c), like=x)
        for rows in parallel.blocks(begin, end, -(-WIDE // length)):
            np.matmul(_side_by_side(dy[rows]), _side_by_side(x[rows]).T, out=part)
            dweight += part
        return dweight

    return sum(parallel.in_chunks(chunk, len(dy), x)).reshape(weight_shape)


def _multiply(weight, x, bias, y, relu=False):
    """Fill y (H, O, L): weight (O, C, 1, 1) times x (H, C, L), plus bias (O,) or None; max(y, 0) if relu."""
    weight = weight.reshape(weight.shape[:2])

    def chunk(begin, end):
        for rows in parallel.blocks(begin, end, 1):
            np.matmul(weight, x[rows], out=y[rows])
            if bias is not None:
                y[rows] += bias[:, None]
            if relu:
                np.maximum(y[rows], 0, out=y[rows])

    parallel.in_chunks(chunk, len(y), y)


def _pixels_of(x, windows):
    """Return rows (OH, C, OW*N) of the pixels that take part: x (H, C, W*N) at stride 1, else a copy."""
    if windows.stride == (1, 1):
        return x
    view = _view_of_pixels(x, windows)
    pixels = np.empty(view.shape, x.dtype)

    def chunk(begin, end):
        pixels[begin:end] = view[begin:end]

    parallel.in_chunks(chunk, len(pixels), pixels)
    return pixels.reshape(*pixels.shape[:2], -1)


def _view_of_pixels(x, windows):
    """Return the pixels of x (H, C, W*N) that take part, as a view (OH, C, OW, N)."""
    height, channels, _ = x.shape
    down, across = windows.stride
    return x.reshape(height, channels, windows.size[1], -1)[::down, :, ::across]


def _side_by_side(rows):
    """Return rows (R, C, L) as one matrix (C, R*L): the row itself if it is one, else a copy."""
    return rows[0] if len(rows) == 1 else rows.transpose(1, 0, 2).reshape(rows.shape[1], -1)
