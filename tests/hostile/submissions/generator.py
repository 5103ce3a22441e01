"""A generator in the place of values.

points: 1
line: linear_backward returned something else
"""


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    dx, dweight, dbias = dy @ weight, dy.T @ x, dy.sum(axis=0)
    return (each for each in (dx, dweight, dbias))
