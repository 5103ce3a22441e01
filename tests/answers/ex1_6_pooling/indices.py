"""The number of every window's pixels in the flat image, and sums by np.add.at; caches are named tuples."""

from collections import namedtuple

import numpy as np

Max = namedtuple("Max", "pixels shape")
Mean = namedtuple("Mean", "pixels shape size")


def pixels_of_windows(shape, kernel_size, stride):
    """Return the numbers of the pixels of each window, (N, C, OH, OW, KH*KW)."""
    n, c, h, w = shape
    kh, kw = kernel_size
    top = np.arange(0, h - kh + 1, stride[0])
    left = np.arange(0, w - kw + 1, stride[1])
    rows = top[:, None] + np.arange(kh)  # (OH, KH)
    columns = left[:, None] + np.arange(kw)  # (OW, KW)
    plane = rows[:, None, :, None] * w + columns[None, :, None, :]
    start = np.arange(n * c).reshape(n, c, 1, 1, 1) * (h * w)
    return start + plane.reshape(len(top), len(left), kh * kw)


def max_pool2d_forward(x, *, kernel_size, stride):
    pixels = pixels_of_windows(x.shape, kernel_size, stride)
    values = x.reshape(-1)[pixels]
    chosen = np.take_along_axis(pixels, np.argmax(values, axis=-1)[..., None], axis=-1)[..., 0]
    return x.reshape(-1)[chosen], Max(chosen, x.shape)


def max_pool2d_backward(dy, cache):
    flat = np.zeros(np.prod(cache.shape), dy.dtype)
    np.add.at(flat, cache.pixels, dy)
    return flat.reshape(cache.shape)


def avg_pool2d_forward(x, *, kernel_size, stride):
    pixels = pixels_of_windows(x.shape, kernel_size, stride)
    size = kernel_size[0] * kernel_size[1]
    return x.reshape(-1)[pixels].sum(axis=-1) / size, Mean(pixels, x.shape, size)


def avg_pool2d_backward(dy, cache):
    flat = np.zeros(np.prod(cache.shape), dy.dtype)
    np.add.at(flat, cache.pixels, dy[..., None] / cache.size)
    return flat.reshape(cache.shape)
