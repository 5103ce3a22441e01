"""Normalisation, with the sums that it needs made as fast as memory can be read.

The textbook: `functional.norm`. Inside, images are rows (H, C, L) with L = W*N (see `layout`), so that a
channel's numbers are long contiguous lines (see `sums`). Batch norm is one line for each channel,
scale * x + shift: one pass over the memory, not four.
"""

import math

import numpy as np

from minires.checks import check_batch, check_gradient, check_norm, check_response_norm
from minires.kernels.cpu import parallel, sums
from minires.kernels.cpu.layout import as_rows, from_rows

LITTLE = 8  # times the size that is worth a thread: a few operations a number
FAR = 100  # squared mean over variance from which on sums of squares are too inaccurate


def batch_norm_train_forward(x, gamma, beta, *, eps=1e-5):
    """As `functional.batch_norm_train_forward`; x in the cache is a view of contiguous rows."""
    if x.size < parallel.SMALL:
        return NotImplemented
    _, eps = check_norm(x, gamma=gamma, beta=beta, eps=eps)
    check_batch(x)
    rows = as_rows(x)
    mean, var = _moments(rows)
    inverse_std = 1 / np.sqrt(var + eps)
    y = _normalise(rows, mean, inverse_std, gamma, beta)
    return from_rows(y, x.shape), (from_rows(rows, x.shape), mean, inverse_std, gamma), (mean, var)


def batch_norm_train_backward(dy, cache):
    """As `functional.batch_norm_train_backward`."""
    if dy.size < parallel.SMALL:
        return NotImplemented
    x, mean, inverse_std, gamma = cache
    check_gradient(dy, x.shape, x.dtype, on=x)
    rows, dy = as_rows(x), as_rows(dy)
    dgamma, dbeta = _parameter_gradients(dy, rows, mean, inverse_std)
    count = rows.size // len(mean)
    # the textbook's formula with x_hat written out: dx = scale * (dy - slope * (x - mean) - dbeta / count)
    scale, slope, constant = gamma * inverse_std, inverse_std * dgamma / count, dbeta / count
    far = _far_from_zero(mean, inverse_std)
    if not far:  # dx = scale * (dy - (slope * x + constant)), a pass less
        constant = constant - slope * mean
    dx = np.empty_like(dy)

    def block(rows, dy, dx):
        if far:
            rows = np.subtract(rows, mean[:, None], out=dx)
        np.multiply(rows, slope[:, None], out=dx)
        dx += constant[:, None]
        np.subtract(dy, dx, out=dx)
        dx *= scale[:, None]

    _in_blocks(block, rows, dy, dx)
    return from_rows(dx, x.shape), dgamma, dbeta


def batch_norm_eval_forward(x, gamma, beta, running_mean, running_var, *, eps=1e-5):
    """As `functional.batch_norm_eval_forward`; x in the cache is a view of contiguous rows."""
    if x.size < parallel.SMALL:
        return NotImplemented
    _, eps = check_norm(
        x, gamma=gamma, beta=beta, running_mean=running_mean, running_var=running_var, eps=eps
    )
    rows = as_rows(x)
    inverse_std = 1 / np.sqrt(running_var + eps)
    y = _normalise(rows, running_mean, inverse_std, gamma, beta)
    return from_rows(y, x.shape), (from_rows(rows, x.shape), running_mean, inverse_std, gamma)


def batch_norm_eval_backward(dy, cache):
    """As `functional.batch_norm_eval_backward`."""
    if dy.size < parallel.SMALL:
        return NotImplemented
    x, mean, inverse_std, gamma = cache
    check_gradient(dy, x.shape, x.dtype, on=x)
    rows, dy = as_rows(x), as_rows(dy)
    dgamma, dbeta = _parameter_gradients(dy, rows, mean, inverse_std)
    dx = _scale_and_shift(dy, gamma * inverse_std, np.zeros_like(gamma))
    return from_rows(dx, x.shape), dgamma, dbeta


def _in_blocks(block, *arrays):
    """Call block on matching pieces of a few rows of arrays (H, ...), spread over the threads."""
    step = parallel.BLOCK // arrays[0][0].size

    def chunk(begin, end):
        for rows in parallel.blocks(begin, end, step):
            block(*(array[rows] for array in arrays))

    parallel.in_chunks(chunk, len(arrays[0]), arrays[0], times=LITTLE)


def _moments(rows):
    """Return mean and variance (C,) of rows (H, C, L).

    The variance is E[x^2] - E[x]^2, two sums made as fast as memory can be read. But where the mean is
    far larger than the deviation this difference has lost its digits (and the squares of huge numbers are
    infinite): there the same two sums are made of x - mean, which also says by how much the mean was rounded.
    """
    count = len(rows) * rows.shape[2]
    total, squares = _sums(rows, rows)
    mean = total / count
    variance = squares / count - mean * mean
    if not (np.isfinite(variance) & (mean * mean <= FAR * variance)).all():
        mean, variance = _moments_around(mean, rows, count)
    if not np.isfinite(variance).all():
        # even the rounding of 1e30 has an infinite square
        mean, variance = _moments_around(mean, rows, count)
    return mean.astype(rows.dtype), variance.astype(rows.dtype)


def _moments_around(centre, rows, count):
    """Return mean and variance, float64 (C,), by sums of the distances from a centre near the mean."""
    centre = centre.astype(rows.dtype)
    total, squares = _centred_sums(rows, centre)
    rest = total / count
    return centre + rest, squares / count - rest * rest


def _far_from_zero(mean, inverse_std):
    """Whether the mean of some channel is ten times its deviation or more."""
    return bool((np.abs(mean) * inverse_std > math.sqrt(FAR)).any())


def _sums(rows, other):
    """Return for each channel the sums of rows (H, C, L) and of rows * other, each float64 (C,)."""
    total, products = np.empty((2, *rows.shape[:2]))

    def chunk(begin, end):
        total[begin:end] = sums.of_lines(rows[begin:end])
        products[begin:end] = sums.of_lines(rows[begin:end], other[begin:end])

    parallel.in_chunks(chunk, len(rows), rows, times=LITTLE)
    return total.sum(axis=0), products.sum(axis=0)


def _centred_sums(rows, mean, other=None):
    """Return for each channel the sums of rows - mean and of (rows - mean) * other, each float64 (C,); other:
    rows - mean itself if None."""
    total, products = np.empty((2, *rows.shape[:2]))

    def block(rows, total, products, *other):
        centred = parallel.scratch("centred", rows.shape, like=rows)
        np.subtract(rows, mean[:, None], out=centred)
        total[...] = sums.of_lines(centred)
        products[...] = sums.of_lines(centred, other[0] if other else centred)

    _in_blocks(block, rows, total, products, *([] if other is None else [other]))
    return total.sum(axis=0), products.sum(axis=0)


def _normalise(rows, mean, inverse_std, gamma, beta):
    """Return gamma * (rows - mean) / std + beta for rows (H, C, L) and vectors (C,)."""
    scale = gamma * inverse_std
    if not _far_from_zero(mean, inverse_std):
        return _scale_and_shift(rows, scale, beta - mean * scale)
    y = np.empty_like(rows)

    def block(rows, y):  # the difference first: of two large products nothing would be left
        np.subtract(rows, mean[:, None], out=y)
        y *= scale[:, None]
        y += beta[:, None]

    _in_blocks(block, rows, y)
    return y


def _scale_and_shift(rows, scale, shift):
    """Return rows (H, C, L) * scale (C,) + shift (C,)."""
    y = np.empty_like(rows)

    def block(rows, y):
        np.multiply(rows, scale[:, None], out=y)
        y += shift[:, None]

    _in_blocks(block, rows, y)
    return y


def _parameter_gradients(dy, rows, mean, inverse_std):
    """Return dgamma = sum(dy * x_hat) and dbeta = sum(dy), each (C,), for dy and x as rows (H, C, L)."""
    if _far_from_zero(mean, inverse_std):
        dbeta, (_, products) = sums.of_lines(dy).sum(axis=0), _centred_sums(rows, mean, dy)
    else:
        dbeta, products = _sums(dy, rows)
        products = products - mean * dbeta
    return (products * inverse_std).astype(dy.dtype), dbeta.astype(dy.dtype)


def local_response_norm_forward(x, *, size=5, alpha=1e-4, beta=0.75, k=2.0):
    """As `functional.local_response_norm_forward`; the arrays in the cache are views of contiguous rows."""
    if x.size < parallel.SMALL:
        return NotImplemented
    size, alpha, beta, k = check_response_norm(x, size, alpha, beta, k)
    rows = as_rows(x)
    denominator, y = np.empty_like(rows), np.empty_like(rows)

    def block(rows, denominator, y):
        squares = _sum_over_channels(rows * rows, size // 2, (size - 1) // 2)
        denominator[...] = k + alpha / size * squares
        y[...] = rows * denominator**-beta

    _in_blocks(block, rows, denominator, y)
    cache = (from_rows(rows, x.shape), from_rows(denominator, x.shape), size, alpha, beta)
    return from_rows(y, x.shape), cache


def local_response_norm_backward(dy, cache):
    """As `functional.local_response_norm_backward`."""
    if dy.size < parallel.SMALL:
        return NotImplemented
    x, denominator, size, alpha, beta = cache
    check_gradient(dy, x.shape, x.dtype, on=x)
    rows, denominator, dy = as_rows(x), as_rows(denominator), as_rows(dy)
    dx = np.empty_like(dy)

    def block(rows, denominator, dy, dx):
        power = denominator**-beta
        # channel c stands in the windows of the channels from c - (size-1)//2 to c + size//2
        parts = _sum_over_channels(dy * rows * power / denominator, (size - 1) // 2, size // 2)
        dx[...] = dy * power - (2 * alpha * beta / size) * rows * parts

    _in_blocks(block, rows, denominator, dy, dx)
    return from_rows(dx, x.shape)


def _sum_over_channels(rows, before, after):
    """Return rows (H, C, L), each channel summed with `before` channels before and `after` after it."""
    total = rows.copy()
    for shift in range(1, before + 1):
        total[:, shift:] += rows[:, :-shift]
    for shift in range(1, after + 1):
        total[:, :-shift] += rows[:, shift:]
    return total
