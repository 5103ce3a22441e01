"""Convolution on a GPU: the tile is the whole batch. One kernel lays out all columns, one product does the
rest.

The columns are KH*KW times as large as the image, and for a moment they all exist; a GPU's memory is large,
and one product of a whole batch is what it does best. Read `functional.conv` first.
"""

from minires.backend import array_module
from minires.kernels.cuda import blas, kernels


def convolve(x, weight, bias, windows, groups, relu=False):
    """Return y (N, O, OH, OW), and max(y, 0) of it if relu; arguments as in `functional.conv`."""
    o = len(weight)
    y = kernels.empty_images(x, (x.shape[0], o, *windows.out_size))
    columns, product, rows = kernels.im2col(x, windows), kernels.as_lines(y), weight.reshape(o, -1)
    for entries, outputs in _groups(len(columns), o, groups):
        blas.matmul(rows[outputs], columns[entries], out=product[outputs])
    if bias is not None:
        product += bias[:, None]
    if relu:
        array_module(x).maximum(product, 0, out=product)
    return y


def convolve_backward(dy, x, weight, has_bias, windows, groups, need_dx):
    """Return dx or None, dweight, and dbias or None. The columns are laid out again, as on a CPU."""
    xp, o = array_module(x), len(weight)
    columns, dy_lines, rows = kernels.im2col(x, windows), kernels.as_lines(dy), weight.reshape(o, -1)
    dcolumns = xp.empty(columns.shape, x.dtype) if need_dx else None
    dweight = xp.empty(rows.shape, x.dtype)
    for entries, outputs in _groups(len(columns), o, groups):
        # adjoint of y = weight @ columns
        blas.matmul(dy_lines[outputs], columns[entries].T, out=dweight[outputs])
        if need_dx:
            blas.matmul(rows[outputs].T, dy_lines[outputs], out=dcolumns[entries])
    dbias = dy_lines.sum(axis=1) if has_bias else None
    dx = kernels.col2im(dcolumns, x.shape, windows) if need_dx else None
    return dx, dweight.reshape(weight.shape), dbias


def _groups(entries, outputs, groups):
    """Return for each group its slices of the columns' rows and of the output channels."""
    i, o = entries // groups, outputs // groups
    return [(slice(g * i, (g + 1) * i), slice(g * o, (g + 1) * o)) for g in range(groups)]
