"""Thin callers of the CUDA kernels in `source`: they allocate what a kernel fills and launch it, once.

Shapes and dtypes have been checked by who calls. Images come in any order of memory and leave in (C, H, W,
N); lines are contiguous matrices (C, H*W*N), see `as_lines`.
"""

import functools
import re

import numpy as np

from minires.backend import array_module
from minires.kernels.cuda.source import LARGEST_CHUNK_COUNT, SOURCE, THREADS

CHUNK_OF_A_SUM = 16 * THREADS  # numbers that a block adds up, at least: 16 for each thread
LARGEST_GRID_Y = 65535  # CUDA's limit; kernels loop over the rest


# -- launching ----------------------------------------------------------------------------------------------


@functools.cache
def parameter_types(name):
    """Return the C types of a kernel's parameters, as written in the source: "real", "const real*", ..."""
    listed = re.search(rf"__global__ void {name}\((.*?)\)\s*{{", SOURCE, re.DOTALL)[1]
    return tuple(re.sub(r"\s*\w+$", "", part.strip()) for part in listed.split(","))


@functools.cache
def compiled(xp, name, real, mark):
    """Return the kernel of that name of module xp for the C types real and mark."""
    return xp.RawKernel(text(real, mark), name)


def text(real, mark="unsigned char"):
    """Return the CUDA source for the C types real (float, double) and mark (unsigned char, int)."""
    return f"typedef {real} real;\ntypedef {mark} mark;\n{SOURCE}"


def launch(name, like, grid, *arguments, mark="unsigned char"):
    """Run a kernel on a grid (blocks, blocks) for the dtype of the array `like`.

    arguments: arrays and numbers in the order of the source; numbers get the type that it declares.
    """
    numbers = {"int": np.int32, "long long": np.int64, "real": like.dtype.type}
    given = tuple(
        numbers[kind](value) if kind in numbers else value
        for kind, value in zip(parameter_types(name), arguments, strict=True)
    )
    real = "float" if like.dtype.itemsize == 4 else "double"
    compiled(array_module(like), name, real, mark)(grid, (THREADS,), given)


def blocks(count):
    """Return how many blocks give each of count elements a thread."""
    return -(-count // THREADS)


# -- memory -------------------------------------------------------------------------------------------------


def empty_images(like, shape):
    """Return an uninitialised (N, C, H, W) array of like's dtype, in memory (C, H, W, N)."""
    n, c, h, w = shape
    return array_module(like).empty((c, h, w, n), like.dtype).transpose(3, 0, 1, 2)


def as_lines(x):
    """Return x (N, C, H, W) or (N, C) as a contiguous matrix (C, H*W*N): a view if its memory is so ordered.

    So y = weight @ columns of a convolution lies as it came out of the product, and each channel is one line.
    """
    order = (1, 0) if x.ndim == 2 else (1, 2, 3, 0)
    return array_module(x).ascontiguousarray(x.transpose(order)).reshape(x.shape[1], -1)


def from_lines(lines, shape):
    """Return lines (C, H*W*N) as the (N, C, H, W) or (N, C) array of that shape, without a copy."""
    if len(shape) == 2:
        return lines.T
    n, c, h, w = shape
    return lines.reshape(c, h, w, n).transpose(3, 0, 1, 2)


def _geometry(n, windows):
    return (n, *windows.size, *windows.out_size, *windows.kernel, *windows.stride, *windows.padding)


def _element_strides(x):
    return tuple(stride // x.itemsize for stride in x.strides)


def _images_grid(elements, rows):
    return blocks(elements), min(rows, LARGEST_GRID_Y)


# -- convolution --------------------------------------------------------------------------------------------


def im2col(x, windows):
    """Return the columns (C*KH*KW, OH*OW*N) of x (N, C, H, W), see `functional.columns`: a new array,
    except for a 1x1 kernel, whose columns are x itself (a view if it lies in lines)."""
    (n, c), (kh, kw), (oh, ow) = x.shape[:2], windows.kernel, windows.out_size
    if windows.kernel == windows.stride == (1, 1) and windows.padding == (0, 0):
        return as_lines(x)
    columns = array_module(x).empty((c * kh * kw, oh * ow * n), x.dtype)
    launch(
        "im2col", x, _images_grid(oh * ow * n, len(columns)), x, columns, len(columns),
        *_geometry(n, windows), *_element_strides(x),
    )  # fmt: skip
    return columns


def col2im(columns, x_shape, windows):
    """Return dx (N, C, H, W): each pixel's sum over the contiguous columns (C*KH*KW, OH*OW*N) it stands
    in."""
    n, c, h, w = x_shape
    if windows.kernel == windows.stride == (1, 1) and windows.padding == (0, 0):
        return from_lines(columns, x_shape)
    dx = empty_images(columns, x_shape)
    launch("col2im", dx, _images_grid(h * w * n, c), columns, dx, c, *_geometry(n, windows))
    return dx


# -- batch norm ---------------------------------------------------------------------------------------------


def _chunks(length):
    return min(LARGEST_CHUNK_COUNT, max(1, length // CHUNK_OF_A_SUM))


def _lines_grid(lines):
    """Four numbers a thread, so that what a block works out about its channel is worth it."""
    return blocks(-(-lines.shape[1] // 4)), len(lines)


def batch_norm_train_forward(x, gamma, beta, eps):
    """Return y, x as lines, mean, var and 1/std of batch normalisation, in two launches."""
    lines, xp = as_lines(x), array_module(x)
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
    return from_lines(y, x.shape), lines, mean, var, inverse_std


def batch_norm_eval_forward(x, gamma, beta, mean, var, eps):
    """Return y, x as lines, and 1/std of normalisation by given statistics, in one launch."""
    lines, xp = as_lines(x), array_module(x)
    y, inverse_std = xp.empty_like(lines), xp.empty(len(lines), x.dtype)
    launch(
        "fixed_norm_forward", x, _lines_grid(lines), lines, mean, var, gamma, beta, eps, y, inverse_std,
        lines.shape[1],
    )  # fmt: skip
    return from_lines(y, x.shape), lines, inverse_std


def batch_norm_backward(dy, lines, mean, inverse_std, gamma, *, batch_statistics):
    """Return dx, dgamma, dbeta in two launches. lines: x as forward returned it; batch_statistics: whether
    mean and 1/std were those of x itself, so that two more paths lead through them."""
    xp, (channels, length) = array_module(dy), lines.shape
    dy_lines, chunks = as_lines(dy), _chunks(length)
    with_x, alone = xp.empty((2, channels, chunks), dy.dtype)
    launch(
        "norm_gradient_sums", dy, (chunks, channels), dy_lines, lines, mean, inverse_std, with_x, alone,
        length,
    )  # fmt: skip
    dx, dgamma, dbeta = xp.empty_like(lines), xp.empty_like(gamma), xp.empty_like(gamma)
    share = 1 / length if batch_statistics else 0
    launch(
        "norm_backward", dy, _lines_grid(lines), dy_lines, lines, mean, inverse_std, gamma, with_x, alone,
        share, dx, dgamma, dbeta, length, chunks,
    )  # fmt: skip
    return from_lines(dx, dy.shape), dgamma, dbeta


def move_averages(running_mean, running_var, mean, var, *, momentum, count):
    """Move batch norm's running averages in place, in one launch; count: values a channel of the batch."""
    unbias, channels = count / (count - 1), len(mean)
    launch(
        "move_averages", mean, (blocks(channels), 1), mean, var, running_mean, running_var, momentum, unbias,
        channels,
    )  # fmt: skip


# -- the rest -----------------------------------------------------------------------------------------------


def relu_backward(dy, y):
    """Return dx = dy where y > 0, else 0, in y's order of memory and one launch."""
    xp = array_module(y)
    dx = xp.empty_like(y)
    if dx.strides != y.strides:  # y has gaps or repeats itself
        return xp.multiply(dy, y > 0)
    if dy.strides != y.strides:
        same = xp.empty_like(y)
        same[...] = dy
        dy = same
    launch("relu_backward", y, (blocks(y.size), 1), y, dy, dx, y.size)
    return dx


def _mark(windows):
    """Return the C type and the dtype of a winner's number."""
    return ("unsigned char", np.uint8) if windows.kernel[0] * windows.kernel[1] < 256 else ("int", np.int32)


def max_pool_forward(x, windows):
    """Return y and the winners, both (N, C, OH, OW)."""
    (n, c), (oh, ow), (mark, dtype) = x.shape[:2], windows.out_size, _mark(windows)
    y = empty_images(x, (n, c, oh, ow))
    winner = array_module(x).empty((c, oh, ow, n), dtype).transpose(3, 0, 1, 2)
    launch(
        "max_pool_forward", x, _images_grid(oh * ow * n, c), x, y, winner, c, *_geometry(n, windows),
        *_element_strides(x), mark=mark,
    )  # fmt: skip
    return y, winner


def max_pool_backward(dy, winner, windows, x_shape):
    """Return dx (N, C, H, W) for winners as max_pool_forward returned them."""
    n, c, h, w = x_shape
    dx = empty_images(dy, x_shape)
    launch(
        "max_pool_backward", dy, _images_grid(h * w * n, c), as_lines(dy), winner, dx, c,
        *_geometry(n, windows), mark=_mark(windows)[0],
    )  # fmt: skip
    return dx


def avg_pool_forward(x, windows):
    """Return y (N, C, OH, OW)."""
    (n, c), (oh, ow) = x.shape[:2], windows.out_size
    y = empty_images(x, (n, c, oh, ow))
    launch(
        "avg_pool_forward", x, _images_grid(oh * ow * n, c), x, y, c, *_geometry(n, windows),
        *_element_strides(x),
    )  # fmt: skip
    return y


def avg_pool_backward(dy, windows, x_shape):
    """Return dx (N, C, H, W)."""
    n, c, h, w = x_shape
    dx = empty_images(dy, x_shape)
    launch("avg_pool_backward", dy, _images_grid(h * w * n, c), as_lines(dy), dx, c, *_geometry(n, windows))
    return dx


def softmax_cross_entropy(logits, labels, label_smoothing):
    """Return the losses (N,), probabilities and targets (N, K) of softmax_cross_entropy_forward."""
    xp, (n, classes) = array_module(logits), logits.shape
    logits, labels = xp.ascontiguousarray(logits), xp.ascontiguousarray(labels.astype(np.int64, copy=False))
    probabilities, targets = xp.empty_like(logits), xp.empty_like(logits)
    losses = xp.empty(n, logits.dtype)
    launch(
        "softmax_cross_entropy", logits, (n, 1), logits, labels, label_smoothing, probabilities, targets,
        losses, classes,
    )  # fmt: skip
    return losses, probabilities, targets
