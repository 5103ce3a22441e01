"""One number at a time, as the formulas stand."""

import math

import numpy as np


def batch_norm_train_forward(x, gamma, beta, running_mean, running_var, *, momentum, eps):
    N, C, H, W = x.shape
    M = N * H * W
    y, x_hat = np.zeros_like(x), np.zeros_like(x)
    std = np.zeros(C, x.dtype)
    new_mean, new_var = np.zeros_like(running_mean), np.zeros_like(running_var)
    for c in range(C):
        total = 0.0
        for n in range(N):
            for h in range(H):
                for w in range(W):
                    total += x[n, c, h, w]
        mean = total / M
        squares = 0.0
        for n in range(N):
            for h in range(H):
                for w in range(W):
                    squares += (x[n, c, h, w] - mean) ** 2
        biased = squares / M
        unbiased = squares / (M - 1)
        std[c] = math.sqrt(biased + eps)
        for n in range(N):
            for h in range(H):
                for w in range(W):
                    x_hat[n, c, h, w] = (x[n, c, h, w] - mean) / std[c]
                    y[n, c, h, w] = gamma[c] * x_hat[n, c, h, w] + beta[c]
        new_mean[c] = momentum * running_mean[c] + (1 - momentum) * mean
        new_var[c] = momentum * running_var[c] + (1 - momentum) * unbiased
    return y, (x_hat, gamma, std), new_mean, new_var


def batch_norm_eval_forward(x, gamma, beta, running_mean, running_var, *, eps):
    y = np.empty_like(x)
    for index in np.ndindex(*x.shape):
        c = index[1]
        std = math.sqrt(running_var[c] + eps)
        y[index] = gamma[c] * (x[index] - running_mean[c]) / std + beta[c]
    return y
