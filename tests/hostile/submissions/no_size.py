"""An array without elements, of an absurd shape.

points: 1
line: dx has the wrong shape
"""

import numpy as np


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    _dx, dweight, dbias = dy @ weight, dy.T @ x, dy.sum(axis=0)
    return np.zeros((0, 1 << 40)), dweight, dbias
