"""The columns of a few output rows at a time, and the way back: the steps of `conv`.

In the textbook (`functional.columns`) all columns exist at once. Both ways go through an image with its
padding, `pad`, in which what a window position reads lies side by side. Windows that start every S pixels
read every S-th pixel of a row; so pixel w of a padded row stands at [w % S, w // S]. Then position (kh, kw)
reads, for all windows at once, one slice of it, and the columns are copies of slices that overlap. (With
dilation D position kw begins at pixel kw*D; every S-th position is in the same phase, D pixels further on
there.) Images are in the order of their memory, (H, C, W, N).
"""

import math

import numpy as np

from minires.kernels.cpu import parallel


def padded_shape(shape, windows):
    """Return the shape (H + 2*padding, C, S, ceil((W + 2*padding) / S), N) of a padded image (H, C, W, N)."""
    (h, c, w, n), (pad_h, pad_w), stride = shape, windows.padding, windows.stride[1]
    return h + 2 * pad_h, c, stride, -(-(w + 2 * pad_w) // stride), n


def rows_to_pad(x, windows):
    """How many output rows to `pad` for at once: a few blocks' worth, for where two pieces meet rows are
    padded twice."""
    _, *row = padded_shape(x.shape, windows)
    return 4 * parallel.BLOCK // (math.prod(row) * windows.stride[0])


def pad(x, rows, windows):
    """Return what the output rows `rows` (a slice) read of x (H, C, W, N): padded rows, sorted by phase."""
    begin, end = rows.start * windows.stride[0], (rows.stop - 1) * windows.stride[0] + windows.reach[0]
    _, *shape = padded_shape(x.shape, windows)
    padded = parallel.scratch("padded", (end - begin, *shape), like=x)
    padded[...] = 0
    first = begin - windows.padding[0]  # counted in rows of x
    top, bottom = max(first, 0), min(end - windows.padding[0], len(x))
    if top < bottom:
        for inside, pixels in _phases(padded[top - first : bottom - first], x[top:bottom], windows):
            inside[...] = pixels
    return padded


def crop(pieces, shape, windows):
    """Return the gradient of x, (H, C, W, N) as `shape` says, from those of padded rows: the adjoint of pad.

    pieces: pairs (first padded row, gradients from there on). Where two overlap, both count.
    """
    dx = np.zeros(shape, pieces[0][1].dtype)

    def chunk(begin, end):
        for first_padded, piece in pieces:
            first = first_padded - windows.padding[0]  # counted in rows of x
            top, bottom = max(begin, first), min(end, first + len(piece))
            if top < bottom:
                for inside, pixels in _phases(piece[top - first : bottom - first], dx[top:bottom], windows):
                    pixels += inside

    parallel.in_chunks(chunk, len(dx), dx)
    return dx


def _phases(padded, x, windows):
    """Yield for each phase of rows the views (H, C, pixels, N) of padded and of x that hold the same."""
    stride, padding = windows.stride[1], windows.padding[1]
    for phase in range(stride):
        first = (phase - padding) % stride  # the first pixel of x in this phase
        pixels = x[:, :, first::stride]
        at = (first + padding) // stride
        yield padded[:, :, phase, at : at + pixels.shape[2]], pixels


def fill_columns(columns, padded, windows):
    """Fill columns (C, KH, KW, OH, OW, N) from padded rows, the first of which is their first."""
    (stride_h, stride_w), (dilation_h, dilation_w) = windows.stride, windows.dilation
    c, kh, kw, *rest = columns.shape
    down, across_channels, _, across, to_image = padded.strides
    steps = (across_channels, down * dilation_h, across * dilation_w, down * stride_h, across, to_image)
    as_strided = np.lib.stride_tricks.as_strided
    for j in range(min(stride_w, kw)):
        first, phase = divmod(j * dilation_w, stride_w)
        shape = (c, kh, len(range(j, kw, stride_w)), *rest)
        columns[:, :, j::stride_w] = as_strided(padded[:, :, phase, first:], shape, steps)


def add_columns(dpadded, columns, windows):
    """Add columns (C, KH, KW, OH, OW, N) onto rows of a padded image: the adjoint of fill_columns."""
    (stride_h, stride_w), (_, kh, kw, oh, ow, _) = windows.stride, columns.shape
    for i in range(kh):
        top = i * windows.dilation[0]
        rows = slice(top, top + (oh - 1) * stride_h + 1, stride_h)
        for j in range(kw):
            first, phase = divmod(j * windows.dilation[1], stride_w)
            dpadded[rows, :, phase, first : first + ow] += columns[:, i, j].transpose(1, 0, 2, 3)
