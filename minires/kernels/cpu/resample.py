"""Images of another size, all channels of all images in one product.

The textbook: `functional.resample`.
"""

import numpy as np

from minires.checks import check_gradient, check_resample
from minires.kernels.cpu.layout import as_rows, from_rows


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
    rows = (down @ as_rows(x).reshape(h, c * w * n)).reshape(len(down), c, w, n)
    shape = (n, c, len(down), len(across))
    return from_rows(np.matmul(across, rows), shape)  # a product for each row and channel
