"""The sum over j for every i, one number at a time."""

import numpy as np


def batch_norm_backward(dy, cache):
    x_hat, gamma, std = cache
    N, C, H, W = dy.shape
    M = N * H * W
    pixels = [(n, h, w) for n in range(N) for h in range(H) for w in range(W)]
    dx, dgamma, dbeta = np.zeros_like(dy), np.zeros_like(gamma), np.zeros_like(gamma)
    for c in range(C):
        dys = [dy[n, c, h, w] for n, h, w in pixels]
        hats = [x_hat[n, c, h, w] for n, h, w in pixels]
        for j in range(M):
            dgamma[c] += dys[j] * hats[j]
            dbeta[c] += dys[j]
        for i, (n, h, w) in enumerate(pixels):
            total = 0.0
            for j in range(M):
                same = 1.0 if i == j else 0.0
                total += dys[j] * gamma[c] * (same - 1 / M - hats[i] * hats[j] / M) / std[c]
            dx[n, c, h, w] = total
    return dx, dgamma, dbeta


def batch_norm_eval_backward(dy, cache):
    x_hat, gamma, std = cache
    dx, dgamma, dbeta = np.zeros_like(dy), np.zeros_like(gamma), np.zeros_like(gamma)
    for index in np.ndindex(*dy.shape):
        c = index[1]
        dgamma[c] += dy[index] * x_hat[index]
        dbeta[c] += dy[index]
        dx[index] = dy[index] * gamma[c] / std[c]
    return dx, dgamma, dbeta
