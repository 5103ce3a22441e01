"""The right numbers, mapped from a file.

points: 1
line: dx is not an array
"""

import numpy as np


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    dx, dweight, dbias = dy @ weight, dy.T @ x, dy.sum(axis=0)
    held = np.memmap("dx", dx.dtype, "w+", shape=dx.shape)
    held[:] = dx
    return held, dweight, dbias
