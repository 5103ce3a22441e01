"""An array of records.

points: 1
line: dx is not an array
"""


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    dx, dweight, dbias = dy @ weight, dy.T @ x, dy.sum(axis=0)
    return dx.view([("a", dx.dtype)]), dweight, dbias
