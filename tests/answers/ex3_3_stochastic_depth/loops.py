"""One number at a time, with convolutions of its own; the cache is a list."""

import numpy as np


def survival_probabilities(blocks, last):
    probabilities = np.zeros(blocks)
    for l in range(1, blocks + 1):  # noqa: E741
        probabilities[l - 1] = 1 - (l / blocks) * (1 - last)
    return probabilities


def choose_gate(survival, train, rng):
    if train:
        u = rng.random()
        if u < survival:
            gate = 1.0
        else:
            gate = 0.0
    else:
        gate = survival
    return gate


def pixels(x):
    """Yield (n, o, c, row and column of y, of the kernel, of x) for a 3x3 kernel with padding 1."""
    batch, channels, height, width = x.shape
    for n in range(batch):
        for o in range(channels):
            for c in range(channels):
                for h in range(height):
                    for w in range(width):
                        for i in range(3):
                            for j in range(3):
                                if 0 <= h + i - 1 < height and 0 <= w + j - 1 < width:
                                    yield n, o, c, h, w, i, j, h + i - 1, w + j - 1


def convolve(x, weight):
    y = np.zeros_like(x)
    for n, o, c, h, w, i, j, k, m in pixels(x):
        y[n, o, h, w] += weight[o, c, i, j] * x[n, c, k, m]
    return y


def convolve_back(dy, x, weight):
    dx, dweight = np.zeros_like(x), np.zeros_like(weight)
    for n, o, c, h, w, i, j, k, m in pixels(x):
        dx[n, c, k, m] += weight[o, c, i, j] * dy[n, o, h, w]
        dweight[o, c, i, j] += dy[n, o, h, w] * x[n, c, k, m]
    return dx, dweight


def stochastic_block_forward(x, weight, gate):
    active = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        active[place] = max(x[place], 0)
    branch = convolve(active, weight)
    y = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        total = gate * branch[place] + x[place]
        if total > 0:
            y[place] = total
    return y, [active, weight, gate, y.copy()]


def stochastic_block_backward(dy, cache):
    active, weight, gate, y = cache
    dbranch, dshortcut = np.zeros_like(y), np.zeros_like(y)
    for place in np.ndindex(y.shape):
        if y[place] > 0:
            dbranch[place] = gate * dy[place]
            dshortcut[place] = dy[place]
    dx, dweight = convolve_back(dbranch, active, weight)
    for place in np.ndindex(y.shape):
        if active[place] <= 0:
            dx[place] = 0
        dx[place] += dshortcut[place]
    return dx, dweight
