"""Convolution: which algorithm suits it, and the one with columns, a block of output rows at a time.

The textbook: `functional.conv`. There all columns exist at once, KH*KW times as large as the image. Here a
block of a few output rows is laid out in the cache, multiplied, and overwritten by the next.

Most convolutions of a ResNet (those of stride 1) can do without columns and are faster for it: `conv_point`
does 1x1 kernels, `conv_shift` larger ones, the same sums in another order. And where there is little to do,
`conv_whole` does it at once.
"""

import numpy as np

from minires.checks import check_conv2d, check_gradient
from minires.kernels.cpu import conv_point, conv_shift, conv_whole, parallel, sums
from minires.kernels.cpu.columns import add_columns, crop, fill_columns, pad, padded_shape, rows_to_pad
from minires.kernels.cpu.layout import as_rows, empty_images, from_rows

WIDE = 256  # columns below which a matrix product is slow


def conv2d_forward(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    """As `functional.conv2d_forward`; x in the cache is in the order of memory in which backward wants it."""
    if _too_small(x, weight):
        return NotImplemented
    windows, groups = check_conv2d(x, weight, bias, stride, padding, dilation, groups)
    y, x = _convolution(x, weight, bias, windows, groups)
    return y, (x, weight, bias is not None, windows, groups)


def conv2d_predict(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1, relu=False):
    """As `functional.conv2d_predict`: max(y, 0) is taken of each row while it is in the cache."""
    if _too_small(x, weight):
        return NotImplemented
    windows, groups = check_conv2d(x, weight, bias, stride, padding, dilation, groups)
    return _convolution(x, weight, bias, windows, groups, relu)[0]


def conv2d_backward(dy, cache, *, need_dx=True):
    """As `functional.conv2d_backward`."""
    x, weight, has_bias, windows, groups = cache
    if _too_small(x, weight):
        return NotImplemented
    check_gradient(dy, (x.shape[0], weight.shape[0], *windows.out_size), x.dtype, on=x)
    dbias = _sum_over_pixels(dy) if has_bias else None
    dx = empty_images(x, x.shape) if need_dx else None
    if conv_whole.supports(x, weight, windows, groups):
        return dx, conv_whole.backward(_in_memory(dy), _in_memory(x), weight, _in_memory(dx), windows), dbias
    algorithm = _without_columns(x, windows, groups)
    if algorithm:
        dy_rows = as_rows(dy)
        if need_dx:
            algorithm.convolve_transposed(dy_rows, weight, as_rows(dx), windows)
        return dx, algorithm.weight_gradient(dy_rows, as_rows(x), weight.shape, windows), dbias
    dweight = np.empty_like(weight)
    for inputs, outputs in _channel_groups(x.shape[1], len(weight), groups):
        group_dx, group_dweight = _convolve_backward(
            dy[:, outputs], x[:, inputs], weight[outputs], windows, need_dx
        )
        dweight[outputs] = group_dweight.reshape(weight[outputs].shape)
        if need_dx:
            dx[:, inputs] = group_dx
    return dx, dweight, dbias


def _too_small(x, weight):
    """Whether to leave the work to the textbook: few numbers, and so few multiply-adds that BLAS makes the
    product alone (its own threads would fight with those of other processes, see `linear`)."""
    if x.ndim != 4 or getattr(weight, "ndim", 0) != 4:
        return True  # the textbook's checks say what is wrong
    pixels = x.size // max(1, x.shape[1])
    return x.size < parallel.SMALL and pixels * weight.size < parallel.ALONE


def _convolution(x, weight, bias, windows, groups, relu=False):
    """Return y and x, the latter in the order of memory in which backward wants it."""
    y = empty_images(x, (x.shape[0], weight.shape[0], *windows.out_size))
    if conv_whole.supports(x, weight, windows, groups):
        conv_whole.convolve(_in_memory(x), weight, bias, _in_memory(y), windows, relu)
        return y, x
    algorithm = _without_columns(x, windows, groups)
    if algorithm:
        x_rows = as_rows(x)
        algorithm.convolve(x_rows, weight, bias, as_rows(y), windows, relu)
        return y, from_rows(x_rows, x.shape)
    for inputs, outputs in _channel_groups(x.shape[1], y.shape[1], groups):
        group_bias = None if bias is None else bias[outputs]
        _convolve(x[:, inputs], weight[outputs], group_bias, y[:, outputs], windows, relu)
    return y, x


def _without_columns(x, windows, groups):
    """Return the module that computes this convolution faster, without columns, or None."""
    if conv_point.supports(x, windows, groups):
        return conv_point
    return conv_shift if conv_shift.supports(x, windows, groups) else None


def _in_memory(images):
    """Return images (N, C, H, W) as they lie in memory, (H, C, W, N); None stays None."""
    return None if images is None else images.transpose(2, 1, 3, 0)


def _channel_groups(in_channels, out_channels, groups):
    """Return for each group its slices of input and of output channels."""
    i, o = in_channels // groups, out_channels // groups
    return [(slice(g * i, (g + 1) * i), slice(g * o, (g + 1) * o)) for g in range(groups)]


def _sum_over_pixels(dy):
    """Return the sum of dy (N, O, OH, OW) for each channel (O,)."""
    return sums.of_lines(as_rows(dy)).sum(axis=0).astype(dy.dtype)


# -- block by block; below, images are in the order of their memory: x (H, C, W, N), y (OH, O, OW, N) --------


def _convolve(x, weight, bias, y, windows, relu):
    """Fill y (N, O, OH, OW) with the convolution of x (N, C, H, W), and max(y, 0) of it if relu."""
    x, y = x.transpose(2, 1, 3, 0), y.transpose(2, 1, 3, 0)
    _, o, ow, n = y.shape
    weight = weight.reshape(o, -1)  # (O, C*KH*KW)

    def chunk(begin, end):
        for rows, columns in _blocks_of_columns(x, begin, end, windows):
            product = parallel.scratch("product", (o, columns.shape[1]), like=x)
            np.matmul(weight, columns, out=product)
            if bias is not None:
                product += bias[:, None]
            if relu:
                np.maximum(product, 0, out=product)
            y[rows] = product.reshape(o, -1, ow, n).transpose(1, 0, 2, 3)

    parallel.in_chunks(chunk, len(y), y, multiply_adds=y.size // o * weight.size)


def _convolve_backward(dy, x, weight, windows, need_dx):
    """Return dx (N, C, H, W), or None if not needed, and dweight (O, C*KH*KW) of one group."""
    x, dy = x.transpose(2, 1, 3, 0), dy.transpose(2, 1, 3, 0)
    (_, c, _, n), (kh, kw), (oh, ow) = x.shape, windows.kernel, windows.out_size
    o, stride, reach = len(weight), windows.stride[0], windows.reach[0]
    weight = weight.reshape(o, -1)  # (O, C*KH*KW)

    def chunk(begin, end):
        first, last = begin * stride, (end - 1) * stride + reach  # the padded rows that the chunk reads
        dpadded = np.zeros((last - first, *padded_shape(x.shape, windows)[1:]), x.dtype) if need_dx else None
        dweight = np.zeros_like(weight)
        for rows, columns in _blocks_of_columns(x, begin, end, windows):
            dy_block = dy[rows].transpose(1, 0, 2, 3).reshape(o, -1)  # (O, rows*OW*N)
            dweight += dy_block @ columns.T  # (O, C*KH*KW), adjoint of y = weight @ columns
            if need_dx:
                dcolumns = parallel.scratch("dcolumns", columns.shape, like=x)
                np.matmul(weight.T, dy_block, out=dcolumns)
                dcolumns = dcolumns.reshape(c, kh, kw, -1, ow, n)
                add_columns(dpadded[rows.start * stride - first :], dcolumns, windows)
        return first, dpadded, dweight

    results = parallel.in_chunks(chunk, oh, x, multiply_adds=dy.size // o * weight.size)
    dweight = sum(dweight for _, _, dweight in results)
    if not need_dx:
        return None, dweight
    dx = crop([(first, dpadded) for first, dpadded, _ in results], x.shape, windows)
    return dx.transpose(3, 1, 0, 2), dweight


def _blocks_of_columns(x, begin, end, windows):
    """Yield (rows, columns) for the output rows from begin to end: a slice of a few rows, and their columns
    (C*KH*KW, rows*OW*N). The next pair overwrites the columns."""
    (_, c, _, n), (kh, kw), ow = x.shape, windows.kernel, windows.out_size[1]
    # columns that stay in the cache, and are wide enough for a fast product
    step = max(parallel.BLOCK // (c * kh * kw * ow * n), -(-WIDE // (ow * n)))
    for piece in parallel.blocks(begin, end, max(rows_to_pad(x, windows), step)):
        padded = pad(x, piece, windows)
        for rows in parallel.blocks(piece.start, piece.stop, step):
            columns = parallel.scratch("columns", (c, kh, kw, rows.stop - rows.start, ow, n), like=x)
            fill_columns(columns, padded[(rows.start - piece.start) * windows.stride[0] :], windows)
            yield rows, columns.reshape(c * kh * kw, -1)
