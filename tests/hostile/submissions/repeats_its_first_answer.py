"""Remembers a right answer and gives it for every case.

points: 0
line: y has the wrong shape
"""

known = {}


def linear_forward(x, weight, bias):
    return known.setdefault("y", x @ weight.T + bias), (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    return known.setdefault("d", (dy @ weight, dy.T @ x, dy.sum(axis=0)))
