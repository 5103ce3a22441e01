"""Images of another size, with products that may be captured: two for all channels of all images.

The textbook: `functional.resample`.
"""

from minires.backend import array_module
from minires.checks import check_gradient, check_resample
from minires.kernels.cuda import blas


def resample_forward(x, down, across):
    """As `functional.resample_forward`."""
    check_resample(x, down, across)
    return _product(x, down, across), (down, across, x.shape)


def resample_backward(dy, cache):
    """As `functional.resample_backward`."""
    down, across, (n, c, _, _) = cache
    check_gradient(dy, (n, c, len(down), len(across)), down.dtype, on=down)
    return _product(dy, down.T, across.T)


def _product(x, down, across):
    n, c, h, w = x.shape
    oh, ow = len(down), len(across)
    rows = blas.matmul(down, x.transpose(2, 3, 1, 0).reshape(h, w * c * n)).reshape(oh, w, c, n)
    columns = blas.matmul(across, rows.transpose(1, 2, 0, 3).reshape(w, c * oh * n)).reshape(ow, c, oh, n)
    return array_module(x).ascontiguousarray(columns.transpose(1, 2, 0, 3)).transpose(3, 0, 1, 2)
