"""Pooling: the largest value or the mean of each window; and the mean of the whole image."""

from minires.backend import array_module
from minires.checks import check_floats, check_gradient, check_ndim
from minires.kernels.cpu import parallel
from minires.kernels.cpu.layout import empty_images
from minires.kernels.cuda import has_kernels, kernels
from minires.windows import sliding_windows


def max_pool2d_forward(x, *, kernel_size, stride=None, padding=0, ceil_mode=False):
    """Return the largest value of each window.

    x: (N, C, H, W); kernel_size, stride, padding: int or (h, w); stride None means kernel_size; padding is
    minus infinity, at most half the kernel; ceil_mode keeps an incomplete window at the far edge.
    Returns y (N, C, OH, OW) and the cache, which remembers the position of each window's winner (one byte, up
    to 255 pixels a window), the first in row order if several are equal (0: a window of minus infinity, or
    one with NaN, may have none).
    Raises ValueError for shapes that do not fit.
    """
    windows = _check(x, kernel_size, stride, padding, ceil_mode)
    if has_kernels(x):
        y, winner = kernels.max_pool_forward(x, windows)
        return y, (winner, windows, x.shape, x.dtype)
    xp = array_module(x)
    y = empty_images(x, (*x.shape[:2], *windows.out_size))
    positions = windows.kernel[0] * windows.kernel[1]
    winner = xp.zeros_like(y, dtype=xp.uint8 if positions < 256 else xp.int32)  # in the memory order of y
    number = winner.dtype.type

    def tile(x, y, winner):
        # the largest of a window is the largest of its rows' largest: KW + KH comparisons, not KW * KH
        n, c, h, _ = x.shape
        rows = h, c, windows.out_size[1], n  # in the order of memory
        largest = parallel.scratch("largest", rows, like=x).transpose(3, 1, 0, 2)
        column = parallel.scratch("column", rows, like=winner).transpose(3, 1, 0, 2)
        largest[...], column[...], y[...] = -xp.inf, 0, -xp.inf
        for kw in range(windows.kernel[1]):
            outputs, inputs = windows.shift(1, kw)
            _take_larger(largest[..., outputs], column[..., outputs], x[..., inputs], number(kw + 1))
        for kh in range(windows.kernel[0]):
            outputs, inputs = windows.shift(0, kh)
            position = column[:, :, inputs] + number(kh * windows.kernel[1])
            _take_larger(y[:, :, outputs], winner[:, :, outputs], largest[:, :, inputs], position)

    _for_channels(tile, x, y, winner)
    return y, (winner, windows, x.shape, x.dtype)


def _take_larger(best, winner, pixels, position):
    """Put pixels into best where they are larger, and their positions into winner."""
    xp = array_module(best)
    larger = pixels > best
    xp.maximum(best, pixels, out=best)
    # positions are numbered upwards, so the largest number is that of the latest winner
    xp.maximum(winner, larger * position, out=winner)


def max_pool2d_backward(dy, cache):
    """Return dx (N, C, H, W): each window's dy goes to its one winner; overlapping windows add up."""
    winner, windows, shape, dtype = cache
    check_gradient(dy, winner.shape, dtype, on=winner)
    if has_kernels(dy):
        return kernels.max_pool_backward(dy, winner, windows, shape)
    dx = empty_images(dy, shape)

    def tile(dx, dy, winner):
        dx[...] = 0
        for position, (outputs, pixels) in enumerate(_windows_of(dx, windows), start=1):
            pixels += dy[outputs] * (winner[outputs] == position)

    _for_channels(tile, dx, dy, winner)
    return dx


def avg_pool2d_forward(x, *, kernel_size, stride=None, padding=0, ceil_mode=False):
    """Return the mean of each window.

    x: (N, C, H, W); arguments as for max_pool2d_forward. Padded zeros count as values; what hangs over the
    padded edge in ceil_mode does not (PyTorch's defaults).
    Returns y (N, C, OH, OW) and the cache.
    """
    windows = _check(x, kernel_size, stride, padding, ceil_mode)
    if has_kernels(x):
        y = kernels.avg_pool_forward(x, windows)
        return y, (None, windows, x.shape, x.dtype, y.shape)
    y = empty_images(x, (*x.shape[:2], *windows.out_size))
    share = _shares(y, windows)

    def tile(x, y):
        y[...] = 0
        for outputs, pixels in _windows_of(x, windows):
            y[outputs] += pixels
        y *= share

    _for_channels(tile, x, y)
    return y, (share, windows, x.shape, x.dtype, y.shape)


def avg_pool2d_backward(dy, cache):
    """Return dx (N, C, H, W): each window gives every one of its pixels the same share of its dy."""
    share, windows, shape, dtype, y_shape = cache
    check_gradient(dy, y_shape, dtype)
    if has_kernels(dy):
        return kernels.avg_pool_backward(dy, windows, shape)
    dx = empty_images(dy, shape)

    def tile(dx, dy):
        dx[...] = 0
        shared = dy * share
        for outputs, pixels in _windows_of(dx, windows):
            pixels += shared[outputs]

    _for_channels(tile, dx, dy)
    return dx


def global_avg_pool2d_forward(x):
    """Return each channel's mean over the image: x (N, C, H, W) -> y (N, C), and the cache.

    Lin, Chen & Yan 2013, "Network in network" (arXiv:1312.4400), section 3.2.
    """
    check_floats(x=x)
    check_ndim("x", x, (4, "(N, C, H, W)"))
    return x.mean(axis=(2, 3)), (x.shape, x.dtype)


def global_avg_pool2d_backward(dy, cache):
    """Return dx (N, C, H, W): each of the H*W pixels gets dy / (H*W)."""
    shape, dtype = cache
    check_gradient(dy, shape[:2], dtype)
    dx = empty_images(dy, shape)
    dx[...] = (dy / (shape[2] * shape[3]))[:, :, None, None]
    return dx


def _check(x, kernel_size, stride, padding, ceil_mode):
    check_floats(x=x)
    check_ndim("x", x, (4, "(N, C, H, W)"))
    windows = sliding_windows(
        x.shape[2:],
        kernel_size=kernel_size,
        stride=kernel_size if stride is None else stride,
        padding=padding,
        ceil_mode=ceil_mode,
    )
    if any(2 * p > k for p, k in zip(windows.padding, windows.kernel, strict=True)):
        raise ValueError(
            f"padding: expected at most half the kernel {windows.kernel}, got {windows.padding}; "
            "a window must not lie in the padding alone"
        )
    return windows


def _for_channels(tile, *arrays):
    """Call tile on matching pieces of a few channels of arrays (N, C, ...): windows never share a channel."""
    first = arrays[0]
    channels = first.shape[1]
    step = parallel.TILE * channels // first.size if parallel.on_cpu(first) else channels

    def band(begin, end):
        for part in parallel.tiles(begin, end, step):
            tile(*(array[:, part] for array in arrays))

    parallel.bands(band, channels, first)


def _windows_of(x, windows):
    """Yield for each kernel position (an index into the output, the view of x's pixels that lie there)."""
    for kh in range(windows.kernel[0]):
        down, from_row = windows.shift(0, kh)
        for kw in range(windows.kernel[1]):
            across, from_column = windows.shift(1, kw)
            yield (..., down, across), x[:, :, from_row, from_column]


def _shares(y, windows):
    """Return 1 / (number of values) of each window: a float if all are complete, else an array (OH, OW)."""
    counts = []
    for axis in (0, 1):
        kernel, stride = windows.kernel[axis], windows.stride[axis]
        padded = windows.size[axis] + windows.padding[axis]  # up to the end of the trailing padding
        starts = [pixel * stride - windows.padding[axis] for pixel in range(windows.out_size[axis])]
        counts.append([min(start + kernel, padded) - start for start in starts])
    if min(counts[0]) == windows.kernel[0] and min(counts[1]) == windows.kernel[1]:
        return 1 / (windows.kernel[0] * windows.kernel[1])
    return array_module(y).asarray([[1 / (h * w) for w in counts[1]] for h in counts[0]], dtype=y.dtype)
