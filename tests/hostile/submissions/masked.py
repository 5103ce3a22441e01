"""A masked array, where wrong values are hidden.

points: 1
line: dx is not an array
"""

import numpy as np


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    dx, dweight, dbias = dy @ weight, dy.T @ x, dy.sum(axis=0)
    return np.ma.masked_all_like(dx), dweight, dbias
