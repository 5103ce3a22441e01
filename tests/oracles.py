"""Operations as nested loops that follow the definitions word by word, and tools to compare with them.

Slow on purpose: one number at a time, no views, no tricks shared with the library. A gradient comes from
walking through the same loops and giving every factor its partner's share.
"""

import contextlib
import re

import numpy as np
import pytest

from minires.catalogue.rows import ORDERS, in_order
from minires.kernels.cpu import parallel

__all__ = ["ORDERS", "in_order"]  # beside the oracles below


def relative_error(found, expected):
    """Return ||found - expected|| / ||expected||, or ||found|| if nothing is expected."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert found.shape == expected.shape
    norm = np.linalg.norm(expected)
    return np.linalg.norm(found - expected) / (norm or 1)


@contextlib.contextmanager
def pieces(threads, block):
    """Cut even the smallest arrays for so many threads and into blocks of so many elements."""
    before = parallel.get_threads(), parallel.BLOCK, parallel.WORTH_THREADS, parallel.MUCH
    parallel.set_threads(threads)
    parallel.BLOCK, parallel.WORTH_THREADS, parallel.MUCH = block, 0, 0
    try:
        yield
    finally:
        parallel.set_threads(before[0])
        parallel.BLOCK, parallel.WORTH_THREADS, parallel.MUCH = before[1:]


def in_numpy(value, kind):
    """Return a setting as a NumPy user may hand it in: its numbers as scalars or 0-d arrays of NumPy."""
    if isinstance(value, tuple):
        return tuple(in_numpy(each, kind) for each in value)
    if isinstance(value, bool):
        return np.bool_(value)
    if isinstance(value, int):
        return np.asarray(value) if kind is np.asarray else np.int64(value)
    return kind(value) if isinstance(value, float) else value


def pairs_of(x, y_size, kernel, stride, padding, dilation=(1, 1)):
    """Yield (oh, ow, kh, kw, h, w): output pixel and kernel position that meet image pixel (h, w) of x."""
    for oh, ow in np.ndindex(*y_size):
        for kh, kw in np.ndindex(*kernel):
            h = oh * stride[0] + kh * dilation[0] - padding[0]
            w = ow * stride[1] + kw * dilation[1] - padding[1]
            if 0 <= h < x.shape[2] and 0 <= w < x.shape[3]:
                yield oh, ow, kh, kw, h, w


def sizes_of(x, kernel, stride, padding, dilation):
    """Return [OH, OW]."""
    return [
        len(window_starts(x.shape[2 + a], (kernel[a] - 1) * dilation[a] + 1, stride[a], padding[a], False))
        for a in (0, 1)
    ]


def conv2d_loops(x, weight, bias, dy, *, stride, padding, groups, dilation=(1, 1)):
    """Return y, dx, dweight, dbias; dy: a function of y's shape that gives the upstream gradient."""
    n, o, kernel = len(x), len(weight), weight.shape[2:]
    size = sizes_of(x, kernel, stride, padding, dilation)
    y = np.zeros((n, o, *size))
    dy = dy(y.shape)
    dx, dweight = np.zeros_like(x), np.zeros_like(weight)
    per_group_in, per_group_out = x.shape[1] // groups, o // groups
    for oh, ow, kh, kw, h, w in pairs_of(x, size, kernel, stride, padding, dilation):
        for image, out, c in np.ndindex(n, o, per_group_in):
            source = out // per_group_out * per_group_in + c
            y[image, out, oh, ow] += weight[out, c, kh, kw] * x[image, source, h, w]
            dx[image, source, h, w] += weight[out, c, kh, kw] * dy[image, out, oh, ow]
            dweight[out, c, kh, kw] += x[image, source, h, w] * dy[image, out, oh, ow]
    dbias = np.zeros(o)
    for image, out, oh, ow in np.ndindex(*y.shape):
        y[image, out, oh, ow] += bias[out]
        dbias[out] += dy[image, out, oh, ow]
    return y, dx, dweight, dbias


def im2col_loops(x, *, kernel_size, stride, padding, dilation=(1, 1)):
    """Return the columns (C*KH*KW, OH*OW*N)."""
    (n, c), kernel = x.shape[:2], kernel_size
    size = sizes_of(x, kernel, stride, padding, dilation)
    columns = np.zeros((c, *kernel, *size, n))
    for oh, ow, kh, kw, h, w in pairs_of(x, size, kernel, stride, padding, dilation):
        for image, channel in np.ndindex(n, c):
            columns[channel, kh, kw, oh, ow, image] = x[image, channel, h, w]
    return columns.reshape(c * kernel[0] * kernel[1], -1)


def window_starts(size, kernel, stride, padding, ceil_mode):
    """Return the pixel at which each window of `kernel` pixels begins (negative in the leading padding)."""
    starts = [-padding]
    while True:
        start = starts[-1] + stride
        everything_covered = starts[-1] + kernel >= size + padding
        fits = start + kernel <= size + padding
        if not fits and (not ceil_mode or everything_covered or start >= size):
            return starts
        starts.append(start)


def pool_loops(
    x, dy, *, kind, kernel_size, stride, padding, ceil_mode, dilation=(1, 1), count_include_pad=True
):
    """Return y and dx of max or average pooling; dy: a function of y's shape."""
    kh, kw = ((kernel_size[a] - 1) * dilation[a] + 1 for a in (0, 1))
    rows = window_starts(x.shape[2], kh, stride[0], padding[0], ceil_mode)
    columns = window_starts(x.shape[3], kw, stride[1], padding[1], ceil_mode)
    y, dx = np.zeros((*x.shape[:2], len(rows), len(columns))), np.zeros_like(x)
    dy = dy(y.shape)
    for n, c, i, j in np.ndindex(*y.shape):
        window = [
            (h, w)
            for h in range(rows[i], rows[i] + kh, dilation[0])
            for w in range(columns[j], columns[j] + kw, dilation[1])
        ]
        covered = [(h, w) for h, w in window if h < x.shape[2] + padding[0] and w < x.shape[3] + padding[1]]
        window = [(h, w) for h, w in window if 0 <= h < x.shape[2] and 0 <= w < x.shape[3]]
        if kind == "max":
            h, w = max(window, key=lambda pixel: x[n, c, pixel[0], pixel[1]])  # the first of equals
            y[n, c, i, j] = x[n, c, h, w]
            dx[n, c, h, w] += dy[n, c, i, j]
            continue
        # zeros in the padding count if asked, what hangs over the padded edge does not
        count = len(covered if count_include_pad else window)
        for h, w in window:
            y[n, c, i, j] += x[n, c, h, w] / count
            dx[n, c, h, w] += dy[n, c, i, j] / count
    return y, dx


def local_response_norm_loops(x, dy, *, size, alpha, beta, k):
    """Return y and dx; dx from the quotient rule, one pair of channels at a time."""
    y, dx = np.zeros_like(x), np.zeros_like(x)
    dy = dy(y.shape)
    for n, c, h, w in np.ndindex(*x.shape):
        window = range(max(0, c - size // 2), min(x.shape[1], c + (size - 1) // 2 + 1))
        base = k + alpha / size * sum(x[n, other, h, w] ** 2 for other in window)
        y[n, c, h, w] = x[n, c, h, w] / base**beta
        dx[n, c, h, w] += dy[n, c, h, w] / base**beta
        for other in window:
            dbase = alpha / size * 2 * x[n, other, h, w]
            dx[n, other, h, w] += dy[n, c, h, w] * x[n, c, h, w] * -beta * base ** (-beta - 1) * dbase
    return y, dx


def assert_refused(call, *words, error_type=(ValueError, TypeError)):
    """Assert that call() raises one of the errors, in one line with all these words in it."""
    with pytest.raises(error_type, match=re.escape(words[0])) as error:
        call()
    message = str(error.value)
    assert "\n" not in message and all(word in message for word in words)
