"""Batch normalisation with this batch's statistics and with running ones; local response normalisation.

Inside, images are rows (H, C, L) with L = W*N (see `layout`), so that a channel's numbers are long contiguous
lines; a sum over a line is a product with ones, the fastest sum there is.
"""

import numpy as np

from minires.backend import array_module
from minires.checks import check_floats, check_gradient, check_ndim, check_shape, whole_number
from minires.kernels.cpu import parallel
from minires.kernels.cpu.layout import as_rows, from_rows
from minires.kernels.cuda import has_kernels, kernels

FAR = 100  # squared mean over variance from which on sums of squares are too inaccurate in float32


def batch_norm_train_forward(x, gamma, beta, *, eps=1e-5):
    """Normalise each channel by this batch's own mean and variance, then scale and shift it.

    x: (N, C, H, W) or (N, C); gamma, beta: (C,); eps: added to the variance (units of x squared).
    Returns y like x, the cache, and (mean, var), each (C,), var divided by the number of values N*H*W.
    The cache remembers x, not x_hat: the input is there anyway, and backward makes x_hat from it with mean
    and 1/std, two numbers a channel.
    Raises ValueError if a channel has fewer than two values.
    Ioffe & Szegedy 2015 (arXiv:1502.03167), Algorithm 1.
    """
    xp = _check(x, gamma=gamma, beta=beta, eps=eps)
    if x.size == x.shape[1]:
        raise ValueError(
            f"x: batch statistics need at least two values a channel, got {tuple(x.shape)}; "
            "use a larger batch, or eval mode"
        )
    if has_kernels(x):
        y, lines, mean, var, inverse_std = kernels.batch_norm_train_forward(x, gamma, beta, eps)
        return y, (lines, mean, inverse_std, gamma, x.shape), (mean, var)
    rows = as_rows(x)
    mean, var = _moments(rows)
    inverse_std = 1 / xp.sqrt(var + eps)
    scale = gamma * inverse_std
    y = _scale_and_shift(rows, scale, beta - mean * scale)  # gamma * (x - mean) / std + beta
    cache = (rows, mean, inverse_std, gamma, x.shape)
    return from_rows(y, x.shape), cache, (mean, var)


def batch_norm_train_backward(dy, cache):
    """Return dx, like x, and dgamma and dbeta, each (C,), of batch_norm_train_forward. dy: like y.

    With x_hat = (x - mean) / std and M values a channel, three paths lead from x to y: straight through
    x_hat, through the mean, and through the variance:
        dx = gamma / std * (dy - sum(dy) / M - x_hat * sum(dy * x_hat) / M)
    so dx has no component along 1 or along x_hat: shifting or stretching x would not have changed y.
    """
    rows, mean, inverse_std, gamma, shape = cache
    check_gradient(dy, shape, rows.dtype, on=rows)
    if has_kernels(dy):
        return kernels.batch_norm_backward(dy, rows, mean, inverse_std, gamma, batch_statistics=True)
    dy = as_rows(dy)
    dgamma, dbeta = _parameter_gradients(dy, rows, mean, inverse_std)
    count = rows.size // len(mean)
    # the formula above, with x_hat written out: dx = scale * (dy - (slope * x + constant)), for each channel
    scale = gamma * inverse_std
    slope = inverse_std * dgamma / count
    constant = dbeta / count - slope * mean
    xp = array_module(dy)
    dx = xp.empty_like(dy)

    def tile(rows, dy, dx):
        xp.multiply(rows, slope[:, None], out=dx)
        dx += constant[:, None]
        xp.subtract(dy, dx, out=dx)
        dx *= scale[:, None]

    _for_tiles(tile, rows, dy, dx)
    return from_rows(dx, shape), dgamma, dbeta


def batch_norm_eval_forward(x, gamma, beta, running_mean, running_var, *, eps=1e-5):
    """Normalise each channel by given statistics: a fixed line for each channel, gamma*(x-mean)/std + beta.

    x: (N, C, H, W) or (N, C); the four vectors: (C,); eps: added to running_var (units of x squared).
    Returns y like x, and the cache: x, which dgamma needs, the mean, 1/std, and gamma.
    Ioffe & Szegedy 2015 (arXiv:1502.03167), Algorithm 2, line 11.
    """
    xp = _check(x, gamma=gamma, beta=beta, running_mean=running_mean, running_var=running_var, eps=eps)
    if has_kernels(x):
        y, lines, inverse_std = kernels.batch_norm_eval_forward(
            x, gamma, beta, running_mean, running_var, eps
        )
        return y, (lines, running_mean, inverse_std, gamma, x.shape)
    rows = as_rows(x)
    inverse_std = 1 / xp.sqrt(running_var + eps)
    scale = gamma * inverse_std
    y = _scale_and_shift(rows, scale, beta - running_mean * scale)
    cache = (rows, running_mean, inverse_std, gamma, x.shape)
    return from_rows(y, x.shape), cache


def batch_norm_eval_backward(dy, cache):
    """Return dx, like x, and dgamma and dbeta, each (C,): with constant statistics dx = dy * gamma / std."""
    rows, mean, inverse_std, gamma, shape = cache
    check_gradient(dy, shape, rows.dtype, on=rows)
    if has_kernels(dy):
        return kernels.batch_norm_backward(dy, rows, mean, inverse_std, gamma, batch_statistics=False)
    dy = as_rows(dy)
    dgamma, dbeta = _parameter_gradients(dy, rows, mean, inverse_std)
    dx = _scale_and_shift(dy, gamma * inverse_std, array_module(dy).zeros_like(gamma))
    return from_rows(dx, shape), dgamma, dbeta


def _check(x, *, eps, **vectors):
    xp = check_floats(x=x, **vectors)
    check_ndim("x", x, (2, "(N, C)"), (4, "(N, C, H, W)"))
    for name, vector in vectors.items():
        check_shape(name, vector, x.shape[1:2], "one for each channel of x")
    if not eps >= 0:
        raise ValueError(f"eps: expected a number >= 0, got {eps}")
    return xp


def _for_tiles(tile, *arrays):
    """Call tile on matching pieces of a few rows of arrays (H, ...), spread over the threads."""
    step = parallel.TILE // arrays[0][0].size if parallel.on_cpu(arrays[0]) else len(arrays[0])

    def band(begin, end):
        for rows in parallel.tiles(begin, end, step):
            tile(*(array[rows] for array in arrays))

    parallel.bands(band, len(arrays[0]), arrays[0])


def _moments(rows):
    """Return mean and variance (C,) of rows (H, C, L).

    The variance is E[x^2] - E[x]^2, two sums made as fast as memory can be read. But where the mean is
    far larger than the deviation this difference has lost its digits: there squared deviations are summed.
    """
    count = len(rows) * rows.shape[2]
    if not parallel.on_cpu(rows):  # to look at the numbers would be to wait for the GPU
        mean = rows.mean(axis=(0, 2))
        return mean, _sum_of_products(rows, mean) / count
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
    """Return for each channel the sums of rows (H, C, L) and of rows * other, each (C,). On a CPU only.

    Not by matmul and vecdot: these keep the interpreter lock if they have few results, and no other thread
    runs meanwhile.
    """
    length = rows.shape[2]
    ones = np.ones(length, rows.dtype)
    total, products = np.empty((2, *rows.shape[:2]), rows.dtype)

    def band(begin, end):
        np.dot(rows[begin:end].reshape(-1, length), ones, out=total[begin:end].reshape(-1))
        np.einsum("hcl,hcl->hc", rows[begin:end], other[begin:end], out=products[begin:end])

    parallel.bands(band, len(rows), rows)
    return total.sum(axis=0), products.sum(axis=0)


def _sum_of_products(rows, mean, other=None):
    """Return for each channel the sum of (rows - mean) * other, (C,); other: rows - mean itself if None."""
    xp = array_module(rows)
    ones, products = xp.ones(rows.shape[2], rows.dtype), xp.empty(rows.shape[:2], rows.dtype)

    def tile(rows, products, *other):
        centred = parallel.scratch("centred", rows.shape, like=rows)
        xp.subtract(rows, mean[:, None], out=centred)
        centred *= other[0] if other else centred
        products[...] = centred @ ones

    _for_tiles(tile, rows, products, *([] if other is None else [other]))
    return products.sum(axis=0)


def _scale_and_shift(rows, scale, shift):
    """Return rows (H, C, L) * scale (C,) + shift (C,)."""
    y, xp = array_module(rows).empty_like(rows), array_module(rows)

    def tile(rows, y):
        xp.multiply(rows, scale[:, None], out=y)
        y += shift[:, None]

    _for_tiles(tile, rows, y)
    return y


def _parameter_gradients(dy, rows, mean, inverse_std):
    """Return dgamma = sum(dy * x_hat) and dbeta = sum(dy), each (C,), for dy and x as rows (H, C, L)."""
    if not parallel.on_cpu(rows):
        return _sum_of_products(rows, mean, dy) * inverse_std, dy.sum(axis=(0, 2))
    dbeta, products = _sums(dy, rows)
    if _far_from_zero(mean, inverse_std**-2):
        return _sum_of_products(rows, mean, dy) * inverse_std, dbeta
    return (products - mean * dbeta) * inverse_std, dbeta


def local_response_norm_forward(x, *, size=5, alpha=1e-4, beta=0.75, k=2.0):
    """Divide each pixel by a power of the mean square over `size` neighbouring channels.

        y[c] = x[c] / (k + alpha / size * sum_{c' around c} x[c']^2)^beta

    x: (N, C, H, W). The window of channel c runs from c - size//2 to c + (size-1)//2.
    Returns y like x, and the cache: x and the bracket, as large as x; recomputing it would cost the sum.
    Raises ValueError for another number of axes, or a size below 1.
    Differs from the paper: alpha is divided by size, as Caffe and PyTorch do; the paper (and Chainer) put
    alpha before the plain sum, so their alpha is ours divided by size.
    Krizhevsky, Sutskever & Hinton 2012, section 3.3.
    """
    check_floats(x=x)
    check_ndim("x", x, (4, "(N, C, H, W)"))
    size = whole_number("size", size, least=1)
    rows = as_rows(x)
    denominator, y = array_module(x).empty_like(rows), array_module(x).empty_like(rows)

    def tile(rows, denominator, y):
        squares = _sum_over_channels(rows * rows, size // 2, (size - 1) // 2)
        denominator[...] = k + alpha / size * squares
        y[...] = rows * denominator**-beta

    _for_tiles(tile, rows, denominator, y)
    return from_rows(y, x.shape), (rows, denominator, size, alpha, beta, x.shape)


def local_response_norm_backward(dy, cache):
    """Return dx: the pixel's own quotient, minus its share in the denominators of its neighbours."""
    rows, denominator, size, alpha, beta, shape = cache
    check_gradient(dy, shape, rows.dtype, on=rows)
    dy = as_rows(dy)
    dx = array_module(dy).empty_like(dy)

    def tile(rows, denominator, dy, dx):
        power = denominator**-beta
        # channel c stands in the windows of the channels from c - (size-1)//2 to c + size//2
        shares = _sum_over_channels(dy * rows * power / denominator, (size - 1) // 2, size // 2)
        dx[...] = dy * power - (2 * alpha * beta / size) * rows * shares

    _for_tiles(tile, rows, denominator, dy, dx)
    return from_rows(dx, shape)


def _sum_over_channels(rows, before, after):
    """Return rows (H, C, L), each channel summed with `before` channels before and `after` after it."""
    total = rows.copy()
    for shift in range(1, before + 1):
        total[:, shift:] += rows[:, :-shift]
    for shift in range(1, after + 1):
        total[:, :-shift] += rows[:, shift:]
    return total
