"""A view of all windows of the padded images, which only needs its axes moved; einsum for the sum."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


class Cache:
    def __init__(self, **what):
        self.__dict__.update(what)


def windows_of(x, kernel_size, stride, padding):
    """Return a view (N, C, OH, OW, KH, KW)."""
    (n, c, h, w), (top, left) = x.shape, padding
    frame = np.zeros((n, c, h + 2 * top, w + 2 * left), dtype=x.dtype)
    frame[:, :, top : top + h, left : left + w] = x
    return sliding_window_view(frame, kernel_size, axis=(2, 3))[:, :, :: stride[0], :: stride[1]]


def im2col(x, *, kernel_size, stride, padding):
    windows = windows_of(x, kernel_size, stride, padding)
    n, c, oh, ow, kh, kw = windows.shape
    return np.einsum("nchwij->cijhwn", windows).reshape(c * kh * kw, -1)


def conv2d_forward(x, weight, bias, *, stride, padding):
    windows = windows_of(x, weight.shape[-2:], stride, padding)
    y = np.einsum("nchwij,ocij->nohw", windows, weight)
    y += bias.reshape(1, -1, 1, 1)
    return y, Cache(x=x, weight=weight, stride=stride, padding=padding)
