"""Pooling, a few channels at a time: windows never share a channel.

The textbook: `functional.pool`.
"""

import math

import numpy as np

from minires.checks import check_gradient, check_pool
from minires.kernels.cpu import parallel
from minires.kernels.cpu.elementwise import keep_where
from minires.kernels.cpu.layout import empty_images


def max_pool2d_forward(x, *, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """As `functional.max_pool2d_forward`."""
    if x.size < parallel.SMALL:
        return NotImplemented
    windows = check_pool(x, kernel_size, stride, padding, ceil_mode, dilation)
    y = empty_images(x, (*x.shape[:2], *windows.out_size))
    positions = windows.kernel[0] * windows.kernel[1]
    argmax = np.zeros_like(y, dtype=np.uint8 if positions <= 256 else np.int32)  # in the memory order of y
    number = argmax.dtype.type

    def block(x, y, argmax):
        # the largest of a window is the largest of its rows' largest: KW + KH comparisons, not KW * KH
        n, c, h, _ = x.shape
        rows = h, c, windows.out_size[1], n  # in the order of memory
        largest = parallel.scratch("largest", rows, like=x).transpose(3, 1, 0, 2)
        column = parallel.scratch("column", rows, like=argmax).transpose(3, 1, 0, 2)
        largest[...], column[...], y[...] = -np.inf, 0, -np.inf
        for kw in range(windows.kernel[1]):
            outputs, inputs = windows.shift(1, kw)
            _take_larger(largest[..., outputs], column[..., outputs], x[..., inputs], number(kw))
        for kh in range(windows.kernel[0]):
            outputs, inputs = windows.shift(0, kh)
            position = column[:, :, inputs] + number(kh * windows.kernel[1])
            _take_larger(y[:, :, outputs], argmax[:, :, outputs], largest[:, :, inputs], position)

    _in_blocks_of_channels(block, x, y, argmax)
    return y, (argmax, windows, x.shape, x.dtype)


def _take_larger(best, argmax, pixels, position):
    """Put pixels into best where they are larger, and their positions into argmax."""
    larger = pixels > best
    np.maximum(best, pixels, out=best)
    # positions are numbered upwards, so the largest number is that of the latest that was larger
    np.maximum(argmax, larger * position, out=argmax)


def max_pool2d_backward(dy, cache):
    """As `functional.max_pool2d_backward`."""
    argmax, windows, x_shape, dtype = cache
    if math.prod(x_shape) < parallel.SMALL:
        return NotImplemented
    check_gradient(dy, argmax.shape, dtype, on=argmax)
    dx = empty_images(dy, x_shape)

    def block(dx, dy, argmax):
        dx[...] = 0
        for position, (outputs, pixels) in enumerate(windows.positions()):
            dx[pixels] += keep_where(argmax[outputs] == position, dy[outputs])

    _in_blocks_of_channels(block, dx, dy, argmax)
    return dx


def global_avg_pool2d_backward(dy, cache):
    """As `functional.global_avg_pool2d_backward`, but every number is written, in the memory order in which
    the layers before it work; they would otherwise go on in that of dy."""
    x_shape, dtype = cache
    if math.prod(x_shape) < parallel.SMALL:
        return NotImplemented
    check_gradient(dy, x_shape[:2], dtype)
    dx = empty_images(dy, x_shape)
    dx[...] = (dy / (x_shape[2] * x_shape[3]))[:, :, None, None]
    return dx


def _in_blocks_of_channels(block, *arrays):
    """Call block on matching pieces of a few channels of arrays (N, C, ...)."""
    first = arrays[0]
    channels = first.shape[1]
    step = parallel.BLOCK * channels // first.size

    def chunk(begin, end):
        for part in parallel.blocks(begin, end, step):
            block(*(array[:, part] for array in arrays))

    parallel.in_chunks(chunk, channels, first)
