"""Pooling: the largest value or the mean of each window, and the mean of the whole image."""

import math
from collections.abc import Callable
from typing import Any

import minires.functional as F
from minires.checks import check_windows, pair, plain
from minires.layers.base import Layer
from minires.layers.trace import Blank, Step, check_images
from minires.typing import Array


class _Pool(Layer):
    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size = pair("kernel_size", kernel_size, least=1)
        self.stride = pair("stride", kernel_size if stride is None else stride, least=1)
        self.padding = pair("padding", padding, least=0)
        self.ceil_mode = plain(ceil_mode)

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of the pair."""
        names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "count_include_pad")
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

    def settings(self) -> dict[str, Any]:
        values = super().settings()
        if self.stride == self.kernel_size:  # what it is if nobody says
            del values["stride"]
        return values

    def _trace(self, x: Blank, remembers: Callable[[Blank], tuple]) -> Step:
        """The Step of both poolings; remembers(y) returns what the cache keeps."""
        check_images(x)
        geometry = {name: value for name, value in self.options.items() if name != "count_include_pad"}
        windows = check_windows(x.shape[2:], **geometry)
        y = x.like((*x.shape[:2], *windows.out_size))
        return Step(self, x, y, macs=y.size * math.prod(windows.kernel), remembers=remembers(y))


class MaxPool2d(_Pool):
    """The largest value of each window of images (N, C, H, W).

    Parameters
    ----------
    kernel_size : int or (h, w)
        Pixels of a window.
    stride : int or (h, w), default None
        Pixels from one window to the next; None: kernel_size, windows side by side.
    padding : int or (h, w), default 0
        Pixels added on each side, never the largest.
    dilation : int or (h, w), default 1
        Pixels from one pixel of a window to the next.
    ceil_mode : bool, default False
        True: a window that hangs over the edge counts too, so sizes are rounded up.

    See Also
    --------
    minires.functional.max_pool2d_forward : the arithmetic

    Notes
    -----
    dx is dy at the pixel that was the largest (the first of equals), 0 at the others.

    Examples
    --------
    >>> MaxPool2d(2).predict(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode)
        self.dilation = pair("dilation", dilation, least=1)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, tuple]:
        return F.max_pool2d_forward(x, **self.options)

    def backward(self, dy: Array, cache: tuple) -> Array:
        return F.max_pool2d_backward(dy, cache)

    def trace(self, x: Blank) -> Step:
        positions = math.prod(self.kernel_size)
        return self._trace(x, lambda y: (y.like(y.shape, itemsize=1 if positions <= 256 else 4),))


class AvgPool2d(_Pool):
    """The mean of each window of images (N, C, H, W).

    Parameters
    ----------
    kernel_size : int or (h, w)
        Pixels of a window.
    stride : int or (h, w), default None
        Pixels from one window to the next; None: kernel_size, windows side by side.
    padding : int or (h, w), default 0
        Zeros added on each side.
    ceil_mode : bool, default False
        True: a window that hangs over the edge counts too; its mean is over what it covers of the padded
        image.
    count_include_pad : bool, default True
        Whether padded zeros count in the mean.

    See Also
    --------
    minires.functional.avg_pool2d_forward : the arithmetic

    Examples
    --------
    >>> AvgPool2d(2).predict(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode)
        self.count_include_pad = plain(count_include_pad)

    def forward(self, x: Array, *, train: bool) -> tuple[Array, tuple]:
        return F.avg_pool2d_forward(x, **self.options)

    def backward(self, dy: Array, cache: tuple) -> Array:
        return F.avg_pool2d_backward(dy, cache)

    def trace(self, x: Blank) -> Step:
        return self._trace(x, lambda y: ())


class GlobalAvgPool2d(Layer):
    """Each channel's mean over the whole image: (N, C, H, W) -> (N, C).

    Notes
    -----
    It takes images of any size, and in the place of fully-connected layers it has nothing to learn.

    References
    ----------
    Lin, Chen & Yan 2013 (arXiv:1312.4400), section 3.2.

    Examples
    --------
    >>> GlobalAvgPool2d().predict(np.ones((8, 64, 7, 5))).shape
    (8, 64)
    """

    def forward(self, x: Array, *, train: bool) -> tuple[Array, tuple]:
        return F.global_avg_pool2d_forward(x)

    def backward(self, dy: Array, cache: tuple) -> Array:
        return F.global_avg_pool2d_backward(dy, cache)

    def trace(self, x: Blank) -> Step:
        check_images(x)
        return Step(self, x, x.like(x.shape[:2]), macs=x.size)
