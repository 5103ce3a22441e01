"""Layers without arithmetic: they pass on, lay out anew, or pad what they get."""

import math
from typing import Any

import minires.functional as F
from minires.checks import pair, plain
from minires.layers.base import Layer
from minires.layers.trace import Blank, Step, check_images
from minires.typing import Array


class Flatten(Layer):
    """Each example as a vector: (N, ...) -> (N, features), for images in the order C, H, W.

    Examples
    --------
    >>> Flatten().predict(np.ones((8, 16, 4, 4))).shape
    (8, 256)
    """

    keeps_zero = True

    def forward(self, x: Array, *, train: bool) -> tuple[Array, tuple]:
        return F.flatten_forward(x)

    def backward(self, dy: Array, cache: tuple) -> Array:
        return F.flatten_backward(dy, cache)

    def trace(self, x: Blank) -> Step:
        return Step(self, x, x.like((x.shape[0], math.prod(x.shape[1:]))))


class Identity(Layer):
    """x, untouched: the shortcut of a residual block (its "skip connection").

    Examples
    --------
    >>> x = np.ones(3)
    >>> Identity().predict(x) is x
    True
    """

    keeps_zero = idempotent = True

    def forward(self, x: Array, *, train: bool) -> tuple[Array, tuple]:
        return x, ()

    def backward(self, dy: Array, cache: tuple) -> Array:
        () = cache
        return dy

    def trace(self, x: Blank) -> Step:
        return Step(self, x, x)


class PadShortcut(Layer):
    """The shortcut without parameters to fewer pixels and more channels, filled with zeros ("option A").

    Parameters
    ----------
    channels : int
        Of y, at least as many as x has.
    stride : int or (h, w)
        Pixels of x for a pixel of y.
    placement : {"append", "split", "mean"}, default "append"
        Where the zeros go: after the channels of x, half of them before, or after them with the mean of
        stride x stride pixels in the place of one of them.

    See Also
    --------
    minires.functional.pad_shortcut_forward : the arithmetic, and who uses which placement

    References
    ----------
    He et al. 2015 (arXiv:1512.03385), section 3.3, option A.

    Examples
    --------
    >>> PadShortcut(32, stride=2).predict(np.ones((8, 16, 32, 32))).shape
    (8, 32, 16, 16)
    """

    def __init__(self, channels: int, *, stride: int | tuple[int, int], placement: str = "append") -> None:
        self.channels, self.placement = plain(channels), placement
        self.stride = pair("stride", stride, least=1)

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of the pair."""
        return {"channels": self.channels, "stride": self.stride, "placement": self.placement}

    def forward(self, x: Array, *, train: bool) -> tuple[Array, tuple]:
        return F.pad_shortcut_forward(x, **self.options)

    def backward(self, dy: Array, cache: tuple) -> Array:
        return F.pad_shortcut_backward(dy, cache)

    def trace(self, x: Blank) -> Step:
        check_images(x)
        channels, (down, across) = self.channels, self.stride
        if x.shape[1] > channels:
            raise ValueError(f"channels: expected at least the input's {x.shape[1]}, got {channels}")
        if self.placement == "mean":  # an incomplete window at the edge is left out
            size = x.shape[2] // down, x.shape[3] // across
        else:
            size = -(-x.shape[2] // down), -(-x.shape[3] // across)
        if not all(size):
            raise ValueError(f"the window {down}x{across} is larger than the image {x.shape[2]}x{x.shape[3]}")
        return Step(self, x, x.like((x.shape[0], channels, *size)))


class Channels(Layer):
    """Some of the channels of images: y = x[:, start:stop]. Those left out get the gradient zero.

    Parameters
    ----------
    start, stop : int
        0 <= start < stop <= C. y is (N, stop - start, H, W), a view of x.

    Raises
    ------
    ValueError
        For an empty range.

    Examples
    --------
    >>> Channels(2, 5).predict(np.ones((1, 8, 4, 4))).shape
    (1, 3, 4, 4)
    """

    def __init__(self, start: int, stop: int) -> None:
        self.start, self.stop = start, stop = plain(start), plain(stop)
        if not 0 <= start < stop:
            raise ValueError(f"expected 0 <= start < stop, got {start} and {stop}")

    def forward(self, x: Array, *, train: bool) -> tuple[Array, tuple]:
        return F.channels_forward(x, start=self.start, stop=self.stop)

    def backward(self, dy: Array, cache: tuple) -> Array:
        return F.channels_backward(dy, cache)

    def trace(self, x: Blank) -> Step:
        check_images(x)
        if x.shape[1] < self.stop:
            raise ValueError(f"x has {x.shape[1]} channels, but this layer takes {self.start} to {self.stop}")
        return Step(self, x, x.like((x.shape[0], self.stop - self.start, *x.shape[2:])))
