"""Keeps a gigabyte, which is allowed, and solves the exercise.

points: 3
line: right
"""

hoard = bytearray(1 << 30)
hoard[:: 1 << 12] = bytes(1 << 18)


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    return dy @ weight, dy.T @ x, dy.sum(axis=0)
