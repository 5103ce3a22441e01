"""Returns a gigabyte.

points: 1
line: linear_backward (returned more than can be sent|raised MemoryError)
"""

import numpy as np


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    _dx, dweight, dbias = dy @ weight, dy.T @ x, dy.sum(axis=0)
    return np.zeros(1 << 27), dweight, dbias
