"""Pooling: the largest value or the mean of each window; and the mean of the whole image.

Every loop runs over the KH*KW positions inside a window and handles one position of all windows at once:
`windows.positions()` says which windows have a pixel of the image there, and which pixels these are.
"""

from minires.backend import array_module
from minires.checks import check_floats, check_gradient, check_ndim, check_pool
from minires.functional.dispatch import accelerated
from minires.sums import mean
from minires.typing import Array, Cache, Size
from minires.windows import Windows


@accelerated
def max_pool2d_forward(
    x: Array,
    *,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> tuple[Array, Cache]:
    """Return the largest value of each window.

    Parameters
    ----------
    x : (N, C, H, W)
    kernel_size, stride, padding, dilation : int or (h, w)
        In pixels; a stride of None means kernel_size; what is padded is minus infinity, and at most half the
        kernel; dilation: from one pixel of a window to the next.
    ceil_mode : bool
        Keep an incomplete window at the far edge.

    Returns
    -------
    y : (N, C, OH, OW)
    cache : (argmax, windows, x_shape, dtype)
        argmax (N, C, OH, OW) is the position kh*KW + kw of each window's largest value, the first of equals
        (0 if nothing exceeds minus infinity; left open in a window with NaN, whose y is NaN): uint8 if a
        window has at most 256 pixels, else int32.

    Raises
    ------
    ValueError
        For shapes that do not fit.

    Examples
    --------
    >>> y, (argmax, *_) = max_pool2d_forward(np.array([[[[1.0, 7.0], [3.0, 5.0]]]]), kernel_size=2)
    >>> float(y[0, 0, 0, 0]), int(argmax[0, 0, 0, 0])
    (7.0, 1)
    """
    windows = check_pool(x, kernel_size, stride, padding, ceil_mode, dilation)
    xp, shape = array_module(x), (*x.shape[:2], *windows.out_size)
    y = xp.full_like(x, -xp.inf, shape=shape)
    few = windows.kernel[0] * windows.kernel[1] <= 256
    argmax = xp.zeros_like(x, dtype=xp.uint8 if few else xp.int32, shape=shape)
    for position, (outputs, pixels) in enumerate(windows.positions()):
        argmax[outputs] = xp.where(x[pixels] > y[outputs], position, argmax[outputs])
        y[outputs] = xp.maximum(x[pixels], y[outputs])
    return y, (argmax, windows, x.shape, x.dtype)


@accelerated
def max_pool2d_backward(dy: Array, cache: Cache) -> Array:
    """Return dx (N, C, H, W): each window's dy goes to its largest pixel; overlapping windows add up."""
    argmax, windows, x_shape, dtype = cache
    check_gradient(dy, argmax.shape, dtype, on=argmax)
    xp = array_module(dy)
    dx = xp.zeros_like(dy, shape=x_shape)
    for position, (outputs, pixels) in enumerate(windows.positions()):
        dx[pixels] += xp.where(argmax[outputs] == position, dy[outputs], 0)
    return dx


@accelerated
def avg_pool2d_forward(
    x: Array,
    *,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> tuple[Array, Cache]:
    """Return the mean of each window.

    Parameters
    ----------
    x : (N, C, H, W)
    kernel_size, stride, padding, ceil_mode
        As for `max_pool2d_forward`, but what is padded is 0.
    count_include_pad : bool
        Whether padded zeros count as values. What hangs over the padded edge in ceil mode never does.

    Returns
    -------
    y : (N, C, OH, OW)
    cache : (windows, x_shape, dtype, count_include_pad)

    Raises
    ------
    ValueError
        For shapes that do not fit.
    """
    windows = check_pool(x, kernel_size, stride, padding, ceil_mode)
    shape = (*x.shape[:2], *windows.out_size)
    y = array_module(x).zeros_like(x, dtype="float64", shape=shape)  # as in `minires.sums`
    for outputs, pixels in windows.positions():
        y[outputs] += x[pixels]
    y = (y / _counts(windows, y, count_include_pad)).astype(x.dtype)
    return y, (windows, x.shape, x.dtype, bool(count_include_pad))


@accelerated
def avg_pool2d_backward(dy: Array, cache: Cache) -> Array:
    """Return dx (N, C, H, W): each window gives every one of its pixels the same fraction of its dy."""
    windows, x_shape, dtype, count_include_pad = cache
    check_gradient(dy, (*x_shape[:2], *windows.out_size), dtype)
    dx, each = array_module(dy).zeros_like(dy, shape=x_shape), dy / _counts(windows, dy, count_include_pad)
    for outputs, pixels in windows.positions():
        dx[pixels] += each[outputs]
    return dx


def _counts(windows: Windows, x: Array, padding: bool) -> Array:
    """Return how many values each window covers, (OH, OW), as an array like x."""
    return array_module(x).asarray(windows.counts(padding=padding), dtype=x.dtype)


def global_avg_pool2d_forward(x: Array) -> tuple[Array, Cache]:
    """Return each channel's mean over the image.

    Parameters
    ----------
    x : (N, C, H, W)

    Returns
    -------
    y : (N, C)
    cache : (x_shape, dtype)

    References
    ----------
    Lin, Chen & Yan 2013, "Network in network" (arXiv:1312.4400), section 3.2.
    """
    check_floats(x=x)
    check_ndim("x", x, (4, "(N, C, H, W)"))
    return mean(x, axis=(2, 3)), (x.shape, x.dtype)


@accelerated
def global_avg_pool2d_backward(dy: Array, cache: Cache) -> Array:
    """Return dx (N, C, H, W): each of the H*W pixels gets dy / (H*W). It is a read-only view."""
    x_shape, dtype = cache
    check_gradient(dy, x_shape[:2], dtype)
    _, _, h, w = x_shape
    return array_module(dy).broadcast_to((dy / (h * w))[:, :, None, None], x_shape)
