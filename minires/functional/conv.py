"""Convolution: lay every window out as a column, and one matrix product does the rest.

    y = weight @ columns          weight (O, C*KH*KW), columns (C*KH*KW, OH*OW*N)
    dweight  = dy @ columns.T
    dcolumns = weight.T @ dy      and each pixel's gradient is the sum over the columns it stands in

The columns are KH*KW times as large as the image. So they never exist as a whole: a tile of a few output
rows is laid out in the cache, multiplied, and overwritten by the next. Backward lays them out again: besides
the weight, x is all that forward remembers.

Most convolutions of a ResNet (those of stride 1) can do without columns and are faster for it: `conv_point`
does 1x1 kernels, `conv_shift` larger ones on a CPU, the same sums in another order. Read this file first;
nothing there is needed to understand it. To step through the columns with such a kernel, call `im2col` (in
`columns`) and multiply.
"""

from minires.backend import array_module
from minires.checks import check_floats, check_gradient, check_ndim, check_shape, whole_number
from minires.functional.columns import add_columns, crop, fill_columns, pad, padded_shape, rows_to_pad
from minires.kernels.cpu import conv_point, conv_shift, parallel
from minires.kernels.cpu.layout import as_rows, empty_images, from_rows
from minires.kernels.cuda import conv as conv_cuda
from minires.kernels.cuda import has_kernels
from minires.windows import sliding_windows

WIDE = 256  # columns below which a matrix product is slow


def conv2d_forward(x, weight, bias=None, *, stride=1, padding=0, groups=1):
    """Convolve images with a bank of kernels (cross-correlation, as everywhere in deep learning).

    x: (N, C, H, W); weight: (O, C/groups, KH, KW); bias: (O,) or None; stride, padding: int or (h, w).
    groups: output channels of group g see only input channels of group g (AlexNet's two GPUs).
    Returns y (N, O, OH, OW) with OH = (H + 2*padding - KH) // stride + 1, and the cache, which remembers x
    (for dweight) and weight (for dx): both are there anyway, unless x comes in another order of memory than
    `layout` says; then it may be a copy in that order.
    Raises ValueError for shapes that do not fit, TypeError for dtypes or devices that differ.
    LeCun et al. 1998, "Gradient-based learning applied to document recognition", section II.
    """
    windows = _check(x, weight, bias, stride, padding, groups)
    y, x = _convolution(x, weight, bias, windows, groups)
    cache = (x, weight, bias is not None, windows, groups)
    return y, cache


def conv2d_predict(x, weight, bias=None, *, stride=1, padding=0, groups=1, relu=False):
    """Return conv2d_forward's y (N, O, OH, OW) alone, or max(y, 0), remembering nothing.

    relu: whether max(y, 0) is taken, of each row while it is in the cache. The other arguments and the errors
    are those of conv2d_forward.
    """
    windows = _check(x, weight, bias, stride, padding, groups)
    return _convolution(x, weight, bias, windows, groups, relu)[0]


def _convolution(x, weight, bias, windows, groups, relu=False):
    """Return y and x, the latter in the order of memory in which backward wants it."""
    if has_kernels(x):
        return conv_cuda.convolve(x, weight, bias, windows, groups, relu), x
    y = empty_images(x, (x.shape[0], weight.shape[0], *windows.out_size))
    way = _without_columns(x, windows, groups)
    if way:
        x_rows = as_rows(x)
        way.convolve(x_rows, weight, bias, as_rows(y), windows, relu)
        return y, from_rows(x_rows, x.shape)
    for inputs, outputs in _channel_groups(x.shape[1], y.shape[1], groups):
        group_bias = None if bias is None else bias[outputs]
        _convolve(x[:, inputs], weight[outputs], group_bias, y[:, outputs], windows, relu)
    return y, x


def conv2d_backward(dy, cache, *, need_dx=True):
    """Return (dx, dweight, dbias) of conv2d_forward; dbias is None if it had no bias.

    dy: (N, O, OH, OW), the gradient of the loss with respect to y.
    need_dx: False if x is given data, whose gradient nobody wants; dx is then None.
    dbias sums dy over images and pixels, for each of them adds the same bias.
    """
    x, weight, has_bias, windows, groups = cache
    check_gradient(dy, (x.shape[0], weight.shape[0], *windows.out_size), x.dtype, on=x)
    if has_kernels(x):
        return conv_cuda.convolve_backward(dy, x, weight, has_bias, windows, groups, need_dx)
    dbias = _sum_over_pixels(dy) if has_bias else None
    dx = empty_images(x, x.shape) if need_dx else None
    way = _without_columns(x, windows, groups)
    if way:
        dy_rows = as_rows(dy)
        if need_dx:
            way.convolve_transposed(dy_rows, weight, as_rows(dx), windows)
        return dx, way.weight_gradient(dy_rows, as_rows(x), weight.shape, windows), dbias
    dweight = array_module(x).empty_like(weight)
    for inputs, outputs in _channel_groups(x.shape[1], len(weight), groups):
        group_dx, group_dweight = _convolve_backward(
            dy[:, outputs], x[:, inputs], weight[outputs], windows, need_dx
        )
        dweight[outputs] = group_dweight.reshape(weight[outputs].shape)
        if need_dx:
            dx[:, inputs] = group_dx
    return dx, dweight, dbias


def _without_columns(x, windows, groups):
    """Return the module that computes this convolution faster, without columns, or None."""
    if conv_point.suits(x, windows, groups):
        return conv_point
    return conv_shift if conv_shift.suits(x, windows, groups) else None


def _check(x, weight, bias, stride, padding, groups):
    check_floats(x=x, weight=weight, bias=bias)
    check_ndim("x", x, (4, "(N, C, H, W)"))
    check_ndim("weight", weight, (4, "(O, C/groups, KH, KW)"))
    (o, c), channels = weight.shape[:2], x.shape[1]
    groups = whole_number("groups", groups, least=1)
    if channels % groups or o % groups:
        raise ValueError(f"groups: {groups} does not divide {channels} input and {o} output channels")
    if c * groups != channels:
        raise ValueError(
            f"x has {channels} channels, but weight {tuple(weight.shape)} with groups={groups} "
            f"expects {c * groups}"
        )
    check_shape("bias", bias, (o,), "one for each output channel")
    return sliding_windows(x.shape[2:], kernel_size=weight.shape[2:], stride=stride, padding=padding)


def _channel_groups(in_channels, out_channels, groups):
    """Return for each group its slices of input and of output channels."""
    i, o = in_channels // groups, out_channels // groups
    return [(slice(g * i, (g + 1) * i), slice(g * o, (g + 1) * o)) for g in range(groups)]


def _sum_over_pixels(dy):
    """Return the sum of dy (N, O, OH, OW) for each channel (O,)."""
    rows = as_rows(dy)
    return (rows @ array_module(dy).ones(rows.shape[2], dy.dtype)).sum(axis=0)


# -- tile by tile; below, images are in the order of their memory: x (H, C, W, N), y (OH, O, OW, N) ---------


def _convolve(x, weight, bias, y, windows, relu):
    """Fill y (N, O, OH, OW) with the convolution of x (N, C, H, W), and max(y, 0) of it if relu."""
    x, y = x.transpose(2, 1, 3, 0), y.transpose(2, 1, 3, 0)
    _, o, ow, n = y.shape
    weight = weight.reshape(o, -1)  # (O, C*KH*KW)

    def band(begin, end):
        for rows, columns in _tiles_of_columns(x, begin, end, windows):
            product = parallel.scratch("product", (o, columns.shape[1]), like=x)
            array_module(x).matmul(weight, columns, out=product)
            if bias is not None:
                product += bias[:, None]
            if relu:
                array_module(x).maximum(product, 0, out=product)
            y[rows] = product.reshape(o, -1, ow, n).transpose(1, 0, 2, 3)

    parallel.bands(band, len(y), y)


def _convolve_backward(dy, x, weight, windows, need_dx):
    """Return dx (N, C, H, W), or None if not needed, and dweight (O, C*KH*KW) of one group."""
    xp = array_module(x)
    x, dy = x.transpose(2, 1, 3, 0), dy.transpose(2, 1, 3, 0)
    (_, c, _, n), (kh, kw), (oh, ow) = x.shape, windows.kernel, windows.out_size
    o, stride = len(weight), windows.stride[0]
    weight = weight.reshape(o, -1)  # (O, C*KH*KW)

    def band(begin, end):
        first, last = begin * stride, (end - 1) * stride + kh  # the padded rows that the band reads
        dpadded = xp.zeros((last - first, *padded_shape(x.shape, windows)[1:]), x.dtype) if need_dx else None
        dweight = xp.zeros_like(weight)
        for rows, columns in _tiles_of_columns(x, begin, end, windows):
            dy_tile = dy[rows].transpose(1, 0, 2, 3).reshape(o, -1)  # (O, rows*OW*N)
            dweight += dy_tile @ columns.T  # (O, C*KH*KW), adjoint of y = weight @ columns
            if need_dx:
                dcolumns = parallel.scratch("dcolumns", columns.shape, like=x)
                xp.matmul(weight.T, dy_tile, out=dcolumns)
                dcolumns = dcolumns.reshape(c, kh, kw, -1, ow, n)
                add_columns(dpadded[rows.start * stride - first :], dcolumns, windows)
        return first, dpadded, dweight

    results = parallel.bands(band, oh, x)
    dweight = sum(dweight for _, _, dweight in results)
    if not need_dx:
        return None, dweight
    dx = crop([(first, dpadded) for first, dpadded, _ in results], x.shape, windows)
    return dx.transpose(3, 1, 0, 2), dweight


def _tiles_of_columns(x, begin, end, windows):
    """Yield (rows, columns) for the output rows from begin to end: a slice of a few rows, and their columns
    (C*KH*KW, rows*OW*N). The next pair overwrites the columns."""
    (_, c, _, n), (kh, kw), ow = x.shape, windows.kernel, windows.out_size[1]
    step = end - begin
    if parallel.on_cpu(x):  # columns that stay in the cache, and are wide enough for a fast product
        step = max(parallel.TILE // (c * kh * kw * ow * n), -(-WIDE // (ow * n)))
    for piece in parallel.tiles(begin, end, max(rows_to_pad(x, windows), step)):
        padded = pad(x, piece, windows)
        for rows in parallel.tiles(piece.start, piece.stop, step):
            columns = parallel.scratch("columns", (c, kh, kw, rows.stop - rows.start, ow, n), like=x)
            fill_columns(columns, padded[(rows.start - piece.start) * windows.stride[0] :], windows)
            yield rows, columns.reshape(c * kh * kw, -1)
