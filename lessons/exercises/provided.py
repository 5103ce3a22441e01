"""Finished pairs for the exercises on residual learning: convolution, batch norm, ReLU.

    y, cache = name_forward(...)        backward's dy is the gradient of the loss with respect to y;
    gradients = name_backward(dy, cache)  it returns the gradients with respect to the forward's arrays

You need not read this file; it is right, and it is not checked. No function changes what it is given.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def conv2d_forward(x, weight, stride=1, padding=0):
    """Convolve images, without a bias.

    x: (N, C, H, W); weight: (O, C, KH, KW); stride, padding: integers, for height and width alike.
    Returns y: (N, O, OH, OW) with OH = (H + 2 * padding - KH) // stride + 1, and the cache.
    """
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = sliding_window_view(padded, weight.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    y = np.einsum("nchwij,ocij->nohw", windows, weight)
    return y, (windows, weight, x.shape, stride, padding)


def conv2d_backward(dy, cache):
    """Return dx and dweight of conv2d_forward. dy: (N, O, OH, OW)."""
    windows, weight, (_, _, height, width), stride, padding = cache
    dweight = np.einsum("nohw,nchwij->ocij", dy, windows)
    # dx is a convolution too: of dy, with zeros between (stride) and around its pixels, by flipped kernels
    (rows, columns), (kh, kw) = dy.shape[2:], weight.shape[2:]
    height, width = height + 2 * padding, width + 2 * padding
    spread = np.zeros((*dy.shape[:2], height + kh - 1, width + kw - 1), dy.dtype)
    spread[:, :, kh - 1 :: stride, kw - 1 :: stride][:, :, :rows, :columns] = dy
    around = sliding_window_view(spread, (kh, kw), axis=(2, 3))
    dpadded = np.einsum("nohwij,ocij->nchw", around, weight[:, :, ::-1, ::-1])
    return dpadded[:, :, padding : height - padding, padding : width - padding], dweight


def batch_norm_forward(x, gamma, beta, eps=1e-5):
    """Normalise each channel by this batch's mean and variance, then scale and shift it: train mode.

    x: (N, C, H, W); gamma, beta: (C,). Returns y, like x, and the cache.
    """
    count = x.size // x.shape[1]  # the values of a channel
    centred = x - np.einsum("nchw->c", x)[:, None, None] / count
    inverse_std = 1 / np.sqrt(np.einsum("nchw,nchw->c", centred, centred) / count + eps)
    normalised = np.einsum("nchw,c->nchw", centred, inverse_std)
    y = np.einsum("nchw,c->nchw", normalised, gamma) + beta[:, None, None]
    return y, (normalised, inverse_std, gamma)


def batch_norm_backward(dy, cache):
    """Return dx, dgamma and dbeta of batch_norm_forward. dy: (N, C, H, W)."""
    normalised, inverse_std, gamma = cache
    dgamma, dbeta = np.einsum("nchw,nchw->c", dy, normalised), np.einsum("nchw->c", dy)
    through_statistics = np.einsum("nchw,c->nchw", normalised, dgamma) + dbeta[:, None, None]
    straight = dy - through_statistics * dy.shape[1] / dy.size
    return np.einsum("nchw,c->nchw", straight, gamma * inverse_std), dgamma, dbeta


def relu_forward(x):
    """Return y = max(x, 0), like x, and the cache."""
    positive = x > 0
    return np.where(positive, x, 0), positive


def relu_backward(dy, cache):
    """Return dx of relu_forward. dy: like x."""
    return np.where(cache, dy, 0)
