"""Normalisation, with the sums that it needs made as fast as memory can be read.

The textbook: `functional.norm`. Inside, images are rows (H, C, L) with L = W*N (see `layout`), so that a
channel's numbers are long contiguous lines; a sum over a line is a product with ones, the fastest sum there
is. Batch norm is one line for each channel, scale * x + shift: one pass over the memory, not four.
"""

import numpy as np

from minires.checks import check_batch, check_gradient, check_norm, check_response_norm
from minires.kernels.cpu import parallel
from minires.kernels.cpu.layout import as_rows, from_rows

FAR = 100  # squared mean over variance from which on sums of squares are too inaccurate in float32


def batch_norm_train_forward(x, gamma, beta, *, eps=1e-5):
    """As `functional.batch_norm_train_forward`; x in the cache is a view of contiguous rows."""
    if x.size < parallel.SMALL:
        return NotImplemented
    check_norm(x, gamma=gamma, beta=beta, eps=eps)
    check_batch(x)
    rows = as_rows(x)
    mean, var = _moments(rows)
    inverse_std = 1 / np.sqrt(var + eps)
    scale = gamma * inverse_std
    y = _scale_and_shift(rows, scale, beta - mean * scale)  # gamma * (x - mean) / std + beta
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
    # the textbook's formula with x_hat written out: dx = scale * (dy - (slope * x + constant)), per channel
    scale = gamma * inverse_std
    slope = inverse_std * dgamma / count
    constant = dbeta / count - slope * mean
    dx = np.empty_like(dy)

    def block(rows, dy, dx):
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
    check_norm(x, gamma=gamma, beta=beta, running_mean=running_mean, running_var=running_var, eps=eps)
    rows = as_rows(x)
    inverse_std = 1 / np.sqrt(running_var + eps)
    scale = gamma * inverse_std
    y = _scale_and_shift(rows, scale, beta - running_mean * scale)
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

    parallel.in_chunks(chunk, len(arrays[0]), arrays[0])


def _moments(rows):
    """Return mean and variance (C,) of rows (H, C, L).

    The variance is E[x^2] - E[x]^2, two sums made as fast as memory can be read. But where the mean is
    far larger than the deviation this difference has lost its digits: there squared deviations are summed.
    """
    count = len(rows) * rows.shape[2]
    total, squares = _sums(rows, rows)
    mean = total / count
    variance = squares / count - mean * mean
    if _far_from_zero(mean, variance):
        variance = _sum_of_products(rows, mean) / count
    return mean, variance


def _far_from_zero(mean, variance):
    """Whether the mean of some channel is ten times its deviation or more."""
    return bool((mean * mean > FAR * variance).any())


def _sums(rows, other):
    """Return for each channel the sums of rows (H, C, L) and of rows * other, each (C,).

    Not by matmul and vecdot: these keep the interpreter lock if they have few results, and no other thread
    runs meanwhile.
    """
    length = rows.shape[2]
    ones = np.ones(length, rows.dtype)
    total, products = np.empty((2, *rows.shape[:2]), rows.dtype)

    def chunk(begin, end):
        np.dot(rows[begin:end].reshape(-1, length), ones, out=total[begin:end].reshape(-1))
        np.einsum("hcl,hcl->hc", rows[begin:end], other[begin:end], out=products[begin:end])

    parallel.in_chunks(chunk, len(rows), rows)
    return total.sum(axis=0), products.sum(axis=0)


def _sum_of_products(rows, mean, other=None):
    """Return for each channel the sum of (rows - mean) * other, (C,); other: rows - mean itself if None."""
    ones, products = np.ones(rows.shape[2], rows.dtype), np.empty(rows.shape[:2], rows.dtype)

    def block(rows, products, *other):
        centred = parallel.scratch("centred", rows.shape, like=rows)
        np.subtract(rows, mean[:, None], out=centred)
        centred *= other[0] if other else centred
        products[...] = centred @ ones

    _in_blocks(block, rows, products, *([] if other is None else [other]))
    return products.sum(axis=0)


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
    dbeta, products = _sums(dy, rows)
    if _far_from_zero(mean, inverse_std**-2):
        return _sum_of_products(rows, mean, dy) * inverse_std, dbeta
    return (products - mean * dbeta) * inverse_std, dbeta


def local_response_norm_forward(x, *, size=5, alpha=1e-4, beta=0.75, k=2.0):
    """As `functional.local_response_norm_forward`; the arrays in the cache are views of contiguous rows."""
    if x.size < parallel.SMALL:
        return NotImplemented
    size = check_response_norm(x, size)
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
