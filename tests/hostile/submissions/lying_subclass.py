"""An array that calls itself equal to everything.

points: 1
line: dx is not an array
"""

import numpy as np


class Liar(np.ndarray):
    __hash__ = None
    shape = property(lambda self: (1, 1))
    dtype = property(lambda self: np.dtype("f8"))

    def __eq__(self, other):
        return True

    def __array_ufunc__(self, *_, **__):
        return True

    def __array_function__(self, *_, **__):
        return True

    def __deepcopy__(self, _):
        return self


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    dx, dweight, dbias = dy @ weight, dy.T @ x, dy.sum(axis=0)
    return (dx * 2).view(Liar), dweight, dbias
