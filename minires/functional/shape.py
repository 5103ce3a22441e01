"""Another shape without arithmetic: some of the channels, more of them, all of them in a row."""

import math

from minires.backend import array_module
from minires.checks import check_floats, check_gradient, check_ndim, pair, plain, whole_number
from minires.typing import Array, Cache, Shape, Size

PLACEMENTS = ("append", "split", "mean")


def flatten_forward(x: Array) -> tuple[Array, Cache]:
    """Return x (N, ...) as a matrix (N, features), a view where the memory allows it.

    Parameters
    ----------
    x : (N, ...)

    Returns
    -------
    y : (N, features)
        The features of an image run in the order C, H, W.
    cache : (x_shape, dtype)
    """
    check_floats(x=x)
    if x.ndim == 0:
        raise ValueError("x: expected at least the axis of the batch, got the shape ()")
    return x.reshape(x.shape[0], -1), (x.shape, x.dtype)


def flatten_backward(dy: Array, cache: Cache) -> Array:
    """Return dy in the shape that x had."""
    x_shape, dtype = cache
    check_gradient(dy, (x_shape[0], math.prod(x_shape[1:])), dtype)
    return dy.reshape(x_shape)


def channels_forward(x: Array, *, start: int, stop: int) -> tuple[Array, Cache]:
    """Return some of the channels: y = x[:, start:stop].

    Parameters
    ----------
    x : (N, C, H, W)
    start, stop : int
        0 <= start < stop <= C.

    Returns
    -------
    y : (N, stop - start, H, W), a view of x
    cache : (start, stop, x_shape, dtype)

    Raises
    ------
    ValueError
        If x has fewer than `stop` channels, or for another number of axes.
    """
    check_floats(x=x)
    check_ndim("x", x, (4, "(N, C, H, W)"))
    start, stop = plain(start), plain(stop)
    if not 0 <= start < stop:
        raise ValueError(f"expected 0 <= start < stop, got {start} and {stop}")
    if x.shape[1] < stop:
        raise ValueError(f"x has {x.shape[1]} channels, but this layer takes {start} to {stop}")
    return x[:, start:stop], (start, stop, x.shape, x.dtype)


def channels_backward(dy: Array, cache: Cache) -> Array:
    """Return dx (N, C, H, W): what was left out gets the gradient zero."""
    start, stop, x_shape, dtype = cache
    check_gradient(dy, (x_shape[0], stop - start, *x_shape[2:]), dtype)
    dx = array_module(dy).zeros_like(dy, shape=x_shape)
    dx[:, start:stop] = dy
    return dx


def pad_shortcut_forward(
    x: Array, *, channels: int, stride: Size, placement: str = "append"
) -> tuple[Array, Cache]:
    """Identity shortcut to a smaller map with more channels: subsample, and fill new channels with zeros.

    Parameters
    ----------
    x : (N, C, H, W)
    channels : int
        Of the output, at least C.
    stride : int or (h, w)
    placement : str
        "append" takes every stride-th pixel and puts the zeros after the channels (fb.resnet.torch), "split"
        puts half of them before (the common CIFAR repository), "mean" averages stride x stride pixels and
        appends (the stochastic depth code; an incomplete window at the edge is left out).

    Returns
    -------
    y : (N, channels, OH, OW)
    cache : (x_shape, y_shape, dtype, stride, placement)

    Raises
    ------
    ValueError
        For fewer channels than x has, an unknown placement, or an image smaller than a window.

    References
    ----------
    He et al. 2015 (arXiv:1512.03385), section 3.3, option A: no parameters.
    """
    stride = _check_pad_shortcut(x, channels, stride, placement)
    pixels = _subsamples(x, stride, placement)
    y = array_module(x).zeros_like(x, shape=(len(x), channels, *pixels[0].shape[2:]))
    for pixel in pixels:
        y[:, _copied(x.shape, y.shape, placement)] += pixel * (1 / len(pixels))
    return y, (x.shape, y.shape, x.dtype, stride, placement)


def pad_shortcut_backward(dy: Array, cache: Cache) -> Array:
    """Return dx (N, C, H, W): dy of the copied channels at the pixels that were taken, 0 elsewhere."""
    x_shape, y_shape, dtype, stride, placement = cache
    check_gradient(dy, y_shape, dtype)
    dx = array_module(dy).zeros_like(dy, shape=x_shape)
    pixels = _subsamples(dx, stride, placement)
    for pixel in pixels:
        pixel += dy[:, _copied(x_shape, y_shape, placement)] * (1 / len(pixels))
    return dx


def _check_pad_shortcut(x: Array, channels: int, stride: Size, placement: str) -> tuple[int, int]:
    check_floats(x=x)
    check_ndim("x", x, (4, "(N, C, H, W)"))
    stride = pair("stride", stride, least=1)
    _, c, h, w = x.shape
    if whole_number("channels", channels, least=1) < c:
        raise ValueError(f"channels: expected at least the input's {c}, got {channels}")
    if placement not in PLACEMENTS:
        raise ValueError(f"placement: expected one of {', '.join(PLACEMENTS)}, got {placement!r}")
    if placement == "mean" and (h < stride[0] or w < stride[1]):
        raise ValueError(f"placement 'mean': the window {stride} is larger than the image {h}x{w}")
    return stride


def _copied(x_shape: Shape, y_shape: Shape, placement: str) -> slice:
    """Return the slice of y's channels into which those of x are copied."""
    first = (y_shape[1] - x_shape[1]) // 2 if placement == "split" else 0
    return slice(first, first + x_shape[1])


def _subsamples(x: Array, stride: tuple[int, int], placement: str) -> list[Array]:
    """Return views of x: the pixels that are averaged into one, each an array (N, C, OH, OW)."""
    if placement != "mean":
        return [x[:, :, :: stride[0], :: stride[1]]]
    whole = x[:, :, : x.shape[2] // stride[0] * stride[0], : x.shape[3] // stride[1] * stride[1]]
    return [whole[:, :, i :: stride[0], j :: stride[1]] for i in range(stride[0]) for j in range(stride[1])]
