"""Layers that change an image's size by fixed weights: bilinear enlargement and adaptive average pooling."""

import numpy as np

import minires.functional as F
from minires.backend import array_module
from minires.checks import check_ndim, whole_number
from minires.layers.base import Layer
from minires.layers.trace import Step


class _Resample(Layer):
    """y[n, c] = A @ x[n, c] @ B.T, where A and B follow from the image's size; see `F.resample_forward`."""

    def _matrix(self, size):
        """Return the weights (out, size), float64, with which `size` pixels in a row make those of y."""
        raise NotImplementedError

    def forward(self, x, *, train):
        check_ndim("x", x, (4, "(N, C, H, W)"))
        down, across = (self._matrix_beside(x, size) for size in x.shape[2:])
        return F.resample_forward(x, down, across)

    def _matrix_beside(self, x, size):
        """Return the matrix in x's dtype, on its device, made once: a captured step uploads nothing."""
        xp = array_module(x)
        made, key = self.__dict__.setdefault("_made", {}), (xp.__name__, str(x.dtype), size)
        if key not in made:
            made[key] = xp.asarray(self._matrix(size).astype(x.dtype))
        return made[key]

    def backward(self, dy, cache):
        return F.resample_backward(dy, cache)

    def trace(self, x):
        """One multiply-add for every pixel that enters an output with a weight."""
        check_ndim("x", x, (4, "(N, C, H, W)"))
        n, c, *size = x.shape
        down, across = (self._matrix(s) for s in size)
        macs = n * c * int((down > 0).sum()) * int((across > 0).sum())
        remembers = (x.like(down.shape), x.like(across.shape))
        return Step(self, x, x.like((n, c, len(down), len(across))), macs=macs, remembers=remembers)


class Upsample(_Resample):
    """Enlarge images (N, C, H, W) to (N, C, factor*H, factor*W) by bilinear interpolation.

    Pixels are squares: the centre of output pixel i lies at (i + 1/2) / factor - 1/2 among the centres of the
    input's, and beyond the outermost centres the outermost value goes on (PyTorch's align_corners=False).
    Its backward is what makes it a "deconvolution": Long et al. 2015 (arXiv:1411.4038), section 3.3.
    """

    def __init__(self, factor):
        self.factor = whole_number("factor", factor, least=1)

    def _matrix(self, size):
        position = (np.arange(size * self.factor) + 0.5) / self.factor - 0.5
        position = position.clip(0, size - 1)
        distance = abs(position[:, None] - np.arange(size))
        return (1 - distance).clip(0)  # the tent of bilinear interpolation: nothing is left one pixel away


class AdaptiveAvgPool2d(_Resample):
    """Average images of any size over `size` x `size` windows: (N, C, H, W) -> (N, C, size, size).

    Window i covers the pixels from floor(i * H / size) up to, without, ceil((i + 1) * H / size) (PyTorch's
    rule): neighbours share a row where H is no multiple of size, and repeat rows where H is smaller.
    """

    def __init__(self, size):
        self.size = whole_number("size", size, least=1)

    def _matrix(self, size):
        first = np.arange(self.size) * size // self.size
        end = -(-np.arange(1, self.size + 1) * size // self.size)
        pixel = np.arange(size)
        inside = (first[:, None] <= pixel) & (pixel < end[:, None])
        return inside / inside.sum(axis=1, keepdims=True)
