"""Layers that change an image's size by fixed weights: bilinear enlargement and adaptive average pooling."""

from typing import Any

import numpy as np

import minires.functional as F
from minires.backend import array_module
from minires.checks import check_ndim, whole_number
from minires.layers.base import Layer
from minires.layers.trace import Blank, Step
from minires.typing import Array


class _Resample(Layer):
    """y[n, c] = A @ x[n, c] @ B.T, where A and B follow from the image's size; see `F.resample_forward`."""

    def _matrix(self, size: int) -> Any:
        """Return the weights (out, size), float64, with which `size` pixels in a row make those of y."""
        raise NotImplementedError

    def forward(self, x: Array, *, train: bool) -> tuple[Array, tuple]:
        check_ndim("x", x, (4, "(N, C, H, W)"))
        down, across = (self._matrix_beside(x, size) for size in x.shape[2:])
        return F.resample_forward(x, down, across)

    def _matrix_beside(self, x: Array, size: int) -> Array:
        """Return the matrix in x's dtype, on its device, made once: a captured step uploads nothing."""
        xp = array_module(x)
        made, key = self.__dict__.setdefault("_made", {}), (xp.__name__, str(x.dtype), size)
        if key not in made:
            made[key] = xp.asarray(self._matrix(size).astype(x.dtype))
        return made[key]

    def backward(self, dy: Array, cache: tuple) -> Array:
        return F.resample_backward(dy, cache)

    def trace(self, x: Blank) -> Step:
        check_ndim("x", x, (4, "(N, C, H, W)"))
        n, c, *size = x.shape
        down, across = (self._matrix(s) for s in size)
        # one multiply-add for every pixel that enters an output with a weight
        macs = n * c * int((down > 0).sum()) * int((across > 0).sum())
        remembers = (x.like(down.shape), x.like(across.shape))
        return Step(self, x, x.like((n, c, len(down), len(across))), macs=macs, remembers=remembers)


class Upsample(_Resample):
    """Enlarge images by bilinear interpolation: (N, C, H, W) -> (N, C, factor*H, factor*W).

    Parameters
    ----------
    factor : int
        At least 1.

    See Also
    --------
    minires.functional.resample_forward : the arithmetic, two matrix products

    Notes
    -----
    Pixels are squares: the centre of output pixel i lies at (i + 1/2) / factor - 1/2 among the centres of the
    input's, and beyond the outermost centres the outermost value goes on (PyTorch's align_corners=False).
    Its backward is what makes it a "deconvolution".

    References
    ----------
    Long, Shelhamer & Darrell 2015 (arXiv:1411.4038), section 3.3.

    Examples
    --------
    >>> Upsample(2).predict(np.array([[[[0.0, 4.0]]]]))
    array([[[[0., 1., 3., 4.],
             [0., 1., 3., 4.]]]])
    """

    def __init__(self, factor: int) -> None:
        self.factor = whole_number("factor", factor, least=1)

    def _matrix(self, size: int) -> Any:
        position = (np.arange(size * self.factor) + 0.5) / self.factor - 0.5
        position = position.clip(0, size - 1)
        distance = abs(position[:, None] - np.arange(size))
        return (1 - distance).clip(0)  # the tent of bilinear interpolation: nothing is left one pixel away


class AdaptiveAvgPool2d(_Resample):
    """Average images of any size to one size: (N, C, H, W) -> (N, C, size, size).

    Parameters
    ----------
    size : int
        At least 1; 1 is `GlobalAvgPool2d` with the two axes kept.

    See Also
    --------
    minires.functional.resample_forward : the arithmetic, two matrix products

    Notes
    -----
    Window i covers the pixels from floor(i * H / size) up to, without, ceil((i + 1) * H / size) (PyTorch's
    rule): neighbours share a row where H is no multiple of size, and repeat rows where H is smaller.

    Examples
    --------
    >>> AdaptiveAvgPool2d(2).predict(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """

    def __init__(self, size: int) -> None:
        self.size = whole_number("size", size, least=1)

    def _matrix(self, size: int) -> Any:
        first = np.arange(self.size) * size // self.size
        end = -(-np.arange(1, self.size + 1) * size // self.size)
        pixel = np.arange(size)
        inside = (first[:, None] <= pixel) & (pixel < end[:, None])
        return inside / inside.sum(axis=1, keepdims=True)
