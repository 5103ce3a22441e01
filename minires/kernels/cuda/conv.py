"""Convolution on a GPU: one kernel lays out the columns of the whole batch, one product does the rest.

The textbook: `functional.conv`. The columns are KH*KW times as large as the image, and for a moment they all
exist; a GPU's memory is large, and one product of a whole batch is what it does best.
"""

from minires.backend import array_module
from minires.checks import check_conv2d, check_gradient
from minires.kernels.cuda import blas
from minires.kernels.cuda.columns import columns_of, images_of
from minires.kernels.cuda.launch import as_lines, empty_images
from minires.sums import total


def conv2d_forward(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    """As `functional.conv2d_forward`."""
    windows, groups = check_conv2d(x, weight, bias, stride, padding, dilation, groups)
    y = _convolve(x, weight, bias, windows, groups)
    return y, (x, weight, bias is not None, windows, groups)


def conv2d_predict(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1, relu=False):
    """As `functional.conv2d_predict`."""
    windows, groups = check_conv2d(x, weight, bias, stride, padding, dilation, groups)
    y = _convolve(x, weight, bias, windows, groups)
    if relu:
        array_module(x).maximum(y, 0, out=y)
    return y


def conv2d_backward(dy, cache, *, need_dx=True):
    """As `functional.conv2d_backward`."""
    x, weight, has_bias, windows, groups = cache
    check_gradient(dy, (x.shape[0], weight.shape[0], *windows.out_size), x.dtype, on=x)
    xp, o = array_module(x), len(weight)
    columns, dy_lines, rows = columns_of(x, windows), as_lines(dy), weight.reshape(o, -1)
    dcolumns = xp.empty(columns.shape, x.dtype) if need_dx else None
    dweight = xp.empty(rows.shape, x.dtype)
    for entries, outputs in _groups(len(columns), o, groups):
        # adjoint of y = weight @ columns
        blas.matmul(dy_lines[outputs], columns[entries].T, out=dweight[outputs])
        if need_dx:
            blas.matmul(rows[outputs].T, dy_lines[outputs], out=dcolumns[entries])
    dbias = total(dy_lines, axis=1) if has_bias else None
    dx = images_of(dcolumns, x.shape, windows) if need_dx else None
    return dx, dweight.reshape(weight.shape), dbias


def _convolve(x, weight, bias, windows, groups):
    o = len(weight)
    y = empty_images(x, (x.shape[0], o, *windows.out_size))
    columns, product, rows = columns_of(x, windows), as_lines(y), weight.reshape(o, -1)
    for entries, outputs in _groups(len(columns), o, groups):
        blas.matmul(rows[outputs], columns[entries], out=product[outputs])
    if bias is not None:
        product += bias[:, None]
    return y


def _groups(entries, outputs, groups):
    """Return for each group its slices of the columns' rows and of the output channels."""
    i, o = entries // groups, outputs // groups
    return [(slice(g * i, (g + 1) * i), slice(g * o, (g + 1) * o)) for g in range(groups)]
