"""Convolution of stride 1 without columns: multiply once, shift, add.

A convolution is a sum over the kernel's columns kw, and each of them sees the image one pixel further on:

    y[o, h, w] = sum_kw P[kw, o, h, w + kw - padding]
    P[kw, o, h, w] = sum_{kh, c} weight[o, c, kh, kw] * x[c, h + kh - padding, w]

P knows no shift along w, and in memory ordered (H, C, W, N) the KH image rows behind an output row lie one
after the other: a (KH*C, W*N) matrix as it stands. So one product with the weights as a (KW*O, KH*C) matrix
makes P for an output row, and KW shifted sums finish it. im2col would have copied every pixel KH*KW times.

The gradient with respect to x is again such a convolution, of dy with the kernel turned by 180 degrees; the
gradient with respect to the weights is one product of KW shifted copies of dy with the rows of x.

Every function takes and fills contiguous rows (H, C, W*N), see `layout`. On a CPU only: a GPU has im2col.
"""

import numpy as np

from minires import parallel

NARROW = 96  # columns below which a product for each row of y spends its time on reading the weights


def suits(x, windows, groups):
    """Whether this way is open and faster: stride 1, a kernel wider than one pixel, and long enough rows."""
    return (
        parallel.on_cpu(x)
        and groups == 1
        and windows.stride == (1, 1)
        and windows.kernel[1] > 1
        and windows.padding[0] < windows.kernel[0]
        and windows.padding[1] < windows.kernel[1]
        and x.shape[0] * x.shape[3] >= NARROW
    )


def convolve(x, weight, bias, y, windows, relu=False):
    """Fill y (OH, O, OW*N): x (H, C, W*N) convolved with weight (O, C, KH, KW), plus bias (O,) or None; and
    max(y, 0) of it if relu."""
    (height, c, length), (o, _, kh, kw) = x.shape, weight.shape
    n = length // windows.size[1]
    x = x.reshape(height * c, length)
    weight = weight.transpose(3, 0, 2, 1).reshape(kw * o, kh * c)
    start = 0 if bias is None else bias[:, None]
    shifts = list(enumerate(_shifts(windows, n)))
    # one that reaches every pixel comes first (the middle one, as a rule): it needs no zeros to be added to
    shifts.sort(key=lambda shift: shift[1][0] != slice(0, y.shape[2]))
    first, (outputs, whole_row) = shifts[0]
    begins_whole = outputs == slice(0, y.shape[2])

    def band(begin, end):
        p = parallel.scratch("p", (kw * o, length), like=x)
        shifted = p.reshape(kw, o, length)
        for row in range(begin, end):
            kernel_rows, image_rows = _rows_behind(row, windows, c)
            np.matmul(weight[:, kernel_rows], x[image_rows], out=p)
            if begins_whole:
                np.add(shifted[first][:, whole_row], start, out=y[row])
            else:
                y[row] = start
            for at, (outputs, inputs) in shifts[begins_whole:]:
                y[row, :, outputs] += shifted[at][:, inputs]
            if relu:
                np.maximum(y[row], 0, out=y[row])

    parallel.bands(band, len(y), y)


def convolve_transposed(dy, weight, dx, windows):
    """Fill dx (H, C, W*N) from dy (OH, O, OW*N): convolve it with the kernel turned by 180 degrees.

    Output pixel h used input pixel h + kh - padding at kernel row kh; so input pixel i was used by output
    pixels i + padding - kh: a window again, read backwards, with padding KH - 1 - padding.
    """
    turned = weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)  # (C, O, KH, KW)
    padding = tuple(windows.kernel[axis] - 1 - windows.padding[axis] for axis in (0, 1))
    backwards = windows._replace(padding=padding, size=windows.out_size, out_size=windows.size)
    convolve(dy, turned, None, dx, backwards)


def weight_gradient(dy, x, weight_shape, windows):
    """Return dweight (O, C, KH, KW) from dy (OH, O, OW*N) and x (H, C, W*N)."""
    (height, c, length), (o, _, kh, kw) = x.shape, weight_shape
    n = length // windows.size[1]
    x = x.reshape(height * c, length)
    shifts = _shifts(windows, n)

    def band(begin, end):
        dweight = np.zeros((kw * o, kh * c), x.dtype)
        shifted = parallel.scratch("shifted", (kw, o, length), like=x)
        shifted[...] = 0
        for row in range(begin, end):
            for copy, (outputs, inputs) in zip(shifted, shifts, strict=True):
                copy[:, inputs] = dy[row, :, outputs]
            kernel_rows, image_rows = _rows_behind(row, windows, c)
            # adjoint of p = weight @ x, with the shifts taken back on dy: (KW*O, L) @ (L, KH*C)
            share = parallel.scratch("share", (kw * o, kernel_rows.stop - kernel_rows.start), like=x)
            np.matmul(shifted.reshape(kw * o, length), x[image_rows].T, out=share)
            dweight[:, kernel_rows] += share
        return dweight

    dweight = sum(parallel.bands(band, len(dy), x))
    return np.ascontiguousarray(dweight.reshape(kw, o, kh, c).transpose(1, 3, 2, 0))


def _rows_behind(row, windows, channels):
    """Return the slices of weight columns (KH*C) and of matrix rows (H*C) that an output row uses."""
    top = row - windows.padding[0]
    first, last = max(top, 0), min(top + windows.kernel[0], windows.size[0])
    return (
        slice((first - top) * channels, (last - top) * channels),
        slice(first * channels, last * channels),
    )


def _shifts(windows, n):
    """Return for each kernel column kw the slices (outputs, inputs) of a row of W*N numbers."""
    pixels = [windows.shift(1, kw) for kw in range(windows.kernel[1])]
    return [
        (slice(outputs.start * n, outputs.stop * n), slice(inputs.start * n, inputs.stop * n))
        for outputs, inputs in pixels
    ]
