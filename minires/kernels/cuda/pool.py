"""Pooling in one launch each way: a thread for each output, and backward one for each pixel.

The textbook: `functional.pool`.
"""

import numpy as np

from minires.backend import array_module
from minires.checks import check_gradient, check_pool
from minires.kernels.cuda.launch import (
    as_lines,
    element_strides,
    empty_images,
    geometry,
    images_grid,
    launch,
)


def max_pool2d_forward(x, *, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """As `functional.max_pool2d_forward`."""
    windows = check_pool(x, kernel_size, stride, padding, ceil_mode, dilation)
    (n, c), (oh, ow), (mark, dtype) = x.shape[:2], windows.out_size, _mark(windows)
    y = empty_images(x, (n, c, oh, ow))
    argmax = array_module(x).empty((c, oh, ow, n), dtype).transpose(3, 0, 1, 2)
    launch(
        "max_pool_forward", x, images_grid(oh * ow * n, c), x, y, argmax, c, *geometry(n, windows),
        *element_strides(x), mark=mark,
    )  # fmt: skip
    return y, (argmax, windows, x.shape, x.dtype)


def max_pool2d_backward(dy, cache):
    """As `functional.max_pool2d_backward`."""
    argmax, windows, x_shape, dtype = cache
    check_gradient(dy, argmax.shape, dtype, on=argmax)
    n, c, h, w = x_shape
    dx = empty_images(dy, x_shape)
    launch(
        "max_pool_backward", dy, images_grid(h * w * n, c), as_lines(dy), as_lines(argmax), dx, c,
        *geometry(n, windows), mark=_mark(windows)[0],
    )  # fmt: skip
    return dx


def avg_pool2d_forward(x, *, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """As `functional.avg_pool2d_forward`."""
    windows = check_pool(x, kernel_size, stride, padding, ceil_mode)
    (n, c), (oh, ow) = x.shape[:2], windows.out_size
    y = empty_images(x, (n, c, oh, ow))
    launch(
        "avg_pool_forward", x, images_grid(oh * ow * n, c), x, count_include_pad, y, c,
        *geometry(n, windows), *element_strides(x),
    )  # fmt: skip
    return y, (windows, x.shape, x.dtype, bool(count_include_pad))


def avg_pool2d_backward(dy, cache):
    """As `functional.avg_pool2d_backward`."""
    windows, x_shape, dtype, count_include_pad = cache
    check_gradient(dy, (*x_shape[:2], *windows.out_size), dtype)
    n, c, h, w = x_shape
    dx = empty_images(dy, x_shape)
    launch(
        "avg_pool_backward", dy, images_grid(h * w * n, c), as_lines(dy), count_include_pad, dx, c,
        *geometry(n, windows),
    )  # fmt: skip
    return dx


def _mark(windows):
    """Return the C type and the dtype of a position in a window."""
    return ("unsigned char", np.uint8) if windows.kernel[0] * windows.kernel[1] <= 256 else ("int", np.int32)
