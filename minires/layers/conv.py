"""Convolution, a layer that owns a bank of kernels."""

from collections.abc import Callable
from typing import Any

import numpy as np

import minires.functional as F
from minires import init as initialisers
from minires.checks import check_windows, pair, whole_number
from minires.layers.base import Layer, Parameter
from minires.layers.trace import Blank, Step, check_images
from minires.typing import Array


class Conv2d(Layer):
    """Convolution of images (N, C, H, W) with learned kernels.

    Parameters
    ----------
    in_channels, out_channels : int
        C and O: channels of x and of y.
    kernel_size : int or (h, w)
        Pixels that an output sees, KH x KW.
    stride : int or (h, w), default 1
        Pixels from one window to the next: 2 halves the image.
    padding : int or (h, w), default 0
        Zeros on each side of the image; dilation * (K - 1) / 2 keeps its size.
    dilation : int or (h, w), default 1
        Pixels from one that an output sees to the next: with 2 a 3x3 kernel spans 5x5.
    groups : int, default 1
        Output channels of group g see only input channels of group g. Divides both numbers of channels.
    bias : bool, default True
        Whether a number is added to each output channel. Before batch norm, which subtracts it again, leave
        it out.
    init : callable, default `init.msra`
        Called as init((O, C/groups, KH, KW), rng=rng): how the weight is drawn. The bias starts at 0.
    rng : numpy.random.Generator
        Draws the weight.

    Attributes
    ----------
    weight : Parameter (O, C/groups, KH, KW)
    bias : Parameter (O,), or None

    Raises
    ------
    ValueError
        For sizes below 1, or groups that do not divide the channels.

    See Also
    --------
    minires.functional.conv2d_forward : the arithmetic

    Notes
    -----
    y has OH = (H + 2*padding - dilation*(KH - 1) - 1) // stride + 1 rows, and columns likewise. The names of
    the arguments are PyTorch's; other paddings than zeros there are none.

    References
    ----------
    LeCun et al. 1998, "Gradient-based learning applied to document recognition", section II.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> conv = Conv2d(3, 16, 3, stride=2, padding=1, bias=False, rng=rng)
    >>> y, cache = conv.forward(np.ones((8, 3, 32, 32), np.float32), train=True)
    >>> y.shape
    (8, 16, 16, 16)
    >>> conv
    Conv2d(3, 16, 3, stride=2, padding=1, bias=False)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        init: Callable[..., Array] = initialisers.msra,
        rng: np.random.Generator,
    ) -> None:
        in_channels = whole_number("in_channels", in_channels, least=1)
        out_channels = whole_number("out_channels", out_channels, least=1)
        kernel = pair("kernel_size", kernel_size, least=1)
        self.stride = pair("stride", stride, least=1)
        self.padding = pair("padding", padding, least=0)
        self.dilation = pair("dilation", dilation, least=1)
        self.groups = groups = whole_number("groups", groups, least=1)
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"groups: {groups} does not divide {in_channels} and {out_channels} channels")
        self.weight = Parameter(init((out_channels, in_channels // groups, *kernel), rng=rng))
        self.bias = Parameter(np.zeros(out_channels, self.weight.data.dtype)) if bias else None

    # the sizes are those of the weight, also after another weight has taken its place

    @property
    def in_channels(self) -> int:
        """Channels of x."""
        return self.weight.data.shape[1] * self.groups

    @property
    def out_channels(self) -> int:
        """Channels of y."""
        return self.weight.data.shape[0]

    @property
    def kernel_size(self) -> tuple[int, int]:
        """(KH, KW), in pixels."""
        return self.weight.data.shape[2:]

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of the pair."""
        return {name: getattr(self, name) for name in ("stride", "padding", "dilation", "groups")}

    def forward(self, x: Array, *, train: bool) -> tuple[Array, tuple]:
        return F.conv2d_forward(x, self.weight.data, self.bias.data if self.bias else None, **self.options)

    def backward(self, dy: Array, cache: tuple) -> Array:
        dx, dweight, dbias = F.conv2d_backward(dy, cache, need_dx=self.input_gradient)
        self.weight.accumulate(dweight)
        if self.bias:
            self.bias.accumulate(dbias)  # type: ignore[arg-type]  # None only without a bias
        return dx  # type: ignore[return-value]  # None only for the first layer

    def scale_and_shift(self) -> tuple[Parameter | None, Parameter | None]:
        return self.weight, self.bias

    def trace(self, x: Blank) -> Step:
        o, c, *kernel = self.weight.data.shape
        check_images(x, c * self.groups)
        geometry: dict[str, Any] = {name: self.options[name] for name in ("stride", "padding", "dilation")}
        windows = check_windows(x.shape[2:], kernel_size=kernel, **geometry)
        y = x.like((x.shape[0], o, *windows.out_size))
        return Step(self, x, y, macs=y.size * c * kernel[0] * kernel[1], remembers=(x,))
