"""im2col and col2im in one launch each.

The textbook: `functional.columns`.
"""

from minires.backend import array_module
from minires.checks import check_col2im, check_im2col
from minires.kernels.cuda.launch import (
    as_lines,
    element_strides,
    empty_images,
    from_lines,
    geometry,
    images_grid,
    launch,
)


def im2col(x, *, kernel_size, stride=1, padding=0, dilation=1):
    """As `functional.im2col`."""
    windows = check_im2col(x, kernel_size, stride, padding, dilation)
    return columns_of(x, windows).copy()  # a 1x1 kernel's columns are x itself


def col2im(columns, x_shape, *, kernel_size, stride=1, padding=0, dilation=1):
    """As `functional.col2im`."""
    windows = check_col2im(columns, x_shape, kernel_size, stride, padding, dilation)
    return images_of(array_module(columns).ascontiguousarray(columns), x_shape, windows)


def columns_of(x, windows):
    """Return the columns (C*KH*KW, OH*OW*N) of x (N, C, H, W), a new array, except for a 1x1 kernel,
    whose columns are x itself (a view if it lies in lines)."""
    (n, c), (kh, kw), (oh, ow) = x.shape[:2], windows.kernel, windows.out_size
    if windows.kernel == windows.stride == (1, 1) and windows.padding == (0, 0):
        return as_lines(x)
    columns = array_module(x).empty((c * kh * kw, oh * ow * n), x.dtype)
    launch(
        "im2col", x, images_grid(oh * ow * n, len(columns)), x, columns, len(columns),
        *geometry(n, windows), *element_strides(x),
    )  # fmt: skip
    return columns


def images_of(columns, x_shape, windows):
    """Return dx (N, C, H, W): each pixel's sum over the contiguous columns (C*KH*KW, OH*OW*N) it stands
    in."""
    n, c, h, w = x_shape
    if windows.kernel == windows.stride == (1, 1) and windows.padding == (0, 0):
        return from_lines(columns, x_shape)
    dx = empty_images(columns, x_shape)
    launch("col2im", dx, images_grid(h * w * n, c), columns, dx, c, *geometry(n, windows))
    return dx
