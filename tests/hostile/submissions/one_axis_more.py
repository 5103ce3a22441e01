"""A shape that broadcasting would forgive.

points: 1
line: dx has the wrong shape
"""

import numpy as np


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    dx, dweight, dbias = dy @ weight, dy.T @ x, dy.sum(axis=0)
    return dx[np.newaxis], dweight, dbias
