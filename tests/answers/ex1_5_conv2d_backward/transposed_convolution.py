"""dx is a convolution too: of dy, with zeros between its pixels, with the kernels turned by 180 degrees."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def conv2d_backward(dy, cache):
    x, weight, (sh, sw), (ph, pw) = cache
    n, c, h, w = x.shape
    o, _, kh, kw = weight.shape
    spread = np.zeros((n, o, h + 2 * ph + kh - 1, w + 2 * pw + kw - 1), x.dtype)
    spread[:, :, kh - 1 :: sh, kw - 1 :: sw][:, :, : dy.shape[2], : dy.shape[3]] = dy
    turned = weight[:, :, ::-1, ::-1]
    dx = np.einsum("nohwij,ocij->nchw", sliding_window_view(spread, (kh, kw), axis=(2, 3)), turned)
    padded = np.pad(x, [(0, 0), (0, 0), (ph, ph), (pw, pw)])
    windows = sliding_window_view(padded, (kh, kw), axis=(2, 3))[:, :, ::sh, ::sw]
    dweight = np.einsum("nohw,nchwij->ocij", dy, windows)
    dbias = dy.sum(axis=(0, 2, 3))
    return dx[:, :, ph : ph + h, pw : pw + w], dweight, dbias
