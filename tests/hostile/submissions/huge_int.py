"""A number of a million digits.

points: 1
line: dx is not an array
"""

HUGE = 1 << 4_000_000


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    _dx, dweight, dbias = dy @ weight, dy.T @ x, dy.sum(axis=0)
    return HUGE, dweight, dbias
