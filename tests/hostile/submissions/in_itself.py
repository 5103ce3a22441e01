"""A list that holds itself.

points: 1
line: linear_backward (returned more|returned something)|dx is not an array
"""


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    _dx, dweight, dbias = dy @ weight, dy.T @ x, dy.sum(axis=0)
    held = []
    held += [held, held]
    return held, dweight, dbias
