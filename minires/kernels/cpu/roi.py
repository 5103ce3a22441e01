"""Regions of interest with the channels innermost: a cell of all channels is one run of memory.

The textbook: `functional.roi`.
"""

import math

import numpy as np

from minires.checks import check_gradient, check_regions
from minires.kernels.cpu import parallel


def roi_pool_forward(x, boxes, image_index, *, size, scale):
    """As `functional.roi_pool_forward`, but all bins of all boxes take their first cell, then their second:
    R*P*P cells at once instead of R*H*W for every bin."""
    check_regions(x, boxes, image_index, size, scale)
    (_, c, h, w), count = x.shape, len(boxes)
    (left, across), (top, down) = (_ends_of_bins(boxes[:, i::2] * scale, size, (w, h)[i]) for i in (0, 1))
    cells = _cells_of(x).reshape(-1, c)  # (N*H*W, C)
    first = image_index.astype(np.intp)[:, None, None] * (h * w)
    y = np.full((count, size, size, c), -np.inf, x.dtype)
    argmax = np.full(y.shape, -1, np.int32)
    for row, column in np.ndindex(int(down.max()), int(across.max())):
        inside = (row < down)[:, :, None] & (column < across)[:, None, :]  # (R, P, P)
        cell = (top + row)[:, :, None] * w + (left + column)[:, None, :]
        bins = np.nonzero(inside)
        values, best = cells[(first + cell)[bins]], y[bins]
        argmax[bins] = np.where(values > best, cell[bins].astype(np.int32)[:, None], argmax[bins])
        y[bins] = np.maximum(values, best)
    y[(down == 0)[:, :, None] | (across == 0)[:, None, :]] = 0
    return y.transpose(0, 3, 1, 2), (argmax.transpose(0, 3, 1, 2), image_index, x.shape, x.dtype)


def roi_pool_backward(dy, cache):
    """As `functional.roi_pool_backward`; np.bincount adds in float64 and in one order."""
    argmax, image_index, x_shape, dtype = cache
    check_gradient(dy, argmax.shape, dtype, on=argmax)
    n, c, h, w = x_shape
    argmax, dy = argmax.transpose(0, 2, 3, 1), dy.transpose(0, 2, 3, 1)  # (R, P, P, C), as forward left them
    place = (image_index.astype(np.intp)[:, None, None, None] * (h * w) + argmax) * c + np.arange(c)
    filled = argmax >= 0
    dx = np.bincount(place[filled], dy[filled], minlength=math.prod(x_shape))
    return dx.astype(dtype).reshape(n, h, w, c).transpose(0, 3, 1, 2)


def _cells_of(x):
    """Return x (N, C, H, W) as contiguous (N, H, W, C)."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def _ends_of_bins(ends, size, length):
    """Return (first, count), each (R, P): which cells in a row of the map lie in each bin. ends: (R, 2)."""
    first, last = np.trunc(ends + np.copysign(np.full_like(ends, 0.5), ends)).T[:, :, None]
    cells, bins = np.maximum(last - first + 1, 1), np.arange(size, dtype=ends.dtype)
    begin = np.clip(first + np.floor(bins * cells / size), 0, length)
    end = np.clip(first + np.ceil((bins + 1) * cells / size), 0, length)
    return begin.astype(np.intp), (end - begin).astype(np.intp)


def roi_align_forward(x, boxes, image_index, *, size, scale, samples=2):
    """As `functional.roi_align_forward`: the rows of all boxes of an image are one product."""
    check_regions(x, boxes, image_index, size, scale, samples)
    (n, c, h, w), cells = x.shape, _cells_of(x)
    across, down = (
        _weights_of_bins(boxes[:, axis::2] * scale, size, samples, x.shape[3 - axis]) for axis in (0, 1)
    )
    y = np.empty((len(boxes), size, size, c), x.dtype)

    def images(begin, end):
        for image in range(begin, end):
            own = np.flatnonzero(image_index == image)
            rows = down[own].reshape(-1, h) @ cells[image].reshape(h, w * c)
            y[own] = across[own, None] @ rows.reshape(len(own), size, w, c)

    parallel.in_chunks(images, n, y)
    return y.transpose(0, 3, 1, 2), (down, across, image_index, x.shape)


def roi_align_backward(dy, cache):
    """As `functional.roi_align_backward`: the rows of all boxes of an image are one product."""
    down, across, image_index, x_shape = cache
    (n, c, h, w), (count, size) = x_shape, down.shape[:2]
    check_gradient(dy, (count, c, size, size), down.dtype, on=down)
    dy, dx = _cells_of(dy), np.empty((n, h, w, c), dy.dtype)

    def images(begin, end):
        for image in range(begin, end):
            own = np.flatnonzero(image_index == image)
            rows = across[own].swapaxes(1, 2)[:, None] @ dy[own]  # (r, P, W, C)
            dx[image] = (down[own].reshape(-1, h).T @ rows.reshape(-1, w * c)).reshape(h, w, c)

    parallel.in_chunks(images, n, dy)
    return dx.transpose(0, 3, 1, 2)


def _weights_of_bins(ends, size, samples, length):
    """Return the weights with which the cells in a row of the map enter each bin: (R, P, length)."""
    first, last = ends.T[:, :, None]
    points = (np.arange(size * samples, dtype=ends.dtype) + 0.5) / (size * samples)
    points = first + (last - first) * points - 0.5  # (R, P*S)
    distance = abs(points.clip(0, length - 1)[:, :, None] - np.arange(length, dtype=ends.dtype))
    weights = np.maximum(1 - distance, 0) * ((points >= -1) & (points <= length))[:, :, None]
    return weights.reshape(len(ends), size, samples, length).mean(axis=2)
