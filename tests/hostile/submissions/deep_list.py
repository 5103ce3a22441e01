"""Lists in lists in lists.

points: 1
line: linear_backward raised RecursionError
"""


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    dx, dweight, dbias = dy @ weight, dy.T @ x, dy.sum(axis=0)
    for _ in range(100_000):
        dx = [dx]
    return dx, dweight, dbias
