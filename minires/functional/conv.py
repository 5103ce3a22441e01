"""Convolution: lay every window out as a column, and one matrix product does the rest.

    y = weight @ columns          weight (O, C*KH*KW), columns (C*KH*KW, OH*OW*N)
    dweight  = dy @ columns.T
    dcolumns = weight.T @ dy      and each pixel's gradient is the sum over the columns it stands in

The columns are KH*KW times as large as the image. So they never exist as a whole: a tile of a few output
rows is laid out in the cache, multiplied, and overwritten by the next. Backward lays them out again: besides
the weight, x is all that forward remembers.

Most convolutions of a ResNet (those of stride 1) can do without columns and are faster for it: `conv_point`
does 1x1 kernels, `conv_shift` larger ones on a CPU, the same sums in another order. Read this file first;
nothing there is needed to understand it. To step through the columns with such a kernel, call `im2col` and
multiply.
"""

from minires import parallel
from minires.backend import array_module
from minires.cuda import conv as conv_cuda
from minires.cuda import has_kernels, kernels
from minires.functional import conv_point, conv_shift
from minires.functional.checks import check_floats, check_gradient, check_ndim, check_shape, whole_number
from minires.functional.layout import as_rows, empty_images, from_rows
from minires.functional.windows import sliding_windows


def im2col(x, *, kernel_size, stride=1, padding=0):
    """Lay out every window of x as a column.

    x: (N, C, H, W). Returns columns (C*KH*KW, OH*OW*N), a new array of x's dtype: the column of output pixel
    (oh, ow) of image n stands at (oh*OW + ow)*N + n and holds the window's values channel by channel, row by
    row; padded pixels are 0. So y = weight.reshape(O, -1) @ columns is the convolution.
    Raises ValueError if x is not 4-D or the kernel is larger than the padded image.
    Chellapilla, Puri & Simard 2006, "High performance convolutional neural networks for document processing".
    """
    check_floats(x=x)
    check_ndim("x", x, (4, "(N, C, H, W)"))
    windows = sliding_windows(x.shape[2:], kernel_size=kernel_size, stride=stride, padding=padding)
    if has_kernels(x):
        return kernels.im2col(x, windows).copy()  # a 1x1 kernel's columns are x itself
    (n, c), (kh, kw), (oh, ow) = x.shape[:2], windows.kernel, windows.out_size
    columns = array_module(x).empty((c, kh, kw, oh, ow, n), x.dtype)
    _fill_columns(columns, x.transpose(2, 1, 3, 0), slice(0, oh), windows)
    return columns.reshape(c * kh * kw, oh * ow * n)


def col2im(columns, x_shape, *, kernel_size, stride=1, padding=0):
    """Add every column back onto the pixels it was taken from: the adjoint of im2col.

    columns: (C*KH*KW, OH*OW*N); x_shape: (N, C, H, W). Returns an array of that shape; a pixel that stands
    in several windows gets the sum, for the gradients of a value's uses add up.
    Raises ValueError if the shapes do not fit.
    """
    check_floats(columns=columns)
    if len(x_shape) != 4:
        raise ValueError(f"x_shape: expected (N, C, H, W), got {tuple(x_shape)}")
    n, c, h, w = x_shape
    windows = sliding_windows((h, w), kernel_size=kernel_size, stride=stride, padding=padding)
    (kh, kw), (oh, ow) = windows.kernel, windows.out_size
    check_shape("columns", columns, (c * kh * kw, oh * ow * n), f"for images {tuple(x_shape)}")
    if has_kernels(columns):
        return kernels.col2im(array_module(columns).ascontiguousarray(columns), x_shape, windows)
    dx = array_module(columns).zeros((h, c, w, n), columns.dtype)
    _add_columns(dx, columns.reshape(c, kh, kw, oh, ow, n), slice(0, oh), windows)
    return dx.transpose(3, 1, 0, 2)


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


def conv2d_backward(dy, cache):
    """Return (dx, dweight, dbias) of conv2d_forward; dbias is None if it had no bias.

    dy: (N, O, OH, OW), the gradient of the loss with respect to y.
    dbias sums dy over images and pixels, for each of them adds the same bias.
    """
    x, weight, has_bias, windows, groups = cache
    check_gradient(dy, (x.shape[0], weight.shape[0], *windows.out_size), x.dtype, on=x)
    if has_kernels(x):
        return conv_cuda.convolve_backward(dy, x, weight, has_bias, windows, groups)
    dbias = _sum_over_pixels(dy) if has_bias else None
    way = _without_columns(x, windows, groups)
    if way:
        dy_rows, dx = as_rows(dy), empty_images(x, x.shape)
        way.convolve_transposed(dy_rows, weight, as_rows(dx), windows)
        return dx, way.weight_gradient(dy_rows, as_rows(x), weight.shape, windows), dbias
    dx, dweight = empty_images(x, x.shape), array_module(x).empty_like(weight)
    for inputs, outputs in _channel_groups(x.shape[1], len(weight), groups):
        dx[:, inputs], group_dweight = _convolve_backward(
            dy[:, outputs], x[:, inputs], weight[outputs], windows
        )
        dweight[outputs] = group_dweight.reshape(weight[outputs].shape)
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
        for rows in parallel.tiles(begin, end, _tile_height(x, windows)):
            columns = _columns(x, rows, windows)  # (C*KH*KW, rows*OW*N)
            product = parallel.scratch("product", (o, columns.shape[1]), like=x)
            array_module(x).matmul(weight, columns, out=product)
            if bias is not None:
                product += bias[:, None]
            if relu:
                array_module(x).maximum(product, 0, out=product)
            y[rows] = product.reshape(o, -1, ow, n).transpose(1, 0, 2, 3)

    parallel.bands(band, len(y), y)


def _convolve_backward(dy, x, weight, windows):
    """Return dx (N, C, H, W) and dweight (O, C*KH*KW) of one group."""
    xp = array_module(x)
    x, dy = x.transpose(2, 1, 3, 0), dy.transpose(2, 1, 3, 0)
    (height, c, _, n), (kh, kw), (oh, ow) = x.shape, windows.kernel, windows.out_size
    o = len(weight)
    weight = weight.reshape(o, -1)  # (O, C*KH*KW)

    def band(begin, end):
        first = max(0, begin * windows.stride[0] - windows.padding[0])  # the input rows that it reads
        last = min(height, (end - 1) * windows.stride[0] - windows.padding[0] + kh)
        dx, dweight = xp.zeros((max(0, last - first), *x.shape[1:]), x.dtype), xp.zeros_like(weight)
        for rows in parallel.tiles(begin, end, _tile_height(x, windows)):
            dy_tile = dy[rows].transpose(1, 0, 2, 3).reshape(o, -1)  # (O, rows*OW*N)
            columns = _columns(x, rows, windows)
            dweight += dy_tile @ columns.T  # (O, C*KH*KW), adjoint of y = weight @ columns
            dcolumns = parallel.scratch("dcolumns", columns.shape, like=x)
            xp.matmul(weight.T, dy_tile, out=dcolumns)
            _add_columns(dx, dcolumns.reshape(c, kh, kw, -1, ow, n), rows, windows, first)
        return first, dx, dweight

    results = parallel.bands(band, oh, x)
    dx, dweight = xp.zeros_like(x), xp.zeros_like(weight)
    for first, dx_band, dweight_band in results:  # two neighbouring bands share KH - stride input rows
        dx[first : first + len(dx_band)] += dx_band
        dweight += dweight_band
    return dx.transpose(3, 1, 0, 2), dweight


def _tile_height(x, windows):
    """How many output rows have columns that fit the cache and are wide enough for a fast matrix product."""
    if not parallel.on_cpu(x):
        return windows.out_size[0]
    row = windows.out_size[1] * x.shape[3]  # columns of one output row
    entries = x.shape[1] * windows.kernel[0] * windows.kernel[1]
    return max(parallel.TILE // (entries * row), -(-256 // row))


def _columns(x, rows, windows):
    """Return the columns (C*KH*KW, rows*OW*N) of the output rows in the slice `rows`."""
    (_, c, _, n), (kh, kw), ow = x.shape, windows.kernel, windows.out_size[1]
    shape = (c, kh, kw, rows.stop - rows.start, ow, n)
    columns = parallel.scratch("columns", shape, like=x)
    _fill_columns(columns, x, rows, windows)
    return columns.reshape(c * kh * kw, -1)


def _fill_columns(columns, x, rows, windows):
    """Fill columns (C, KH, KW, rows, OW, N): where a window hangs over the edge it reads 0."""
    for kh in range(windows.kernel[0]):
        down, from_row = windows.shift(0, kh, rows)
        for kw in range(windows.kernel[1]):
            across, from_column = windows.shift(1, kw)
            target = columns[:, kh, kw]  # (C, rows, OW, N)
            inside = target[:, down, across]
            if inside.size < target.size:
                target[...] = 0
            inside[...] = x[from_row, :, from_column].transpose(1, 0, 2, 3)


def _add_columns(dx, columns, rows, windows, first=0):
    """Add columns (C, KH, KW, rows, OW, N) onto dx, whose row 0 is the image's row `first`."""
    for kh in range(windows.kernel[0]):
        down, to_row = windows.shift(0, kh, rows)
        to_row = slice(to_row.start - first, to_row.stop - first, to_row.step)
        for kw in range(windows.kernel[1]):
            across, to_column = windows.shift(1, kw)
            dx[to_row, :, to_column] += columns[:, kh, kw, down, across].transpose(1, 0, 2, 3)
