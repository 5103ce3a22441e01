"""An object that says that it is an array.

points: 1
line: dx is not an array
"""

import numpy as np


class Liar:
    __class__ = np.ndarray
    dtype, ndim, size = np.dtype("f8"), 2, 4

    def __eq__(self, other):
        return True

    def __array__(self, *_, **__):
        return np.zeros((2, 2))


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    _dx, dweight, dbias = dy @ weight, dy.T @ x, dy.sum(axis=0)
    return Liar(), dweight, dbias
