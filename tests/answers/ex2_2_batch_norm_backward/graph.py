"""Step by step back through forward: centred, variance, root, quotient, mean."""

import numpy as np

AXES = dict(axis=(0, 2, 3), keepdims=True)


def column(vector):
    return vector[np.newaxis, :, np.newaxis, np.newaxis]


def batch_norm_backward(dy, cache):
    x_hat, gamma, std = cache
    M = dy.size // dy.shape[1]
    std = column(std)
    centred = x_hat * std
    # y = gamma * x_hat + beta
    dbeta = np.sum(dy, axis=(0, 2, 3))
    dgamma = np.sum(dy * x_hat, axis=(0, 2, 3))
    dx_hat = dy * column(gamma)
    # x_hat = centred / std
    dcentred = dx_hat / std
    dstd = -np.sum(dx_hat * centred, **AXES) / std**2
    # std = root(var + eps), var = mean of centred^2
    dvar = dstd / (2 * std)
    dcentred = dcentred + dvar * 2 * centred / M
    # centred = x - mean
    dmean = -np.sum(dcentred, **AXES)
    dx = dcentred + dmean / M
    return dx, dgamma, dbeta


def batch_norm_eval_backward(dy, cache):
    x_hat, gamma, std = cache
    dx_hat = dy * column(gamma)
    dx = dx_hat / column(std)
    return dx, np.sum(dy * x_hat, axis=(0, 2, 3)), np.sum(dy, axis=(0, 2, 3))
