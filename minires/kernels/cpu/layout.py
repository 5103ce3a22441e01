"""How images lie in memory: logically (N, C, H, W) always, physically ordered (H, C, W, N).

With the images of the batch innermost, one image row of all channels is one contiguous (C, W*N) matrix:

- every inner loop of NumPy is W*N numbers long, also on the 8x8 maps at the end of a CIFAR network, where
  the usual order would leave it 8;
- a matrix product takes such a row as it lies;
- the rows that a kernel of height KH covers are contiguous too, a (KH*C, W*N) matrix without a copy.

A reader may forget all this: an array in this order is an ordinary (N, C, H, W) array whose strides are
unusual, and the functions accept any order.
"""

import numpy as np


def empty_images(like, shape):
    """Return an uninitialised (N, C, H, W) array of like's dtype, in the order of memory above."""
    n, c, h, w = shape
    return np.empty((h, c, w, n), like.dtype).transpose(3, 1, 0, 2)


def as_rows(x):
    """Return x (N, C, H, W) as contiguous rows (H, C, W*N): a view if its memory is so ordered, else a copy.

    A matrix x (N, C) counts as an image of one pixel: (1, C, N).
    """
    if x.ndim == 2:
        return np.ascontiguousarray(x.T)[None]
    n, c, h, w = x.shape
    return np.ascontiguousarray(x.transpose(2, 1, 3, 0)).reshape(h, c, w * n)


def from_rows(rows, shape):
    """Return rows (H, C, W*N) as the (N, C, H, W) or (N, C) array of that shape, without a copy."""
    if len(shape) == 2:
        return rows[0].T
    n, c, h, w = shape
    return rows.reshape(h, c, w, n).transpose(3, 1, 0, 2)
