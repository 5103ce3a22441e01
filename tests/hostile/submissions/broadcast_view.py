"""A view that pretends to be a terabyte, without having it.

points: 1
line: linear_backward raised MemoryError
needs: memory
"""

import numpy as np


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    dx, dweight, dbias = dy @ weight, dy.T @ x, dy.sum(axis=0)
    return np.broadcast_to(dx[0, 0], (1 << 20, 1 << 17)), dweight, dbias
