"""Batch normalisation in two launches each way.

The textbook: `functional.norm`. Inside, x is lines (C, H*W*N).
"""

from minires.backend import array_module
from minires.checks import check_batch, check_gradient, check_norm
from minires.kernels.cuda.launch import as_lines, blocks, from_lines, launch
from minires.kernels.cuda.source import LARGEST_CHUNK_COUNT, THREADS

CHUNK_OF_A_SUM = 16 * THREADS  # numbers that a block adds up, at least: 16 for each thread


def batch_norm_train_forward(x, gamma, beta, *, eps=1e-5):
    """As `functional.batch_norm_train_forward`; x in the cache is a view of contiguous lines."""
    xp, eps = check_norm(x, gamma=gamma, beta=beta, eps=eps)
    check_batch(x)
    lines = as_lines(x)
    channels, length = lines.shape
    chunks = _chunks(length)
    means, squares = xp.empty((2, channels, chunks), x.dtype)
    launch("batch_moments", x, (chunks, channels), lines, means, squares, length)
    y = xp.empty_like(lines)
    mean, var, inverse_std = (xp.empty(channels, x.dtype) for _ in range(3))
    launch(
        "batch_norm_forward", x, _lines_grid(lines), lines, means, squares, gamma, beta, eps, y, mean, var,
        inverse_std, length, chunks,
    )  # fmt: skip
    return from_lines(y, x.shape), (from_lines(lines, x.shape), mean, inverse_std, gamma), (mean, var)


def batch_norm_train_backward(dy, cache):
    """As `functional.batch_norm_train_backward`."""
    return _backward(dy, cache, batch_statistics=True)


def batch_norm_eval_forward(x, gamma, beta, running_mean, running_var, *, eps=1e-5):
    """As `functional.batch_norm_eval_forward`; x in the cache is a view of contiguous lines."""
    xp, eps = check_norm(
        x, gamma=gamma, beta=beta, running_mean=running_mean, running_var=running_var, eps=eps
    )
    lines = as_lines(x)
    y, inverse_std = xp.empty_like(lines), xp.empty(len(lines), x.dtype)
    launch(
        "fixed_norm_forward", x, _lines_grid(lines), lines, running_mean, running_var, gamma, beta, eps, y,
        inverse_std, lines.shape[1],
    )  # fmt: skip
    return from_lines(y, x.shape), (from_lines(lines, x.shape), running_mean, inverse_std, gamma)


def batch_norm_eval_backward(dy, cache):
    """As `functional.batch_norm_eval_backward`."""
    return _backward(dy, cache, batch_statistics=False)


def _backward(dy, cache, *, batch_statistics):
    """batch_statistics: whether mean and 1/std were those of x itself, so that two more paths lead through
    them."""
    x, mean, inverse_std, gamma = cache
    check_gradient(dy, x.shape, x.dtype, on=x)
    lines, dy_lines = as_lines(x), as_lines(dy)
    xp, (channels, length) = array_module(dy), lines.shape
    chunks = _chunks(length)
    with_x, alone = xp.empty((2, channels, chunks), dy.dtype)
    launch(
        "norm_gradient_sums", dy, (chunks, channels), dy_lines, lines, mean, inverse_std, with_x, alone,
        length,
    )  # fmt: skip
    dx, dgamma, dbeta = xp.empty_like(lines), xp.empty_like(gamma), xp.empty_like(gamma)
    fraction = 1 / length if batch_statistics else 0
    launch(
        "norm_backward", dy, _lines_grid(lines), dy_lines, lines, mean, inverse_std, gamma, with_x, alone,
        fraction, dx, dgamma, dbeta, length, chunks,
    )  # fmt: skip
    return from_lines(dx, x.shape), dgamma, dbeta


def update_running_averages(running_mean, running_var, mean, var, *, momentum, count):
    """As `functional.update_running_averages`, in one launch."""
    unbias, channels = count / (count - 1), len(mean)
    launch(
        "update_running_averages", mean, (blocks(channels), 1), mean, var, running_mean, running_var,
        momentum, unbias, channels,
    )  # fmt: skip


def _chunks(length):
    return min(LARGEST_CHUNK_COUNT, max(1, length // CHUNK_OF_A_SUM))


def _lines_grid(lines):
    """Four numbers a thread, so that what a block works out about its channel is worth it."""
    return blocks(-(-lines.shape[1] // 4)), len(lines)
