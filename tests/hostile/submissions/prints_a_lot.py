"""Right, and prints at every step.

points: 3
line: right
"""


def linear_forward(x, weight, bias):
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    print("grüß" * 10_000, dy)
    x, weight = cache
    return dy @ weight, dy.T @ x, dy.sum(axis=0)
