"""Right, but never ends when it should.

points: 3
line: right
"""

import atexit
import time

atexit.register(time.sleep, 100)


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    return dy @ weight, dy.T @ x, dy.sum(axis=0)
