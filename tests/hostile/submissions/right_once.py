"""Notices that it is called twice with the same.

points: 1
line: linear_backward gives a different result when called again
"""

seen = set()


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    first = dy.tobytes() not in seen
    seen.add(dy.tobytes())
    return dy @ weight * first, dy.T @ x, dy.sum(axis=0)
