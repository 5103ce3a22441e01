"""Kernel position by kernel position, with a running maximum; the mean's backward as two matrix products."""

import numpy


class Remembered:
    def __init__(self, **values):
        self.__dict__.update(values)


def shifted(x, i, j, kernel_size, stride):
    """Return what stands at (i, j) in every window, a view."""
    (kh, kw), (sh, sw) = kernel_size, stride
    return x[:, :, i : x.shape[2] - kh + i + 1 : sh, j : x.shape[3] - kw + j + 1 : sw]


def max_pool2d_forward(x, *, kernel_size, stride):
    best = shifted(x, 0, 0, kernel_size, stride).copy()
    row, column = numpy.zeros(best.shape, int), numpy.zeros(best.shape, int)
    for i in range(kernel_size[0]):
        for j in range(kernel_size[1]):
            here = shifted(x, i, j, kernel_size, stride)
            better = here > best
            best = numpy.where(better, here, best)
            row, column = numpy.where(better, i, row), numpy.where(better, j, column)
    return best, Remembered(row=row, column=column, shape=x.shape, options=(kernel_size, stride))


def max_pool2d_backward(dy, cache):
    kernel_size, stride = cache.options
    dx = numpy.zeros(cache.shape, dtype=dy.dtype)
    for i in range(kernel_size[0]):
        for j in range(kernel_size[1]):
            there = shifted(dx, i, j, kernel_size, stride)
            there += numpy.where((cache.row == i) & (cache.column == j), dy, 0)
    return dx


def membership(length, kernel, stride, dtype):
    """Return (outputs, length) with 1/kernel where a pixel lies in the window of an output."""
    begin = stride * numpy.arange((length - kernel) // stride + 1)[:, None]
    pixel = numpy.arange(length)
    return ((begin <= pixel) & (pixel < begin + kernel)).astype(dtype) / kernel


def avg_pool2d_forward(x, *, kernel_size, stride):
    down = membership(x.shape[2], kernel_size[0], stride[0], x.dtype)
    across = membership(x.shape[3], kernel_size[1], stride[1], x.dtype)
    return down @ x @ across.T, (down, across)


def avg_pool2d_backward(dy, cache):
    down, across = cache
    return down.T @ dy @ across
