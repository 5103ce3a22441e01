"""Right, but for an import that the exercise does not need.

points: 0
line: ex1_1_linear.py imports a module that is not available.+line
"""

import matplotlib.pyplot as plt


def linear_forward(x, weight, bias):
    plt.plot(x)
    return x @ weight.T + bias, (x, weight)


def linear_backward(dy, cache):
    x, weight = cache
    return dy @ weight, dy.T @ x, dy.sum(axis=0)
