"""Each channel as one row (C, M); variance as mean square minus squared mean; a namedtuple for a cache."""

from collections import namedtuple

import numpy

Cache = namedtuple("Cache", "x_hat gamma std")


def to_rows(x):
    return x.transpose(1, 0, 2, 3).reshape(x.shape[1], -1)


def to_images(rows, shape):
    n, c, h, w = shape
    return rows.reshape(c, n, h, w).transpose(1, 0, 2, 3)


def batch_norm_train_forward(x, gamma, beta, running_mean, running_var, *, momentum, eps):
    rows = to_rows(x)
    m = rows.shape[1]
    mu = rows.sum(axis=1) / m
    sigma2 = (rows * rows).sum(axis=1) / m - mu * mu
    std = numpy.sqrt(sigma2 + eps)
    x_hat = ((rows.T - mu) / std).T
    y = (gamma * x_hat.T + beta).T
    old_mean, old_var = running_mean.copy(), running_var.copy()
    old_mean *= momentum
    old_mean += (1 - momentum) * mu
    old_var *= momentum
    old_var += (1 - momentum) * sigma2 * (m / (m - 1))
    return to_images(y, x.shape), Cache(x_hat, gamma, std), old_mean, old_var


def batch_norm_eval_forward(x, gamma, beta, running_mean, running_var, *, eps):
    slope = gamma / numpy.sqrt(running_var + eps)
    shift = beta - slope * running_mean
    return (to_rows(x).T * slope + shift).T.reshape(x.shape[1], x.shape[0], *x.shape[2:]).swapaxes(0, 1)
