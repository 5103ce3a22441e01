"""Right, but leaves other inputs behind.

points: 1
line: linear_backward writes into dy
"""


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    dx, dweight, dbias = dy @ weight, dy.T @ x, dy.sum(axis=0)
    dy *= 0
    return dx, dweight, dbias
