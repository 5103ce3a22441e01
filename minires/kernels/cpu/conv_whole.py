"""Convolution with all columns at once, as in the textbook: for images so few and small that cutting them
into blocks costs more than it gains.

Images are in the order of their memory, x (H, C, W, N) and y (OH, O, OW, N), see `layout`; the columns are
(C*KH*KW, OH*OW*N). It all happens in the thread that calls, and BLAS uses one thread.
"""

import numpy as np

from minires.kernels.cpu import parallel

FEW = 1 << 17  # numbers in all columns up to which this is the fastest way
SOME = 1 << 20  # ... up to which it is faster than block by block
THIN = 9  # numbers of a window's row below which `conv_shift` multiplies matrices that are too thin


def supports(x, weight, windows, groups):
    """Whether this is the fastest way: without groups, and few columns, or so few multiply-adds that threads
    do not pay where the ways without columns do not serve, or serve badly."""
    columns = weight[0].size * windows.out_size[0] * windows.out_size[1] * len(x)
    if groups != 1 or columns > SOME:
        return False
    alone = parallel.get_threads() == 1 or columns * len(weight) < parallel.MUCH
    thin = weight.shape[1] * windows.kernel[0] <= THIN
    return columns <= FEW or alone and (thin or windows.stride != (1, 1))


def convolve(x, weight, bias, y, windows, relu=False):
    """Fill y (OH, O, OW, N): x (H, C, W, N) convolved with weight (O, C, KH, KW), plus bias (O,) or None; and
    max(y, 0) of it if relu."""
    with parallel.one_blas_thread:
        product = weight.reshape(len(weight), -1) @ _columns(x, windows)
    if bias is not None:
        product += bias[:, None]
    if relu:
        np.maximum(product, 0, out=product)
    y[...] = product.reshape(len(weight), *y[:, 0].shape).transpose(1, 0, 2, 3)


def backward(dy, x, weight, dx, windows):
    """Return dweight (O, C, KH, KW) from dy (OH, O, OW, N) and x (H, C, W, N); fill dx, unless it is None."""
    (oh, o, ow, n), (_, c, kh, kw) = dy.shape, weight.shape
    dproduct = dy.transpose(1, 0, 2, 3).reshape(o, -1)
    with parallel.one_blas_thread:
        dweight = dproduct @ _columns(x, windows).T
        dcolumns = None if dx is None else weight.reshape(o, -1).T @ dproduct
    if dx is not None:
        dpadded = _padded(x, windows, empty=True)
        dcolumns = dcolumns.reshape(c, kh, kw, oh, ow, n)
        for i, j, pixels in _positions(windows):
            dpadded[pixels] += dcolumns[:, i, j].transpose(1, 0, 2, 3)
        dx[...] = dpadded[_inside(x, windows)]
    return dweight.reshape(weight.shape)


def _columns(x, windows):
    """Return the columns (C*KH*KW, OH*OW*N) of x (H, C, W, N)."""
    (_, c, _, n), (kh, kw), (oh, ow) = x.shape, windows.kernel, windows.out_size
    padded, columns = _padded(x, windows), np.empty((c, kh, kw, oh, ow, n), x.dtype)
    for i, j, pixels in _positions(windows):
        columns[:, i, j] = padded[pixels].transpose(1, 0, 2, 3)
    return columns.reshape(c * kh * kw, -1)


def _padded(x, windows, empty=False):
    """Return x (H, C, W, N) with zeros around it, or only zeros."""
    (h, c, w, n), (down, across) = x.shape, windows.padding
    padded = np.zeros((h + 2 * down, c, w + 2 * across, n), x.dtype)
    if not empty:
        padded[_inside(x, windows)] = x
    return padded


def _inside(x, windows):
    """Return the index of x in the padded images."""
    (h, _, w, _), (down, across) = x.shape, windows.padding
    return slice(down, down + h), slice(None), slice(across, across + w)


def _positions(windows):
    """Yield (i, j, index) for each position inside a window: the padded pixels that stand there."""
    (kh, kw), (oh, ow), (down, across) = windows.kernel, windows.out_size, windows.stride
    for i in range(kh):
        for j in range(kw):
            row, column = i * windows.dilation[0], j * windows.dilation[1]
            rows, columns = slice(row, row + down * oh, down), slice(column, column + across * ow, across)
            yield i, j, (rows, slice(None), columns)
