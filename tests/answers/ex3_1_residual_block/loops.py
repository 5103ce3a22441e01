"""One number at a time, with convolutions of its own, and named tuples for caches."""

from collections import namedtuple

import numpy as np

Cache = namedtuple("Cache", "x weight1 hidden active weight2 projection", defaults=[None])


def places(x, weight, stride, padding):
    """Yield (n, o, c, row and column of y, row and column of the kernel, row and column of x)."""
    batch, channels, height, width = x.shape
    outputs, _, kh, kw = weight.shape
    rows, columns = (height + 2 * padding - kh) // stride + 1, (width + 2 * padding - kw) // stride + 1
    for n in range(batch):
        for o in range(outputs):
            for c in range(channels):
                for r in range(rows):
                    for s in range(columns):
                        for i in range(kh):
                            for j in range(kw):
                                h, w = r * stride + i - padding, s * stride + j - padding
                                if 0 <= h < height and 0 <= w < width:
                                    yield n, o, c, r, s, i, j, h, w


def convolve(x, weight, stride, padding):
    size = [(length + 2 * padding - weight.shape[2]) // stride + 1 for length in x.shape[2:]]
    y = np.zeros((len(x), len(weight), *size), x.dtype)
    for n, o, c, r, s, i, j, h, w in places(x, weight, stride, padding):
        y[n, o, r, s] += x[n, c, h, w] * weight[o, c, i, j]
    return y


def convolve_back(dy, x, weight, stride, padding):
    dx, dweight = np.zeros_like(x), np.zeros_like(weight)
    for n, o, c, r, s, i, j, h, w in places(x, weight, stride, padding):
        dx[n, c, h, w] += dy[n, o, r, s] * weight[o, c, i, j]
        dweight[o, c, i, j] += dy[n, o, r, s] * x[n, c, h, w]
    return dx, dweight


def rectify(hidden):
    active = np.zeros_like(hidden)
    for place in np.ndindex(hidden.shape):
        if hidden[place] > 0:
            active[place] = hidden[place]
    return active


def rectify_back(dactive, hidden):
    dhidden = np.zeros_like(hidden)
    for place in np.ndindex(hidden.shape):
        if hidden[place] > 0:
            dhidden[place] = dactive[place]
    return dhidden


def identity_block_forward(x, weight1, weight2):
    hidden = convolve(x, weight1, 1, 1)
    active = rectify(hidden)
    y = convolve(active, weight2, 1, 1)
    for place in np.ndindex(x.shape):
        y[place] += x[place]
    return y, Cache(x, weight1, hidden, active, weight2)


def identity_block_backward(dy, cache):
    dactive, dweight2 = convolve_back(dy, cache.active, cache.weight2, 1, 1)
    dhidden = rectify_back(dactive, cache.hidden)
    dx, dweight1 = convolve_back(dhidden, cache.x, cache.weight1, 1, 1)
    for place in np.ndindex(dy.shape):
        dx[place] += dy[place]
    return dx, dweight1, dweight2


def projection_block_forward(x, weight1, weight2, projection):
    hidden = convolve(x, weight1, 2, 1)
    active = rectify(hidden)
    y = convolve(active, weight2, 1, 1)
    shortcut = convolve(x, projection, 2, 0)
    for place in np.ndindex(y.shape):
        y[place] += shortcut[place]
    return y, Cache(x, weight1, hidden, active, weight2, projection)


def projection_block_backward(dy, cache):
    dactive, dweight2 = convolve_back(dy, cache.active, cache.weight2, 1, 1)
    dhidden = rectify_back(dactive, cache.hidden)
    dx, dweight1 = convolve_back(dhidden, cache.x, cache.weight1, 2, 1)
    dprojection = np.zeros_like(cache.projection)
    batch, outputs, rows, columns = dy.shape
    for n in range(batch):
        for o in range(outputs):
            for c in range(dx.shape[1]):
                for r in range(rows):
                    for s in range(columns):
                        dx[n, c, 2 * r, 2 * s] += cache.projection[o, c, 0, 0] * dy[n, o, r, s]
                        dprojection[o, c, 0, 0] += dy[n, o, r, s] * cache.x[n, c, 2 * r, 2 * s]
    return dx, dweight1, dweight2, dprojection
