"""Convolution of stride 1 without columns: multiply once, shift, add.

A convolution is a sum over the kernel's columns kw, and each of them sees the image one pixel further on:

    y[o, h, w] = sum_kw P[kw, o, h, w + kw - padding]
    P[kw, o, h, w] = sum_{kh, c} weight[o, c, kh, kw] * x[c, h + kh - padding, w]

P knows no shift along w, and in memory ordered (H, C, W, N) the KH image rows that an output row uses lie one
after the other: a (KH*C, W*N) matrix as it stands. So one product with the weights as a (KW*O, KH*C) matrix
makes P for an output row, and KW shifted sums finish it. im2col would have copied every pixel KH*KW times.

The gradient with respect to x is again such a convolution, of dy with the kernel turned by 180 degrees; the
gradient with respect to the weights is one product of KW shifted copies of dy with the rows of x.

With dilation D the shifts are D pixels each, and an output row uses every D-th image row; so these are put
one after the other first, see `_in_phases`.

Every function takes and fills contiguous rows (H, C, W*N), see `layout`.
"""

import numpy as np

from minires.kernels.cpu import parallel

NARROW, MANY = 32, 128  # numbers of a row, and channels: with more of these, rows have to be longer, because
LESS_NARROW = 96  # a product for each row of y spends its time on reading the weights
FEW = 4  # rows per thread below which the threads' parts differ too much


def supports(x, windows, groups):
    """Whether this algorithm applies and is faster: without groups, with stride 1, a kernel wider than one
    pixel, less padding than the kernel reaches (so that backward's is not negative), and rows long enough."""
    return (
        groups == 1
        and windows.stride == (1, 1)
        and windows.kernel[1] > 1
        and windows.padding[0] < windows.reach[0]
        and windows.padding[1] < windows.reach[1]
        and x.shape[0] * x.shape[3] >= (NARROW if x.shape[1] <= MANY else LESS_NARROW)
    )


def convolve(x, weight, bias, y, windows, relu=False):
    """Fill y (OH, O, OW*N): x (H, C, W*N) convolved with weight (O, C, KH, KW), plus bias (O,) or None; and
    max(y, 0) of it if relu."""
    (height, c, length), (_, _, kh, kw) = x.shape, weight.shape
    n = length // windows.size[1]
    x = _in_phases(x, windows).reshape(height * c, length)
    weight = weight.transpose(3, 0, 2, 1)  # (KW, O, KH, C)
    shifts = list(enumerate(_shifts(windows, n)))
    # one that reaches every pixel comes first (the middle one, as a rule): it needs no zeros to be added to
    shifts.sort(key=lambda shift: shift[1][0] != slice(0, y.shape[2]))
    first, (outputs, whole_row) = shifts[0]
    begins_whole = outputs == slice(0, y.shape[2])

    def part(rows, channels):
        kernels = weight[:, channels].reshape(-1, kh * c)
        start = 0 if bias is None else bias[channels, None]
        most = _rows_in_a_block(len(kernels) * length)
        p = parallel.scratch("p", (most, len(kernels), length), like=x)
        for block, kernel_rows, image in _blocks_of_rows(rows, x, windows, c, most):
            shifted = p[: len(image)].reshape(len(image), kw, -1, length)
            np.matmul(kernels[:, kernel_rows], image, out=p[: len(image)])
            target = y[block, channels]
            if begins_whole:
                np.add(shifted[:, first, :, whole_row], start, out=target)
            else:
                target[...] = start
            for at, (outputs, inputs) in shifts[1:] if begins_whole else shifts:
                target[..., outputs] += shifted[:, at, :, inputs]
            if relu:
                np.maximum(target, 0, out=target)

    _in_parts(part, y, weight.size)


def convolve_transposed(dy, weight, dx, windows):
    """Fill dx (H, C, W*N) from dy (OH, O, OW*N): convolve it with the kernel turned by 180 degrees.

    Output pixel h used input pixel h + kh*dilation - padding at kernel row kh; so input pixel i was used by
    output pixels i + padding - kh*dilation: a window again, read backwards, with padding reach - 1 - padding.
    """
    turned = weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)  # (C, O, KH, KW)
    padding = tuple(windows.reach[axis] - 1 - windows.padding[axis] for axis in (0, 1))
    backwards = windows._replace(padding=padding, size=windows.out_size, out_size=windows.size)
    convolve(dy, turned, None, dx, backwards)


def weight_gradient(dy, x, weight_shape, windows):
    """Return dweight (O, C, KH, KW) from dy (OH, O, OW*N) and x (H, C, W*N)."""
    (height, c, length), (o, _, kh, kw) = x.shape, weight_shape
    n = length // windows.size[1]
    x = _in_phases(x, windows).reshape(height * c, length)
    shifts = _shifts(windows, n)

    def part(rows, channels):
        lines = kw * len(range(o)[channels])
        most = _rows_in_a_block(lines * max(length, kh * c))
        shifted = parallel.scratch("shifted", (most, lines, length), like=x)
        shifted[...] = 0
        share = np.zeros((lines, kh * c), x.dtype)
        for block, kernel_rows, image in _blocks_of_rows(rows, x, windows, c, most):
            copies = shifted[: len(image)].reshape(len(image), kw, -1, length)
            for at, (outputs, inputs) in enumerate(shifts):
                copies[:, at, :, inputs] = dy[block, channels, outputs]
            # adjoint of p = weight @ x, with the shifts taken back on dy: (KW*O, L) @ (L, KH*C)
            product = parallel.scratch("product", (len(image), lines, image.shape[1]), like=x)
            np.matmul(shifted[: len(image)], image.swapaxes(1, 2), out=product)
            share[:, kernel_rows] += product[0] if len(image) == 1 else product.sum(axis=0)
        return channels, np.ascontiguousarray(share.reshape(kw, -1, kh, c).transpose(1, 3, 2, 0))

    dweight = np.zeros(weight_shape, x.dtype)
    for channels, share in _in_parts(part, dy, dweight.size):
        dweight[channels] += share
    return dweight


def _in_parts(part, y, weights):
    """Call part(rows, channels) for a part of y (OH, O, OW*N) on each thread; return the results in order.

    rows: a range; channels: a slice; weights: how many numbers they are. A thread makes some rows of all
    channels. But seven rows on two threads are four and three: where rows are few, and the weights too large
    to be read for each row by every thread, a thread makes some channels of all rows.
    """
    rows, channels = y.shape[:2]
    few = rows < FEW * parallel.get_threads() and weights > parallel.BLOCK

    def chunk(begin, end):
        return part(range(rows), slice(begin, end)) if few else part(range(begin, end), slice(0, channels))

    return parallel.in_chunks(chunk, channels if few else rows, y, multiply_adds=y.size // channels * weights)


def _rows_in_a_block(numbers):
    """Return how many output rows are worked on in one call, if each makes so many numbers in the cache: one
    of a large batch, and of a small one enough for two threads not to wait for each other between calls."""
    return max(1, parallel.BLOCK // numbers)


def _blocks_of_rows(rows, x, windows, channels, most):
    """Yield (block, kernel_rows, image) for a range of output rows, at most so many at a time.

    block: their slice; kernel_rows: of the weight columns (KH*C) that they use; image: what each of them sees
    of x (H*C, L), a view (rows, KH*C, L). At the border, where a part of the kernel lies outside, and with
    dilation a block is one row.
    """
    row, lowest = rows.start, windows.size[0] + windows.padding[0] - windows.kernel[0]
    while row < rows.stop:
        kernel_rows, image_rows = _rows_used_by(row, windows, channels)
        image = x[None, image_rows]
        if most > 1 and windows.padding[0] <= row < lowest and windows.dilation[0] == 1:
            count = min(most, rows.stop - row, lowest + 1 - row)
            strides = (channels * x.strides[0], *x.strides)  # the next output row sees one image row further
            begin = image_rows.start * x.strides[0]
            image = np.ndarray((count, *image.shape[1:]), x.dtype, x, begin, strides)  # `as_strided`, quicker
        yield slice(row, row + len(image)), kernel_rows, image
        row += len(image)


def _in_phases(x, windows):
    """Return x (H, C, W*N) with the rows first whose numbers are multiples of the dilation D, then those that
    leave 1 when divided by D, and so on."""
    dilation = windows.dilation[0]
    return x if dilation == 1 else np.concatenate([x[phase::dilation] for phase in range(dilation)])


def _rows_used_by(row, windows, channels):
    """Return the slices of weight columns (KH*C) and of rows in phases (H*C) that an output row uses."""
    begin, before, height = row - windows.padding[0], 0, windows.size[0]
    if windows.dilation[0] > 1:
        begin, before, height = _place_in_phase(begin, windows)
    first, last = max(begin, 0), min(begin + windows.kernel[0], height)
    return (
        slice((first - begin) * channels, (last - begin) * channels),
        slice((before + first) * channels, (before + last) * channels),
    )


def _place_in_phase(row, windows):
    """Return which one of its phase an image row is, how many rows stand before the phase, and its own."""
    place, phase = divmod(row, windows.dilation[0])
    sizes = [len(range(first, windows.size[0], windows.dilation[0])) for first in range(phase + 1)]
    return place, sum(sizes[:-1]), sizes[-1]


def _shifts(windows, n):
    """Return for each kernel column kw the slices (outputs, inputs) of a row of W*N numbers."""
    pixels = [windows.shift(1, kw) for kw in range(windows.kernel[1])]
    return [
        (slice(outputs.start * n, outputs.stop * n), slice(inputs.start * n, inputs.stop * n))
        for outputs, inputs in pixels
    ]
